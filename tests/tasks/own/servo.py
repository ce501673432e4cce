"""A robot with what none of Gymnasium's has: a servo, a ball joint, a free body, parts without names."""

from dataclasses import dataclass
from pathlib import Path

from headstart.tasks.mujoco import Description
from headstart.tasks.mujoco.robot import never

FILE = str(Path(__file__).with_name("servo.xml"))
SERVO = Description(
    name="servo", asset=FILE, frame_skip=5, dt=0.01, horizon=50, draws=1, scale=(0.1, 0.5), floor="ground",
    feet=("ball",), weather=("gravity",),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Servo:
    """Keeps its elbow where it is."""

    about: Description = SERVO

    def initial(self, draws, rest):
        return rest + 0.0 * draws, 0.01 * (draws - 0.5) + 0.0 * rest[:12]  # three turns, three hinges, a free body

    def observe(self, physics):
        xp = physics.qpos.__array_namespace__()
        return xp.stack([physics.qpos[:, 4], physics.qvel[:, 3]], axis=1)

    def terminated(self, physics):
        return never(physics)

    def reward(self, before, after, action, asked, ended):
        return -abs(after.qpos[:, 4])
