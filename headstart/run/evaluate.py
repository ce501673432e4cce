"""Evaluation: whole episodes of fresh tasks, with nothing learnt from them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int, Key

from headstart.data.collect import play
from headstart.types import Params, Policy, Rollout, Task, TaskFamily


class Evaluation(NamedTuple):
    """What the episodes were worth. Axis `episode`.

    Attributes:
        episode_return: undiscounted sum of rewards.
        length: in control steps.
        broken: how many steps of each were not valid.
    """

    episode_return: Float[np.ndarray, " episode"]
    length: Int[np.ndarray, " episode"]
    broken: Int[np.ndarray, " episode"]

    @classmethod
    def of(cls, episodes: tuple[Rollout, ...]) -> "Evaluation":
        """Sums up whole episodes, as `play` returns them."""
        return cls(
            np.array([episode.reward.sum(dtype=np.float64) for episode in episodes]),
            np.array([len(episode.reward) for episode in episodes]),
            np.array([(~episode.valid).sum() for episode in episodes]),
        )


def evaluate(
    key: Key[Array, ""], family: TaskFamily, policy: Policy, params: Params, tasks: Task, episodes: int
) -> Evaluation:
    """Plays `episodes` whole episodes and returns what they were worth.

    Args:
        key: same key, same bits.
        family: the worlds.
        policy: as it is: a stochastic policy is evaluated stochastic (see its field `deterministic`).
        params: of the policy.
        tasks: episode `i` is of row `i` (round and round).
        episodes: how many.
    """
    return Evaluation.of(play(key, family, policy, params, tasks, episodes))
