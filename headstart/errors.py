"""How headstart says no: the user's input is wrong, or something broke, or it was asked to stop.

The command line turns each into one line on standard error and an exit status; a library user catches them by type.
"""

import difflib
import signal
from collections.abc import Iterable


class InputError(ValueError):
    """What the user gave cannot work: what, where, and what to do instead. Exit status 2."""


class Fault(RuntimeError):
    """Something broke that was not the user's choice of words: a disk, a simulator, a worker. Exit status 1."""


class Interrupted(BaseException):
    """The run was asked to stop, and has saved. Not an `Exception`: nothing that catches faults may swallow it.

    Attributes:
        exit_code: 128 + the signal's number: 143 for SIGTERM, 130 for Ctrl-C.
    """

    def __init__(self, number: int):
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_code = 128 + number


def unknown(kind: str, name: str, options: Iterable[str]) -> InputError:
    """Builds the error for a name that does not exist, with the nearest names that do.

    Args:
        kind: what was named, such as `"family"`.
        name: what the user wrote.
        options: every name that would have worked.

    Returns:
        The error, to be raised by the caller.

    Example:
        >>> str(unknown("family", "hoper", ["hopper", "swimmer"]))
        "unknown family 'hoper'; did you mean 'hopper'?"
    """
    options = sorted(options)
    near = difflib.get_close_matches(name.lower(), options, n=3, cutoff=0.5)
    hint = "did you mean " + " or ".join(map(repr, near)) + "?" if near else "choose from " + ", ".join(options)
    return InputError(f"unknown {kind} {name!r}; {hint}")


def in_a_line(error: BaseException) -> str:
    """Says what was raised, in one line."""
    text = "".join(c if c.isprintable() else "?" for c in " ".join(str(error).split()))
    return f"raised {type(error).__name__}" + (f": {text[:300]}" if text else "")
