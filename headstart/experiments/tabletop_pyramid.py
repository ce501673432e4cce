"""The teacher who builds pyramids of glasses: the paper's procedures, level by level, glass by glass."""

import math
from collections.abc import Callable

from headstart.experiments.tabletop_skills import FINE, GRIP, HOMING, SHARED_PROCEDURES, asked, stretched
from headstart.share.hierarchical import Decided, Frame
from headstart.tasks.tabletop.calibration import drive
from headstart.tasks.tabletop.layout import REACH
from headstart.tasks.tabletop.perception import LOOKING_DOWN
from headstart.tasks.tabletop.tasks import glass_place
from headstart.tasks.tabletop.things import GLASS, SHAPES

OVER = 0.72  # lift: a glass is carried over all that is built
LOWER = 0.004  # m above what it will stand on when the fingers open
Written = Callable[[Frame], Decided]


def _pyramid(frame: Frame) -> Decided:
    """Pyramid(levels)."""
    steps = (Decided("MoveHome"), Decided("BuildPyramid", frame.args), Decided("EndTask"), Decided(None))
    return steps[frame.counter]


def _build_pyramid(frame: Frame) -> Decided:
    """BuildPyramid(levels): level after level."""
    (levels,) = frame.args
    return Decided("BuildLevel", (levels, float(frame.counter))) if frame.counter < levels else Decided(None)


def _build_level(frame: Frame) -> Decided:
    """BuildLevel(levels, level): one glass fewer on each level."""
    levels, level = frame.args
    return Decided("MoveCup", (level, float(frame.counter))) if frame.counter < levels - level else Decided(None)


def _move_cup(frame: Frame) -> Decided:
    """MoveCup(level, index)."""
    return (Decided("PickCup"), Decided("PlaceCup", frame.args), Decided(None))[frame.counter]


def _pick_cup(frame: Frame) -> Decided:
    """PickCup(): look, drive, look again, drive, take it."""
    if frame.counter == 0:
        return Decided("MoveHead", (LOOKING_DOWN, 0.0))
    if frame.counter in (1, 3):
        return asked(float(frame.counter == 3), float(GLASS), 0.0)
    if frame.counter in (2, 4):
        return Decided("MoveToLocation", frame.value)
    lifts = {5: GRIP[GLASS], 7: OVER}
    if frame.counter in lifts:
        return Decided("MoveArm", stretched(lifts[frame.counter]))
    return Decided("MoveGripper", (1.0,)) if frame.counter == 6 else Decided(None)


def _place_cup(frame: Frame) -> Decided:
    """PlaceCup(level, index)."""
    level, _ = frame.args
    steps = (Decided("MoveToPosition", frame.args), Decided("PutCup", (level,)), Decided("MoveHome"), Decided(None))
    return steps[frame.counter]


def _move_to_position(frame: Frame) -> Decided:
    """MoveToPosition(level, index): where the glass belongs. Tele-operated in the paper, within 1 cm and 1 degree."""
    if frame.returned is not None:
        return Decided(None)
    level, index = frame.args
    x, y, _ = glass_place(round(level), round(index))
    return Decided("MoveBaseAbs", (x, round(y - REACH, 6), math.pi / 2, *HOMING))


def _put_cup(frame: Frame) -> Decided:
    """PutCup(level): down, let go, up."""
    (level,) = frame.args
    lift = round(GRIP[GLASS] + LOWER + 2 * SHAPES[GLASS].half_height * level, 6)
    steps = (Decided("MoveArm", stretched(lift)), Decided("MoveGripper", (0.0,)), Decided("MoveArm", stretched(OVER)))
    return (*steps, Decided(None))[frame.counter]


def _end_task(frame: Frame) -> Decided:
    """EndTask(): look up, as a sign."""
    return (Decided("MoveHead", (0.0, 0.0)), Decided(None))[frame.counter]


def _move_to_location(frame: Frame) -> Decided:
    """MoveToLocation(class, colour, x, y), for glasses, which have no colour."""
    if frame.returned is not None:
        return Decided(None)
    kind, _, x, y = frame.args
    return Decided("MoveBaseRel", (*drive(round(kind), x, y), 0.0, *FINE))


PYRAMID_PROCEDURES: dict[str, Written] = {
    "Pyramid": _pyramid,
    "MoveHome": SHARED_PROCEDURES["MoveHome"],
    "BuildPyramid": _build_pyramid,
    "EndTask": _end_task,
    "BuildLevel": _build_level,
    "MoveCup": _move_cup,
    "PickCup": _pick_cup,
    "PlaceCup": _place_cup,
    "MoveToPosition": _move_to_position,
    "MoveToLocation": _move_to_location,
    "PutCup": _put_cup,
}
