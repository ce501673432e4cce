"""A simulated robot whose sensors do not err: for teachers, and for nobody on a target."""

from dataclasses import dataclass
from typing import Any

from jaxtyping import Float

from headstart.spaces import Box
from headstart.tasks.mujoco.family import WorldState
from headstart.tasks.mujoco.wrapper import MujocoWrapper


@dataclass(frozen=True, kw_only=True)
class Exact(MujocoWrapper):
    """The same worlds, seen without the sensors' noise; all else, latency too, is as it was.

    Attributes:
        family: the worlds.
    """

    @property
    def name(self) -> str:
        return f"{self.family.name}, exact"

    @property
    def observation(self) -> Box:
        return self.family.observation

    def observe(self, state: WorldState) -> Float[Any, "env channel"]:
        return self.family.exact(state)
