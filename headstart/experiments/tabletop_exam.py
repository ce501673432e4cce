"""Is a controller's task mastered? At least 95 of 100 physical executions at tables that nobody learned from.

Physics is the cost, so nothing is simulated twice, exactly: numbers pass in millionths, and what happens at a table
depends on nothing but the actions done there, so that executions that begin alike share what they have in common
(`Rehearsed`), and an execution in which every decision agrees with the teacher's is the teacher's. A controller that at
more than 5 tables calls something else than the teacher, or with a number that is off by more than 5 cm (or 0.05 of
anything), is counted as failing without being run; `Exam.mark` without its shortcut runs it, to see whether that is
just.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool

from headstart.data.demonstrations import AnnotatedDemonstration, Numbers, ProcedureStep
from headstart.errors import Fault
from headstart.experiments.tabletop_teacher import Teacher
from headstart.maths.statistics import Interval, wilson_interval
from headstart.share.hierarchical import Controller, Decided, Frame, Interpreter, LearnedSkill, Program
from headstart.tasks.tabletop import TableState, TableTask, TableTop

DECIMALS = 6
MASTERED = 0.95
FAR = 0.05  # a number this far off cannot be right
Tables = Bool[np.ndarray, " table"]
MOST_STEPS = 2_000  # of an execution; the teacher's longest has about 350


@dataclass(frozen=True, kw_only=True)
class Rounded:
    """A program whose numbers pass in millionths, between procedures as to the drivers."""

    program: Program

    @property
    def procedures(self) -> tuple[str, ...]:
        """Those of the program."""
        return self.program.procedures

    @property
    def actions(self) -> tuple[str, ...]:
        """Those of the program."""
        return self.program.actions

    def decide(self, frame: Frame) -> Decided:
        """Decides as the program does."""
        decided = self.program.decide(frame)
        return decided._replace(args=rounded(decided.args))


def rounded(numbers: Sequence[float]) -> Numbers:
    """Rounds to millionths; there is one zero."""
    return tuple(round(float(number), DECIMALS) + 0.0 for number in numbers)


@dataclass
class _Moment:
    """A table after some actions, and what came of going on from there."""

    state: TableState
    answer: Numbers = ()
    after: dict[tuple[str, Numbers], "_Moment"] = field(default_factory=dict)


class Rehearsed:
    """A table where the same actions need not be simulated twice. A world for an interpreter; begins anew each run."""

    def __init__(self, family: TableTop, seed: int) -> None:
        self.family = family
        self.start = self.now = _Moment(family.reset([seed]))
        self.simulated = 0

    def begin(self) -> "Rehearsed":
        """Puts everything back."""
        self.now = self.start
        return self

    def act(self, action: str, args: Numbers) -> Numbers:
        """Does an action, or remembers what it did."""
        call = (action, args)
        if call not in self.now.after:
            state, answers = self.family.act(self.now.state, [call])
            self.now.after[call] = _Moment(state, answers[0])
            self.simulated += 1
        self.now = self.now.after[call]
        return self.now.answer

    @property
    def success(self) -> bool:
        """Whether all is where it belongs."""
        return bool(self.family.success(self.now.state)[0])


class Mark(NamedTuple):
    """What an examination found.

    Attributes:
        successes: of the tables, at least where `mastered` is False: the examination stops when it is lost.
        tables: that were examined.
        simulated: executions that had to be run, since they differ from the teacher's.
        lost: whether it was counted as failing without being run.
        first_fault: why the first failed execution failed; empty where none did.
    """

    successes: int
    tables: int
    simulated: int
    lost: bool
    first_fault: str

    @property
    def mastered(self) -> bool:
        """Whether enough executions succeeded."""
        return self.successes >= MASTERED * self.tables

    @property
    def interval(self) -> Interval:
        """The success rate and its 95 % Wilson interval; of a whole examination."""
        return wilson_interval(self.successes, self.tables)


class Exam:
    """A hundred tables, and what the teacher does at each.

    Attributes:
        taught: the teacher's executions.
        passed: whether each succeeded.
    """

    def __init__(self, task: TableTask, tables: int = 100, seed: int = 900, pixel_noise: float = 0.5) -> None:
        """Lets the teacher do the task at every table."""
        self.teacher = Teacher(task=task)
        family = TableTop(task=task, pixel_noise=pixel_noise)
        self.worlds = [Rehearsed(family, 1_000 * seed + index) for index in range(tables)]
        self.taught: list[AnnotatedDemonstration] = []
        self.passed = np.zeros(tables, bool)
        for index, world in enumerate(self.worlds):
            program = Rounded(program=self.teacher)
            self.taught.append(Interpreter().run(program, world, self.teacher.root, self.teacher.root_args))
            self.passed[index] = world.success
        self._steps = _distinct(self.taught)

    @property
    def allowed(self) -> int:
        """How many tables may fail."""
        return len(self.worlds) - math.ceil(MASTERED * len(self.worlds))

    def mark(self, controller: Controller, shortcut: bool = True) -> Mark:
        """Examines a controller.

        Args:
            controller: whose root and arguments are the task's.
            shortcut: count it as lost, without running it, where a decision is far from the teacher's at too many
                tables. Without, every execution that differs from the teacher's is run.

        Returns:
            The mark. Executions are run until the outcome is known.
        """
        agrees, hopeless = self._compare(controller)
        tables, successes = len(self.worlds), int((agrees & self.passed).sum())
        if shortcut and hopeless.sum() > self.allowed:
            return Mark(successes, tables, 0, True, "a decision is far from the teacher's")
        failures, simulated, fault = int((agrees & ~self.passed).sum()), 0, ""
        for index in np.flatnonzero(~agrees).tolist():
            if failures > self.allowed:
                break
            said = self._run(controller, index)
            simulated += 1
            successes, failures = successes + (not said), failures + bool(said)
            fault = fault or said
        return Mark(successes, tables, simulated, False, fault)

    def _run(self, controller: Controller, index: int) -> str:
        """Executes at one table; answers why it failed, or nothing."""
        world = self.worlds[index].begin()
        try:
            Interpreter(most_steps=MOST_STEPS).run(
                Rounded(program=controller), world, controller.root, controller.root_args
            )
        except Fault as fault:
            return str(fault)
        return "" if world.success else "not everything is where it belongs"

    def compare(self, procedure: str, skill: LearnedSkill | None) -> tuple[Tables, Tables]:
        """At which tables every decision of one skill is the teacher's, and at which one is far from it."""
        agrees, hopeless = np.ones(len(self.worlds), bool), np.zeros(len(self.worlds), bool)
        steps = self._steps.get(procedure, {})
        if skill is None:
            return ~agrees, ~hopeless
        for tables, same, far in zip(steps.values(), *_judged(skill, list(steps)), strict=True):
            rows = sorted(tables)
            agrees[rows] &= same
            hopeless[rows] |= far
        return agrees, hopeless

    def _compare(self, controller: Controller) -> tuple[Tables, Tables]:
        agrees, hopeless = np.ones(len(self.worlds), bool), np.zeros(len(self.worlds), bool)
        if controller.root != self.teacher.root or controller.root_args != self.teacher.root_args:
            return ~agrees, ~hopeless
        for procedure in self._steps:
            same, far = self.compare(procedure, controller.skills.get(procedure))
            agrees &= same
            hopeless |= far
        return agrees, hopeless


