"""The hopper: one leg that must hop along a line without falling."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Float

from headstart.tasks.mujoco.robot import Description, Physics, effort, running

HOPPER = Description(
    name="hopper",
    gymnasium="Hopper-v5",
    asset="hopper.xml",
    frame_skip=4,
    dt=0.002 * 4,
    horizon=1000,
    draws=12,
    scale=(0.02, 0.06, 0.06, 0.09, 0.1, 0.4, 0.3, 1.0, 1.0, 1.0, 2.0),
    carrier="torso",
    carry_at=(0.0, 0.0, 0.2),
    carry_most=10.0,
    floor="floor",
    feet=("foot",),
    weather=("gravity",),
    speeds=(0.5, 3.0),
    unseen=1,
)


@dataclass(frozen=True, kw_only=True)
class Hopper:
    """Gymnasium's Hopper-v5, with tasks of direction and speed.

    Attributes:
        about: what the robot is.
        healthy_reward: for every step that the hopper stands.
        control_weight: of the squared action.
        velocity_limit: observed velocities are clipped to ± this.
        state_limit: every angle, height and velocity must stay within ± this.
        lowest: the torso's lowest height in m.
        tilt: its largest angle in rad.
        reset_noise: half-width of the initial positions and velocities around rest.

    Source: Erez, Tassa and Todorov 2012; reward of Gymnasium's `Hopper-v5`.
    """

    about: Description = HOPPER
    healthy_reward: float = 1.0
    control_weight: float = 1e-3
    velocity_limit: float = 10.0
    state_limit: float = 100.0
    lowest: float = 0.7
    tilt: float = 0.2
    reset_noise: float = 5e-3

    def initial(self, draws: Float[Any, "env draw"], rest: Float[Any, " 6"]) -> tuple[Any, Any]:
        noise = self.reset_noise * (2.0 * draws - 1.0)
        return rest + noise[:, :6], noise[:, 6:]

    def observe(self, physics: Physics) -> Float[Any, "env 11"]:
        xp = physics.qpos.__array_namespace__()
        velocity = xp.clip(physics.qvel, -self.velocity_limit, self.velocity_limit)
        return xp.concat([physics.qpos[:, 1:], velocity], axis=1)

    def terminated(self, physics: Physics) -> Bool[Any, " env"]:
        xp = physics.qpos.__array_namespace__()
        rest = xp.abs(xp.concat([physics.qpos[:, 2:], physics.qvel], axis=1))
        standing = (physics.qpos[:, 1] > self.lowest) & (xp.abs(physics.qpos[:, 2]) < self.tilt)
        return ~(standing & xp.all(rest < self.state_limit, axis=1))

    def reward(
        self,
        before: Physics,
        after: Physics,
        action: Float[Any, "env 3"],
        asked: dict[str, Float[Any, " env"]],
        ended: Bool[Any, " env"],
    ) -> Float[Any, " env"]:
        moved = running(before, after, asked, self.about)
        healthy = self.healthy_reward * (~ended).astype(moved.dtype)
        return moved + healthy - self.control_weight * effort(action)


def hopper_euler() -> Hopper:
    """Hopper-v5 in a cheaper simulator: integrated by Euler, not RK4; five times as many steps a second."""
    return Hopper(about=dataclasses.replace(HOPPER, name="hopper_euler", euler=True))
