"""What each named action makes the robot's joints do: smooth motions at bounded speeds, as rows of commands.

As many arguments as in the recorded demonstrations of the paper: `MoveArm(lift, flex, roll, wrist flex, wrist roll)`,
`MoveBaseAbs(x, y, heading, speed, turning speed)`, `MoveBaseRel` likewise in the robot's own frame,
`MoveGripper(closed)`, `MoveHead(tilt, pan)`. The drivers take millionths (of a metre, of a radian) and stop at the
limits of each joint.
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from headstart.errors import Fault, unknown

JOINTS = (
    "base_x", "base_y", "base_turn", "lift", "flex", "roll", "wrist_flex", "wrist_roll", "pan", "tilt", "left", "right"
)  # fmt: skip
BASE, ARM, HEAD_JOINTS, FINGERS = slice(0, 3), slice(3, 8), slice(8, 10), slice(10, 12)
LIFT = 3
OPEN = 0.075  # m, of each finger
ROOM = 1.3  # m: as far as the base drives from the origin
SPEED = np.array([1.0, 1.0, 2.5, 0.6, 3.0, 3.0, 3.0, 3.0, 4.0, 4.0, 0.3, 0.3])  # m/s, rad/s
PERIOD = 0.004  # s between commands, and a step of the physics
GRAIN = 25  # commands: motions last a multiple of 0.1 s, so that worlds of a batch can be stepped together
SETTLE = 25  # commands after a motion, while the joints come to rest
GRIP_SETTLE = 75
DECIMALS = 6
ARGUMENTS = {"MoveArm": 5, "MoveBaseAbs": 5, "MoveBaseRel": 5, "MoveGripper": 1, "MoveHead": 2, "LocateObject": 3}

Command = Float[np.ndarray, " joint"]
Commands = Float[np.ndarray, "time joint"]


class Limits(NamedTuple):
    """How far each joint goes."""

    low: Command
    high: Command


LIMITS = Limits(
    np.array([-ROOM, -ROOM, -math.inf, 0.0, *(-math.pi,) * 4, *(-math.pi / 2,) * 2, 0.0, 0.0]),
    np.array([ROOM, ROOM, math.inf, 0.75, *(math.pi,) * 4, *(math.pi / 2,) * 2, OPEN, OPEN]),
)
HOME: Command = np.array([0, 0, 0, 0.45, 0, 0, -math.pi / 2, -math.pi / 2, 0, -math.pi / 4, OPEN, OPEN])


def checked(action: str, args: tuple[float, ...]) -> tuple[float, ...]:
    """Checks a call and rounds its arguments to what the drivers take.

    Raises:
        InputError: there is no such action.
        Fault: the number of arguments is not the action's, or one is not finite.
    """
    if action not in ARGUMENTS:
        raise unknown("action", action, ARGUMENTS)
    if len(args) != ARGUMENTS[action] or not all(math.isfinite(one) for one in args):
        raise Fault(f"{action} takes {ARGUMENTS[action]} finite numbers, not {list(args)}")
    return tuple(round(float(one), DECIMALS) + 0.0 for one in args)


def plan(action: str, args: tuple[float, ...], command: Command, base: Float[np.ndarray, "3"]) -> Commands:
    """Plans a motion.

    Args:
        action: one of those that move.
        args: checked.
        command: what was commanded last.
        base: where the base is, x, y and heading.

    Returns:
        A row of commands for each period.
    """
    goal = command.copy()
    if action == "MoveGripper":
        goal[FINGERS] = 0.0 if args[0] > 0.5 else OPEN
        return _glide([command, _within(goal)], SPEED, GRIP_SETTLE)
    if action == "MoveHead":
        goal[HEAD_JOINTS] = args[1], args[0]
        return _glide([command, _within(goal)], SPEED, SETTLE)
    if action == "MoveArm":
        goal[ARM] = args
        goal = _within(goal)
        above, swung = command.copy(), goal.copy()
        above[LIFT] = swung[LIFT] = max(command[LIFT], goal[LIFT])  # joints swing up there, where nothing stands
        return _glide([command, above, swung, goal], SPEED, SETTLE)
    if action == "MoveBaseRel":
        x, y, heading = base
        forward, left = args[:2]
        goal[BASE] = (
            x + forward * math.cos(heading) - left * math.sin(heading),
            y + forward * math.sin(heading) + left * math.cos(heading),
            heading + args[2],
        )
    else:
        goal[BASE] = args[:3]
    # the nearer way round: a heading is an angle
    goal[2] = command[2] + math.remainder(goal[2] - command[2], 2 * math.pi)
    speed = SPEED.copy()
    speed[:2], speed[2] = np.clip(args[3], 0.05, SPEED[0]), np.clip(args[4], 0.1, SPEED[2])
    return _glide([command, _within(goal)], speed, SETTLE)


def _within(command: Command) -> Command:
    return np.clip(command, *LIMITS)


def _glide(points: list[Command], speed: Command, settle: int) -> Commands:
    """Goes through points, from rest to rest; the greatest speed on the way is the joint's."""
    rows = []
    for start, goal in pairwise(points):
        seconds = float((np.abs(goal - start) * 1.5 / speed).max())  # 1.5: the steepest slope of 3 s² - 2 s³
        count = math.ceil(round(seconds / PERIOD / GRAIN, 6)) * GRAIN
        if count:
            s = (np.arange(1, count + 1) / count)[:, None]
            rows.append(start + (goal - start) * (3 * s**2 - 2 * s**3))
    rows.append(np.repeat(points[-1][None], settle, axis=0))
    return np.concatenate(rows)
