"""The pusher: an arm that pushes an object over a table to a goal."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from headstart.tasks.mujoco.robot import Description, Physics, distance, effort, never

PUSHER = Description(
    name="pusher",
    gymnasium="Pusher-v5",
    asset="pusher_v5.xml",
    frame_skip=5,
    dt=0.01 * 5,
    horizon=100,
    draws=7 + 2 * 32,
    scale=(0.3, 0.3, 1.0, 0.8, 0.9, 0.4, 1.0, 0.3, 0.3, 2.0, 2.0, 2.0, 2.0, 2.0, 0.2, 0.2, 0.1, 0.1, 0.07) + (0.0,) * 4,
    carrier="tips_arm",
    carry_at=(0.0, 0.0, 0.0),
    carry_most=5.0,
    watched=("tips_arm", "object", "goal"),
    inert=("goal",),
)
PUCK = 0.2  # kg


@dataclass(frozen=True, kw_only=True)
class Pusher:
    """Gymnasium's Pusher-v5. The object's place is drawn at every reset; the goal's is fixed.

    Attributes:
        about: what the robot is.
        near_weight: of the distance from hand to object.
        distance_weight: of the distance from object to goal.
        control_weight: of the squared action.
        field: the object starts at x in [−field[0], 0], y in [−field[1], field[1]], in m from the goal,
        apart: but no nearer to it than this.
        velocity_noise: half-width of the arm's initial velocities.

    Source: Gymnasium's `Pusher-v5`.
    """

    about: Description = PUSHER
    near_weight: float = 0.5
    distance_weight: float = 1.0
    control_weight: float = 0.1
    field: tuple[float, float] = (0.3, 0.2)
    apart: float = 0.17
    velocity_noise: float = 0.005

    def initial(self, draws: Float[Any, "env draw"], rest: Float[Any, " 11"]) -> tuple[Any, Any]:
        n = len(draws)
        spin = self.velocity_noise * (2.0 * draws[:, :7] - 1.0)
        # rejection: the first of 32 candidates that is far enough away; that none is has a chance of 1e-13
        unit = draws[:, 7:].reshape(n, -1, 2)
        candidates = np.stack([-self.field[0] * unit[:, :, 0], self.field[1] * (2.0 * unit[:, :, 1] - 1.0)], axis=2)
        chosen = np.argmax(np.hypot(candidates[:, :, 0], candidates[:, :, 1]) > self.apart, axis=1)
        qpos = np.tile(rest, (n, 1))
        qpos[:, 7:9], qpos[:, 9:] = candidates[np.arange(n), chosen], 0.0
        return qpos, np.concatenate([spin, np.zeros((n, 4))], axis=1)

    def observe(self, physics: Physics) -> Float[Any, "env 23"]:
        xp = physics.qpos.__array_namespace__()
        places = xp.reshape(physics.bodies, (physics.bodies.shape[0], 9))
        return xp.concat([physics.qpos[:, :7], physics.qvel[:, :7], places], axis=1)

    def terminated(self, physics: Physics) -> Bool[Any, " env"]:
        return never(physics)

    def reward(
        self,
        before: Physics,
        after: Physics,
        action: Float[Any, "env 7"],
        asked: dict[str, Float[Any, " env"]],
        ended: Bool[Any, " env"],
    ) -> Float[Any, " env"]:
        hand, thing, goal = after.bodies[:, 0], after.bodies[:, 1], after.bodies[:, 2]
        near, far = self.near_weight * distance(thing - hand), self.distance_weight * distance(thing - goal)
        return -far - self.control_weight * effort(action) - near


def pusher_puck() -> Pusher:
    """The pusher with a puck of 0.2 kg, the middle of what Peng et al. push, instead of an object of 8 mg.

    MuJoCo makes a contact as soft as the bodies in it are light. The stock object gives way to nobody: a hand goes
    through it, and drags it along at 4 cm/s (docs/log.md, "What the pusher cannot do").

    Source: Peng et al. 2018 (arXiv 1710.06537), table I.
    """
    return Pusher(about=dataclasses.replace(PUSHER, name="pusher_puck", masses=(("object", PUCK),)))
