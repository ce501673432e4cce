"""What a robot of the user's must say truly about its model file."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

import math
from typing import Any

import mujoco
import numpy as np

from headstart.errors import InputError
from headstart.tasks.mujoco.model import compiled
from headstart.tasks.mujoco.robot import Description, Robot


def require_sound(robot: Robot) -> None:
    """Holds a description against the model.

    Raises:
        InputError: for the first thing that is not so, with what to change.
    """
    about: Description = robot.about
    model = compiled(about.asset, about.watched, True, about.walls, about.euler, about.masses)
    seconds = about.frame_skip * model.opt.timestep
    if about.frame_skip < 1 or not math.isclose(about.dt, seconds, rel_tol=1e-6):
        raise InputError(
            f"about.dt is {about.dt:g} s, but {about.frame_skip} steps of {model.opt.timestep:g} s take {seconds:g} s"
        )
    if about.horizon < 1:
        raise InputError(f"about.horizon is {about.horizon}; at least one control step is needed")
    if not about.scale or min(about.scale) <= 0:
        raise InputError("about.scale needs a positive number for each observed channel: how much it typically varies")
    if not model.nu:
        raise InputError(f"{about.asset} has no actuator, so nothing can be learnt")
    unbounded = np.flatnonzero(model.actuator_ctrllimited == 0)
    if unbounded.size:
        raise InputError(f"actuator {model.actuator(unbounded[0]).name!r} has no ctrlrange; actions need bounds")
    if model.na:
        raise InputError(f"{about.asset} has actuators with activations, which a reset does not know; use motors")
    named = {"body": (about.carrier, *about.watched, *about.inert, *about.feet), "geom": (about.floor,)}
    for kind, names in named.items():
        for name in names:
            if name is not None:
                require_named(model, kind, name)
    if about.feet and about.floor is None:
        raise InputError("about.feet have a friction of their own with a floor; say which geom is about.floor")


def require_named(model: Any, kind: str, name: str) -> None:
    """Raises `InputError` where a model has nothing of a kind that is called so."""
    what = {"body": mujoco.mjtObj.mjOBJ_BODY, "geom": mujoco.mjtObj.mjOBJ_GEOM}[kind]
    if mujoco.mj_name2id(model, what, name) < 0:
        count = {"body": model.nbody, "geom": model.ngeom}[kind]
        there = [mujoco.mj_id2name(model, what, i) for i in range(count)]
        raise InputError(f"no {kind} is called {name!r}; there are {', '.join(filter(None, there))}")
