"""MuJoCo's own stopwatch, which nobody reads here and which costs a tenth to a quarter of every step.

`MjData.timer` says how long each part of a step took. MuJoCo looks at the clock for it some dozen times a step if its
callback `mjcb_time` is set; in C it is not, and the Python package sets it. What is computed is the same either way.
"""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

import ctypes
from functools import cache
from pathlib import Path

import mujoco

LIBRARIES = ("libmujoco.so*", "libmujoco*.dylib", "mujoco.dll")


def stop() -> bool:
    """Takes MuJoCo's stopwatch away, in all of this process: `MjData.timer` counts no seconds from now on.

    One that somebody chose, by `mujoco.set_mjcb_time`, goes on. `start` gives it back.

    Returns:
        Whether there is none now.
    """
    callback = _callback()
    if callback is None or mujoco.get_mjcb_time() is not None:
        return False
    if callback.value is not None:  # not written for nothing: another thread may be stepping
        callback.value = None
    return True


def start() -> None:
    """Gives MuJoCo the stopwatch of its Python package, where it had been taken away."""
    if mujoco.get_mjcb_time() is None:
        mujoco.set_mjcb_time(None)  # which stands for the package's own


@cache
def _callback() -> ctypes.c_void_p | None:
    """Returns the pointer to MuJoCo's callback, where it lies in the library; None where it is not to be found."""
    folder = Path(mujoco.__file__).parent
    for path in (path for pattern in LIBRARIES for path in folder.glob(pattern)):
        try:
            return ctypes.c_void_p.in_dll(ctypes.CDLL(str(path)), "mjcb_time")
        except (OSError, ValueError):  # no library, or not this one
            continue
    return None
