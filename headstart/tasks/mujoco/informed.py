"""A simulated robot beside which stands what only its simulator knows: for teachers, and for nobody on a target."""

from dataclasses import dataclass

import numpy as np

from headstart.spaces import Box
from headstart.tasks.mujoco.family import WorldState
from headstart.tasks.mujoco.wrapper import MujocoWrapper

SEEN, TOLD = "seen", "told"


@dataclass(frozen=True, kw_only=True)
class Informed(MujocoWrapper):
    """The same worlds, with observations in two parts: what the sensors say, and what the simulator knows.

    `seen` is the observation of the family, bit for bit. `told` is that observation without the sensors' noise, then
    the latest actions, newest first, some of which are still on their way to the motors, then the dynamics in their own
    units. Who learns from both can teach who sees the first part only. From replay, to be told the dynamics helps; on
    its own rollouts, of few robots each, it made a learner worse (docs/log.md, "Told less, the pusher's teacher
    pushes").

    Attributes:
        family: the worlds.
        waiting: how many of the latest actions are told.
        tells_dynamics: whether these are told too.

    Source: Pinto et al. 2018 (arXiv 1710.06542) and Peng et al. 2018 (arXiv 1710.06537) for critics that are told;
    Chen et al. 2019, "Learning by cheating", and Lee et al. 2020 (Science Robotics 5) for teachers.
    """

    waiting: int = 3
    tells_dynamics: bool = True

    @property
    def name(self) -> str:
        return f"{self.family.name}, informed"

    @property
    def observation(self) -> dict[str, Box]:
        seen, (actions,) = self.family.observation, self.family.action.shape
        dynamics = len(self.dynamics) * self.tells_dynamics
        return {SEEN: seen, TOLD: Box((seen.shape[0] + self.waiting * actions + dynamics,))}

    def observe(self, state: WorldState) -> dict[str, np.ndarray]:
        latest = state.queue[:, : self.waiting].reshape(len(state.queue), -1)
        dynamics = state.dynamics[:, : None if self.tells_dynamics else 0]
        known = np.concatenate([self.family.exact(state), latest, dynamics], axis=1)
        return {SEEN: self.family.observe(state), TOLD: known}
