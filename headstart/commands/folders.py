"""Where runs are kept when the user names no folder."""

import time
from pathlib import Path


def new_folder(command: str, of: str) -> Path:
    """Returns a folder under runs/ that does not exist yet, called after a command and what it is about."""
    name = f"{command}-{of.rpartition(':')[2]}"  # of code of the user's the function
    base = Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    return next(path for i in range(1000) if not (path := base.with_name(base.name + (f"-{i}" if i else ""))).exists())
