"""Reading small JSON files of a run, of which any may be damaged, cut off or not ours."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

Read = TypeVar("Read")
MOST_BYTES = 1 << 20
MOST_FILES = 200
DAMAGE = (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError)


def read_small(file: Path, most: int = MOST_BYTES) -> Any:
    """Reads a JSON file.

    Args:
        file: that is read.
        most: bytes that it may have.

    Raises:
        OSError: it cannot be read.
        ValueError: it is larger, or is not JSON.
        RecursionError: it is nested too deeply.
    """
    if file.stat().st_size > most:
        raise ValueError("it is too large to be ours")
    return json.loads(file.read_text(encoding="utf-8"))


def undamaged(path: Path, pattern: str, of: Callable[[Any], Read]) -> Iterator[Read]:
    """Yields what is in each file of a folder; a damaged one is left out.

    Args:
        path: the folder.
        pattern: of the files' names.
        of: takes out of the JSON value what is wanted, and raises one of `DAMAGE` where it is not there.
    """
    for file in sorted(path.glob(pattern))[:MOST_FILES]:
        try:
            read = of(read_small(file))
        except DAMAGE:
            continue
        yield read
