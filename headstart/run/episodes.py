"""Returns and lengths of whole episodes, across any cutting of time into rollouts.

The state is NumPy and goes into the checkpoint; names of metrics are those of Stable-Baselines3, over the last 100
episodes.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from headstart.types import Rollout

WINDOW = 100


class Episodes(NamedTuple):
    """Running sums of each environment, the last episodes that ended, and totals.

    Attributes:
        running_return: undiscounted reward of the episode that each environment is in.
        running_length: its steps so far.
        returns: of the last episodes, oldest overwritten first; only the first `min(finished, 100)` are meaningful.
        lengths: of the same, control steps.
        successes: of the same, 1.0 or 0.0; NaN where success was not told.
        finished: whole episodes so far.
        steps: environment steps so far.
        invalid_steps: steps in which a world broke.
    """

    running_return: Float[np.ndarray, " env"]
    running_length: Int[np.ndarray, " env"]
    returns: Float[np.ndarray, " window"]
    lengths: Int[np.ndarray, " window"]
    successes: Float[np.ndarray, " window"]
    finished: Int[np.ndarray, ""]
    steps: Int[np.ndarray, ""]
    invalid_steps: Int[np.ndarray, ""]


def start(n: int) -> Episodes:
    """Returns the state before the first step of `n` environments."""
    zero = np.zeros((), np.int64)
    window = np.zeros(WINDOW, np.int64)
    return Episodes(
        np.zeros(n), np.zeros(n, np.int64), np.zeros(WINDOW), window, np.full(WINDOW, np.nan), zero, zero, zero
    )


def track(state: Episodes, rollout: Rollout, success: Bool[np.ndarray, "time env"] | None = None) -> Episodes:
    """Follows the episodes through one more rollout.

    An episode that a fault cut is counted as a fault and not as an episode: its return would say nothing of the policy.

    Args:
        state: so far.
        rollout: the steps that come next in the same environments.
        success: whether the task was solved in each step, where a world tells; read where episodes end.

    Returns:
        The new state; the old one is not changed.
    """
    reward, valid, first = (np.asarray(field) for field in (rollout.reward, rollout.valid, rollout.first))
    ended = np.asarray(rollout.terminated) | np.asarray(rollout.truncated)
    totals, length = state.running_return.copy(), state.running_length.copy()
    returns, lengths, successes = state.returns.copy(), state.lengths.copy(), state.successes.copy()
    finished = int(state.finished)
    for t in range(reward.shape[0]):
        totals[first[t]], length[first[t]] = 0.0, 0
        totals += reward[t].astype(np.float64)
        length += 1
        for env in np.flatnonzero(ended[t] & valid[t]):
            slot = finished % WINDOW
            returns[slot], lengths[slot] = totals[env], length[env]
            successes[slot] = np.nan if success is None else float(success[t, env])
            finished += 1
        totals[ended[t]], length[ended[t]] = 0.0, 0
    return Episodes(
        totals,
        length,
        returns,
        lengths,
        successes,
        np.asarray(finished, np.int64),
        state.steps + np.asarray(reward.size, np.int64),
        state.invalid_steps + np.asarray(np.sum(~valid), np.int64),
    )


def metrics(state: Episodes) -> dict[str, float]:
    """Returns what there is to say: no returns before the first episode ended, no success if it was not told."""
    count = min(int(state.finished), WINDOW)
    named = {"rollout/episodes": float(state.finished), "faults/invalid_steps": float(state.invalid_steps)}
    if count:
        named["rollout/ep_rew_mean"] = float(np.mean(state.returns[:count]))
        named["rollout/ep_len_mean"] = float(np.mean(state.lengths[:count]))
        told = state.successes[:count][~np.isnan(state.successes[:count])]
        if told.size:
            named["rollout/success_rate"] = float(np.mean(told))
    return named
