"""Where runs are kept when the user names no folder."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headstart.errors import InputError
from headstart.run import lock
from headstart.run.record import RunFolder


def new_folder(command: str, of: str) -> Path:
    """Returns a folder under runs/ that does not exist yet, called after a command and what it is about."""
    name = f"{command}-{of.rpartition(':')[2]}"  # of code of the user's the function
    base = Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    return next(path for i in range(1000) if not (path := base.with_name(base.name + (f"-{i}" if i else ""))).exists())


@contextmanager
def taken_back(folder: Path, made: bool) -> Iterator[None]:
    """Takes a new run away again where the work refuses what it was given before it has kept anything.

    Args:
        folder: of the run.
        made: whether the folder was made for it; one that was there before stays, and is as it was.
    """
    try:
        yield
    except InputError:
        mine = {RunFolder(path=folder).config.name, lock.NAME}
        if {file.name for file in folder.iterdir()} == mine:
            for name in mine:
                os.unlink(folder / name)
            if made:
                folder.rmdir()
        raise
