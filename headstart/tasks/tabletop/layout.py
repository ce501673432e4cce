"""Where everything is, in metres and radians: the tables, the tub, the robot's own measures.

The robot starts at the origin and looks along +x, to the table where things are picked up. On its left is the table
that is laid and built on, on its right the tub for what is cleared away.
"""

import math
from typing import NamedTuple


class Table(NamedTuple):
    """A table: its middle, and half its sides."""

    x: float
    y: float
    half_x: float
    half_y: float


TOP = 0.50  # of both tables, above the floor
PICK = Table(0.96, 0.0, 0.34, 0.52)
LAID = Table(0.0, 0.96, 0.52, 0.34)
TUB = Table(0.0, -0.88, 0.20, 0.24)  # inside
TUB_FLOOR, TUB_RIM = 0.14, 0.56  # the floor in the middle: it slopes away from the robot, so that things slide apart
TUB_SLOPE = 0.45  # rad
TUB_DROP = -0.74  # y of the gripper when it lets go
SUPPLY_X, SUPPLY_Y = (0.72, 1.02), (-0.36, 0.36)  # where things stand at first
CUPBOARD = (-1.6, 0.0)  # things that a task goes without stand here on the floor, behind the robot

SHOULDER_X, SHOULDER_Z = 0.06, 0.45  # of the arm, at lift 0, in front of the base's middle
FOREARM, HAND = 0.56, 0.22  # from the shoulder to the wrist, from there to where the fingers grip
REACH = SHOULDER_X + FOREARM  # of the gripper in front of the base when the arm is stretched
GRIP_AT_LIFT_0 = SHOULDER_Z - HAND  # height of the gripper then
HEAD = (0.18, 0.13, 1.20)  # the camera's place on the robot; beside the arm, which swings past it

WIDTH, HEIGHT = 640, 480  # pixels of the camera
FOVY = math.radians(50.0)

GLASS_SPACING = 0.078  # between neighbours in a pyramid: 8 mm of air
PYRAMID_FIRST = (0.0, 0.76)  # the first glass of the lowest level; levels go along +y
