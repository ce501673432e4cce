"""Domains that nobody designed: random programs with random call graphs, branches and lists of arguments.

A domain is two tasks that share most of their program. Each has a root that loops (so many times as it is told, or
until nothing is found), a middle that senses, branches on what came back and hands it down, and some skills that act:
their arguments are constants, copies, sums, tables of a kind or quadratic functions of a measured position. In the new
task every single decision is drawn again with some probability, so that some skills are the same, some are different
and most are the same in part. For tests of what was never looked at while it was built.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from headstart.data.demonstrations import AnnotatedDemonstration, Numbers
from headstart.share.hierarchical import Decided, Frame, Interpreter

CHANGED = 0.25  # of the decisions of the new task
TASKS = ("old", "new")


class Formula(NamedTuple):
    """One number, of what a step is given.

    Attributes:
        kind: `constant`, `copy` of an argument, `sum` with a constant, `table` over an argument, `quadratic` in two.
        index: which argument, or the first of two.
        numbers: what is in it.
    """

    kind: str
    index: int
    numbers: tuple[float, ...]

    def __call__(self, args: Numbers) -> float:
        """The number."""
        if self.kind == "constant":
            return self.numbers[0]
        if self.kind == "copy":
            return args[self.index]
        if self.kind == "sum":
            return args[self.index] + self.numbers[0]
        if self.kind == "table":
            return self.numbers[int(args[self.index]) % len(self.numbers)]
        x, y = args[self.index], args[self.index + 1]
        return float(np.dot(self.numbers, (1.0, x, y, x * x, x * y, y * y)))


class Statement(NamedTuple):
    """What a skill does at one value of its counter: an action with arguments, or a return with a value."""

    call: str | None
    args: tuple[Formula, ...]


@dataclass(frozen=True, kw_only=True)
class RandomTask:
    """A program.

    Attributes:
        skills: what acts: its statements, in order.
        extra: how many whole numbers each skill is given beside the kind and the position of what was sensed.
        sense: arguments of sensing, of the number of the loop.
        by_kind: which skill is for which kind.
        after: a skill that is called after it; empty for none.
        given: of each skill, formulas for its extra arguments, of the middle's arguments.
        told: whether the root loops as often as it is told; else until nothing is found.
        kinds: how many kinds of things there are.
    """

    skills: dict[str, tuple[Statement, ...]]
    extra: dict[str, int]
    sense: tuple[Formula, ...]
    by_kind: tuple[str, ...]
    after: str
    given: dict[str, tuple[Formula, ...]]
    told: bool
    kinds: int

    @property
    def procedures(self) -> tuple[str, ...]:
        """The names of the procedures."""
        return ("root", "middle", *self.skills)

    @property
    def actions(self) -> tuple[str, ...]:
        """What a world must offer."""
        return ("sense", *{one.call for of in self.skills.values() for one in of if one.call is not None})

    def decide(self, frame: Frame) -> Decided:
        """Decides as drawn."""
        if frame.procedure == "root":
            over = frame.counter >= frame.args[0] if self.told else frame.returned is not None and frame.value[0] == 0
            return Decided(None) if over else Decided("middle", (*frame.args, float(frame.counter)))
        if frame.procedure == "middle":
            return self._middle(frame)
        statement = self.skills[frame.procedure][frame.counter]
        return Decided(statement.call, tuple(one(frame.args) for one in statement.args))

    def _middle(self, frame: Frame) -> Decided:
        if frame.returned is None:
            return Decided("sense", tuple(one(frame.args) for one in self.sense))
        if frame.returned == "sense":
            if frame.value[0] == 0:
                return Decided(None, (0.0,))
            return self._hand_down(self.by_kind[int(frame.value[0]) % len(self.by_kind)], frame)
        if self.after and frame.returned != self.after:
            return Decided(self.after, (*frame.value, *(one(frame.args) for one in self.given[self.after])))
        return Decided(None, (1.0,))

    def _hand_down(self, skill: str, frame: Frame) -> Decided:
        return Decided(skill, (*frame.value, *(one(frame.args) for one in self.given[skill])))


@dataclass(kw_only=True)
class Things:
    """A world: sensing finds a thing of some kind somewhere, or nothing. Mutable: the generator moves on."""

    kinds: int
    generator: np.random.Generator

    def act(self, action: str, args: Numbers) -> Numbers:
        """Answers sensing with a kind from 1 and a position between 0 and 100, or zeros; all else with nothing."""
        if action != "sense":
            return ()
        if self.generator.random() < 0.15:
            return (0.0, 0.0, 0.0)
        x, y = self.generator.uniform(0, 100, 2)
        return (float(self.generator.integers(1, self.kinds + 1)), float(x), float(y))


def draw_domain(seed: int) -> tuple[RandomTask, RandomTask]:
    """Draws an old task, and a new one that shares most of it."""
    generator = np.random.default_rng((7, seed))
    count, kinds = int(generator.integers(2, 5)), int(generator.integers(2, 5))
    names = [f"skill{index}" for index in range(count)]
    extra = {name: int(generator.integers(0, 3)) for name in names}
    sizes = {f"do{index}": int(generator.integers(1, 6)) for index in range(4)}
    skills = {}
    for name in names:
        calls = generator.choice(list(sizes), int(generator.integers(1, 4))).tolist()
        statements = [Statement(call, _draw(generator, sizes[call], 3 + extra[name], kinds)) for call in calls]
        back = tuple(Formula("copy", index, ()) for index in range(3))  # what was sensed, for whoever comes next
        skills[name] = (*statements, Statement(None, back))
    old = RandomTask(
        skills=skills,
        extra=extra,
        sense=_draw(generator, 2, 2, kinds, measured=False),
        by_kind=tuple(generator.choice(names, int(generator.integers(1, kinds + 1))).tolist()),
        after=str(generator.choice([*names, ""])),
        given={name: _draw(generator, extra[name], 2, kinds, measured=False) for name in names},
        told=bool(generator.random() < 0.5),
        kinds=kinds,
    )
    return old, _change(old, generator)


def demonstrate(task: RandomTask, name: str, number: int, seed: int) -> tuple[AnnotatedDemonstration, ...]:
    """Lets a task's own program demonstrate it."""
    made = []
    for index in range(number):
        generator = np.random.default_rng((seed, TASKS.index(name), index))
        args = (float(generator.integers(2, 7)),)
        world = Things(kinds=task.kinds, generator=generator)
        made.append(Interpreter().run(task, world, "root", args, name=f"{name}-{index}", task=name))
    return tuple(made)


