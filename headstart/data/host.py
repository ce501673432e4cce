"""The host half of the seam: worlds outside JAX, stepped in two half batches.

While the physics of one half runs on its threads (they hold no interpreter lock), the policy thinks for the other. The
worlds' randomness is keyed by (key, step, environment), the policy's by (key, step, half).
"""

from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Int, Key, PyTree

from headstart.data.carry import Carry
from headstart.spaces import Box
from headstart.types import ActionSpace, HostFamily, Params, Policy, Rollout, State, Task

SMALLEST_SPLIT = 16  # below this, two policy calls cost more than the overlap gives back


class Row(NamedTuple):
    """One step of some environments, and where they stand afterwards."""

    state: State
    obs: PyTree[np.ndarray]
    reward: np.ndarray
    next_obs: PyTree[np.ndarray]
    terminated: np.ndarray
    truncated: np.ndarray
    valid: np.ndarray
    task: Task
    elapsed: np.ndarray
    episode: np.ndarray


class Half(NamedTuple):
    """Where one half batch stands between two steps; the fields of `Carry` but the policy's memory."""

    world: State
    obs: PyTree[np.ndarray]
    first: np.ndarray
    elapsed: np.ndarray
    episode: np.ndarray
    task: Task


def begin_host(
    key: Key[Array, ""],
    family: HostFamily,
    policy: Policy,
    params: Params,
    tasks: Task,
    n: int,
    *,
    resting: Bool[np.ndarray, " env"] | None = None,
    worlds: tuple[State, ...] | None = None,
) -> Carry:
    """Starts `n` environments, each at the first observation of its first episode.

    Args:
        key: of the first states.
        family: the worlds.
        policy: whose memory is started.
        params: of the policy.
        tasks: the pool that episodes draw from.
        n: how many environments.
        resting: those that are not to begin.
        worlds: the worlds of an earlier carry of `n` environments, to be used again.
    """
    pool = jax.tree.map(np.asarray, tasks)
    keys, everywhere, task = Seeds(key), np.arange(n), rows(pool, np.arange(n))
    wanted = np.ones(n, bool) if resting is None else ~resting
    states, observations = [], []
    for i, part in enumerate(halves(n)):
        state = family.start(part.stop - part.start) if worlds is None else worlds[i]
        cut = jax.tree.map(lambda x: x[part], task)  # noqa: B023
        state = family.reset(keys.resets(0, everywhere[part]), state, cut, wanted[part])
        states.append(state)
        observations.append(as_float32(family.observe(state)))
    return Carry(
        world=tuple(states),
        memory=policy.start(params, n),
        obs=jax.tree.map(lambda *parts: np.concatenate(parts), *observations),
        first=np.ones(n, bool),  # pyright: ignore[reportArgumentType]
        elapsed=np.zeros(n, np.int32),  # pyright: ignore[reportArgumentType]
        episode=np.zeros(n, np.int32),  # pyright: ignore[reportArgumentType]
        task=task,
    )


def collect_host(
    key: Key[Array, ""],
    family: HostFamily,
    policy: Policy,
    params: Params,
    carry: Carry,
    tasks: Task,
    steps: int,
    *,
    resting: Bool[np.ndarray, " env"] | None = None,
) -> tuple[Rollout, Carry]:
    """Steps every environment `steps` times; the host counterpart of `rollout_scan`.

    Args:
        key: of the policy's, the resets' and the steps' randomness.
        family: the worlds.
        policy: acts on float32 observations.
        params: of the policy.
        carry: from `begin_host` or the last call.
        tasks: the pool that new episodes draw from.
        steps: how many, for each environment.
        resting: play one episode at most in each environment; these have had theirs. A world at rest is not touched,
            and its rows are not valid.

    Returns:
        The rollout, leaves `time env ...` in NumPy arrays, and where everything stands.
    """
    n, parts = len(carry.first), halves(len(carry.first))
    pool, keys = jax.tree.map(np.asarray, tasks), Seeds(key)
    act = jitted_act(policy)
    memory = [jax.tree.map(lambda x: x[part], carry.memory) for part in parts]  # noqa: B023
    now = [half_of(carry, i, part) for i, part in enumerate(parts)]
    once = resting is not None
    rests = [np.zeros(n, bool)[part] if resting is None else resting[part] for part in parts]
    record = Recorder(steps, n)

    def advance(half: Half, action: np.ndarray, t: int, index: np.ndarray, rest: np.ndarray) -> Row:
        return step_half(family, keys, pool, half, action, t, index, n, ~rest, again=not once)

    with ThreadPoolExecutor(max_workers=len(parts)) as threads:
        flights: list[Future[Row] | None] = [None] * len(parts)
        for t in range(steps + 1):
            for i, part in enumerate(parts):
                if (flight := flights[i]) is not None:
                    row = flight.result()
                    record.outcome(t - 1, part, row)
                    ended = row.terminated | row.truncated
                    rests[i] = rests[i] | (ended & once)
                    now[i] = Half(row.state, row.obs, ended, row.elapsed, row.episode, row.task)
                if t == steps:
                    continue
                half = now[i]
                chosen, memory[i] = act(key, t, part.start, params, memory[i], half.obs, half.first)
                chosen = np.asarray(chosen)
                record.choice(t, part, half, chosen)
                flights[i] = threads.submit(
                    advance, half, within(family.action, chosen), t, np.arange(part.start, part.stop), rests[i]
                )
    return record.rollout(), joined(now, memory)


