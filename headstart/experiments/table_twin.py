"""A table of symbols and a teacher who clears or sets it: demonstrations with known skills, as many as one likes.

The same form as a robot's (procedures, counters, what returned), our own procedures: a twin for tests and experiments
where no recorded demonstrations may be used. Perception is an action that answers with what was found; the way to a
thing is a quadratic function of its pixel, another one for each kind of thing, so that some skills are arithmetic,
some are tables and some are branches. Two tasks share most skills and contradict each other in some.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from headstart.data.demonstrations import AnnotatedDemonstration, Numbers, TimeStep
from headstart.share.hierarchical import Decided, Frame, Interpreter

TASKS = ("clear", "set")
KINDS, COLOURS = 2, 3  # plates and cups; red, green, blue
PLACES = {
    (kind, colour): (0.1 * colour * colour, 0.3 - 0.07 * kind * colour) for kind in (1, 2) for colour in (1, 2, 3)
}
REACH = {1: 0.36, 2: 0.42}
TO_BASE = {1: (0.2, -0.003, 0.001, 2e-6, -1e-6, 3e-6), 2: (0.1, -0.002, 0.002, 2e-6, -1e-6, 3e-6)}


TELE_OPERATED = "drive"  # the one action that a person would steer by hand
UNITS = {TELE_OPERATED: (1.0, 1.0, 100.0)}  # accuracy 0.01 is then 1 cm, 1 cm and 1 degree


def base_offset(kind: int, x: float, y: float) -> tuple[float, float, float]:
    """How far to drive (m, m) and turn (degrees) for a thing of a kind seen at a pixel: what `approach` learns."""
    a, b, c, d, e, f = TO_BASE[kind]
    forward = a + b * x + c * y + d * x * x + e * x * y + f * y * y
    return forward, 0.5 * forward - 0.001 * x, 20.0 * forward + 0.02 * y


@dataclass(kw_only=True)
class SymbolTable:
    """Things on a table, as a world of named actions. Mutable: acting changes it.

    Attributes:
        things: kind and colour of each thing on the table.
        generator: where the pixels come from.
        held: what the gripper holds.
        placed: what was put where.
        seen: kind, colour and pixel of what was found last.
        base: where the base was sent last.
        driven: whether the base is within 3 cm and 3 degrees of where the thing can be taken.
    """

    things: list[tuple[int, int]]
    generator: np.random.Generator
    held: tuple[int, int] | None = None
    placed: dict[tuple[int, int], tuple[float, float]] = field(default_factory=dict)
    seen: tuple[int, int, float, float] | None = None
    driven: bool = False
    base: tuple[float, float] = (0.0, 0.0)

    def act(self, action: str, args: Numbers) -> Numbers:
        """Does an action: `look(kind, colour)`, `drive(x, y, turn)`, `go(x, y)`, `reach(height)`, `grip(closed)`."""
        if action == "look":
            return self._look(round(args[0]), round(args[1]))
        if action == "drive":
            expected = base_offset(self.seen[0], *self.seen[2:]) if self.seen else (np.inf,) * 3
            self.driven = bool((np.abs(np.subtract(args, expected)) <= 0.03 * np.asarray(UNITS["drive"])).all())
        elif action == "go":
            self.base = (args[0], args[1])
        elif action == "grip" and args[0] > 0.5 and self.driven and self.seen is not None:
            self.held = self.seen[:2]
            self.things.remove(self.held)
        elif action == "grip" and args[0] <= 0.5 and self.held is not None:
            self.placed[self.held] = self.base
            self.held = None
        return ()

    def _look(self, kind: int, colour: int) -> Numbers:
        wanted = [one for one in self.things if kind in (0, one[0]) and colour in (0, one[1])]
        self.driven = False
        if not wanted:
            self.seen = None
            return (0.0, 0.0, 0.0, 0.0)
        found = wanted[self.generator.integers(len(wanted))]
        x, y = self.generator.uniform(0, 640), self.generator.uniform(0, 480)
        self.seen = (*found, float(x), float(y))
        return (float(found[0]), float(found[1]), float(x), float(y))


Procedure = Callable[[Frame], Decided]


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """The written program. It is what a learner should find."""

    @property
    def procedures(self) -> tuple[str, ...]:
        """The names of the procedures."""
        return tuple(_PROCEDURES)

    @property
    def actions(self) -> tuple[str, ...]:
        """What a world must offer."""
        return ("look", "drive", "go", "reach", "grip")

    def decide(self, frame: Frame) -> Decided:
        """Decides as written."""
        return _PROCEDURES[frame.procedure](frame)


def _tidy(frame: Frame) -> Decided:
    """tidy(task): thing after thing, until one is not found."""
    if frame.returned is None:
        return Decided("home")
    if frame.returned == "handle" and frame.value[0] == 0:
        return Decided(None)
    return Decided("handle", (frame.args[0], float(frame.counter - 1)))


def _home(frame: Frame) -> Decided:
    return (Decided("grip", (0.0,)), Decided("reach", (0.45,)), Decided("go", (0.0, 0.0)), Decided(None))[frame.counter]


def _handle(frame: Frame) -> Decided:
    """handle(task, number): any thing when clearing, the next of a fixed order when setting."""
    task, number = frame.args
    if frame.returned is None:
        order = (1.0 + number % 2, 1.0 + number // 2)
        return Decided("fetch", order if task == 1 else (0.0, 0.0))
    if frame.returned == "put":
        return Decided(None, (1.0,))
    return Decided(None, (0.0,)) if frame.value[0] == 0 else Decided("put", (task, *frame.value))


def _fetch(frame: Frame) -> Decided:
    """fetch(kind, colour): look, go there, take it; answers what was taken, or zeros."""
    if frame.returned is None:
        return Decided("look", frame.args)
    if frame.returned == "look":
        return Decided(None, (0.0, 0.0)) if frame.value[0] == 0 else Decided("approach", frame.value)
    if frame.returned == "approach":
        return Decided("grasp", frame.value)
    return Decided(None, frame.value)


def _approach(frame: Frame) -> Decided:
    kind, colour, x, y = frame.args
    if frame.returned is None:
        return Decided("drive", base_offset(int(kind), x, y))
    return Decided(None, (kind, colour))


def _grasp(frame: Frame) -> Decided:
    kind, colour = frame.args
    down, up = Decided("reach", (REACH[int(kind)],)), Decided("reach", (0.65,))
    return (down, Decided("grip", (1.0,)), up, Decided(None, (kind, colour)))[frame.counter]


def _put(frame: Frame) -> Decided:
    """put(task, kind, colour): one corner when clearing, each thing's own place when setting."""
    task, kind, colour = frame.args
    place = PLACES[int(kind), int(colour)] if task == 1 else (0.2, 0.9)
    height = REACH[int(kind)] + 0.01 if task == 1 else 0.55
    return (Decided("go", place), Decided("reach", (height,)), Decided("home"), Decided(None))[frame.counter]