def _draw(
    generator: np.random.Generator, number: int, args: int, kinds: int, measured: bool = True
) -> tuple[Formula, ...]:
    return tuple(_formula(generator, args, kinds, measured) for _ in range(number))


def _formula(generator: np.random.Generator, args: int, kinds: int, measured: bool) -> Formula:
    whole = [0, *range(3, args)] if measured else list(range(args))  # arguments that are whole numbers
    numbers = np.round(generator.normal(0, 1, 6), 2)
    kind = str(
        generator.choice(["constant", "copy", "sum", "table", "quadratic"] if measured else ["constant", "copy"])
    )
    if kind == "table":
        return Formula(kind, 0, tuple(np.round(generator.normal(0, 1, kinds + 1), 2).tolist()))
    if kind == "quadratic":
        return Formula(kind, 1, tuple((numbers * (1.0, 0.01, 0.01, 1e-4, 1e-4, 1e-4)).tolist()))
    return Formula(kind, int(generator.choice(whole)), (float(numbers[0]),))


def _change(old: RandomTask, generator: np.random.Generator) -> RandomTask:
    def again(formula: Formula, args: int, measured: bool) -> Formula:
        return _formula(generator, args, old.kinds, measured) if generator.random() < CHANGED else formula

    skills = {
        name: tuple(
            one if one.call is None else one._replace(args=tuple(again(f, 3 + old.extra[name], True) for f in one.args))
            for one in statements
        )
        for name, statements in old.skills.items()
    }
    names = list(skills)
    return RandomTask(
        skills=skills,
        extra=old.extra,
        sense=tuple(again(one, 2, False) for one in old.sense),
        by_kind=tuple(str(generator.choice(names)) if generator.random() < CHANGED else one for one in old.by_kind),
        after=str(generator.choice([*names, ""])) if generator.random() < CHANGED else old.after,
        given={name: tuple(again(one, 2, False) for one in of) for name, of in old.given.items()},
        told=old.told if generator.random() > CHANGED else not old.told,
        kinds=old.kinds,
    )
