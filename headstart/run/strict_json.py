"""JSON as it should be: one meaning for each text, finite numbers, no key twice, bounded depth, size and count.

`json` alone accepts NaN, lets the last of two equal keys win, and can be made to use any amount of memory.
"""

import json
import math
import re
from typing import Any

from headstart.errors import InputError

DEPTH = 64
TOKENS = 500_000
_INNERMOST = re.compile(r"\[(\n[^\[\]{}]*)\]")
# possessive, and a quote that nothing closes is a token of its own: linear time on any text
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{},"]', re.DOTALL)


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
        return json.loads(text.decode("utf-8"), **_HOOKS)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: not valid JSON ({_short(error)}); the file is damaged or not ours") from None


def readable(value: Any) -> str:
    """Writes a JSON value for people: keys as they come, indented, but a list of numbers or words stands on one line.

    Raises:
        ValueError: a number is not finite.
    """
    text = json.dumps(value, indent=1, allow_nan=False)
    # a line break is never inside of a string: there it is written as \\n
    return _INNERMOST.sub(lambda found: "[" + re.sub(r"\n\s*", " ", found[1]).strip() + "]", text)


def encode(value: Any) -> bytes:
    """Writes the one canonical text of a JSON value: sorted keys, no spaces, ASCII.

    Raises:
        InputError: the value would not come back equal: a key that is no string, a number that is not finite, an object
            of another type.
    """
    _check_value(value, "$")
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def printable(value: Any, length: int = 80) -> str:
    """Returns text from a file as it may be shown: short, one line, without control characters."""
    return repr(str(value))[1:-1][:length]


def _check_size(text: bytes, where: str) -> None:
    depth = 0
    for count, token in enumerate(_TOKEN.finditer(text)):
        mark = token.group()
        depth += (mark in (b"[", b"{")) - (mark in (b"]", b"}"))
        if mark == b'"':
            raise InputError(f"{where}: not valid JSON (a text without an end); the file is damaged or not ours")
        if depth > DEPTH or count > TOKENS:
            what = f"nested deeper than {DEPTH}" if depth > DEPTH else f"of more than {TOKENS} parts"
            raise InputError(f"{where}: JSON {what}; the file is damaged or not ours")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")


def _finite(digits: str) -> float:
    if math.isinf(number := float(digits)):
        raise ValueError(f"{digits[:20]} is too large a number")
    return number


_HOOKS: dict[str, Any] = {"object_pairs_hook": _unique, "parse_constant": _no_constant, "parse_float": _finite}


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
