"""The host half of the seam: worlds outside JAX, in two half batches, or in one where others fill the processors.

Each half has a thread that goes through the whole rollout by itself, policy call and step in turn: while its physics
runs, which holds no interpreter lock, the other thinks, and nothing is handed from thread to thread. A family that is
stepped inside this process offers a lock, `turn`, that is held for all of the thinking between two steps
(`headstart.tasks.turn` says why). The worlds' randomness is keyed by (key, step, environment), the policy's by (key,
step, half).
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from functools import cache, partial
from itertools import takewhile
from operator import attrgetter
from threading import Event
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Int, Key, PyTree

from headstart.data.book import Book, open_book
from headstart.data.carry import Carry
from headstart.data.seeds import Seeds
from headstart.processors import usable
from headstart.spaces import Box
from headstart.types import ActionSpace, Foresees, HostFamily, Params, Policy, Rollout, State, TakesTurns, Task

SMALLEST_SPLIT = 16  # below this, two policy calls cost more than the overlap gives back
FORESEEN = 64  # steps whose draws a world may make together


class Row(NamedTuple):
    """One step of some environments, and where they stand afterwards."""

    state: State
    obs: PyTree[np.ndarray]
    reward: np.ndarray
    next_obs: PyTree[np.ndarray]
    terminated: np.ndarray
    truncated: np.ndarray
    valid: np.ndarray
    elapsed: np.ndarray
    episode: np.ndarray


JUDGED = ("next_obs", "reward", "terminated", "truncated", "valid")  # of a row, in a rollout
RECORDED, NAMES = attrgetter(*JUDGED), ("obs", "first", "episode", "action", *JUDGED)


class Half(NamedTuple):
    """Where one half batch stands between two steps; the fields of `Carry` but the policy's memory and the task."""

    world: State
    obs: PyTree[np.ndarray]
    first: np.ndarray
    elapsed: np.ndarray
    episode: np.ndarray


