"""The seam: the only place where a world meets a policy."""

import jax
import numpy as np
from jaxtyping import Array, Key

from headstart.data.carry import Carry
from headstart.data.host import begin_host, collect_host
from headstart.data.scan import begin_scan, rollout_scan
from headstart.errors import InputError
from headstart.types import Params, Policy, Rollout, Task, TaskFamily

CHUNK = 128  # steps between two looks at whether every episode has ended


def begin(key: Key[Array, ""], family: TaskFamily, policy: Policy, params: Params, tasks: Task, n: int) -> Carry:
    """Starts `n` environments.

    Args:
        key: of the first states.
        family: the worlds.
        policy: whose memory is started.
        params: of the policy.
        tasks: a pool of tasks, any leading axis `task`; environment `i` starts with row `i` (round and round).
        n: how many environments.

    Returns:
        The carry that `collect` continues from.
    """
    if n < 1:
        raise InputError(f"a world needs at least one environment, not {n}")
    start = begin_scan if family.kind == "jax" else begin_host
    return start(key, family, policy, params, tasks, n)  # pyright: ignore[reportArgumentType]


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
    key_begin, key = jax.random.split(key)
    carry = begin(key_begin, family, policy, params, tasks, episodes)
    parts, ended = [], np.zeros(episodes, bool)
    while not ended.all():
        key, key_part = jax.random.split(key)
        if family.kind == "jax":
            part, carry = collect(key_part, family, policy, params, carry, tasks, CHUNK)
        else:
            part, carry = collect_host(key_part, family, policy, params, carry, tasks, CHUNK, once=True)  # pyright: ignore[reportArgumentType]
        part = jax.tree.map(np.asarray, part)
        parts.append(part)
        ended = ended | (part.terminated | part.truncated).any(axis=0)
    whole = jax.tree.map(lambda *leaves: np.concatenate(leaves), *parts)
    lengths = np.argmax(whole.terminated | whole.truncated, axis=0) + 1
    return tuple(jax.tree.map(lambda x: x[:length, i : i + 1], whole) for i, length in enumerate(lengths))  # noqa: B023
