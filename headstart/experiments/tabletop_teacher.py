"""The teacher at the table top: a written program for each task, in the paper's procedures.

`MoveObjects` clears the table or lays it (task 0 or 1): same skills, other branches. Looking again before grasping,
the teacher who clears asks for anything near the gripper, the one who lays asks for the thing itself; neither skill nor
arguments say which, so that what one teaches contradicts the other, as in the paper's demonstrations.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from headstart.experiments.tabletop_pyramid import PYRAMID_PROCEDURES
from headstart.experiments.tabletop_skills import GRIP, SHARED_PROCEDURES, asked, stretched
from headstart.share.hierarchical import Decided, Frame
from headstart.tasks.tabletop import ClearTable, Pyramid, SetTable, TableTask
from headstart.tasks.tabletop.layout import REACH, TUB, TUB_DROP
from headstart.tasks.tabletop.robot import ARGUMENTS
from headstart.tasks.tabletop.tasks import belongs
from headstart.tasks.tabletop.things import Thing

CLEAR, SET = 0.0, 1.0
DROP = 0.45  # lift over the tub
LOWER = 0.004  # m above the table when the fingers open
FAST = (1.0, 2.0)  # m/s and rad/s


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """The program for one task. It is what a learner should find."""

    task: TableTask

    @property
    def root(self) -> str:
        """The procedure that does the task."""
        return "Pyramid" if isinstance(self.task, Pyramid) else "MoveObjects"

    @property
    def root_args(self) -> tuple[float, ...]:
        """Its arguments."""
        if isinstance(self.task, Pyramid):
            return (float(self.task.levels),)
        return (SET,) if isinstance(self.task, SetTable) else (CLEAR,)

    @property
    def procedures(self) -> tuple[str, ...]:
        """The names of the procedures."""
        return tuple(self._written)

    @property
    def actions(self) -> tuple[str, ...]:
        """What a world must offer."""
        return tuple(ARGUMENTS)

    def decide(self, frame: Frame) -> Decided:
        """Decides as written."""
        return self._written[frame.procedure](frame)

    @property
    def _written(self) -> dict[str, Callable[[Frame], Decided]]:
        if isinstance(self.task, Pyramid):
            return PYRAMID_PROCEDURES
        return CLEARING if isinstance(self.task, ClearTable) else SETTING


def _move_objects(frame: Frame) -> Decided:
    """MoveObjects(task): thing after thing, until one is not found."""
    if frame.returned is None:
        return Decided("MoveHome")
    if frame.returned == "MoveObject" and frame.value[0] == 0:
        return Decided(None)
    return Decided("MoveObject", (frame.args[0], float(frame.counter - 1)))


def _move_object(frame: Frame) -> Decided:
    """MoveObject(task, number): any thing when clearing; plate, cup, plate, cup when setting. Answers whether."""
    task, number = frame.args
    if frame.returned is None:
        return Decided("PickObject", (1.0 + number % 2, 1.0 + number // 2) if task == SET else (0.0, 0.0))
    if frame.returned == "PlaceObject":
        return Decided(None, (1.0,))
    return Decided(None, (0.0,)) if frame.value[0] == 0 else Decided("PlaceObject", (task, *frame.value))


def _place_object(frame: Frame) -> Decided:
    """PlaceObject(task, class, colour): over the tub when clearing, each thing to its own place when setting."""
    task, kind, colour = frame.args
    if task == SET:
        x, y, _ = belongs(Thing(int(kind), int(colour)))
        base, lift = (x, round(y - REACH, 6), math.pi / 2, *FAST), round(GRIP[int(kind)] + LOWER, 6)
    else:
        base, lift = (TUB.x, round(TUB_DROP + REACH, 6), -math.pi / 2, *FAST), DROP
    steps = (Decided("MoveBaseAbs", base), Decided("MoveArm", stretched(lift)), Decided("MoveHome"), Decided(None))
    return steps[frame.counter]


def _look_again_at_it(frame: Frame) -> Decided:
    kind, colour, look = frame.args
    return asked(look, kind, colour)


def _look_again_near(frame: Frame) -> Decided:
    kind, colour, look = frame.args
    return asked(look, 0.0, 0.0) if look else asked(look, kind, colour)


def _move_to_object(look: Callable[[Frame], Decided]) -> Callable[[Frame], Decided]:
    def decide(frame: Frame) -> Decided:
        return look(frame) if frame.returned == "MoveHead" else SHARED_PROCEDURES["MoveToObject"](frame)

    return decide


_DISHES = {"MoveObjects": _move_objects, "MoveObject": _move_object, "PlaceObject": _place_object}
CLEARING = {**SHARED_PROCEDURES, **_DISHES, "MoveToObject": _move_to_object(_look_again_near)}
SETTING = {**SHARED_PROCEDURES, **_DISHES, "MoveToObject": _move_to_object(_look_again_at_it)}
