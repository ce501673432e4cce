"""MuJoCo worlds: Gymnasium's robots, batched, with dynamics, direction and speed as tasks."""

from headstart.tasks.mujoco.ant import Ant, ant_narrow_hallway, ant_run, ant_u_maze, ant_wide_hallway
from headstart.tasks.mujoco.exact import Exact
from headstart.tasks.mujoco.family import MujocoFamily
from headstart.tasks.mujoco.half_cheetah import HalfCheetah, half_cheetah_backward, half_cheetah_run
from headstart.tasks.mujoco.hopper import Hopper, hopper_euler
from headstart.tasks.mujoco.informed import Informed
from headstart.tasks.mujoco.pusher import Pusher, pusher_puck
from headstart.tasks.mujoco.reacher import Reacher
from headstart.tasks.mujoco.robot import Description, Physics
from headstart.tasks.mujoco.sound import require_sound
from headstart.tasks.mujoco.swimmer import Swimmer
from headstart.tasks.mujoco.walker2d import Walker2d, walker2d_euler

__all__ = [
    "ALL",
    "Ant",
    "Description",
    "Exact",
    "HalfCheetah",
    "Hopper",
    "Informed",
    "MujocoFamily",
    "Physics",
    "Pusher",
    "Reacher",
    "Swimmer",
    "Walker2d",
    "ant_narrow_hallway",
    "ant_run",
    "ant_u_maze",
    "ant_wide_hallway",
    "half_cheetah_backward",
    "half_cheetah_run",
    "hopper_euler",
    "pusher_puck",
    "require_sound",
    "walker2d_euler",
]

ALL = tuple(
    MujocoFamily(robot=robot) for robot in (Hopper(), Walker2d(), Swimmer(), HalfCheetah(), Reacher(), Pusher(), Ant())
)
