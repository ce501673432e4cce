"""`python -m headstart` and the console script: words in, exit status out, never a traceback."""

import os
import signal
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NoReturn

from headstart.errors import Fault, InputError, Interrupted


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        argv: the words after `headstart`; None reads those of this process.

    Returns:
        0 done; 1 something broke; 2 the input cannot work; 130 or 143 interrupted, with everything saved.
    """
    try:
        with plain_warnings(), terminable():
            from headstart.cli import parse, run  # inside, so that an interrupt during the import is caught as well

            return run(parse(sys.argv[1:] if argv is None else argv))
    except SystemExit as leaving:  # the parser has printed its own line
        return leaving.code if isinstance(leaving.code, int) else 2
    except InputError as error:
        return say(error, 2)
    except Fault as error:
        return say(error, 1)
    except Interrupted as stopped:
        return say(stopped, stopped.exit_code)
    except KeyboardInterrupt:
        return say("interrupted", 130)
    except BrokenPipeError:  # the reader of our output has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except MemoryError:
        return say("out of memory; take a smaller --size or fewer environments", 1)
    except OSError as error:
        where = f" {error.filename!r}" if error.filename else ""
        return say(f"the operating system refused{where}: {error.strerror or error}", 1)
    except Exception as error:  # a bug of ours: keep what is needed to mend it, out of the user's way
        with tempfile.NamedTemporaryFile("w", prefix="headstart-", suffix=".txt", delete=False) as report:
            traceback.print_exc(file=report)
        return say(f"internal error, {type(error).__name__}: {one_line(error)}; please report {report.name}", 1)


def script() -> NoReturn:
    """Runs the command of this process and ends the process with its exit status.

    After an interruption a thread may still be inside a long computation. Python, on its way out, would end such a
    thread as soon as it comes back, in the midst of C++ that then aborts: status 134 and two lines of noise.
    """
    status = main()
    if any(thread.daemon and thread is not threading.current_thread() for thread in threading.enumerate()):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(status)
    sys.exit(status)


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Has each warning be one line for a user, without the place in the code that it comes from."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *where: print(f"headstart: {one_line(message)}", file=sys.stderr)
        yield


@contextmanager
def terminable() -> Iterator[None]:
    """Has SIGTERM raise as Ctrl-C does, so that what must be put away is put away."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def raise_it(number: int, frame: object) -> None:
        raise Interrupted(number)

    before = signal.signal(signal.SIGTERM, raise_it)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL if before is None else before)


def say(message: object, status: int) -> int:
    """Prints one line on standard error and hands the exit status on."""
    print(f"headstart: {one_line(message)}", file=sys.stderr)
    return status


def one_line(message: object) -> str:
    """Folds a message into one line of printable characters, so that no input can write to the terminal its own way."""
    text = " ".join(str(message).split())
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


if __name__ == "__main__":
    script()
