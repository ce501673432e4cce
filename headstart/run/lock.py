"""One writer a run folder: a lock that the kernel gives back however its holder dies.

The file says who holds it (pid, host, since when) for the message to the second; what locks is `flock`, so a file that
a killed process left behind stops nobody.
"""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headstart.errors import Fault, InputError
from headstart.run import strict_json

NAME = "lock"


@contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Holds a run folder for this process.

    Raises:
        InputError: another process (or this one) holds it, or it is no folder that we may write to.
        Fault: the disk refused.
    """
    path = Path(folder) / NAME
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise InputError(f"{folder}: cannot be used as a run folder: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{folder}: in use by {_holder(descriptor)}; wait for it, or choose another --out"
            ) from None
        _write(descriptor, path)
        yield
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _write(descriptor: int, path: Path) -> None:
    holder = {"pid": os.getpid(), "host": socket.gethostname(), "since": time.strftime("%Y-%m-%d %H:%M:%S %z")}
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, strict_json.encode(holder), 0)
    except OSError as error:
        raise Fault(f"{path}: cannot be written: {error.strerror}") from None


def _holder(descriptor: int) -> str:
    try:
        show = strict_json.printable
        holder = strict_json.decode(os.pread(descriptor, 4096, 0), NAME)
        return f"process {int(holder['pid'])} on {show(holder['host'])} since {show(holder['since'])}"
    except (InputError, KeyError, TypeError, ValueError):
        return "another process"