def begin_host(
    key: Key[Array, ""],
    family: HostFamily,
    policy: Policy,
    params: Params,
    tasks: Task,
    n: int,
    *,
    split: bool = True,
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
        split: whether half of a large batch steps while the other half's policy thinks.
        resting: those that are not to begin.
        worlds: the worlds of an earlier carry of `n` environments, to be used again.
    """
    pool = jax.tree.map(np.asarray, tasks)
    keys, everywhere, task = Seeds(key), np.arange(n), rows(pool, np.arange(n))
    wanted = np.ones(n, bool) if resting is None else ~resting
    states, observations = [], []
    for i, part in enumerate(parts_of(n, split)):
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
        family: the worlds; `TakesTurns` and `Foresees` say what it may offer beside what it must.
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
    n, everywhere, keys = len(carry.first), np.arange(len(carry.first)), Seeds(key)
    book, parts = open_book(carry.task, tasks, np.asarray(carry.episode)), parts_of(n, len(carry.world) > 1)
    seeds, renewals = keys.of_rollout(steps, everywhere)
    act, once, (turn, foresee) = jitted_act(policy), resting is not None, offered(family)
    bounds = family.action.bounds() if isinstance(family.action, Box) else None

    def roll(i: int, part: slice, stop: Event) -> tuple[Recorder, Half, State]:
        half, memory, record = half_of(carry, i, part), jax.tree.map(lambda x: x[part], carry.memory), Recorder(steps)
        going = ~resting[part] if resting is not None else np.ones(part.stop - part.start, bool)

        def renew(t: int, state: State, episode: np.ndarray, ended: np.ndarray) -> State:
            fresh = book.look_up(episode, everywhere[part])
            return family.reset(renewals[t, part], state, fresh, ended)

        for t in takewhile(lambda _: not stop.is_set(), range(steps)):
            if t % FORESEEN == 0:  # of resets there are few, and none knows when
                foresee(seeds[t : t + FORESEEN, part], half.world)
            with turn or nullcontext():
                chosen, memory = act(key, t, part.start, params, memory, half.obs, half.first)
                chosen = np.asarray(chosen)
                action = chosen if bounds is None else np.clip(chosen, *bounds)
            outcome = family.step(seeds[t, part], half.world, action, going)
            with turn or nullcontext():
                row = judged(family, half, outcome, going, None if once else partial(renew, t))
                ended = row.terminated | row.truncated
                record.put(t, half, chosen, row)
                going = going & ~ended if once else going
                half = Half(row.state, row.obs, ended, row.elapsed, row.episode)
        return record, half, memory

    records, now, memory = zip(*beside_each_other(roll, parts, turn is not None), strict=True)
    return rollout_of(records, book), joined(now, memory, book)


def offered(family: HostFamily) -> tuple[AbstractContextManager[Any] | None, Callable[..., None]]:
    """Returns the lock that a family thinks under, if any, and what it does to prepare, if anything."""
    turn = family.turn if isinstance(family, TakesTurns) else None
    return turn, family.foresee if isinstance(family, Foresees) else lambda *_: None


def beside_each_other(work: Callable[[int, slice, Event], Any], parts: Sequence[slice], inside: bool) -> list[Any]:
    """Does the work of every half in a thread of its own.

    A half that fails takes the others with it, and so does an interruption: a target must not be used for nothing.

    Args:
        work: of a half.
        parts: the halves.
        inside: the work is done inside this process. Where there are just as many processors as halves, each half then
            keeps to one: a thread that is woken is put beside the one that woke it, and stays there for a whole step.
    """
    stop, processors = Event(), usable()
    apart = inside and len(parts) > 1 and len(processors) == len(parts) and hasattr(os, "sched_setaffinity")

    def guarded(i: int, part: slice) -> Any:
        try:
            if apart:
                os.sched_setaffinity(0, {processors[i]})  # of this thread, which ends with the rollout
            return work(i, part, stop)
        except BaseException:
            stop.set()
            raise

    with ThreadPoolExecutor(max_workers=len(parts)) as threads:
        try:
            return list(threads.map(guarded, range(len(parts)), parts))
        finally:
            stop.set()


def half_of(carry: Carry, i: int, part: slice) -> Half:
    """Cuts one half out of a carry."""
    cut = partial(jax.tree.map, lambda x: np.asarray(x)[part])
    return Half(carry.world[i], cut(carry.obs), cut(carry.first), cut(carry.elapsed), cut(carry.episode))


def joined(now: Sequence[Half], memory: Sequence[State], book: Book) -> Carry:
    """Puts the halves together again."""
    join = partial(jax.tree.map, lambda *leaves: np.concatenate(leaves))
    episode = join(*(half.episode for half in now))
    return Carry(
        world=tuple(half.world for half in now),
        memory=join(*memory),
        obs=join(*(half.obs for half in now)),
        first=join(*(half.first for half in now)),
        elapsed=join(*(half.elapsed for half in now)),
        episode=episode,
        task=book.look_up(episode, np.arange(len(episode))),
    )


def judged(
    family: HostFamily,
    half: Half,
    outcome: Any,
    where: Bool[np.ndarray, " env"],
    renew: Callable[[State, np.ndarray, np.ndarray], State] | None,
) -> Row:
    """Judges what a step did to a half batch; `renew` resets what has ended, where a next episode is wanted."""
    next_obs = as_float32(family.observe(outcome.state))
    reward, elapsed = np.asarray(outcome.reward, np.float32), half.elapsed + where
    clock = elapsed >= family.horizon if family.horizon is not None else np.zeros_like(where)
    terminated, truncated, valid = outcome.terminated, outcome.truncated | clock, outcome.valid
    if where.all() and valid.all() and all_finite(reward, next_obs):  # as it is at nearly every step
        truncated = truncated & ~terminated
    else:
        valid = valid & where & np.isfinite(reward)
        for leaf in jax.tree.leaves(next_obs):
            valid &= np.isfinite(leaf).all(axis=tuple(range(1, leaf.ndim)))
        # nothing of a broken step is kept: the row repeats the last good observation
        next_obs = jax.tree.map(lambda new, old: np.where(over(valid, new), new, old), next_obs, half.obs)
        reward = np.where(valid, reward, np.float32(0))
        terminated = terminated & valid
        truncated = (truncated & valid & ~terminated) | (~valid & where)
    ended, state, obs, episode = terminated | truncated, outcome.state, next_obs, half.episode
    if renew is not None and ended.any():
        episode = episode + ended
        state = renew(state, episode, ended)
        after = as_float32(family.observe(state))
        obs = jax.tree.map(lambda new, old: np.where(over(ended, new), new, old), after, next_obs)
        elapsed = np.where(ended, 0, elapsed)
    return Row(state, obs, reward, next_obs, terminated, truncated, valid, elapsed.astype(np.int32), episode)


class Recorder:
    """Fills the arrays of one half batch's rollout; local to one call of `collect_host`."""

    def __init__(self, steps: int):
        self._steps = steps
        self.arrays: dict[str, PyTree[np.ndarray]] = {}

    def put(self, t: int, half: Half, chosen: np.ndarray, row: Row) -> None:
        """Keeps what a policy saw and chose in one step, and what the world did with it.

        Worlds at rest did nothing, which `judged` has marked not valid.
        """
        happened = (half.obs, half.first, half.episode, chosen, *RECORDED(row))
        if not self.arrays:
            whole = jax.tree.map(lambda x: np.empty((self._steps, *x.shape), x.dtype), happened)
            self.arrays = dict(zip(NAMES, whole, strict=True))
        for array, value in zip(self.arrays.values(), happened, strict=True):
            if isinstance(array, np.ndarray):
                array[t] = value
                continue
            for target, leaf in zip(jax.tree.leaves(array), jax.tree.leaves(value), strict=True):
                target[t] = leaf


def rollout_of(records: Sequence[Recorder], book: Book) -> Rollout:
    """Puts together what was recorded, with the task of each episode."""
    arrays = jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=1), *(record.arrays for record in records))
    episode = arrays.pop("episode")
    return Rollout(**arrays, task=book.look_up(episode, np.arange(episode.shape[1])))


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


