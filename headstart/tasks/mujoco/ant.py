"""The quadruped: four legs, any direction; on open ground, in hallways and in a U."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from jaxtyping import Bool, Float

from headstart.tasks.mujoco.draws import gaussian
from headstart.tasks.mujoco.robot import Description, Physics, effort, forward
from headstart.tasks.mujoco.walls import goal_of, walls_of
from headstart.tasks.point_run import HEIGHT, START_HEIGHT, hallway

ANT = Description(
    name="ant",
    gymnasium="Ant-v5",
    asset="ant.xml",
    frame_skip=5,
    dt=0.01 * 5,
    horizon=1000,
    draws=29,
    # height, orientation, joints; velocities; contact forces, which are clipped to ± 1
    scale=(0.1, *4 * (0.3,), *8 * (0.4,), *6 * (1.0,), *8 * (6.0,), *78 * (0.3,)),
    carrier="torso",
    carry_at=(0.0, 0.0, 0.2),
    carry_most=10.0,
    watched=("torso",),
    forces=True,
    floor="floor",
    feet=("aux_1_end", "aux_2_end", "aux_3_end", "aux_4_end"),
    weather=("gravity",),
    speeds=(0.5, 3.0),
)
CELL = 2.5  # m, the width of the paper's corridors
U_TURN = """
#####
#G  #
### #
### #
#S  #
#####
"""  # legs of 5 m; start and goal are 7.5 m apart


@dataclass(frozen=True, kw_only=True)
class Ant:
    """Gymnasium's Ant-v5, with tasks of direction and speed; direction 0 is any direction, at full speed.

    Where the walls have a goal and the task asks for it (`goal` > 0), r = goal · exp(−b d²) stands in the place of the
    reward for moving, with the distance d of the torso and b such that the start is worth a tenth of the goal.

    Attributes:
        about: what the robot is, and what walls are around it.
        healthy_reward: for every step that the torso is at a healthy height.
        control_weight: of the squared action.
        contact_weight: of the squared contact forces.
        contact_limit: contact forces count up to ± this.
        height: lowest and highest of the torso, in m.
        reset_noise: half-width of the initial positions around rest, and standard deviation of the initial velocities.
        sees_place: whether x and y are observed; without them there is no finding the way to a goal.

    Source: Schulman et al. 2016 (arXiv 1506.02438); reward of Gymnasium's `Ant-v5`; walls and goal: Haarnoja et al.
    2017 (arXiv 1702.08165), figure 4.
    """

    about: Description = ANT
    healthy_reward: float = 1.0
    control_weight: float = 0.5
    contact_weight: float = 5e-4
    contact_limit: float = 1.0
    height: tuple[float, float] = (0.2, 1.0)
    reset_noise: float = 0.1
    sees_place: bool = False

    def initial(self, draws: Float[Any, "env draw"], rest: Float[Any, " 15"]) -> tuple[Any, Any]:
        qpos = rest + self.reset_noise * (2.0 * draws[:, :15] - 1.0)
        return qpos, self.reset_noise * gaussian(draws[:, 15:])

    def observe(self, physics: Physics) -> Float[Any, "env channel"]:
        xp = physics.qpos.__array_namespace__()
        forces = self._forces(physics)[:, 6:]  # the world's own are left out
        return xp.concat([physics.qpos[:, 0 if self.sees_place else 2 :], physics.qvel, forces], axis=1)

    def terminated(self, physics: Physics) -> Bool[Any, " env"]:
        xp, (low, high) = physics.qpos.__array_namespace__(), self.height
        finite = xp.all(xp.isfinite(physics.qpos), axis=1) & xp.all(xp.isfinite(physics.qvel), axis=1)
        return ~(finite & (physics.qpos[:, 2] >= low) & (physics.qpos[:, 2] <= high))

    def reward(
        self,
        before: Physics,
        after: Physics,
        action: Float[Any, "env 8"],
        asked: dict[str, Float[Any, " env"]],
        ended: Bool[Any, " env"],
    ) -> Float[Any, " env"]:
        xp = after.qpos.__array_namespace__()
        velocity = (after.bodies[:, 0, :2] - before.bodies[:, 0, :2]) / self.about.dt
        any_way = xp.sqrt(xp.sum(velocity * velocity, axis=1))
        moved = xp.where(asked["direction"] == 0, any_way, forward(velocity[:, 0], asked))
        if self.about.goal is not None:
            moved = xp.where(asked["goal"] > 0, asked["goal"] * self._near(after), moved)
        healthy = self.healthy_reward * (~ended).astype(moved.dtype)
        forces = self._forces(after)
        contact = self.contact_weight * xp.sum(forces * forces, axis=1)
        return moved + healthy - (self.control_weight * effort(action) + contact)

    def _near(self, physics: Physics) -> Float[Any, " env"]:
        xp, (x, y) = physics.qpos.__array_namespace__(), self.about.goal or (0.0, 0.0)
        slope = math.log(HEIGHT / START_HEIGHT) / (x * x + y * y)
        place = physics.bodies[:, 0, :2]
        return xp.exp(-slope * ((place[:, 0] - x) ** 2 + (place[:, 1] - y) ** 2))

    def _forces(self, physics: Physics) -> Float[Any, "env 84"]:
        xp = physics.qpos.__array_namespace__()
        flat = xp.reshape(physics.forces, (physics.qpos.shape[0], -1))
        return xp.clip(flat, -self.contact_limit, self.contact_limit)


def ant_run() -> Ant:
    """Gymnasium's Ant-v5, paid for speed in any direction on open ground; it sees where it is."""
    return Ant(about=_about("ant_run", direction=0.0), sees_place=True)


def ant_wide_hallway() -> Ant:
    """Gymnasium's Ant-v5, running in a hallway 7.5 m wide."""
    return Ant(about=_about("ant_wide_hallway", walls=walls_of(hallway(3), CELL), direction=0.0), sees_place=True)


def ant_narrow_hallway() -> Ant:
    """Gymnasium's Ant-v5, running in a hallway 2.5 m wide."""
    return Ant(about=_about("ant_narrow_hallway", walls=walls_of(hallway(1), CELL), direction=0.0), sees_place=True)


def ant_u_maze() -> Ant:
    """Gymnasium's Ant-v5, seeking a goal through a U, which first leads away from it."""
    walls, goal = walls_of(U_TURN, CELL), goal_of(U_TURN, CELL)
    return Ant(about=_about("ant_u_maze", walls=walls, goal=goal, goal_height=HEIGHT), sees_place=True)


def _about(name: str, **changes: Any) -> Description:
    return dataclasses.replace(ANT, name=name, scale=(1.0, 1.0, *ANT.scale), **changes)
