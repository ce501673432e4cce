"""The host half of the seam: worlds outside JAX, stepped in two half batches.

Each half has a thread that goes through the whole rollout by itself, policy call and step in turn: while it waits for
physics or policy, which hold no interpreter lock, the other goes on, and nothing is handed from thread to thread. The
worlds' randomness is keyed by (key, step, environment), the policy's by (key, step, half).
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from threading import Event
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
    elapsed: np.ndarray
    episode: np.ndarray


class Half(NamedTuple):
    """Where one half batch stands between two steps; the fields of `Carry` but the policy's memory and the task."""

    world: State
    obs: PyTree[np.ndarray]
    first: np.ndarray
    elapsed: np.ndarray
    episode: np.ndarray


class Book(NamedTuple):
    """Which task each episode is of: a look-up, so that steps carry a number and not a task of dozens of leaves.

    Attributes:
        tasks: those of the episodes that were running when the book was opened, one for each environment, and behind
            them the pool.
        opened: the number of the episode that was running in each environment.
    """

    tasks: Task
    opened: Int[np.ndarray, " env"]

    def look_up(self, episode: Int[np.ndarray, "*time env"], index: Int[np.ndarray, " env"]) -> Task:
        """Returns the tasks of episodes of some environments: row `i + n c` of the pool for episode `c` of `i`."""
        leaves = jax.tree.leaves(self.tasks)
        if not leaves:
            return self.tasks
        n, episode = len(self.opened), episode.astype(np.int64)
        later = n + (index + n * episode) % (len(leaves[0]) - n)
        row = np.where(episode == self.opened[index], index, later)
        return jax.tree.map(lambda x: x[row], self.tasks)


def open_book(running: Task, pool: Task, episode: Int[np.ndarray, " env"]) -> Book:
    """Opens a book with the running episodes and the pool for those to come."""
    both = jax.tree.map(lambda now, later: np.concatenate([np.asarray(now), np.asarray(later)]), running, pool)
    return Book(both, np.asarray(episode))


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
    n, everywhere, keys = len(carry.first), np.arange(len(carry.first)), Seeds(key)
    book = open_book(carry.task, tasks, np.asarray(carry.episode))
    seeds = keys.steps(np.arange(steps)[:, None], everywhere)
    act, once = jitted_act(policy), resting is not None

    def roll(i: int, part: slice, stop: Event) -> tuple[Recorder, Half, State]:
        half, memory, record = half_of(carry, i, part), jax.tree.map(lambda x: x[part], carry.memory), Recorder(steps)
        rest = resting[part] if resting is not None else np.zeros(part.stop - part.start, bool)

        def renew(t: int, state: State, episode: np.ndarray, ended: np.ndarray) -> State:
            fresh = book.look_up(episode, everywhere[part])
            return family.reset(keys.resets(t + 1, everywhere[part]), state, fresh, ended)

        for t in range(steps):
            if stop.is_set():
                break
            chosen, memory = act(key, t, part.start, params, memory, half.obs, half.first)
            chosen = np.asarray(chosen)
            record.choice(t, half, chosen)
            action = within(family.action, chosen)
            row = step_half(family, seeds[t, part], half, action, ~rest, None if once else partial(renew, t))
            record.outcome(t, row)
            ended = row.terminated | row.truncated
            rest = rest | (ended & once)
            half = Half(row.state, row.obs, ended, row.elapsed, row.episode)
        return record, half, memory

    records, now, memory = zip(*beside_each_other(roll, halves(n)), strict=True)
    return rollout_of(records, book), joined(now, memory, book)


def beside_each_other(work: Callable[[int, slice, Event], Any], parts: Sequence[slice]) -> list[Any]:
    """Does the work of every half in a thread of its own.

    A half that fails takes the others with it, and so does an interruption: a target must not be used for nothing.
    """
    stop = Event()

    def guarded(i: int, part: slice) -> Any:
        try:
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


def step_half(
    family: HostFamily,
    seeds: Int[np.ndarray, " env"],
    half: Half,
    action: np.ndarray,
    where: Bool[np.ndarray, " env"],
    renew: Callable[[State, np.ndarray, np.ndarray], State] | None,
) -> Row:
    """Steps one half batch and judges the outcome; `renew` resets what has ended, where a next episode is wanted."""
    outcome: Any = family.step(seeds, half.world, action, where)
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

    def _put(self, name: str, t: int, value: PyTree[np.ndarray]) -> None:
        array = self.arrays.get(name)
        if array is None:
            array = jax.tree.map(lambda x: np.empty((self._steps, *x.shape), x.dtype), value)
            self.arrays[name] = array
        if isinstance(array, np.ndarray):
            array[t] = value
            return
        for target, leaf in zip(jax.tree.leaves(array), jax.tree.leaves(value), strict=True):
            target[t] = leaf

    def choice(self, t: int, half: Half, action: np.ndarray) -> None:
        """Records what the policy saw and chose, and in which episode."""
        self._put("obs", t, half.obs)
        self._put("action", t, action)
        self._put("first", t, half.first)
        self._put("episode", t, half.episode)

    def outcome(self, t: int, row: Row) -> None:
        """Records what the world did with it. Worlds at rest did nothing, which `step_half` has marked not valid."""
        self._put("next_obs", t, row.next_obs)
        self._put("reward", t, row.reward)
        self._put("terminated", t, row.terminated)
        self._put("truncated", t, row.truncated)
        self._put("valid", t, row.valid)


def rollout_of(records: Sequence[Recorder], book: Book) -> Rollout:
    """Puts together what was recorded, with the task of each episode."""
    arrays = jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=1), *(record.arrays for record in records))
    episode = arrays.pop("episode")
    return Rollout(**arrays, task=book.look_up(episode, np.arange(episode.shape[1])))


class Seeds:
    """64-bit seeds keyed by (key, step, environment): the order and number of environments change none of them."""

    def __init__(self, key: Key[Array, ""]):
        words = np.asarray(jax.random.key_data(key), np.uint64)
        self._base = mix(words[0] << np.uint64(32) | words[-1])

    def steps(self, t: int | Int[np.ndarray, "time 1"], index: Int[np.ndarray, " env"]) -> Int[np.ndarray, "*time env"]:
        """Returns the seeds of the randomness in step `t`, or in several steps."""
        return self._stream(2 * t + 1, index)

    def resets(self, t: int, index: Int[np.ndarray, " env"]) -> Int[np.ndarray, " env"]:
        """Returns the seeds of the resets before step `t`."""
        return self._stream(2 * t, index)

    def _stream(self, moment: int | np.ndarray, index: Int[np.ndarray, " env"]) -> Int[np.ndarray, "*time env"]:
        start = mix(self._base + np.asarray(moment, np.uint64))
        return mix(start + index.astype(np.uint64)).astype(np.int64) & ((1 << 63) - 1)


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
