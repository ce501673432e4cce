"""A simulated robot whose sensors do not err: for teachers, and for nobody on a target."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float

from headstart.spaces import Box
from headstart.tasks.mujoco.family import MujocoFamily, WorldState
from headstart.tasks.wrapper import Wrapper


@dataclass(frozen=True, kw_only=True)
class Exact(Wrapper):
    """The same worlds, seen without the sensors' noise; all else, latency too, is as it was.

    Attributes:
        family: the worlds.
    """

    family: MujocoFamily

    @property
    def turn(self) -> AbstractContextManager[Any]:
        """As the family's."""
        return self.family.turn

    @property
    def name(self) -> str:
        return f"{self.family.name}, exact"

    @property
    def observation(self) -> Box:
        return self.family.observation

    @property
    def action(self) -> Box:
        return self.family.action

    def observe(self, state: WorldState) -> Float[Any, "env channel"]:
        return self.family.exact(state)

    def foresee(self, seeds: Any, state: WorldState) -> None:
        """As the family does."""
        self.family.foresee(seeds, state)
