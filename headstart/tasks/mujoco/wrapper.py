"""What stands before a MuJoCo family and changes what is seen of it."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from headstart.spaces import Box
from headstart.tasks.mujoco.family import MujocoFamily, WorldState
from headstart.tasks.wrapper import Wrapper


@dataclass(frozen=True, kw_only=True)
class MujocoWrapper(Wrapper):
    """A wrapper that takes turns and foresees as the family does; `name`, `observation` and `observe` are its own.

    Attributes:
        family: the worlds.
    """

    family: MujocoFamily

    @property
    def turn(self) -> AbstractContextManager[Any]:
        """As the family's."""
        return self.family.turn

    @property
    def action(self) -> Box:
        return self.family.action

    def foresee(self, seeds: Any, state: WorldState) -> None:
        """As the family does."""
        self.family.foresee(seeds, state)
