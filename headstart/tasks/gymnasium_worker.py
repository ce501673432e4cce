"""The child process that holds a user's environments: `python -P -m headstart.tasks.gymnasium_worker FDS`.

It reads one byte for each command and answers one byte, or a line of JSON where there is more to say; observations,
actions and rewards lie in shared memory. Nothing is pickled, nothing of the parent's is imported or run again.
"""

import fcntl
import json
import mmap
import os
import signal
import sys
import threading
from typing import Any

import numpy as np

from headstart.errors import InputError, in_a_line
from headstart.tasks.gymnasium_batch import Batch, gather
from headstart.tasks.gymnasium_board import board_on
from headstart.tasks.gymnasium_building import build, describe
from headstart.tasks.gymnasium_stepping import Misbehaved

RESET, STEP, CLOSE = b"r", b"s", b"c"
FINE, MESSAGE, BAD_INPUT, BROKEN = b".", b"=", b"?", b"!"


def read_exactly(file: int, count: int) -> bytes:
    """Reads `count` bytes; fewer where the other side is gone."""
    parts = b""
    while len(parts) < count and (part := os.read(file, count - len(parts))):
        parts += part
    return parts


def send(file: int, message: Any, mark: bytes = MESSAGE) -> None:
    """Writes a mark, a length and JSON, whole."""
    text = json.dumps(message).encode()
    view = memoryview(mark + len(text).to_bytes(4, "little") + text)
    while view:
        view = view[os.write(file, view) :]


def receive(file: int) -> Any:
    """Reads what `send` wrote, after its mark. Raises `EOFError` where the other side is gone."""
    size = read_exactly(file, 4)
    text = read_exactly(file, int.from_bytes(size, "little"))
    if len(size) < 4 or not text:
        raise EOFError
    return json.loads(text)


def die_with(lifeline: int) -> None:
    """Ends this process and those that it starts as soon as the parent is gone, also in the middle of an endless step.

    The parent holds the other end of the pipe and never writes. Where the system offers it, closing raises SIGIO in the
    whole process group, whose default is death even while C code keeps Python from running; the thread does the rest.
    """

    def watch() -> None:
        os.read(lifeline, 1)
        os._exit(0)

    if hasattr(fcntl, "F_SETOWN") and hasattr(os, "O_ASYNC"):
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
        fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    threading.Thread(target=watch, daemon=True).start()


def serve(commands: int, replies: int, environments: Batch, at: np.ndarray) -> None:
    """Obeys one command after another until told to close or left alone."""
    actions = {RESET: environments.reset, STEP: environments.step}
    while (command := os.read(commands, 1)) in actions:
        try:
            with np.errstate(all="ignore"):
                actions[command]()
            os.write(replies, FINE)
        except Misbehaved as error:
            send(replies, {"row": error.row, "what": error.what}, BROKEN)
        except BaseException as error:
            send(replies, {"row": int(at[0]), "what": in_a_line(error)}, BROKEN)
    environments.close()


def main() -> None:
    """Builds the environments that the first message asks for, says what they are, and serves."""
    commands, replies, memory, lifeline = map(int, sys.argv[1:5])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with(lifeline)
    order = receive(commands)
    try:
        built = [build(order["source"], order["arguments"]) for _ in range(order["build"])]
        description = describe(built[0])
    except InputError as error:
        return send(replies, str(error), BAD_INPUT)
    except BaseException as error:
        return send(replies, in_a_line(error), BROKEN)
    send(replies, description)
    if order["n"] == 0:  # only asked what it is
        return built[0].close()
    board = board_on(mmap.mmap(memory, 0), description, order["n"], order["workers"])
    environments = gather(built, board, order["first"], order["worker"])
    serve(commands, replies, environments, board.at[order["worker"] :])


if __name__ == "__main__":
    main()
