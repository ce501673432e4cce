"""One skill's procedure steps as arrays: distinct steps, and how often each occurs in each demonstration.

A training set is then a vector of weights over the distinct steps, the sum of some demonstrations' counts: adding a
demonstration, leaving out a fold or pooling a past task adds and subtracts short vectors and copies nothing.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from headstart.data.demonstrations import AnnotatedDemonstration, ProcedureStep
from headstart.errors import InputError

Weights = Float[np.ndarray, " step"]


class Layout(NamedTuple):
    """How a procedure step becomes a vector of inputs, and an index of a call with its arguments.

    The inputs are the arguments, the counter, which of `returned` has just returned (its index), the numbers that it
    returned, filled up with zeros, and what the procedure observes.

    Attributes:
        procedure: whose steps these are.
        args: how many arguments the procedure has.
        returned: what may have returned; the first entry is None, for the first step.
        value: the longest list of numbers that is returned to the procedure.
        calls: what the procedure may call; None, if present, is to return.
        call_args: how many arguments each call has.
        observation: how many numbers the procedure observes.
    """

    procedure: str
    args: int
    returned: tuple[str | None, ...]
    value: int
    calls: tuple[str | None, ...]
    call_args: tuple[int, ...]
    observation: int = 0

    @property
    def inputs(self) -> int:
        """How many inputs there are."""
        return self.args + 2 + self.value + self.observation

    @property
    def counter(self) -> int:
        """Which input is the counter."""
        return self.args

    @property
    def names(self) -> tuple[str, ...]:
        """What each input is called in messages."""
        given = tuple(f"args[{i}]" for i in range(self.args))
        seen = (f"observation[{i}]" for i in range(self.observation))
        return (*given, "counter", "returned", *(f"value[{i}]" for i in range(self.value)), *seen)

    def encode(self, step: ProcedureStep) -> tuple[float, ...]:
        """The inputs of a step. A name that is not in `returned` has index -1, a longer value is cut."""
        index = self.returned.index(step.returned) if step.returned in self.returned else -1
        value = (*step.value, *(0.0,) * self.value)[: self.value]
        args = (*step.args, *(0.0,) * self.args)[: self.args]
        observation = (*step.observation, *(0.0,) * self.observation)[: self.observation]
        return (*args, float(step.counter), float(index), *value, *observation)


class SkillSteps(NamedTuple):
    """The distinct steps of one skill.

    Attributes:
        layout: how steps become numbers.
        inputs: of each distinct step.
        call: index into `layout.calls`.
        arguments: of the call, filled up with zeros.
        task: index of the task that each demonstration belongs to; 0 is the new task.
        counts: how often each distinct step occurs in each demonstration.
        example: for each distinct step, where it occurs first and what it is.
        unit: of each argument of each call: errors are measured in it, so that one accuracy serves metres and degrees.
    """

    layout: Layout
    inputs: Float[np.ndarray, "step input"]
    call: Int[np.ndarray, " step"]
    arguments: Float[np.ndarray, "step argument"]
    task: Int[np.ndarray, " demonstration"]
    counts: Float[np.ndarray, "demonstration step"]
    example: tuple[tuple[str, ProcedureStep], ...]
    unit: Float[np.ndarray, "call argument"]

    def weights(self, demonstrations: np.ndarray) -> Weights:
        """How often each distinct step occurs in these demonstrations (indices, or a mask)."""
        return self.counts[demonstrations].sum(axis=0)


def tabulate(
    tasks: Mapping[str, Sequence[AnnotatedDemonstration]], units: Mapping[str, Sequence[float]] | None = None
) -> dict[str, SkillSteps]:
    """Turns the demonstrations of several tasks into one table for each skill of the first task.

    Args:
        tasks: the demonstrations of each task; the first entry is the new task, the others are past ones. Each task's
            structure is assumed checked (`call_graph`).
        units: for some calls, the unit of each argument, in multiples of that of all others.

    Returns:
        For each procedure of the new task, its steps in all tasks in which its arguments have the same length; rows of
        `counts` are the demonstrations of all tasks, in the order given.

    Raises:
        InputError: a skill has too many inputs to be learned, or the units of a call are not as many as its arguments.
    """
    origin = [index for index, given in enumerate(tasks.values()) for _ in given]
    pooled = [one for given in tasks.values() for one in given]
    rows: dict[str, list[tuple[int, ProcedureStep]]] = {}
    for number, one in enumerate(pooled):
        for step in one.steps:
            if step.procedure in rows or origin[number] == 0:
                rows.setdefault(step.procedure, []).append((number, step))
    return {name: _tabulate(name, steps, pooled, np.asarray(origin), units or {}) for name, steps in rows.items()}


def incompatible(new: Sequence[AnnotatedDemonstration], past: Sequence[AnnotatedDemonstration], skill: str) -> str:
    """Says why a skill of a past task cannot be shared at all; the empty string where it can.

    Args:
        new: demonstrations of the new task.
        past: demonstrations of the past task.
        skill: a procedure of the new task.

    Returns:
        The reason, for people.
    """
    here = [step for one in new for step in one.steps if step.procedure == skill]
    there = [step for one in past for step in one.steps if step.procedure == skill]
    if not there:
        return f"the past task has no skill {skill!r}"
    if len(here[0].args) != len(there[0].args):
        return f"{skill!r} has {len(there[0].args)} arguments in the past task and {len(here[0].args)} in this one"
    if len(here[0].observation) != len(there[0].observation):
        return (f"{skill!r} observes {len(there[0].observation)} numbers in the past task and "
                f"{len(here[0].observation)} in this one")  # fmt: skip
    lengths = {step.call: len(step.call_args) for step in there}
    for step in here:
        if lengths.get(step.call, len(step.call_args)) != len(step.call_args):
            called = "returns" if step.call is None else f"calls {step.call!r} with"
            there_and_here = f"{lengths[step.call]} numbers in the past task and {len(step.call_args)} in this one"
            return f"{skill!r} {called} {there_and_here}"
    return ""


def _tabulate(
    name: str,
    steps: list[tuple[int, ProcedureStep]],
    pooled: list[AnnotatedDemonstration],
    task: np.ndarray,
    units: Mapping[str, Sequence[float]],
) -> SkillSteps:
    first: dict[str | None, int] = {}
    for _, step in steps:
        first.setdefault(step.call, len(step.call_args))
    args, seen = len(steps[0][1].args), len(steps[0][1].observation)
    fitting = [
        (number, step)
        for number, step in steps
        if (len(step.args), len(step.observation), len(step.call_args)) == (args, seen, first[step.call])
    ]
    returned = dict.fromkeys([None, *(step.returned for _, step in fitting)])
    layout = Layout(
        procedure=name,
        args=args,
        returned=tuple(returned),
        value=max(len(step.value) for _, step in fitting),
        calls=tuple(first),
        call_args=tuple(first.values()),
        observation=seen,
    )
    if layout.inputs > 256 or max(layout.call_args) > 256:
        raise InputError(f"skill {name!r} has {layout.inputs} inputs and calls with up to {max(layout.call_args)} "
                         "numbers; at most 256 of either can be learned")  # fmt: skip
    width = max(layout.call_args)
    distinct: dict[tuple[float, ...], int] = {}
    example: list[tuple[str, ProcedureStep]] = []
    places = np.empty((len(fitting), 2), np.int64)
    for row, (number, step) in enumerate(fitting):
        padded = (*step.call_args, *(0.0,) * (width - len(step.call_args)))
        key = (*layout.encode(step), float(layout.calls.index(step.call)), *padded)
        index = distinct.setdefault(key, len(distinct))
        if index == len(example):
            example.append((pooled[number].source or pooled[number].name, step))
        places[row] = number, index
    table = np.asarray(list(distinct), np.float64)
    counts = np.zeros((len(pooled), len(distinct)))
    np.add.at(counts, (places[:, 0], places[:, 1]), 1.0)
    inputs, call, arguments = np.split(table, [layout.inputs, layout.inputs + 1], axis=1)
    unit = _units(layout, width, units)
    return SkillSteps(layout, inputs, call[:, 0].astype(np.int64), arguments, task, counts, tuple(example), unit)


def _units(layout: Layout, width: int, units: Mapping[str, Sequence[float]]) -> Float[np.ndarray, "call argument"]:
    unit = np.ones((len(layout.calls), width))
    for index, (call, length) in enumerate(zip(layout.calls, layout.call_args, strict=True)):
        if call is not None and call in units:
            if len(units[call]) != length:
                raise InputError(f"{call!r} has {length} arguments, and {len(units[call])} units are given for them")
            unit[index, :length] = units[call]
    return unit
