"""Where runs are kept when the user names no folder."""

import time
from pathlib import Path


def new_folder(name: str) -> Path:
    """Returns a folder under runs/ that does not exist yet."""
    base = Path("runs") / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    return next(path for i in range(1000) if not (path := base.with_name(base.name + (f"-{i}" if i else ""))).exists())
