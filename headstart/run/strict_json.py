"""JSON as it should be: one meaning for each text, finite numbers, no key twice, bounded depth, size and count.

`json` alone accepts NaN, lets the last of two equal keys win, and can be made to use any amount of memory.
"""

import json
import math
import re
from typing import Any

from headstart.errors import InputError

DEPTH = 64
VALUES = 1_000_000
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def decode(text: bytes, where: str) -> Any:
    """Reads one JSON text.

    Args:
        text: UTF-8; whoever read it has bounded its length.
        where: what to call it in an error.

    Returns:
        dicts, lists, strings, finite numbers, booleans and None.

    Raises:
        InputError: it is not JSON, not finite, too deep, too long a list, or says one key twice.
    """
    _check_size(text, where)
    try:
        return json.loads(text.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not valid JSON ({_short(error)}); the file is damaged or not ours") from None


def encode(value: Any) -> bytes:
    """Writes the one canonical text of a JSON value: sorted keys, no spaces, ASCII.

    Raises:
        InputError: the value would not come back equal: a key that is no string, a number that is not finite, an object
            of another type.
    """
    _check_value(value, "$")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def _check_size(text: bytes, where: str) -> None:
    skeleton = _STRING.sub(b"", text)
    if skeleton.count(b",") + skeleton.count(b"[") + skeleton.count(b"{") > VALUES:
        raise InputError(f"{where}: more than {VALUES} JSON values; the file is damaged or not ours")
    depth = 0
    for bracket in re.finditer(rb"[\[\]{}]", skeleton):
        depth += 1 if bracket.group() in b"[{" else -1
        if depth > DEPTH:
            raise InputError(f"{where}: JSON nested deeper than {DEPTH}; the file is damaged or not ours")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _short(error: Exception) -> str:
    return str(error).replace("\n", " ")[:120]


def _check_value(value: Any, where: str) -> None:
    if value is None or type(value) in (bool, int, str):
        return
    if type(value) is float:
        if not math.isfinite(value):
            raise InputError(f"{where}: {value} cannot be written as JSON; keep such numbers in the state's arrays")
    elif type(value) is list:
        for i, item in enumerate(value):
            _check_value(item, f"{where}[{i}]")
    elif type(value) is dict:
        for key, item in value.items():
            if type(key) is not str:
                raise InputError(f"{where}: the key {key!r} is no string; JSON would change it")
            _check_value(item, f"{where}.{key}")
    else:
        raise InputError(f"{where}: a {type(value).__name__} cannot be written as JSON; give plain Python values")
