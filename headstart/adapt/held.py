"""A distribution as it was at one moment: what is learnt while it is used does not change it."""

from dataclasses import dataclass, field
from typing import Any

from jaxtyping import Array, Key

from headstart.types import Metrics, State, Task, TaskDistribution


@dataclass(frozen=True, kw_only=True)
class Held:
    """Draws from a distribution in a state that stays.

    A posterior learns from target episodes; a policy that is trained under it plays simulated ones, which must not be
    mistaken for those.

    Attributes:
        distribution: which draws.
        state: of it.
    """

    distribution: TaskDistribution
    state: State = field(hash=False)

    def init(self, key: Key[Array, ""]) -> State:
        return self.state

    def sample(self, key: Key[Array, ""], state: State, n: int) -> Task:
        return self.distribution.sample(key, state, n)

    def update(self, key: Key[Array, ""], state: State, feedback: Any) -> tuple[State, Metrics]:
        return state, {}
