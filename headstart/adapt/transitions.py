"""Target episodes as transitions: what was seen, what was asked for, what was seen next. Faulty records are refused."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from headstart.errors import InputError
from headstart.spaces import Box, Discrete
from headstart.types import Rollout

LAGS = 11  # how many actions back are kept: this step's and ten before it
NOTHING = "the target's episodes hold no valid step to adapt to; play at least one more episode"


class Transitions(NamedTuple):
    """Steps of one or more episodes.

    Attributes:
        obs: before the step, in double precision.
        next_obs: after it.
        queue: what the world was asked for, within its bounds, newest first; zeros before the episode began.
        begins: the step does not continue the one in the row above it.
    """

    obs: Float[np.ndarray, "row channel"]
    next_obs: Float[np.ndarray, "row channel"]
    queue: Float[np.ndarray, "row lag action"]
    begins: Bool[np.ndarray, " row"]

    def take(self, rows: Int[np.ndarray, " chosen"]) -> "Transitions":
        """Returns some rows; one whose predecessor was left out begins a chain of its own."""
        rows = np.asarray(rows)
        follows = np.concatenate([[False], np.diff(rows) == 1]) if len(rows) else np.zeros(0, bool)
        return Transitions(self.obs[rows], self.next_obs[rows], self.queue[rows], self.begins[rows] | ~follows)


def transitions(episodes: tuple[Rollout, ...], observation: Box, action: Box) -> Transitions:
    """Reads the steps of whole episodes; those in which the world broke are left out.

    Args:
        episodes: leaves `time env=1 ...`.
        observation: what the simulator's world shows.
        action: what it can be asked for.

    Raises:
        InputError: for records without a step, of another size, with gaps, or with numbers that are none.
    """
    parts = [_steps(number, episode, observation, action) for number, episode in enumerate(episodes)]
    parts = [part for part in parts if len(part.obs)]
    if not parts:
        raise InputError(NOTHING)
    return Transitions(*(np.concatenate(column) for column in zip(*parts, strict=True)))


class Beginning(NamedTuple):
    """What was seen from the beginning of an episode on, as far as its steps are sound and follow each other.

    Attributes:
        seen: observations, the one that the last step led to included; in double precision, flat.
        over: the episode ended there; otherwise the clock, a broken step or a gap cut it, or it was read no further, so
            that nobody knows what would have come next.
    """

    seen: Float[np.ndarray, "time channel"]
    over: bool


def beginnings(
    episodes: tuple[Rollout, ...], observation: Box, action: Box | Discrete, steps: int
) -> list[Beginning | None]:
    """Reads how whole episodes begin, for methods that compare trajectories; None where the first step broke already.

    Args:
        episodes: leaves `time env=1 ...`.
        observation: what the simulator's world shows.
        action: what it can be asked for.
        steps: of each that are read, at most.

    Raises:
        InputError: as in `transitions`.
    """
    found: list[Beginning | None] = []
    for number, episode in enumerate(episodes):
        record = _record(number, episode, observation, action)
        stops = ~record.valid
        stops[1:] |= record.first[1:]
        n = min(int(np.argmax(np.append(stops, True))), steps)
        if n == 0:
            found.append(None)
            continue
        whole = np.concatenate([record.obs[:n], record.after[n - 1 : n]]).reshape(n + 1, -1)
        found.append(Beginning(whole, n == len(stops) and not np.asarray(episode.truncated)[-1, 0]))
    if all(begun is None for begun in found):
        raise InputError(NOTHING)
    return found


class _Record(NamedTuple):
    """The columns of one episode, sound as far as they can be told to be."""

    obs: Float[np.ndarray, "time ..."]
    after: Float[np.ndarray, "time ..."]
    asked: Float[np.ndarray, "time ..."]
    valid: Bool[np.ndarray, " time"]
    first: Bool[np.ndarray, " time"]


def _record(number: int, episode: Rollout, observation: Box, action: Box | Discrete) -> _Record:
    """Reads one episode and refuses what is not one."""
    obs, after, asked = (np.asarray(x, np.float64)[:, 0] for x in (episode.obs, episode.next_obs, episode.action))
    where = f"target episode {number}"
    columns = (("observation", obs, observation), ("next observation", after, observation), ("action", asked, action))
    for name, rows, space in columns:
        shape = space.shape if isinstance(space, Box) else ()
        if rows.shape[1:] != shape:
            raise InputError(f"{where}: its {name}s have shape {rows.shape[1:]}; the simulator's have {shape}")
    valid = np.asarray(episode.valid)[:, 0]
    for name, rows, _ in columns:
        bad = np.flatnonzero(valid & ~np.isfinite(rows).all(axis=_inner(rows)))
        if bad.size:
            raise InputError(
                f"{where}, step {bad[0]}: its {name} is not finite; mark the step as not valid, or drop it"
            )
    first = np.asarray(episode.first)[:, 0].copy()
    first[:1] = True
    torn = np.flatnonzero(~first[1:] & (obs[1:] != after[:-1]).any(axis=_inner(obs)))
    if torn.size:
        raise InputError(
            f"{where}: there is a gap before step {torn[0] + 1}: what it begins with is not what the step before it "
            "ended with; give whole episodes, or mark the first step after a gap"
        )
    return _Record(obs, after, asked, valid, first)


def _inner(rows: np.ndarray) -> tuple[int, ...]:
    """The axes behind that of time."""
    return tuple(range(1, rows.ndim))


def _steps(number: int, episode: Rollout, observation: Box, action: Box) -> Transitions:
    obs, after, asked, valid, first = _record(number, episode, observation, action)
    low, high = action.bounds()
    asked = np.clip(np.nan_to_num(asked), low, high)
    queue = np.zeros((len(asked), LAGS, *action.shape))
    for lag in range(LAGS):
        queue[lag:, lag] = asked[: max(0, len(asked) - lag)]
    since = np.arange(len(first)) - np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))
    queue[np.arange(LAGS) > since[:, None]] = 0.0
    kept = np.flatnonzero(valid)
    return Transitions(obs, after, queue, first).take(kept)
