"""Fine-tuning on whole target episodes: the few that there are, packed into one rollout for an on-policy learner."""

from dataclasses import dataclass, field
from typing import Protocol

import jax
import numpy as np
from jaxtyping import Array, Key

from headstart.transfer.policy import Graft
from headstart.types import Learner, Metrics, Params, Policy, Rollout, State

SMALLEST_PACK, USUAL_PACK = 1024, 8192  # rows; beyond, powers of two: few shapes are compiled, and few rows wasted


class FineTuning(Protocol):
    """How a learner that may come from a source uses target episodes."""

    @property
    def policy(self) -> Policy: ...
    def start(self, key: Key[Array, ""], source: State | None) -> State: ...
    def learn(
        self, key: Key[Array, ""], state: State, episodes: tuple[Rollout, ...]
    ) -> tuple[State, Metrics]: ...  # from new episodes
    def params(self, state: State) -> Params: ...


@dataclass(frozen=True, kw_only=True)
class OnPolicy:
    """Learns from each batch of new episodes once, as they come.

    Attributes:
        learner: of rollouts with one environment: all the episodes, one after the other.
        graft: what comes from the source; the learner of the source may have had another number of environments.
    """

    learner: Learner
    graft: Graft = field(default_factory=lambda: Graft(parts=("params", "critic", "returns")))

    @property
    def policy(self) -> Policy:
        return self.learner.policy

    def start(self, key: Key[Array, ""], source: State | None) -> State:
        fresh = self.learner.init(key)
        return fresh if source is None else self.graft.apply(source, fresh)

    def learn(self, key: Key[Array, ""], state: State, episodes: tuple[Rollout, ...]) -> tuple[State, Metrics]:
        return self.learner.update(key, state, packed(episodes))

    def params(self, state: State) -> Params:
        return self.learner.params(state)


def packed(episodes: tuple[Rollout, ...]) -> Rollout:
    """Lays episodes one after the other into one environment's rollout, filled up with rows that are not valid.

    Args:
        episodes: leaves `time env=1 ...`, of any lengths.

    Returns:
        A rollout with leaves `time env=1 ...`, where `time` is one of few sizes.
    """
    whole = jax.tree.map(lambda *leaves: np.concatenate([np.asarray(leaf) for leaf in leaves]), *episodes)
    length = len(whole.reward)
    rows = SMALLEST_PACK if length <= SMALLEST_PACK else max(USUAL_PACK, 1 << (length - 1).bit_length())
    padded = jax.tree.map(lambda x: np.concatenate([x, np.zeros((rows - length, *x.shape[1:]), x.dtype)]), whole)
    first = padded.first.copy()
    first[length:] = True  # a row of filling continues nobody's episode
    return padded._replace(first=first)
