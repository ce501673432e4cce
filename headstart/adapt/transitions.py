"""Target episodes as transitions: what was seen, what was asked for, what was seen next. Faulty records are refused."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from headstart.errors import InputError
from headstart.spaces import Box
from headstart.types import Rollout

LAGS = 11  # how many actions back are kept: this step's and ten before it


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
        raise InputError("the target's episodes hold no valid step to adapt to; play at least one more episode")
    return Transitions(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _steps(number: int, episode: Rollout, observation: Box, action: Box) -> Transitions:
    obs, after, asked = (np.asarray(x, np.float64)[:, 0] for x in (episode.obs, episode.next_obs, episode.action))
    where = f"target episode {number}"
    for name, rows, space in (("observation", obs, observation), ("action", asked, action)):
        if rows.shape[1:] != space.shape:
            raise InputError(f"{where}: its {name}s have shape {rows.shape[1:]}; the simulator's have {space.shape}")
    valid = np.asarray(episode.valid)[:, 0]
    for name, rows in (("observation", obs), ("next observation", after), ("action", asked)):
        bad = np.flatnonzero(valid & ~np.isfinite(rows).all(axis=1))
        if bad.size:
            raise InputError(
                f"{where}, step {bad[0]}: its {name} is not finite; mark the step as not valid, or drop it"
            )
    first = np.asarray(episode.first)[:, 0].copy()
    first[:1] = True
    torn = np.flatnonzero(~first[1:] & (obs[1:] != after[:-1]).any(axis=1))
    if torn.size:
        raise InputError(
            f"{where}: there is a gap before step {torn[0] + 1}: what it begins with is not what the step before it "
            "ended with; give whole episodes, or mark the first step after a gap"
        )
    low, high = action.bounds()
    asked = np.clip(np.nan_to_num(asked), low, high)
    queue = np.zeros((len(asked), LAGS, *action.shape))
    for lag in range(LAGS):
        queue[lag:, lag] = asked[: max(0, len(asked) - lag)]
    since = np.arange(len(first)) - np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))
    queue[np.arange(LAGS) > since[:, None]] = 0.0
    kept = np.flatnonzero(valid)
    return Transitions(obs, after, queue, first).take(kept)
