"""The few-shot protocol: a policy meets a metered target, and after k episodes it is said what that was worth.

0-shot is the policy as it came; k-shot is after k target episodes of interaction, with the way of adapting fixed
before. What is evaluated is the greedy policy, in episodes that are kept apart from those that were learnt from.

Source: lecture slide "Learning from very little data"; Taylor and Stone 2009, "Transfer learning for reinforcement
learning domains", section 2.
"""

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Key

from headstart.errors import InputError
from headstart.run.evaluate import Evaluation
from headstart.run.target import Target
from headstart.transfer.fine_tune import FineTuning
from headstart.types import Params, State


class Shot(NamedTuple):
    """What a policy was worth after `shots` target episodes.

    Attributes:
        shots: k.
        returns: of the evaluation episodes.
        practice: returns of the adaptation episodes so far, in order.
        params: the policy's parameters at this point.
        wall_seconds: spent on adapting, evaluation left out.
        broken: evaluation episodes in which the target broke.
        broken_practice: adaptation episodes so far in which it did; what came before in each was learnt from.
    """

    shots: int
    returns: Float[np.ndarray, " episode"]
    practice: Float[np.ndarray, " shot"]
    params: Params
    wall_seconds: float
    broken: int = 0
    broken_practice: int = 0


@dataclass(frozen=True, kw_only=True)
class FewShot:
    """The protocol's numbers.

    Attributes:
        shots: after how many target episodes to evaluate; 0 is the policy as it came.
        batch: episodes between two updates, at most.
        evaluation_episodes: for each entry of `shots`.
    """

    shots: tuple[int, ...] = (0, 1, 5, 20)
    batch: int = 5
    evaluation_episodes: int = 10

    def __post_init__(self):
        """Refuses budgets that are no budgets."""
        if not self.shots or min(self.shots) < 0 or list(self.shots) != sorted(set(self.shots)):
            raise InputError(f"shots {self.shots}: rising numbers of episodes are needed, such as (0, 1, 5, 20)")
        if self.batch < 1 or self.evaluation_episodes < 1:
            raise InputError("at least one episode a batch and one of evaluation are needed")

    def meet(
        self,
        key: Key[Array, ""],
        target: Target,
        tuning: FineTuning,
        source: State | None,
        key_evaluate: Key[Array, ""],
    ) -> Iterator[Shot]:
        """Spends the target's episodes and yields what the policy is worth at each of `shots`.

        Args:
            key: same key, same shots.
            target: the metered handle.
            tuning: how episodes are learnt from.
            source: the state that a source ended in; None starts from scratch.
            key_evaluate: of the evaluation episodes; methods that are given one key meet the same ones.

        Raises:
            BudgetExceeded: where the ledger allows fewer episodes than `shots` asks for.
        """
        key_start, key = jax.random.split(key)
        greedy = dataclasses.replace(tuning.policy, deterministic=True)  # pyright: ignore[reportArgumentType]
        state, practice, wall = tuning.start(key_start, source), [], 0.0
        cut_short = 0
        for shots in self.shots:
            begun = time.monotonic()
            while len(practice) < shots:
                wanted = min(self.batch, shots - len(practice))
                key, key_play, key_learn = jax.random.split(key, 3)
                episodes = target.run(key_play, tuning.policy, tuning.params(state), wanted, "adaptation")
                met = Evaluation.of(episodes)
                practice.extend(met.episode_return)
                cut_short += met.broke
                state, _ = tuning.learn(key_learn, state, episodes)
            wall += time.monotonic() - begun
            played = target.run(key_evaluate, greedy, tuning.params(state), self.evaluation_episodes, "evaluation")
            worth = Evaluation.of(played)
            returns, params = worth.episode_return, tuning.params(state)
            yield Shot(shots, returns, np.array(practice), params, wall, worth.broke, cut_short)