_PROCEDURES: dict[str, Procedure] = {
    "tidy": _tidy,
    "home": _home,
    "handle": _handle,
    "fetch": _fetch,
    "approach": _approach,
    "grasp": _grasp,
    "put": _put,
}


def new_table(generator: np.random.Generator, task: Literal["clear", "set"] = "set") -> SymbolTable:
    """A table for a task. Mostly all six things are there; where they are not, the teacher gives up early."""
    things = [(kind, colour) for colour in range(1, COLOURS + 1) for kind in range(1, KINDS + 1)]
    if task == "set":
        count = 6 if generator.random() < 0.75 else int(generator.integers(4, 6))
        return SymbolTable(things=things[:count], generator=generator)
    count = 6 if generator.random() < 0.7 else int(generator.integers(1, 6))
    chosen = generator.permutation(len(things))[:count]
    return SymbolTable(things=[things[index] for index in chosen], generator=generator)


def teach(task: Literal["clear", "set"], number: int, seed: int = 0) -> tuple[AnnotatedDemonstration, ...]:
    """Lets the teacher demonstrate.

    Args:
        task: `clear` or `set`.
        number: of demonstrations.
        seed: of the tables.

    Returns:
        The demonstrations.
    """
    made = []
    for index in range(number):
        world = new_table(np.random.default_rng((seed, TASKS.index(task), index)), task)
        args = (float(TASKS.index(task)),)
        made.append(Interpreter().run(Teacher(), world, "tidy", args, name=f"{task}-{index}", task=task))
    return tuple(made)


def corrupt(
    demonstrations: tuple[AnnotatedDemonstration, ...], share: float, seed: int = 0
) -> tuple[AnnotatedDemonstration, ...]:
    """Annotates some steps wrongly: the call of another step of the same procedure, with its arguments.

    Args:
        demonstrations: right ones.
        share: of the steps that become wrong, each alone.
        seed: of which and how.

    Returns:
        The demonstrations with wrong annotations; chains then break, as those of tired teachers do.
    """
    generator = np.random.default_rng(seed)
    every: dict[str, list] = {}
    for one in demonstrations:
        for step in one.steps:
            every.setdefault(step.procedure, []).append(step)

    def slip(moment: TimeStep) -> TimeStep:
        steps = []
        for step in moment.steps:
            if generator.random() < share:
                other = every[step.procedure][generator.integers(len(every[step.procedure]))]
                step = step._replace(call=other.call, call_args=other.call_args)
            steps.append(step)
        return moment._replace(steps=tuple(steps))

    return tuple(one._replace(time_steps=tuple(slip(moment) for moment in one.time_steps)) for one in demonstrations)


def tremble(
    demonstrations: tuple[AnnotatedDemonstration, ...], procedure: str, deviation: float | Numbers, seed: int = 0
) -> tuple[AnnotatedDemonstration, ...]:
    """Adds noise of tele-operation to the actions that one procedure calls.

    Args:
        demonstrations: exact ones.
        procedure: whose calls are tele-operated.
        deviation: standard deviation of the normal noise, in the units of the arguments; one for all, or one for each.
        seed: of the noise.

    Returns:
        The noisy demonstrations.
    """
    generator = np.random.default_rng(seed)

    def shake(moment: TimeStep) -> TimeStep:
        if not moment.steps or moment.steps[-1].procedure != procedure or moment.action is None:
            return moment
        noise = generator.normal(0.0, deviation, len(moment.action_args))
        args = tuple((np.asarray(moment.action_args) + noise).tolist())
        last = moment.steps[-1]._replace(call_args=args)
        return replace_step(moment, args, last)

    def replace_step(moment: TimeStep, args: Numbers, last) -> TimeStep:
        return moment._replace(action_args=args, steps=(*moment.steps[:-1], last))

    return tuple(one._replace(time_steps=tuple(shake(moment) for moment in one.time_steps)) for one in demonstrations)