def _distinct(taught: Sequence[AnnotatedDemonstration]) -> dict[str, dict[ProcedureStep, set[int]]]:
    """For each procedure its distinct steps, and the tables where each occurs."""
    found: dict[str, dict[ProcedureStep, set[int]]] = {}
    for index, one in enumerate(taught):
        for step in one.steps:
            found.setdefault(step.procedure, {}).setdefault(step, set()).add(index)
    return found


def _judged(skill: LearnedSkill, steps: list[ProcedureStep]) -> tuple[np.ndarray, np.ndarray]:
    """Whether each decision is the teacher's to the last millionth, and whether it is far from it."""
    layout, model, params = skill
    calls: Mapping[str | None, int] = {call: index for index, call in enumerate(layout.calls)}
    wanted = np.array([calls.get(step.call, -2) for step in steps])
    given = np.array([len(step.call_args) for step in steps])
    taken = np.array([layout.call_args[index] if index >= 0 else -1 for index in wanted])
    numbers = np.zeros((len(steps), max(layout.call_args)))
    for row, step in enumerate(steps):
        if given[row] == taken[row]:
            numbers[row, : given[row]] = step.call_args
    # what the controller cannot even read (a name that it never met, other lengths) it cannot be right about
    known = np.array([step.returned in layout.returned and len(step.args) == layout.args for step in steps])
    predicted = model.predict(params, layout, np.array([layout.encode(step) for step in steps]))
    right = (predicted.call == wanted) & (given == taken) & known
    error = np.abs(np.where(np.isfinite(predicted.arguments), predicted.arguments, np.inf) - numbers)
    used = np.arange(numbers.shape[1])[None, :] < given[:, None]
    far = ~right | ((error > FAR) & used).any(axis=1)
    same = right & ~((error > 2 * 10.0**-DECIMALS) & used).any(axis=1)
    for row in np.flatnonzero(same):  # to the last bit as `Rounded` does it
        same[row] = rounded(predicted.arguments[row, : given[row]].tolist()) == rounded(steps[row].call_args)
    return same, far