def parts_of(n: int, split: bool) -> list[slice]:
    """Cuts a batch into two halves, where that is wanted and pays."""
    if n < SMALLEST_SPLIT or not split:
        return [slice(0, n)]
    return [slice(0, n // 2), slice(n // 2, n)]


def rows(pool: Task, index: Int[np.ndarray, " env"]) -> Task:
    """Takes rows of a pool of tasks, round and round."""
    return jax.tree.map(lambda x: x[index % len(x)], pool)


def within(space: ActionSpace, action: np.ndarray) -> np.ndarray:
    """Clips actions to what the world accepts."""
    return np.clip(action, *space.bounds()) if isinstance(space, Box) else action


def as_float32(obs: PyTree[np.ndarray]) -> PyTree[np.ndarray]:
    """Narrows float64 observations to what policies compute in; images stay bytes."""

    def narrow(x: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore", invalid="ignore"):  # what overflows becomes infinite and is judged invalid
            return x.astype(np.float32) if x.dtype == np.float64 else x

    return narrow(obs) if isinstance(obs, np.ndarray) else jax.tree.map(narrow, obs)


def all_finite(reward: np.ndarray, obs: PyTree[np.ndarray]) -> bool:
    """Tells whether no number of a step is infinite or none."""
    return bool(np.isfinite(reward).all()) and all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(obs))


def over(mask: Bool[np.ndarray, " env"], like: np.ndarray) -> np.ndarray:
    """Gives a mask over environments as many axes as an array has."""
    return mask.reshape(mask.shape + (1,) * (like.ndim - 1))
