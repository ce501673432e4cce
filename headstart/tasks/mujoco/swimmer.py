"""The swimmer: three links in a viscous medium."""

from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Float

from headstart.tasks.mujoco.robot import Description, Physics, effort, never, running

SWIMMER = Description(
    name="swimmer",
    gymnasium="Swimmer-v5",
    asset="swimmer.xml",
    frame_skip=4,
    dt=0.01 * 4,
    horizon=1000,
    draws=10,
    scale=(0.6, 1.0, 1.0, 0.4, 0.8, 0.9, 2.0, 2.0),
    carrier="torso",
    carry_at=(1.5, 0.0, 0.0),
    carry_most=30.0,
    weather=("density", "viscosity"),
    speeds=(0.05, 0.3),
    unseen=2,
)


@dataclass(frozen=True, kw_only=True)
class Swimmer:
    """Gymnasium's Swimmer-v5, with tasks of direction and speed.

    Attributes:
        about: what the robot is.
        control_weight: of the squared action.
        reset_noise: half-width of the initial positions and velocities around rest.

    Source: Coulom 2002; reward of Gymnasium's `Swimmer-v5`.
    """

    about: Description = SWIMMER
    control_weight: float = 1e-4
    reset_noise: float = 0.1

    def initial(self, draws: Float[Any, "env draw"], rest: Float[Any, " 5"]) -> tuple[Any, Any]:
        noise = self.reset_noise * (2.0 * draws - 1.0)
        return rest + noise[:, :5], noise[:, 5:]

    def observe(self, physics: Physics) -> Float[Any, "env 8"]:
        xp = physics.qpos.__array_namespace__()
        return xp.concat([physics.qpos[:, 2:], physics.qvel], axis=1)

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
        return running(before, after, asked, self.about) - self.control_weight * effort(action)