def half_of(carry: Carry, i: int, part: slice) -> Half:
    """Cuts one half out of a carry."""
    cut = partial(jax.tree.map, lambda x: np.asarray(x)[part])
    return Half(
        carry.world[i], cut(carry.obs), cut(carry.first), cut(carry.elapsed), cut(carry.episode), cut(carry.task)
    )


def joined(now: list[Half], memory: list[State]) -> Carry:
    """Puts the halves together again."""
    join = partial(jax.tree.map, lambda *leaves: np.concatenate(leaves))
    return Carry(
        world=tuple(half.world for half in now),
        memory=join(*memory),
        obs=join(*(half.obs for half in now)),
        first=join(*(half.first for half in now)),
        elapsed=join(*(half.elapsed for half in now)),
        episode=join(*(half.episode for half in now)),
        task=join(*(half.task for half in now)),
    )


def step_half(
    family: HostFamily,
    keys: "Seeds",
    pool: Task,
    half: Half,
    action: np.ndarray,
    t: int,
    index: Int[np.ndarray, " env"],
    n: int,
    where: Bool[np.ndarray, " env"],
    again: bool,
) -> Row:
    """Steps one half batch, judges the outcome, and resets what has ended (if a next episode is wanted)."""
    outcome: Any = family.step(keys.steps(t, index), half.world, action, where)
    next_obs = as_float32(family.observe(outcome.state))
    reward = np.asarray(outcome.reward, np.float32)
    valid = outcome.valid & np.isfinite(reward) & where
    for leaf in jax.tree.leaves(next_obs):
        valid &= np.isfinite(leaf).all(axis=tuple(range(1, leaf.ndim)))
    broken = ~valid & where
    if not valid.all():  # nothing of a broken step is kept: the row repeats the last good observation
        next_obs = jax.tree.map(lambda new, old: np.where(over(valid, new), new, old), next_obs, half.obs)
        reward = np.where(valid, reward, np.float32(0))
    elapsed = half.elapsed + where
    terminated = outcome.terminated & valid
    clock = elapsed >= family.horizon if family.horizon is not None else np.zeros_like(where)
    truncated = ((outcome.truncated | clock) & valid & ~terminated) | broken
    ended, state, obs, task, episode = terminated | truncated, outcome.state, next_obs, half.task, half.episode
    if again and ended.any():
        episode = episode + ended
        fresh = rows(pool, (index + n * episode.astype(np.int64)))
        task = jax.tree.map(lambda new, old: np.where(over(ended, new), new, old), fresh, task)
        state = family.reset(keys.resets(t + 1, index), state, task, ended)
        after = as_float32(family.observe(state))
        obs = jax.tree.map(lambda new, old: np.where(over(ended, new), new, old), after, next_obs)
        elapsed = np.where(ended, 0, elapsed)
    return Row(state, obs, reward, next_obs, terminated, truncated, valid, task, elapsed.astype(np.int32), episode)


