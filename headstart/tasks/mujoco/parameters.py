"""Which numbers of a MuJoCo model may vary between tasks."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

from collections.abc import Iterator
from typing import NamedTuple

import mujoco
import numpy as np

from headstart.spaces import Parameter
from headstart.tasks.mujoco.robot import Robot

DELAY, JITTER, NOISE = "delay:action", "jitter:delay", "noise:observation"
LONGEST_DELAY = 10
MOST_JITTER = 2.0

# legal factors on the model's own values; ranges to randomize over are in headstart/adapt/randomize.py
_LEGAL = {
    "mass": (0.1, 10.0),
    "friction": (0.05, 10.0),
    "damping": (0.05, 20.0),
    "armature": (0.1, 10.0),
    "gear": (0.1, 4.0),
    "gain": (0.1, 4.0),
    "gravity": (0.1, 3.0),
    "density": (0.1, 10.0),
    "viscosity": (0.1, 10.0),
}


class Target(NamedTuple):
    """A parameter and its place in the model.

    Attributes:
        parameter: its name, unit and bounds.
        fields: the model's arrays that are written; none for what is not in the model.
        indices: the rows of these arrays.
    """

    parameter: Parameter
    fields: tuple[str, ...] = ()
    indices: tuple[int, ...] = ()


def targets(model: mujoco.MjModel, robot: Robot) -> tuple[Target, ...]:
    """Lists every parameter of a robot's model that changes how it moves, in a fixed order."""
    delay = Parameter(name=DELAY, unit="control steps", nominal=0.0, low=0.0, high=float(LONGEST_DELAY), integer=True)
    jitter = Parameter(
        name=JITTER, unit="control steps, mean of each step's own", nominal=0.0, low=0.0, high=MOST_JITTER
    )
    noise = Parameter(name=NOISE, unit="× the channel's typical size, std", nominal=0.0, low=0.0, high=1.0)
    listed = [*_bodies(model, robot), *_friction(model, robot), *_joints(model, robot), *_actuators(model)]
    listed += [
        Target(_factor(kind, "world"), (kind,), (0, 1, 2) if kind == "gravity" else (0,))
        for kind in robot.about.weather
    ]
    return (*listed, Target(delay), Target(jitter), Target(noise))


def _factor(kind: str, part: str) -> Parameter:
    low, high = _LEGAL[kind]
    return Parameter(name=f"{kind}:{part}", unit="× nominal", nominal=1.0, low=low, high=high, scale="log")


def _bodies(model: mujoco.MjModel, robot: Robot) -> Iterator[Target]:
    # mass and inertia together: a denser body of the same shape
    for body in range(1, model.nbody):
        name = model.body(body).name
        if model.body_mass[body] > 0 and name not in robot.about.inert:
            yield Target(_factor("mass", name), ("body_mass", "body_inertia"), (body,))
    if robot.about.carrier is None:
        return
    payload = Parameter(
        name=f"payload:{robot.about.carrier}", unit="kg", nominal=0.0, low=0.0, high=robot.about.carry_most
    )
    yield Target(payload, ("payload",), (model.body(robot.about.carrier).id,))


def _friction(model: mujoco.MjModel, robot: Robot) -> Iterator[Target]:
    if robot.about.floor is None:
        return
    yield Target(_factor("friction", robot.about.floor), ("friction",), tuple(range(model.ngeom)))
    for foot in robot.about.feet:
        geoms = np.flatnonzero(model.geom_bodyid == model.body(foot).id)
        yield Target(_factor("friction", foot), ("friction",), tuple(map(int, geoms)))


def _joints(model: mujoco.MjModel, robot: Robot) -> Iterator[Target]:
    driven = set(model.actuator_trnid[:, 0])
    moving = [j for j in range(model.njnt) if model.body(model.jnt_bodyid[j]).name not in robot.about.inert]
    for kind in ("damping", "armature"):
        for joint in moving:
            name, dof = model.joint(joint).name, int(model.jnt_dofadr[joint])
            if getattr(model, f"dof_{kind}")[dof] > 0:
                yield Target(_factor(kind, name), (f"dof_{kind}",), tuple(range(dof, dof + _width(model, joint))))
            elif kind == "damping" and joint in driven:  # nothing to multiply: the value itself
                parameter = Parameter(name=f"damping:{name}", unit="N m s/rad", nominal=0.0, low=0.0, high=20.0)
                yield Target(parameter, ("dof_damping",), (dof,))


def _actuators(model: mujoco.MjModel) -> Iterator[Target]:
    for actuator in range(model.nu):
        name = model.actuator(actuator).name or model.joint(model.actuator_trnid[actuator, 0]).name
        if model.actuator_biastype[actuator] == mujoco.mjtBias.mjBIAS_AFFINE:  # a servo: stiffness and damping together
            yield Target(_factor("gain", name), ("actuator_gainprm", "actuator_biasprm"), (actuator,))
        else:
            yield Target(_factor("gear", name), ("actuator_gear",), (actuator,))


def _width(model: mujoco.MjModel, joint: int) -> int:
    """Returns how many degrees of freedom a joint has."""
    following = [*model.jnt_dofadr[joint + 1 :], model.nv]
    return int(following[0] - model.jnt_dofadr[joint])
