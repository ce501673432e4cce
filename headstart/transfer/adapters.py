"""Adapters: a target whose spaces are not the source's, made to fit by a table that the user writes down.

    {"observation": [{"from": 0}, {"from": "state/3", "scale": 0.5}, {"value": 0.0}],
     "action": [{"from": 1, "scale": -1.0}, {"value": 0.2}]}

One entry for each number that the source's policy sees, and one for each number that the target is given. `from` is an
index, or, where the target's observation is a dictionary, a path and an index. A table is data: nothing in it is
imported or executed. What it cannot say, a wrapper around the user's own environment can.
"""

import math
from typing import Any

from headstart.errors import InputError
from headstart.run import strict_json
from headstart.run.words import read_table
from headstart.spaces import Box, Discrete
from headstart.tasks.adapted import Adapted, Adapter, Entry, boxes_of, size_of
from headstart.types import HostFamily, TaskFamily

FIELDS = {"from", "scale", "offset"}


def read_adapter(words: str) -> str:
    """Reads an adapter, from a file or as it stands, and returns it as one canonical line of JSON.

    Args:
        words: the path of a JSON file, or JSON that begins with a brace.

    Raises:
        InputError: there is no such file, or it is no JSON object.
    """
    return read_table("--adapter", words)


def adapted(target: HostFamily, source: TaskFamily, text: str) -> Adapted:
    """Makes a target fit a source.

    Args:
        target: as it is.
        source: whose policy is to act in it.
        text: JSON, as `read_adapter` returns it.

    Raises:
        InputError: the table does not fit the two worlds; says which entry, and what would.
    """
    table = strict_json.decode(text.encode(), "--adapter")
    if not isinstance(table, dict) or set(table) != {"observation", "action"}:
        raise InputError('--adapter: an object with "observation" and "action", each a list, is needed')
    if not isinstance(source.observation, Box) or source.observation.dtype != "float32":
        raise InputError(f"--adapter: {source.name!r} does not see one vector of numbers; only such a source fits")
    if not isinstance(source.action, Box) or not isinstance(target.action, Box):
        raise InputError("--adapter: rearranges vectors of actions, and one of the two worlds has discrete ones")
    seen = boxes_of(target.observation)
    acted = {"": source.action}
    observation = entries("observation", table["observation"], size_of(source.observation), seen)
    action = entries("action", table["action"], size_of(target.action), acted)
    adapter = Adapter(observation=observation, action=action)
    return Adapted(family=target, adapter=adapter, observation=source.observation, action=source.action)


def require_whole_state(there: Adapted, option: str) -> None:
    """Refuses an adapter through which the target's state is not seen in full, or its motors are not all asked.

    What is filled in, or shown twice, is no measurement: a simulator that is put into such a state starts somewhere
    else than the target did, and whatever follows is blamed on its parameters. The same with a motor that only one of
    the two worlds moves.

    Args:
        there: the target behind its adapter.
        option: that needs the state, for the message.

    Raises:
        InputError: for the first entry that keeps the state from being known.
    """
    reason = _missing(there.adapter, size_of(there.action))
    if reason:
        raise InputError(f"{option} --adapter: {reason}; adapt by observations only: --adapt simopt")


def _missing(adapter: Adapter, actions: int) -> str | None:
    places: dict[tuple[str | None, int], int] = {}
    for i, entry in enumerate(adapter.observation):
        first = places.setdefault((entry.leaf, entry.index), i)
        if entry.leaf is None or entry.scale == 0.0:
            return f"observation[{i}] is a constant, and the simulator must be put into the state that was seen"
        if first != i:
            return f"observation[{i}] repeats observation[{first}], and the simulator must be put into the whole state"
    for i, entry in enumerate(adapter.action):
        if entry.leaf is None or entry.scale == 0.0:
            return f"action[{i}] is a constant, and the simulator has no such motor"
    unused = set(range(actions)) - {entry.index for entry in adapter.action}
    return f"entry {min(unused)} of the policy's action moves nothing on the target" if unused else None


def entries(name: str, rows: Any, wanted: int, given: dict[str, Any]) -> tuple[Entry, ...]:
    """Reads one list of the table.

    Args:
        name: of the list.
        rows: what stands there.
        wanted: how many entries there must be.
        given: the boxes that entries may come from, by path.

    Raises:
        InputError: for the first entry that cannot work.
    """
    if not isinstance(rows, list) or len(rows) != wanted:
        count = f"{len(rows)} entries" if isinstance(rows, list) else "no list"
        raise InputError(f"--adapter: {name}: {count}, and {wanted} are needed")
    return tuple(entry(f"--adapter: {name}[{i}]", row, given) for i, row in enumerate(rows))


def entry(where: str, row: Any, given: dict[str, Any]) -> Entry:
    """Reads one entry of the table. Raises `InputError` in one line."""
    if not isinstance(row, dict):
        raise InputError(f'{where}: {strict_json.printable(row, 40)!r}; write {{"from": 0}} or {{"value": 0.0}}')
    if set(row) == {"value"}:
        return Entry(None, 0, 1.0, number(where, "value", row["value"]))
    if "from" not in row or set(row) - FIELDS:
        wrong = ", ".join(sorted(set(row) - FIELDS)) or "from is missing"
        raise InputError(f"{where}: {strict_json.printable(wrong, 80)}; an entry has from, scale, offset, or value")
    leaf, index = place(where, row["from"], given)
    return Entry(
        leaf, index, number(where, "scale", row.get("scale", 1.0)), number(where, "offset", row.get("offset", 0))
    )


def place(where: str, said: Any, given: dict[str, Any]) -> tuple[str, int]:
    """Reads where an entry comes from: an index, or a path and an index. Raises `InputError` naming what there is."""
    leaf, digits = "", str(said)
    if isinstance(said, str):
        leaf, _, digits = said.rpartition("/")
    fits = type(said) in (int, str) and digits.isascii() and digits.isdigit() and len(digits) < 10
    box = given.get(leaf)
    if not fits or box is None or isinstance(box, Discrete) or int(digits) >= size_of(box):
        there = "; ".join(
            f"{path + '/' if path else ''}0 to {size_of(box) - 1}"
            for path, box in list(given.items())[:20]
            if not isinstance(box, Discrete)
        )
        raise InputError(f"{where}: from {strict_json.printable(said, 60)!r} is not there; there are {there}")
    return leaf, int(digits)


def number(where: str, name: str, value: Any) -> float:
    """Reads a finite number. Raises `InputError`."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{where}: {name} is {strict_json.printable(value, 40)!r}; a number is needed")
    return float(value)
