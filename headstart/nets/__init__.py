"""Function approximators and the policies made of them; `ALL` is imported when it is read, since it needs JAX."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Imports the policies the first time that `ALL` is read."""
    if name != "ALL":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from headstart.nets import policies
    from headstart.nets.history import HistoryPolicy
    from headstart.nets.recurrent import RecurrentPolicy

    return (*policies.ALL, RecurrentPolicy, HistoryPolicy)
