"""Demonstrations: annotated with the procedures that led to each action, or flat. JSON Lines, streamed and validated.

One line is one annotated demonstration:

    {"demonstration": NAME, "task": NAME, "time_steps": [{"action": NAME or null, "action_args": [...] or null,
     "steps": [{"procedure": NAME, "args": [...], "step": COUNTER, "returned": NAME or null,
                "returned_value": [...] or null, "call": NAME or null, "call_args": [...] or null}, ...]}, ...]}

`steps` are the procedure steps that led to the action, in order. A step says where a procedure stood (its arguments,
its counter, what just returned to it and with which value) and what the teacher then did: call something, or return
(`call` is null, `call_args` is the value returned). It may also say what the procedure saw, `"observation": [...]`;
without it, all that a procedure sees is what its calls return. A flat demonstration is `{"obs": [[...], ...], "action":
[[...], ...]}`.
"""

import json
import math
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np

from headstart.errors import Fault, InputError, unknown
from headstart.types import Demonstration

Numbers = tuple[float, ...]
LONGEST_LINE = 64 * 2**20  # bytes; a longer line is no demonstration but a wrong file


class ProcedureStep(NamedTuple):
    """One step of one procedure.

    Attributes:
        procedure: whose step this is.
        args: its arguments.
        counter: its program counter, from 0.
        returned: the sub-procedure or action that has just returned; None at the first step.
        value: what it returned.
        call: what the teacher then called; None: this procedure returns.
        call_args: the arguments of the call, or the value returned.
        observation: what the procedure sees beside that; empty where perception is left to calls.
    """

    procedure: str
    args: Numbers
    counter: int
    returned: str | None
    value: Numbers
    call: str | None
    call_args: Numbers
    observation: Numbers = ()


class TimeStep(NamedTuple):
    """One elementary action, and the procedure steps that led to it. `action` is None at the end."""

    action: str | None
    action_args: Numbers
    steps: tuple[ProcedureStep, ...]


class AnnotatedDemonstration(NamedTuple):
    """A whole demonstration. `source` is where it was read (`file:line`), for messages."""

    name: str
    task: str
    time_steps: tuple[TimeStep, ...]
    source: str = ""

    @property
    def steps(self) -> tuple[ProcedureStep, ...]:
        """All procedure steps, in order."""
        return tuple(step for time_step in self.time_steps for step in time_step.steps)


def stream_demonstrations(path: Path) -> Iterator[AnnotatedDemonstration]:
    """Reads annotated demonstrations from one JSON Lines file, one line at a time.

    Args:
        path: the file.

    Yields:
        The demonstrations, in the order of the file. Empty lines are passed over.

    Raises:
        InputError: a line is not a demonstration; names the file, the line, the field and what was expected.
    """
    for where, record in _records(path):
        yield _demonstration(record, where)


def read_demonstrations(path: str | Path, task: str | None = None) -> tuple[AnnotatedDemonstration, ...]:
    """Reads every demonstration of a file, or of all `*.jsonl` files of a folder.

    Args:
        path: a file or a folder.
        task: keep only the demonstrations of this task; None keeps all.

    Returns:
        The demonstrations, files in the order of their names.

    Raises:
        InputError: nothing is there, a line is malformed, or no demonstration is of the task.
    """
    demonstrations = tuple(one for file in _files(Path(path)) for one in stream_demonstrations(file))
    if not demonstrations:
        raise InputError(f"{path} holds no demonstration; expected one JSON object a line")
    if task is None:
        return demonstrations
    chosen = tuple(one for one in demonstrations if one.task == task)
    if not chosen:
        raise InputError(f"{path}: {unknown('task', task, {one.task for one in demonstrations})}")
    return chosen


