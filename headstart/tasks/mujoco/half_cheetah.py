"""The half-cheetah: a flat runner that cannot fall over for good."""

import dataclasses
from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Float

from headstart.tasks.mujoco.draws import gaussian
from headstart.tasks.mujoco.robot import Description, Physics, effort, never, running

HALF_CHEETAH = Description(
    name="half_cheetah",
    gymnasium="HalfCheetah-v5",
    asset="half_cheetah.xml",
    frame_skip=5,
    dt=0.01 * 5,
    horizon=1000,
    draws=19,
    scale=(0.1, 0.7, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.7, 0.8, 2.0, 6.0, 7.0, 7.0, 6.0, 7.0, 6.0),
    carrier="torso",
    carry_at=(0.0, 0.0, 0.1),
    carry_most=10.0,
    floor="floor",
    feet=("bfoot", "ffoot"),
    weather=("gravity",),
    speeds=(0.5, 8.0),
    unseen=1,
)


BACKWARD = dataclasses.replace(HALF_CHEETAH, name="half_cheetah_backward", direction=-1.0)
EITHER_WAY = dataclasses.replace(HALF_CHEETAH, name="half_cheetah_run", direction=0.0)


@dataclass(frozen=True, kw_only=True)
class HalfCheetah:
    """Gymnasium's HalfCheetah-v5, with tasks of direction and speed.

    Attributes:
        about: what the robot is.
        control_weight: of the squared action.
        reset_noise: half-width of the initial positions around rest, and standard deviation of the initial velocities.

    Source: Wawrzyński 2009; reward of Gymnasium's `HalfCheetah-v5`.
    """

    about: Description = HALF_CHEETAH
    control_weight: float = 0.1
    reset_noise: float = 0.1

    def initial(self, draws: Float[Any, "env draw"], rest: Float[Any, " 9"]) -> tuple[Any, Any]:
        qpos = rest + self.reset_noise * (2.0 * draws[:, :9] - 1.0)
        return qpos, self.reset_noise * gaussian(draws[:, 9:])[:, :9]

    def observe(self, physics: Physics) -> Float[Any, "env 17"]:
        xp = physics.qpos.__array_namespace__()
        return xp.concat([physics.qpos[:, 1:], physics.qvel], axis=1)

    def terminated(self, physics: Physics) -> Bool[Any, " env"]:
        return never(physics)

    def reward(
        self,
        before: Physics,
        after: Physics,
        action: Float[Any, "env 6"],
        asked: dict[str, Float[Any, " env"]],
        ended: Bool[Any, " env"],
    ) -> Float[Any, " env"]:
        return running(before, after, asked, self.about) - self.control_weight * effort(action)


def half_cheetah_backward() -> HalfCheetah:
    """Gymnasium's HalfCheetah-v5, whose plain task is to run backward."""
    return HalfCheetah(about=BACKWARD)


def half_cheetah_run() -> HalfCheetah:
    """Gymnasium's HalfCheetah-v5, paid for speed, forward or backward alike."""
    return HalfCheetah(about=EITHER_WAY)
