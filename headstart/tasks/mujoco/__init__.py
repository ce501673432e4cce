"""MuJoCo worlds: Gymnasium's robots, batched, with dynamics, direction and speed as tasks."""

from headstart.tasks.mujoco.family import MujocoFamily
from headstart.tasks.mujoco.half_cheetah import HalfCheetah
from headstart.tasks.mujoco.hopper import Hopper
from headstart.tasks.mujoco.pusher import Pusher
from headstart.tasks.mujoco.reacher import Reacher
from headstart.tasks.mujoco.swimmer import Swimmer
from headstart.tasks.mujoco.walker2d import Walker2d

__all__ = ["ALL", "HalfCheetah", "Hopper", "MujocoFamily", "Pusher", "Reacher", "Swimmer", "Walker2d"]

ALL = tuple(
    MujocoFamily(robot=robot) for robot in (Hopper(), Walker2d(), Swimmer(), HalfCheetah(), Reacher(), Pusher())
)
