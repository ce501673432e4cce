"""Where runs are kept when the user names no folder."""

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


def inside(folder: Path) -> set[str] | None:
    """Names what is in a folder; None where there is no folder."""
    return {file.name for file in folder.iterdir()} if folder.is_dir() else None


@contextmanager
def taken_back(folder: Path, before: set[str] | None) -> Iterator[None]:
    """Takes a new run away again where the work refuses what it was given before it has kept anything.

    Args:
        folder: of the run.
        before: what was `inside` before the run was made; that stays.
    """
    try:
        yield
    except InputError:
        mine = {RunFolder(path=folder).config.name, lock.NAME}
        if (inside(folder) or set()) - (before or set()) <= mine:
            for name in mine:
                (folder / name).unlink(missing_ok=True)
            if before is None:
                folder.rmdir()
        raise