class Recorder:
    """Fills the arrays of one rollout, half batch by half batch; local to one call of `collect_host`."""

    def __init__(self, steps: int, n: int):
        self._shape = (steps, n)
        self._arrays: dict[str, PyTree[np.ndarray]] = {}

    def _put(self, name: str, t: int, part: slice, value: PyTree[np.ndarray]) -> None:
        if name not in self._arrays:
            self._arrays[name] = jax.tree.map(lambda x: np.empty(self._shape + x.shape[1:], x.dtype), value)
        for array, leaf in zip(jax.tree.leaves(self._arrays[name]), jax.tree.leaves(value), strict=True):
            array[t, part] = leaf

    def choice(self, t: int, part: slice, half: Half, action: np.ndarray) -> None:
        """Records what the policy saw and chose."""
        for name, value in (("obs", half.obs), ("action", action), ("first", half.first), ("task", half.task)):
            self._put(name, t, part, value)

    def outcome(self, t: int, part: slice, row: Row) -> None:
        """Records what the world did with it. Worlds at rest did nothing, which `step_half` has marked not valid."""
        self._put("next_obs", t, part, row.next_obs)
        self._put("reward", t, part, row.reward)
        self._put("terminated", t, part, row.terminated)
        self._put("truncated", t, part, row.truncated)
        self._put("valid", t, part, row.valid)

    def rollout(self) -> Rollout:
        """Returns what was recorded."""
        return Rollout(**self._arrays)


class Seeds:
    """64-bit seeds keyed by (key, step, environment): the order and number of environments change none of them."""

    def __init__(self, key: Key[Array, ""]):
        words = np.asarray(jax.random.key_data(key), np.uint64)
        self._base = mix(words[0] << np.uint64(32) | words[-1])

    def steps(self, t: int, index: Int[np.ndarray, " env"]) -> Int[np.ndarray, " env"]:
        """Returns the seeds of the randomness in step `t`."""
        return self._stream(2 * t + 1, index)

    def resets(self, t: int, index: Int[np.ndarray, " env"]) -> Int[np.ndarray, " env"]:
        """Returns the seeds of the resets before step `t`."""
        return self._stream(2 * t, index)

    def _stream(self, moment: int, index: Int[np.ndarray, " env"]) -> Int[np.ndarray, " env"]:
        return mix(mix(self._base + np.uint64(moment)) + index.astype(np.uint64)).astype(np.int64) & ((1 << 63) - 1)


def mix(x: np.ndarray) -> np.ndarray:
    """SplitMix64's finalizer: a bijection of 64-bit words in which every bit depends on every other.

    Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators".
    """
    with np.errstate(over="ignore"):  # wrapping round is the point
        x = np.asarray(x, np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@cache
def jitted_act(policy: Policy):
    """Compiles one policy call: keys folded and memories reset inside, so that a step is one dispatch."""

    def act(key, t, start, params, memory, obs, first):
        n = first.shape[0]
        fresh = policy.start(params, n)
        memory = jax.tree.map(
            lambda new, old: jax.numpy.where(first.reshape((n,) + (1,) * (new.ndim - 1)), new, old), fresh, memory
        )
        key = jax.random.fold_in(jax.random.fold_in(key, t), start)
        return policy.apply(key, params, memory, obs)

    return jax.jit(act)


def halves(n: int) -> list[slice]:
    """Cuts a batch into two halves where that pays."""
    if n < SMALLEST_SPLIT:
        return [slice(0, n)]
    return [slice(0, n // 2), slice(n // 2, n)]


def rows(pool: Task, index: Int[np.ndarray, " env"]) -> Task:
    """Takes rows of a pool of tasks, round and round."""
    return jax.tree.map(lambda x: x[index % len(x)], pool)


def within(space: ActionSpace, action: np.ndarray) -> np.ndarray:
    """Clips actions to what the world accepts."""
    if not isinstance(space, Box):
        return action
    low, high = space.bounds()
    return np.clip(action, low, high)


def as_float32(obs: PyTree[np.ndarray]) -> PyTree[np.ndarray]:
    """Narrows float64 observations to what policies compute in; images stay bytes."""

    def narrow(x: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows becomes infinite and is judged invalid
            return x.astype(np.float32) if x.dtype == np.float64 else x

    return jax.tree.map(narrow, obs)


def over(mask: Bool[np.ndarray, " env"], like: np.ndarray) -> np.ndarray:
    """Gives a mask over environments as many axes as an array has."""
    return mask.reshape(mask.shape + (1,) * (like.ndim - 1))
