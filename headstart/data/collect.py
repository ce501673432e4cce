"""The seam: the only place where a world meets a policy."""

import jax
import numpy as np
from jaxtyping import Array, Key

from headstart.data.carry import Carry
from headstart.data.host import begin_host, collect_host
from headstart.data.scan import begin_scan, rollout_scan
from headstart.errors import InputError
from headstart.types import Params, Policy, Rollout, State, Task, TaskFamily

CHUNK = 128  # steps between two looks at whether every episode has ended
WIDTH = 10  # environments side by side while whole episodes are played: one shape, compiled once


def begin(
    key: Key[Array, ""],
    family: TaskFamily,
    policy: Policy,
    params: Params,
    tasks: Task,
    n: int,
    *,
    split: bool = True,
) -> Carry:
    """Starts `n` environments.

    Args:
        key: of the first states.
        family: the worlds.
        policy: whose memory is started.
        params: of the policy.
        tasks: a pool of tasks, any leading axis `task`; environment `i` starts with row `i` (round and round).
        n: how many environments.
        split: whether, outside JAX, half of a large batch steps while the other half's policy thinks. That pays where
            nothing else runs beside it; to split or not are two draws of the same randomness.

    Returns:
        The carry that `collect` continues from.
    """
    if n < 1:
        raise InputError(f"a world needs at least one environment, not {n}")
    if family.kind == "jax":
        return begin_scan(key, family, policy, params, tasks, n)  # pyright: ignore[reportArgumentType]
    return begin_host(key, family, policy, params, tasks, n, split=split)  # pyright: ignore[reportArgumentType]


def collect(
    key: Key[Array, ""], family: TaskFamily, policy: Policy, params: Params, carry: Carry, tasks: Task, steps: int
) -> tuple[Rollout, Carry]:
    """Lets a policy act in a batch of worlds and records what they did.

    Environment `i` of `n`, when it starts its episode number `c`, takes row `i + n c` of the pool (round and round).
    Actions are clipped to the action space before the world sees them; the rollout keeps what the policy chose. Where
    the world breaks, the row is marked not valid and the episode is cut.

    Args:
        key: same key, same bits.
        family: the worlds.
        policy: acts; its memory is reset at the first step of each episode.
        params: of the policy.
        carry: from `begin`, or from the last call.
        tasks: the pool of tasks, leading axis `task`.
        steps: for each environment.

    Returns:
        The rollout, leaves `time env ...`, and the carry of the next call.
    """
    roll = rollout_scan if family.kind == "jax" else collect_host
    return roll(key, family, policy, params, carry, tasks, steps)  # pyright: ignore[reportArgumentType]


def play(
    key: Key[Array, ""], family: TaskFamily, policy: Policy, params: Params, tasks: Task, episodes: int
) -> tuple[Rollout, ...]:
    """Plays whole episodes, each in an environment of its own, so that short episodes do not crowd out long ones.

    Args:
        key: same key, same bits.
        family: the worlds. Environments outside JAX rest after their episode and are not touched again.
        policy: acts.
        params: of the policy.
        tasks: episode `i` is of row `i` (round and round).
        episodes: how many.

    Returns:
        One rollout for each episode, leaves `time env=1 ...`, as long as the episode was.
    """
    groups, worlds = [], None
    for start in range(0, episodes, WIDTH):
        key, key_group = jax.random.split(key)  # as `group_key` does
        pool = jax.tree.map(lambda x: np.roll(np.asarray(x), -start, axis=0), tasks)  # noqa: B023
        wanted = np.arange(WIDTH) < episodes - start
        group, worlds = play_group(key_group, family, policy, params, pool, wanted, worlds)
        groups.extend(group)
    return tuple(groups)


def group_key(key: Key[Array, ""], number: int) -> Key[Array, ""]:
    """Returns the key of the group in which `play`, given this key, plays an episode of a number, from 0."""
    group = key
    for _ in range(number // WIDTH + 1):
        key, group = jax.random.split(key)
    return group


def play_group(
    key: Key[Array, ""],
    family: TaskFamily,
    policy: Policy,
    params: Params,
    tasks: Task,
    wanted: np.ndarray,
    worlds: State | None,
) -> tuple[list[Rollout], State]:
    """Plays one episode in each of the environments that are wanted; returns them, and the worlds to use again."""
    key_begin, key = jax.random.split(key)
    host, ended = family.kind == "host", ~wanted
    if host:
        again = {"resting": ended, "worlds": worlds}
        carry = begin_host(key_begin, family, policy, params, tasks, len(wanted), **again)  # pyright: ignore
    else:
        carry = begin(key_begin, family, policy, params, tasks, len(wanted))
    parts = []
    while not ended.all():
        key, key_part = jax.random.split(key)
        if host:
            part, carry = collect_host(key_part, family, policy, params, carry, tasks, CHUNK, resting=ended)  # pyright: ignore
        else:
            part, carry = collect(key_part, family, policy, params, carry, tasks, CHUNK)
        parts.append(jax.tree.map(np.asarray, part))
        ended = ended | (parts[-1].terminated | parts[-1].truncated).any(axis=0)
    whole = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
    lengths = np.argmax(whole.terminated | whole.truncated, axis=0) + 1
    cut = [jax.tree.map(lambda x: x[: lengths[i], i : i + 1], whole) for i in np.flatnonzero(wanted)]  # noqa: B023
    return cut, carry.world
