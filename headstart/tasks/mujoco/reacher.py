"""The reacher: a two-link arm that brings its fingertip to a random place in the plane."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from headstart.tasks.mujoco.robot import Description, Physics, distance, effort, never

REACHER = Description(
    name="reacher",
    gymnasium="Reacher-v5",
    asset="reacher.xml",
    frame_skip=2,
    dt=0.01 * 2,
    horizon=50,
    draws=6,
    scale=(0.7, 0.8, 0.6, 0.6, 0.1, 0.1, 9.0, 6.0, 0.2, 0.1),
    carrier="fingertip",
    carry_at=(0.01, 0.0, 0.0),
    carry_most=10.0,
    watched=("fingertip", "target"),
    inert=("target",),
)


@dataclass(frozen=True, kw_only=True)
class Reacher:
    """Gymnasium's Reacher-v5. The place is drawn at every reset and is in the observation.

    Attributes:
        about: what the robot is.
        distance_weight: of the distance from fingertip to target.
        control_weight: of the squared action.
        reach: largest distance of the target from the shoulder in m.
        reset_noise: half-width of the initial angles around rest.
        velocity_noise: half-width of the initial velocities.

    Source: Gymnasium's `Reacher-v5`.
    """

    about: Description = REACHER
    distance_weight: float = 1.0
    control_weight: float = 1.0
    reach: float = 0.2
    reset_noise: float = 0.1
    velocity_noise: float = 0.005

    def initial(self, draws: Float[Any, "env draw"], rest: Float[Any, " 4"]) -> tuple[Any, Any]:
        angles = rest[:2] + self.reset_noise * (2.0 * draws[:, :2] - 1.0)
        radius, bearing = self.reach * np.sqrt(draws[:, 4]), 2.0 * np.pi * draws[:, 5]  # even over the disc
        target = np.stack([radius * np.cos(bearing), radius * np.sin(bearing)], axis=1)
        spin = self.velocity_noise * (2.0 * draws[:, 2:4] - 1.0)
        return np.concatenate([angles, target], axis=1), np.concatenate([spin, np.zeros_like(spin)], axis=1)

    def observe(self, physics: Physics) -> Float[Any, "env 10"]:
        xp = physics.qpos.__array_namespace__()
        angles, target = physics.qpos[:, :2], physics.qpos[:, 2:]
        gap = (physics.bodies[:, 0] - physics.bodies[:, 1])[:, :2]
        return xp.concat([xp.cos(angles), xp.sin(angles), target, physics.qvel[:, :2], gap], axis=1)

    def terminated(self, physics: Physics) -> Bool[Any, " env"]:
        return never(physics)

    def reward(
        self,
        before: Physics,
        after: Physics,
        action: Float[Any, "env 2"],
        asked: dict[str, Float[Any, " env"]],
        ended: Bool[Any, " env"],
    ) -> Float[Any, " env"]:
        far = distance(after.bodies[:, 0] - after.bodies[:, 1])
        return -self.distance_weight * far - self.control_weight * effort(action)
