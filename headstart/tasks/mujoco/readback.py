"""Reads the parameters of a task back from a model: what was set must come out of the arrays that the engine uses."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

import mujoco
import numpy as np

from headstart.tasks.mujoco.parameters import Target
from headstart.tasks.mujoco.randomize import Randomizer


def read(randomizer: Randomizer, model: mujoco.MjModel) -> dict[str, float]:
    """Returns the value of every parameter that is in a model. Delay, jitter and observation noise are not.

    Args:
        randomizer: knows what the plain model is.
        model: a model of the same shape.
    """
    return {target.parameter.name: _value(randomizer, model, target) for target in randomizer.targets if target.fields}


def _value(randomizer: Randomizer, model: mujoco.MjModel, target: Target) -> float:
    (field, *_), index = target.fields, target.indices[-1]  # of gravity the vertical
    if field == "payload":
        return _payload(randomizer, model, index)
    if field == "friction":
        return _grip(randomizer, model, target)
    holder = model if hasattr(model, field) else model.opt
    now, default = np.atleast_1d(getattr(holder, field))[index], randomizer.defaults[field][index]
    if field in ("actuator_gear", "actuator_gainprm"):
        now, default = now[0], default[0]
    if field == "body_mass" and randomizer.robot.about.carrier is not None:
        now = now - _payload(randomizer, model, index)
    return float(now / default if target.parameter.unit == "× nominal" else now)


def _payload(randomizer: Randomizer, model: mujoco.MjModel, body: int) -> float:
    """Finds the mass that it takes at its place to move the centre of mass to where it is: M' (c' − c) = p (r − c)."""
    if body != model.body(randomizer.robot.about.carrier).id:
        return 0.0
    centre = randomizer.defaults["body_ipos"][body]
    shift, reach = model.body_ipos[body] - centre, np.asarray(randomizer.robot.about.carry_at) - centre
    return float(model.body_mass[body] * (shift @ reach) / (reach @ reach))


def _grip(randomizer: Randomizer, model: mujoco.MjModel, target: Target) -> float:
    """Compares the friction that contacts with the floor will have, by MuJoCo's rule of the larger coefficient."""
    plain, floor = randomizer.model, model.geom(randomizer.robot.about.floor).id
    whole, *feet = (each.indices for each in randomizer.targets if each.fields == ("friction",))
    own = {geom for foot in feet for geom in foot} | {floor}

    def factor(geom: int) -> float:
        pair = [geom, floor]
        return float(model.geom_friction[pair, 0].max() / plain.geom_friction[pair, 0].max())

    everywhere = factor(next(geom for geom in whole if geom not in own))
    return everywhere if target.indices == whole else factor(target.indices[0]) / everywhere
