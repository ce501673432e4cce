"""What annotated demonstrations say about structure: who calls whom, with how many numbers, and where they slip.

What makes learning impossible is refused: a call that leads nowhere, recursion, lists of varying length. What a
teacher's slip can explain is reported and learned from as it is: a counter that jumps, a chain that breaks.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from headstart.data.demonstrations import AnnotatedDemonstration, ProcedureStep, TimeStep
from headstart.errors import InputError


class CallGraph(NamedTuple):
    """Who calls whom.

    Attributes:
        root: the procedure that begins the first demonstration.
        root_args: its arguments there.
        calls: for every procedure, what it calls, in the order of first appearance.
        actions: everything called that is no procedure.
        returns: how many numbers each procedure or action returns.
    """

    root: str
    root_args: tuple[float, ...]
    calls: dict[str, tuple[str, ...]]
    actions: tuple[str, ...]
    returns: dict[str, int]


class Finding(NamedTuple):
    """Something doubtful in a demonstration: where, and what."""

    where: str
    what: str


def call_graph(demonstrations: Iterable[AnnotatedDemonstration]) -> CallGraph:
    """Extracts the call graph.

    Args:
        demonstrations: of one task, at least one.

    Returns:
        The graph. It has no cycle, and every call leads to a procedure or an action.

    Raises:
        InputError: a call leads nowhere, procedures call each other in a circle, the lists of arguments or returned
            values of one procedure differ in length, or the demonstrations begin with different procedures.
    """
    demonstrations = tuple(demonstrations)
    if not demonstrations:
        raise InputError("no demonstration was given; expected at least one")
    calls: dict[str, dict[str, None]] = {}
    for one in demonstrations:
        for step in one.steps:
            calls.setdefault(step.procedure, {})
            if step.call is not None:
                calls[step.procedure].setdefault(step.call)
    performed = {moment.action for one in demonstrations for moment in one.time_steps if moment.action is not None}
    graph = {procedure: tuple(called) for procedure, called in calls.items()}
    _refuse_undefined(graph, performed, demonstrations)
    _refuse_recursion(graph)
    returns = _lengths(demonstrations)
    first = demonstrations[0].steps[0]
    for one in demonstrations:
        if one.steps[0].procedure != first.procedure:
            raise InputError(f"{one.source or one.name}: begins with {one.steps[0].procedure!r}, and "
                             f"{demonstrations[0].source or demonstrations[0].name} with {first.procedure!r}; "
                             "expected one root procedure")  # fmt: skip
    actions = {call: None for called in graph.values() for call in called if call not in graph}
    return CallGraph(first.procedure, first.args, graph, tuple(actions), returns)


def findings(demonstrations: Iterable[AnnotatedDemonstration]) -> tuple[Finding, ...]:
    """Replays the stack of every demonstration and reports where the annotation contradicts itself.

    Args:
        demonstrations: any number.

    Returns:
        The findings: jumps of counters, chains that break, actions that are not what was called.
    """
    return tuple(found for one in demonstrations for found in _replay(one))


def _replay(one: AnnotatedDemonstration) -> Iterator[Finding]:
    stack: list[ProcedureStep] = []
    previous: ProcedureStep | None = None
    for index, moment in enumerate(one.time_steps):
        for step in moment.steps:
            where = f"{one.source or one.name}, time step {index}"
            entered = previous is None or (step.returned is None and previous.call == step.procedure)
            if not entered and (not stack or stack[-1].procedure != step.procedure):
                expected = stack[-1].procedure if stack else "the end"
                yield Finding(where, f"a step of {step.procedure!r} where {expected!r} was to go on")
                stack = stack[: _depth(stack, step.procedure)]
            elif entered:
                if step.counter:
                    yield Finding(where, f"{step.procedure!r} begins at counter {step.counter} instead of 0")
                if previous is not None and previous.call_args != step.args:
                    yield Finding(where, f"{step.procedure!r} was called with {list(previous.call_args)} and has "
                                         f"{list(step.args)}")  # fmt: skip
            elif step.counter != stack[-1].counter + 1:
                yield Finding(
                    where, f"the counter of {step.procedure!r} jumps from {stack[-1].counter} to {step.counter}"
                )
            stack = [*(stack if entered else stack[:-1]), step]
            if step.call is None:
                stack = stack[:-1]
            previous = step
        yield from _action_findings(one, index, moment)


def _depth(stack: list[ProcedureStep], procedure: str) -> int:
    """How much of the stack is left when its topmost `procedure` goes on."""
    for depth in range(len(stack), 0, -1):
        if stack[depth - 1].procedure == procedure:
            return depth
    return 0


def _action_findings(one: AnnotatedDemonstration, index: int, moment: TimeStep) -> Iterator[Finding]:
    if moment.steps and moment.steps[-1].call != moment.action:
        called = moment.steps[-1].call
        yield Finding(f"{one.source or one.name}, time step {index}", f"{called!r} was called, {moment.action!r} done")


def _refuse_undefined(
    graph: dict[str, tuple[str, ...]], performed: set[str], demonstrations: tuple[AnnotatedDemonstration, ...]
) -> None:
    for one in demonstrations:
        for step in one.steps:
            if step.call is not None and step.call not in graph and step.call not in performed:
                raise InputError(f"{one.source or one.name}: {step.procedure!r} calls {step.call!r}, which is neither "
                                 "a procedure with steps nor an action that is done anywhere; expected one of "
                                 + ", ".join(sorted({*graph, *performed})))  # fmt: skip


def _refuse_recursion(graph: dict[str, tuple[str, ...]]) -> None:
    finished: set[str] = set()
    for start in graph:
        path: list[tuple[str, Iterator[str]]] = [(start, iter(graph[start]))]
        while path:  # depth first with a list: a file may nest deeper than Python recurses
            name, rest = path[-1]
            called = next(rest, None)
            names = [each for each, _ in path]
            if called is None:
                finished.add(name)
                path.pop()
            elif called in names:
                circle = " -> ".join([*names[names.index(called) :], called])
                raise InputError(f"procedures call each other in a circle: {circle}; expected a call graph without one")
            elif called in graph and called not in finished:
                path.append((called, iter(graph[called])))


def _lengths(demonstrations: tuple[AnnotatedDemonstration, ...]) -> dict[str, int]:
    """Checks that lists of one kind are equally long everywhere; answers how many numbers each name returns."""
    known: dict[tuple[str, str], tuple[int, str]] = {}

    def expect(kind: str, name: str, length: int, one: AnnotatedDemonstration) -> None:
        first, source = known.setdefault((kind, name), (length, one.source or one.name))
        if length != first:
            raise InputError(f"{one.source or one.name}: {kind} {name!r} has {length} numbers, in {source} {first}; "
                             "expected lists of one length")  # fmt: skip

    for one in demonstrations:
        for step in one.steps:
            expect("the arguments of", step.procedure, len(step.args), one)
            expect("the observation of", step.procedure, len(step.observation), one)
            if step.returned is not None:
                expect("the value returned by", step.returned, len(step.value), one)
            if step.call is not None:
                expect("the arguments of", step.call, len(step.call_args), one)
            else:
                expect("the value returned by", step.procedure, len(step.call_args), one)
    return {name: length for (kind, name), (length, _) in known.items() if kind == "the value returned by"}