def write_demonstrations(path: str | Path, demonstrations: Iterable[AnnotatedDemonstration]) -> None:
    """Writes annotated demonstrations as JSON Lines, replacing the file in one move.

    Args:
        path: the file to write.
        demonstrations: what to write, one line each. An empty list of numbers is written as null.

    Raises:
        Fault: the file cannot be written; a file that was there is left as it was.
    """
    path = Path(path)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            for one in demonstrations:
                file.write(json.dumps(_as_record(one), allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        raise Fault(f"cannot write {path}: {error.strerror or error}; nothing was replaced") from error


def read_flat(path: str | Path) -> tuple[Demonstration, ...]:
    """Reads flat demonstrations, for behaviour cloning.

    Args:
        path: a JSON Lines file, or a folder of them; a line is `{"obs": [[...], ...], "action": [[...], ...]}`.

    Returns:
        One `Demonstration` a line; `obs` has axes `time obs` and `action` has axes `time action`, float32.

    Raises:
        InputError: a line is malformed, or its sizes differ from those of the first.
    """
    flat: list[Demonstration] = []
    for file in _files(Path(path)):
        for where, record in _records(file):
            obs, action = (_matrix(record, field, where) for field in ("obs", "action"))
            if len(obs) != len(action):
                raise InputError(f"{where}: field 'action': expected {len(obs)} rows, one for each row of 'obs', "
                                 f"found {len(action)}")  # fmt: skip
            if flat and (obs.shape[1], action.shape[1]) != (flat[0].obs.shape[1], flat[0].action.shape[1]):
                raise InputError(f"{where}: rows have {obs.shape[1]} and {action.shape[1]} numbers; the first "
                                 f"demonstration has {flat[0].obs.shape[1]} and {flat[0].action.shape[1]}")  # fmt: skip
            flat.append(Demonstration(obs, cast(Any, action)))
    if not flat:
        raise InputError(f"{path} holds no demonstration; expected one JSON object a line")
    return tuple(flat)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(path.glob("*.jsonl"))
        if not files:
            raise InputError(f"{path} holds no *.jsonl file; expected demonstrations as JSON Lines")
        return files
    if not path.exists():
        raise InputError(f"{path} does not exist; expected a JSON Lines file or a folder of them")
    return [path]


def _records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(LONGEST_LINE + 1):
                number += 1
                where = f"{path}:{number}"
                if len(line) > LONGEST_LINE:
                    raise InputError(f"{where}: the line is longer than {LONGEST_LINE} bytes; expected one JSON object")
                if line.strip():
                    yield where, _parse(line, where)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def _parse(line: bytes, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise InputError(f"{where}: byte {error.start} is not UTF-8; expected JSON text") from None
    except RecursionError:
        raise InputError(f"{where}: lists are nested too deeply; expected one demonstration") from None
    except ValueError as error:  # also an integer of too many digits
        detail = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise InputError(f"{where}: not JSON ({detail}); expected one object a line") from None
    if not isinstance(record, dict):
        raise InputError(f"{where}: expected an object with 'time_steps', found {_kind(record)}")
    return record


def _demonstration(record: dict[str, Any], where: str) -> AnnotatedDemonstration:
    moments = _list(record, "time_steps", where, "time_steps")
    time_steps = tuple(_time_step(one, where, f"time_steps[{i}]") for i, one in enumerate(moments))
    if not any(one.steps for one in time_steps):
        raise InputError(f"{where}: field 'time_steps': expected at least one procedure step, found none")
    name, task = (_name(record, field, where, field) for field in ("demonstration", "task"))
    return AnnotatedDemonstration(name, task, time_steps, where)


def _time_step(record: Any, where: str, path: str) -> TimeStep:
    _object(record, where, path)
    steps = _list(record, "steps", where, f"{path}.steps")
    return TimeStep(
        action=_name_or_none(record, "action", where, f"{path}.action"),
        action_args=_numbers(record, "action_args", where, f"{path}.action_args"),
        steps=tuple(_step(one, where, f"{path}.steps[{i}]") for i, one in enumerate(steps)),
    )


def _step(record: Any, where: str, path: str) -> ProcedureStep:
    _object(record, where, path)
    counter = _field(record, "step", where, f"{path}.step")
    if isinstance(counter, bool) or not isinstance(counter, int) or not 0 <= counter < 2**31:
        raise InputError(f"{where}: field '{path}.step': expected a counter from 0, found {_kind(counter)}")
    return ProcedureStep(
        procedure=_name(record, "procedure", where, f"{path}.procedure"),
        args=_numbers(record, "args", where, f"{path}.args"),
        counter=counter,
        returned=_name_or_none(record, "returned", where, f"{path}.returned"),
        value=_numbers(record, "returned_value", where, f"{path}.returned_value"),
        call=_name_or_none(record, "call", where, f"{path}.call"),
        call_args=_numbers(record, "call_args", where, f"{path}.call_args"),
        observation=_numbers(record, "observation", where, f"{path}.observation") if "observation" in record else (),
    )


def _field(record: dict[str, Any], field: str, where: str, path: str) -> Any:
    if field not in record:
        raise InputError(f"{where}: field '{path}' is missing")
    return record[field]


def _object(record: Any, where: str, path: str) -> None:
    if not isinstance(record, dict):
        raise InputError(f"{where}: field '{path}': expected an object, found {_kind(record)}")


def _list(record: dict[str, Any], field: str, where: str, path: str) -> list[Any]:
    value = _field(record, field, where, path)
    if not isinstance(value, list):
        raise InputError(f"{where}: field '{path}': expected a list, found {_kind(value)}")
    return value


def _name_or_none(record: dict[str, Any], field: str, where: str, path: str) -> str | None:
    return None if _field(record, field, where, path) is None else _name(record, field, where, path)


def _name(record: dict[str, Any], field: str, where: str, path: str) -> str:
    value = _field(record, field, where, path)
    if not isinstance(value, str) or not value or not value.isprintable():
        raise InputError(f"{where}: field '{path}': expected a name, found {_kind(value)}")
    return value


def _numbers(record: dict[str, Any], field: str, where: str, path: str) -> Numbers:
    value = _field(record, field, where, path)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InputError(f"{where}: field '{path}': expected a list of numbers or null, found {_kind(value)}")
    return tuple(_number(one, where, f"{path}[{i}]") for i, one in enumerate(value))


def _number(value: Any, where: str, path: str) -> float:
    """True and false are the numbers 1 and 0: teachers return them."""
    number = math.nan
    if isinstance(value, bool | int | float):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
    if not math.isfinite(number) or abs(number) > 1e100:  # squares and products of inputs must stay finite
        raise InputError(f"{where}: field '{path}': expected a finite number, found {_kind(value)}")
    return number


def _matrix(record: dict[str, Any], field: str, where: str) -> np.ndarray:
    rows = [_numbers({field: row}, field, where, f"{field}[{i}]") for i, row in enumerate(
        _list(record, field, where, field))]  # fmt: skip
    if not rows or not rows[0] or len({len(row) for row in rows}) > 1:
        raise InputError(f"{where}: field '{field}': expected a list of rows of equal length, at least one number each")
    if max(abs(number) for row in rows for number in row) > float(np.finfo(np.float32).max):
        raise InputError(f"{where}: field '{field}': a number is too large for float32")
    return np.asarray(rows, np.float32)


def _kind(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _as_record(one: AnnotatedDemonstration) -> dict[str, Any]:
    return {
        "demonstration": one.name,
        "task": one.task,
        "time_steps": [
            {
                "action": moment.action,
                "action_args": list(moment.action_args) or None,
                "steps": [
                    {
                        "procedure": step.procedure,
                        "args": list(step.args) or None,
                        "step": step.counter,
                        "returned": step.returned,
                        "returned_value": list(step.value) or None,
                        "call": step.call,
                        "call_args": list(step.call_args) or None,
                    }
                    | ({"observation": list(step.observation)} if step.observation else {})
                    for step in moment.steps
                ],
            }
            for moment in one.time_steps
        ],
    }
