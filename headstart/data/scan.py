"""The JAX half of the seam: whole rollouts of pure worlds in one compiled scan.

Randomness. Every draw of a world is keyed by (key, step, environment) alone, through `jax.random.fold_in`: the draws of
environment i at step t do not depend on how many environments run beside it, on when those end their episodes, or on
how many steps the call takes. (Arithmetic on them may: XLA rounds transcendental functions by how it vectorises them.)
The policy acts on the batch, so it gets one key for each (key, step).

Broken worlds. A row is kept only if everything in it is finite and the world says that it is valid. Otherwise it is
filled with finite numbers (`next_obs = obs`, reward 0), marked `valid = False`, and cut by `truncated`; the environment
starts its next episode. So no rollout holds a number that is not finite.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key, PyTree

from headstart.data.carry import Carry
from headstart.spaces import Box
from headstart.types import ActionSpace, JaxFamily, Params, Policy, Rollout, State, Task


@partial(jax.jit, static_argnames=("family", "policy", "n"))
def begin_scan(key: Key[Array, ""], family: JaxFamily, policy: Policy, params: Params, tasks: Task, n: int) -> Carry:
    """Resets `n` environments; environment i gets row `i % m` of the m `tasks`.

    Args:
        key: of all randomness.
        family: the world; hashable, since it is compiled in.
        policy: who will act; hashable as well.
        params: of the policy, from which it makes its memory.
        tasks: a pool of tasks with a leading axis of any size m.
        n: how many environments.

    Returns:
        The carry to give to `rollout_scan`.
    """
    episode = jnp.zeros(n, jnp.int32)
    task = task_rows(tasks, episode)
    world = jax.vmap(family.reset)(_keys(key, n), task)
    return Carry(
        world=world,
        memory=policy.start(params, n),
        obs=jax.vmap(family.observe)(world, task),
        first=jnp.ones(n, bool),
        elapsed=jnp.zeros(n, jnp.int32),
        episode=episode,
        task=task,
    )


@partial(jax.jit, static_argnames=("family", "policy", "steps"))
def rollout_scan(
    key: Key[Array, ""],
    family: JaxFamily,
    policy: Policy,
    params: Params,
    carry: Carry,
    tasks: Task,
    steps: int,
) -> tuple[Rollout, Carry]:
    """Plays every environment for `steps` control steps.

    Pure: same arguments, same bits. It may be vmapped over seeds: same draws, and arithmetic to rounding.

    Args:
        key: of all randomness; a new one for each call.
        family: the world; hashable, since it is compiled in.
        policy: who acts; hashable as well.
        params: of the policy.
        carry: from `begin_scan` or from the call before.
        tasks: a pool of m tasks; environment i of n starts its c-th episode with row `(i + n c) % m`.
        steps: how many.

    Returns:
        What happened, axes `time env`, and the carry for the next call.
    """
    n = carry.first.shape[0]
    start = policy.start(params, n)

    def step(carry: Carry, keys: Key[Array, "3"]) -> tuple[Carry, Rollout]:
        act_key, world_key, reset_key = keys
        row, played = _play(act_key, world_key, family, policy, params, carry)
        ended = row.terminated | row.truncated
        carry = jax.lax.cond(
            jnp.any(ended),
            lambda: _restart(reset_key, family, start, played, tasks, ended),
            lambda: played,
        )
        return carry, row

    carry, rollout = jax.lax.scan(step, carry, _keys(key, 3 * steps).reshape(steps, 3))
    return rollout, carry


def clip_action(space: ActionSpace, action: Array) -> Array:
    """Brings actions (any leading axes) into the action space: bounds of a box, first and last choice of a set."""
    if isinstance(space, Box):
        low, high = space.bounds()
        lead = (1,) * (action.ndim - low.ndim)
        return jnp.clip(action, low.reshape(lead + low.shape), high.reshape(lead + high.shape))
    return jnp.clip(action, 0, space.n - 1)


def task_rows(tasks: Task, episode: Int[Array, " env"]) -> Task:
    """Takes row `(i + n c) % m` of the pool for every environment i of n, whose episode is c."""
    if not jax.tree.leaves(tasks):
        return tasks
    n, m = episode.shape[0], jax.tree.leaves(tasks)[0].shape[0]
    # unsigned and reduced first, so that the product stays exact beyond 4 billion episodes for pools of up to 65,536
    row = jnp.arange(n, dtype=jnp.uint32) % jnp.uint32(m)
    row = (row + jnp.uint32(n % m) * (episode.astype(jnp.uint32) % jnp.uint32(m))) % jnp.uint32(m)
    return jax.tree.map(lambda leaf: leaf[row], tasks)


def _play(
    act_key: Key[Array, ""],
    world_key: Key[Array, ""],
    family: JaxFamily,
    policy: Policy,
    params: Params,
    carry: Carry,
) -> tuple[Rollout, Carry]:
    """Takes one step in every environment, without resets."""
    n = carry.first.shape[0]
    seen = _finite(carry.obs, n)
    obs = _where(seen, carry.obs, jax.tree.map(jnp.zeros_like, carry.obs))
    action, memory = policy.apply(act_key, params, carry.memory, obs)
    outcome = jax.vmap(family.step)(_keys(world_key, n), carry.world, clip_action(family.action, action), carry.task)
    next_obs = jax.vmap(family.observe)(outcome.state, carry.task)
    valid = outcome.valid & seen & _finite((action, outcome.reward, next_obs), n)
    elapsed = carry.elapsed + 1
    over = jnp.zeros(n, bool) if family.horizon is None else elapsed >= family.horizon
    terminated = outcome.terminated & valid
    row = Rollout(
        obs=obs,
        action=_where(_finite(action, n), action, jnp.zeros_like(action)),
        reward=jnp.where(valid, outcome.reward, 0.0),
        next_obs=_where(valid, next_obs, obs),
        terminated=terminated,
        truncated=(outcome.truncated | over | ~valid) & ~terminated,
        first=carry.first,
        valid=valid,
        task=carry.task,
    )
    played = Carry(outcome.state, memory, next_obs, jnp.zeros(n, bool), elapsed, carry.episode, carry.task)
    return row, played


def _restart(
    key: Key[Array, ""],
    family: JaxFamily,
    start: State,
    carry: Carry,
    tasks: Task,
    ended: Bool[Array, " env"],
) -> Carry:
    """Begins the next episode, with its task and a fresh memory, in the environments that `ended`."""
    n = ended.shape[0]
    episode = carry.episode + ended.astype(jnp.int32)
    task = task_rows(tasks, episode)
    world = jax.vmap(family.reset)(_keys(key, n), task)
    fresh = Carry(world, start, jax.vmap(family.observe)(world, task), ended, jnp.zeros_like(episode), episode, task)
    return _where(ended, fresh, carry)


def _keys(key: Key[Array, ""], n: int) -> Key[Array, " n"]:
    """Derives n keys; the i-th depends on `key` and i, and not on n."""
    return jax.vmap(partial(jax.random.fold_in, key))(jnp.arange(n, dtype=jnp.uint32))


def _finite(tree: PyTree[Array], n: int) -> Bool[Array, " n"]:
    """Says for each of n rows whether every real number in it is finite."""
    finite = jnp.ones(n, bool)
    for leaf in jax.tree.leaves(tree):
        if jnp.issubdtype(leaf.dtype, jnp.floating):
            finite &= jnp.all(jnp.isfinite(leaf), axis=tuple(range(1, leaf.ndim)))
    return finite


def _where(rows: Bool[Array, " env"], yes: Any, no: Any) -> Any:
    """Chooses row by row between two equal pytrees."""

    def choose(a: Array, b: Array) -> Array:
        return jnp.where(rows.reshape((-1,) + (1,) * (a.ndim - 1)), a, b)

    return jax.tree.map(choose, yes, no)
