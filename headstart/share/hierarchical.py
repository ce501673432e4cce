"""Hierarchical controllers: procedures that call procedures until one acts, run by an interpreter with a stack.

A step of a procedure is a function of its arguments, its counter, what has just returned with which value, and what it
observes where the world lets it, to a call with arguments, or a return with a value. Only what is called and is no
procedure touches the world. A program, written or learned, is whatever answers that function; running one yields an
annotated demonstration.

Source: Fox et al. 2018 (parametrized hierarchical procedures), Fox et al. 2019 (HIL-MT).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np

from headstart.data.demonstrations import AnnotatedDemonstration, Numbers, ProcedureStep, TimeStep
from headstart.errors import Fault
from headstart.share.skill_models import SkillModel, SkillParams
from headstart.share.skill_steps import Layout


class World(Protocol):
    """Anything that offers named actions: a robot, a simulator, a table of symbols.

    It may also offer `observe() -> Numbers`, which every decision is then given.
    """

    def act(self, action: str, args: Numbers) -> Numbers: ...  # what the action returns


class Frame(NamedTuple):
    """Where one procedure stands."""

    procedure: str
    args: Numbers
    counter: int = 0
    returned: str | None = None
    value: Numbers = ()
    observation: Numbers = ()

    def step(self, call: str | None = None, call_args: Numbers = ()) -> ProcedureStep:
        """What is recorded when this is decided here."""
        return ProcedureStep(*self[:5], call=call, call_args=call_args, observation=self.observation)


class Decided(NamedTuple):
    """What a procedure does next.

    Attributes:
        call: what is called; None to return.
        args: arguments of the call, or the value returned.
        confidence: between 0 and 1; a written program is sure.
    """

    call: str | None
    args: Numbers = ()
    confidence: float = 1.0


class Program(Protocol):
    """Procedures, written or learned."""

    @property
    def procedures(self) -> tuple[str, ...]: ...
    @property
    def actions(self) -> tuple[str, ...]: ...
    def decide(self, frame: Frame) -> Decided: ...


class LearnedSkill(NamedTuple):
    """A skill model that was fitted, and how it reads a step."""

    layout: Layout
    model: SkillModel
    params: SkillParams


@dataclass(frozen=True, kw_only=True)
class Controller:
    """A learned program.

    Attributes:
        root: the procedure that does the task.
        root_args: its arguments.
        skills: one for each procedure.
        actions: what the world must offer.
    """

    root: str
    root_args: Numbers
    skills: Mapping[str, LearnedSkill]
    actions: tuple[str, ...]

    @property
    def procedures(self) -> tuple[str, ...]:
        """The names of the learned procedures."""
        return tuple(self.skills)

    def decide(self, frame: Frame) -> Decided:
        """Asks the skill of a procedure what to do.

        Raises:
            Fault: the skill knows nothing about where the procedure stands.
        """
        layout, model, params = self.skills[frame.procedure]
        predicted = model.predict(params, layout, np.asarray([layout.encode(frame.step())]))
        call = int(predicted.call[0])
        if call < 0:
            raise Fault(
                f"{_written(frame)} is nothing that {frame.procedure!r} was taught; more demonstrations are needed"
            )
        arguments = tuple(predicted.arguments[0, : layout.call_args[call]].tolist())
        return Decided(layout.calls[call], arguments, float(predicted.confidence[0]))


@dataclass(frozen=True, kw_only=True)
class Interpreter:
    """Runs a program with a stack, within bounds.

    Attributes:
        most_depth: procedures on the stack at most.
        most_steps: procedure steps at most.
        least_confidence: a decision that is less sure stops the run instead of moving a robot.
    """

    most_depth: int = 32
    most_steps: int = 20_000
    least_confidence: float = 0.0

    def run(
        self, program: Program, world: World, root: str, args: Numbers = (), *, name: str = "run", task: str = ""
    ) -> AnnotatedDemonstration:
        """Runs a procedure until it returns.

        Args:
            program: the procedures.
            world: where actions are done.
            root: the procedure to run.
            args: its arguments.
            name: of the demonstration that is made.
            task: of the demonstration that is made.

        Returns:
            What was done, annotated: every time step is an action with the procedure steps that led to it.

        Raises:
            Fault: the stack or the steps exceed their bound, a decision is not sure enough, leads nowhere or is not
                finite, or the world answers with something that is no list of finite numbers. The stack is in the
                message.
        """
        stack = [Frame(root, args)]
        moments: list[TimeStep] = []
        steps: list[ProcedureStep] = []
        observe = getattr(world, "observe", None)
        for _ in range(self.most_steps):
            if observe is not None:
                stack[-1] = stack[-1]._replace(observation=_numbers(observe(), "the observation", stack))
            frame = stack[-1]
            call, call_args, confidence = program.decide(frame)
            self._check(program, stack, Decided(call, call_args, confidence))
            steps.append(frame.step(call, call_args))
            if call is None:
                stack.pop()
                if not stack:
                    moments.append(TimeStep(None, (), tuple(steps)))
                    return AnnotatedDemonstration(name, task, tuple(moments))
                stack[-1] = _resume(stack[-1], frame.procedure, call_args)
            elif call in program.procedures:
                stack.append(Frame(call, call_args))
            else:
                moments.append(TimeStep(call, call_args, tuple(steps)))
                steps = []
                stack[-1] = _resume(frame, call, _numbers(world.act(call, call_args), repr(call), stack))
        raise Fault(f"stopped after {self.most_steps} steps without returning; stack: {_stack(stack)}")

    def _check(self, program: Program, stack: list[Frame], decided: Decided) -> None:
        if decided.call is not None and decided.call not in (*program.procedures, *program.actions):
            raise Fault(f"{decided.call!r} is neither a procedure nor an action; stack: {_stack(stack)}")
        if not all(math.isfinite(number) for number in decided.args):
            raise Fault(f"{decided.call or 'return'} with numbers that are not finite; stack: {_stack(stack)}")
        if decided.confidence < self.least_confidence:
            raise Fault(f"{decided.call or 'return'} with confidence {decided.confidence:.2f}, less than "
                        f"{self.least_confidence:g}; stack: {_stack(stack)}")  # fmt: skip
        if decided.call in program.procedures and len(stack) >= self.most_depth:
            raise Fault(f"stopped at depth {self.most_depth}; stack: {_stack(stack)}")


def _resume(frame: Frame, returned: str, value: Numbers) -> Frame:
    return Frame(frame.procedure, frame.args, frame.counter + 1, returned, value)


def _numbers(answer: Any, what: str, stack: list[Frame]) -> Numbers:
    """Takes what a world said for what it must be. Raises `Fault` if it is no list of finite numbers."""
    try:
        numbers = tuple(float(number) for number in answer)
    except (TypeError, ValueError):
        raise Fault(f"{what} answered {answer!r}, not a list of numbers; stack: {_stack(stack)}") from None
    if not all(math.isfinite(number) for number in numbers):
        raise Fault(f"{what} answered numbers that are not finite; stack: {_stack(stack)}")
    return numbers


def _stack(stack: list[Frame]) -> str:
    shown = stack if len(stack) <= 12 else [*stack[:6], None, *stack[-6:]]
    return " > ".join("..." if frame is None else _written(frame) for frame in shown)


def _written(frame: Frame) -> str:
    args = ", ".join(f"{number:g}" for number in frame.args)
    after = f" after {frame.returned}" if frame.returned else ""
    return f"{frame.procedure}({args}) at {frame.counter}{after}"
