"""The walker: two legs that must walk along a line without falling."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Float

from headstart.tasks.mujoco.robot import Description, Physics, effort, running

WALKER2D = Description(
    name="walker2d",
    gymnasium="Walker2d-v5",
    asset="walker2d_v5.xml",
    frame_skip=4,
    dt=0.002 * 4,
    horizon=1000,
    draws=18,
    scale=(0.06, 0.3, 0.3, 0.4, 0.4, 0.3, 0.4, 0.4, 0.6, 1.0, 5.0, 6.0, 5.0, 7.0, 6.0, 5.0, 7.0),
    carrier="torso",
    carry_at=(0.0, 0.0, 0.2),
    carry_most=10.0,
    floor="floor",
    feet=("foot", "foot_left"),
    weather=("gravity",),
    speeds=(0.5, 4.0),
    unseen=1,
)


@dataclass(frozen=True, kw_only=True)
class Walker2d:
    """Gymnasium's Walker2d-v5, with tasks of direction and speed.

    Attributes:
        about: what the robot is.
        healthy_reward: for every step that the walker stands.
        control_weight: of the squared action.
        velocity_limit: observed velocities are clipped to ± this.
        height: lowest and highest legal height of the torso in m.
        tilt: its largest angle in rad.
        reset_noise: half-width of the initial positions and velocities around rest.

    Source: Erez, Tassa and Todorov 2012; reward of Gymnasium's `Walker2d-v5`.
    """

    about: Description = WALKER2D
    healthy_reward: float = 1.0
    control_weight: float = 1e-3
    velocity_limit: float = 10.0
    height: tuple[float, float] = (0.8, 2.0)
    tilt: float = 1.0
    reset_noise: float = 5e-3

    def initial(self, draws: Float[Any, "env draw"], rest: Float[Any, " 9"]) -> tuple[Any, Any]:
        noise = self.reset_noise * (2.0 * draws - 1.0)
        return rest + noise[:, :9], noise[:, 9:]

    def observe(self, physics: Physics) -> Float[Any, "env 17"]:
        xp = physics.qpos.__array_namespace__()
        velocity = xp.clip(physics.qvel, -self.velocity_limit, self.velocity_limit)
        return xp.concat([physics.qpos[:, 1:], velocity], axis=1)

    def terminated(self, physics: Physics) -> Bool[Any, " env"]:
        xp = physics.qpos.__array_namespace__()
        height, angle = physics.qpos[:, 1], physics.qpos[:, 2]
        return ~((height > self.height[0]) & (height < self.height[1]) & (xp.abs(angle) < self.tilt))

    def reward(
        self,
        before: Physics,
        after: Physics,
        action: Float[Any, "env 6"],
        asked: dict[str, Float[Any, " env"]],
        ended: Bool[Any, " env"],
    ) -> Float[Any, " env"]:
        moved = running(before, after, asked, self.about)
        healthy = self.healthy_reward * (~ended).astype(moved.dtype)
        return moved + healthy - self.control_weight * effort(action)


def walker2d_euler() -> Walker2d:
    """Walker2d-v5 in a cheaper simulator: integrated by Euler, not RK4; three times as many steps a second."""
    return Walker2d(about=dataclasses.replace(WALKER2D, name="walker2d_euler", euler=True))
