"""MuJoCo worlds: Gymnasium's robots, batched, with dynamics, direction and speed as tasks."""

from headstart.tasks.mujoco.family import MujocoFamily
from headstart.tasks.mujoco.hopper import Hopper

ALL = (MujocoFamily(robot=Hopper()),)
