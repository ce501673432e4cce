"""How far dynamics are spread, in a user's words: the name of a preset, or a table of ranges.

    {"preset": "mild", "mass:*": [0.8, 1.5], "mass:torso": [1.0, 2.0], "delay:action": 1}

One entry for each parameter, or pattern of them, with its lowest and highest value in the parameter's own unit, or the
one value that it always has. A name goes before a pattern, and both go before the preset, which may be left out; so the
order of entries means nothing. `headstart list FAMILY` names the parameters of a family.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from headstart.adapt.randomize import PRESETS, Uniform, matching, preset_ranges
from headstart.errors import InputError, unknown
from headstart.run import strict_json
from headstart.run.words import read_table
from headstart.spaces import ParameterSpace
from headstart.types import TaskFamily

OPTION, BASE = "--randomize", "preset"


def read_ranges(words: str, others: Iterable[str] = ()) -> str:
    """Reads how far to spread dynamics, and returns a name as it is and a table as one canonical line of JSON.

    Args:
        words: the name of a preset, the path of a JSON file, or JSON that begins with a brace.
        others: names beside the presets that mean something where this is asked.

    Raises:
        InputError: it is neither; or the file cannot be read, or is no JSON.
    """
    names = [*others, *PRESETS]
    if words in names:
        return words
    if not words.lstrip().startswith("{") and not words.endswith(".json") and not Path(words).exists():
        raise unknown(f"{OPTION}, which is a name or a JSON file of ranges,", words, names)
    return read_table(OPTION, words)


def randomization(family: TaskFamily, words: str) -> Uniform:
    """Builds what `read_ranges` has read, for one family.

    Raises:
        InputError: the family has no such parameter, or no world can have such a range.
    """
    table = {BASE: words} if words in PRESETS else strict_json.decode(words.encode(), OPTION)
    try:
        return Uniform(space=family.dynamics, ranges=ranges_of(family.dynamics, table), base=family.task())
    except InputError as error:
        raise InputError(f"{OPTION}: {error}") from None


def ranges_of(space: ParameterSpace, table: Any) -> dict[str, tuple[float, float]]:
    """Reads a table of ranges, for one space.

    Raises:
        InputError: for the first entry that cannot be meant; whether values are legal is not looked at.
    """
    if not isinstance(table, dict) or not table:
        raise InputError('a table is needed, such as {"mass:*": [0.8, 1.5]}')
    given = {name: bounds(name, said) for name, said in table.items() if name != BASE}
    ranges = preset_ranges(space, base_of(table)) if BASE in table else {}
    by_pattern: dict[str, str] = {}
    for pattern in (name for name in given if name not in space):
        for parameter in matching(space, pattern):
            if parameter.name in given:
                continue
            if parameter.name in by_pattern:
                raise InputError(
                    f"both {by_pattern[parameter.name]!r} and {pattern!r} match {parameter.name!r}; name it by itself"
                )
            by_pattern[parameter.name] = pattern
    ranges |= {name: given[pattern] for name, pattern in by_pattern.items()}
    return ranges | {name: given[name] for name in given if name in space}


def base_of(table: dict[str, Any]) -> str:
    """Returns the preset that a table changes. Raises `InputError` where that is no name."""
    if not isinstance(table[BASE], str):
        raise InputError(f"{BASE} is {strict_json.printable(table[BASE], 40)!r}; choose from {', '.join(PRESETS)}")
    return table[BASE]


def bounds(name: str, said: Any) -> tuple[float, float]:
    """Reads one entry: two numbers, or one. Raises `InputError`."""
    both = said if isinstance(said, list) else [said, said]
    if len(both) != 2 or any(type(number) not in (int, float) for number in both):
        shown = strict_json.printable(name), strict_json.printable(said, 40)
        raise InputError(f"{shown[0]!r} is {shown[1]!r}; a lowest and a highest value are needed, such as [0.8, 1.5]")
    return float(both[0]), float(both[1])
