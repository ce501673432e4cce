"""A simulated robot beside which stands what only its simulator knows: for teachers, and for nobody on a target."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np

from headstart.spaces import Box
from headstart.tasks.mujoco.family import MujocoFamily, WorldState
from headstart.tasks.wrapper import Wrapper

SEEN, TOLD = "seen", "told"


@dataclass(frozen=True, kw_only=True)
class Informed(Wrapper):
    """The same worlds, with observations in two parts: what the sensors say, and what the simulator knows.

    `seen` is the observation of the family, bit for bit. `told` is that observation without the sensors' noise, then
    the latest actions, newest first, some of which are still on their way to the motors, then the dynamics in their own
    units. Whoever learns from both learns faster and further, and can teach who sees the first part only.

    Attributes:
        family: the worlds.
        waiting: how many of the latest actions are told.
        tells_dynamics: whether these are told too.

    Source: Pinto et al. 2018 (arXiv 1710.06542) and Peng et al. 2018 (arXiv 1710.06537) for critics that are told;
    Chen et al. 2019, "Learning by cheating", and Lee et al. 2020 (Science Robotics 5) for teachers.
    """

    family: MujocoFamily
    waiting: int = 3
    tells_dynamics: bool = True

    @property
    def turn(self) -> AbstractContextManager[Any]:
        """As the family's."""
        return self.family.turn

    @property
    def name(self) -> str:
        return f"{self.family.name}, informed"

    @property
    def observation(self) -> dict[str, Box]:
        seen, (actions,) = self.family.observation, self.family.action.shape
        dynamics = len(self.dynamics) * self.tells_dynamics
        return {SEEN: seen, TOLD: Box((seen.shape[0] + self.waiting * actions + dynamics,))}

    @property
    def action(self) -> Box:
        return self.family.action

    def observe(self, state: WorldState) -> dict[str, np.ndarray]:
        latest = state.queue[:, : self.waiting].reshape(len(state.queue), -1)
        dynamics = state.dynamics[:, : None if self.tells_dynamics else 0]
        known = np.concatenate([self.family.exact(state), latest, dynamics], axis=1)
        return {SEEN: self.family.observe(state), TOLD: known}

    def foresee(self, seeds: Any, state: WorldState) -> None:
        """As the family does."""
        self.family.foresee(seeds, state)
