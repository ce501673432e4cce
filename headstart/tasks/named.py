"""Code of the user's, named on the command line as `package.module:function`. No JAX here: workers use it too."""

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any

from headstart.errors import InputError, unknown


def named_function(source: str, what: str) -> Callable[..., Any]:
    """Finds a function, in the folder that the command was given in too.

    Args:
        source: `package.module:function`.
        what: it is to return, such as `"target"`, for the message.

    Raises:
        InputError: where nothing is found there, or nothing that can be called.
    """
    module, _, name = source.partition(":")
    if os.getcwd() not in sys.path:  # the console script leaves it out, and that is where a user's own file lies
        sys.path.append(os.getcwd())
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise InputError(f"{what} {source!r}: no module named {error.name!r}; is its folder on the path?") from None
    if not hasattr(found, name):
        raise unknown(f"function of {module}", name, [key for key in vars(found) if not key.startswith("_")])
    built = getattr(found, name)
    if not callable(built):
        raise InputError(f"{what} {source!r}: it is a {type(built).__name__}; name a function that returns one")
    return built
