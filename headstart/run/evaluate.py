"""Evaluation: whole episodes of fresh tasks, with nothing learnt from them."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int, Key

from headstart.data.collect import play
from headstart.errors import InputError
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

    @property
    def broke(self) -> int:
        """How many episodes the world broke in; each ended there, and its return is that of the steps before."""
        return int(np.sum(self.broken > 0))

    @classmethod
    def of(cls, episodes: tuple[Rollout, ...]) -> "Evaluation":
        """Sums up whole episodes, as `play` returns them."""
        return cls(
            np.array([episode.reward.sum(dtype=np.float64) for episode in episodes]),
            np.array([len(episode.reward) for episode in episodes]),
            np.array([(~episode.valid).sum() for episode in episodes]),
        )


def evaluate(
    key: Key[Array, ""],
    family: TaskFamily,
    policy: Policy,
    params: Params,
    tasks: Task,
    episodes: int,
    *,
    randomized: bool = False,
) -> Evaluation:
    """Plays `episodes` whole episodes and returns what they were worth.

    Args:
        key: same key, same bits.
        family: the worlds.
        policy: as it is: a stochastic policy is evaluated stochastic (see its field `deterministic`).
        params: of the policy.
        tasks: episode `i` is of row `i` (round and round).
        episodes: how many.
        randomized: whether other dynamics than the family's own are what is asked for.

    Raises:
        InputError: tasks have other dynamics than the plain world, as where the randomization of training is still on,
            and nobody asked for it.
    """
    if not randomized:
        require_plain(family, tasks)
    return Evaluation.of(play(key, family, policy, params, tasks, episodes))


def require_plain(family: TaskFamily, tasks: Task) -> None:
    """Refuses tasks whose dynamics are not exactly the family's nominal ones.

    Args:
        family: whose plain world is meant.
        tasks: with a leading axis.

    Raises:
        InputError: names the parameters that differ.
    """
    nominal = family.task().dynamics
    differing = [
        f"{name} from {np.min(values):.3g} to {np.max(values):.3g}"
        for name, values in tasks.dynamics.items()
        if name not in nominal or np.any(np.asarray(values) != np.asarray(nominal[name]))
    ]
    if differing:
        more = f" and {len(differing) - 3} more" if len(differing) > 3 else ""
        raise InputError(
            f"evaluation in {family.name!r} with randomization still on ({', '.join(differing[:3])}{more}); give tasks "
            "of the plain world, or ask for it by randomized=True"
        )
