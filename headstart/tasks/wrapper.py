"""What stands before a world and changes a part of it."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from headstart.spaces import ParameterSpace
from headstart.types import HostFamily, Observation, Outcome, State, Task


@dataclass(frozen=True, kw_only=True)
class Wrapper:
    """A host family before another: what a subclass does not say is as the world behind it has it.

    Its spaces a subclass says itself, as fields or as properties. What a family may offer beside the contract
    (`TakesTurns`, `Foresees`) is not passed on: whether there is such a thing depends on the world.

    Attributes:
        family: the world behind.
    """

    family: HostFamily

    kind: ClassVar[Literal["host"]] = "host"

    @property
    def can_snapshot(self) -> bool:
        """As the world itself."""
        return self.family.can_snapshot

    @property
    def horizon(self) -> int | None:
        """As the world itself."""
        return self.family.horizon

    @property
    def name(self) -> str:
        """The world's own name."""
        return self.family.name

    @property
    def dynamics(self) -> ParameterSpace:
        """As the world itself."""
        return self.family.dynamics

    @property
    def rewards(self) -> ParameterSpace:
        """As the world itself."""
        return self.family.rewards

    def task(self) -> Task:
        return self.family.task()

    def sample(self, key: Any, n: int) -> Task:
        return self.family.sample(key, n)

    def start(self, n: int) -> State:
        return self.family.start(n)

    def reset(self, seeds: Any, state: State, tasks: Task, where: Any) -> State:
        return self.family.reset(seeds, state, tasks, where)

    def observe(self, state: State) -> Observation:
        return self.family.observe(state)

    def step(self, seeds: Any, state: State, action: Any, where: Any) -> Outcome:
        return self.family.step(seeds, state, action, where)
