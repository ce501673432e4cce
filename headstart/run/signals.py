"""SIGTERM and Ctrl-C become a request that a training loop grants at its next safe point; a second leaves at once."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from headstart.errors import Interrupted

STOPPING = (signal.SIGTERM, signal.SIGINT)


class Stop:
    """The request to stop, as a loop sees it."""

    def __init__(self) -> None:
        self._number: int | None = None

    @property
    def requested(self) -> bool:
        """Returns whether a signal has come; the loop then saves and calls `leave`."""
        return self._number is not None

    def leave(self) -> None:
        """Raises `Interrupted` if a signal has come; else does nothing."""
        if self._number is not None:
            raise Interrupted(self._number)

    def _handle(self, number: int, frame: Any) -> None:
        if self._number is not None:
            os._exit(128 + number)  # asked twice: the last checkpoint is on the disk, whatever we are doing
        self._number = number


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Turns the first SIGTERM or SIGINT within the block into a request, and the second into leaving at once.

    Outside of the main thread Python gives no signals; the request then never comes.

    Example:
        >>> with stoppable() as stop:
        ...     for update in range(3):
        ...         if stop.requested:  # save here
        ...             stop.leave()
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in STOPPING}
    for number in STOPPING:
        signal.signal(number, stop._handle)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
