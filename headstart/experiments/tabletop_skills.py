"""The procedures that every task at the table top shares: go home, find a thing, drive to it, take it."""

import math
from collections.abc import Callable

from headstart.share.hierarchical import Decided, Frame
from headstart.tasks.tabletop.calibration import drive
from headstart.tasks.tabletop.perception import LOOKING_DOWN
from headstart.tasks.tabletop.things import CUP, GLASS, PLATE

GRIP = {PLATE: 0.29, CUP: 0.32, GLASS: 0.32}  # lift at which the fingers are around a thing on the table
CARRY, REST = 0.50, 0.45  # lift
STRETCHED = (-math.pi / 2, 0.0, -math.pi / 2, -math.pi / 2)  # forearm forward, hand down, fingers left and right
FOLDED = (0.0, 0.0, -math.pi / 2, -math.pi / 2)
HOMING, FINE = (1.0, 2.0), (0.5, 1.0)  # m/s and rad/s of the base


def stretched(lift: float) -> tuple[float, ...]:
    """Arguments of `MoveArm` with the gripper over the table."""
    return (lift, *STRETCHED)


def asked(look: float, kind: float, colour: float) -> Decided:
    """Asks the camera."""
    return Decided("LocateObject", (look, kind, colour))


def move_home(frame: Frame) -> Decided:
    """MoveHome(): let go, fold the arm, drive to the start."""
    steps = (
        Decided("MoveGripper", (0.0,)),
        Decided("MoveArm", (REST, *FOLDED)),
        Decided("MoveBaseAbs", (0.0, 0.0, 0.0, *HOMING)),
        Decided(None),
    )
    return steps[frame.counter]


def pick_object(frame: Frame) -> Decided:
    """PickObject(class, colour): drive to it, look again, grasp it; answers what was taken, or zeros."""
    if frame.returned is None:
        return Decided("MoveToObject", (*frame.args, 0.0))
    if frame.returned == "GraspObject":
        return Decided(None, frame.value)
    if frame.value[0] == 0:
        return Decided(None, (0.0, 0.0))
    return Decided("MoveToObject", (*frame.value, 1.0)) if frame.counter == 1 else Decided("GraspObject", frame.value)


def move_to_object(frame: Frame) -> Decided:
    """MoveToObject(class, colour, look): look, and drive to what is seen."""
    kind, colour, look = frame.args
    if frame.returned is None:
        return Decided("MoveHead", (LOOKING_DOWN, 0.0))
    if frame.returned == "MoveHead":
        return asked(look, kind, colour)
    if frame.returned == "LocateObject":
        return Decided(None, (0.0, 0.0)) if frame.value[0] == 0 else Decided("MoveToLocation", frame.value)
    return Decided(None, frame.value)


def move_to_location(frame: Frame) -> Decided:
    """MoveToLocation(class, colour, x, y): drive so that what is seen at a pixel is under the gripper."""
    kind, colour, x, y = frame.args
    if frame.returned is None:
        return Decided("MoveBaseRel", (*drive(round(kind), x, y), 0.0, *FINE))
    return Decided(None, (kind, colour))


def grasp_object(frame: Frame) -> Decided:
    """GraspObject(class, colour): down, close, up."""
    kind, colour = frame.args
    steps = (
        Decided("MoveArm", stretched(GRIP[round(kind)])),
        Decided("MoveGripper", (1.0,)),
        Decided("MoveArm", stretched(CARRY)),
        Decided(None, (kind, colour)),
    )
    return steps[frame.counter]


SHARED_PROCEDURES: dict[str, Callable[[Frame], Decided]] = {
    "MoveHome": move_home,
    "PickObject": pick_object,
    "MoveToObject": move_to_object,
    "MoveToLocation": move_to_location,
    "GraspObject": grasp_object,
}
