"""The ways to adapt a simulator, by name."""

from typing import Any, Literal

import numpy as np

from headstart.adapt.posterior import NOISE, Posterior
from headstart.adapt.randomize import Uniform
from headstart.adapt.sim_opt import SimOpt
from headstart.errors import InputError, unknown

Method = Literal["none", "simopt", "posterior"]
METHODS = ("none", "simopt", "posterior")


def adaptation(name: str, family: Any, before: Uniform) -> Posterior | SimOpt:
    """Builds a way to adapt a simulator that was randomized before.

    What has one value keeps it. Sensing noise is always estimated where it is named, also where it has one value, as in
    the presets `mild` and `peng`: a policy may train under one noise, and the target's sensors have another.

    Args:
        name: of `METHODS`, but not `none`.
        family: the simulator.
        before: the randomization: what it varies is adapted, starting from its ranges.

    Raises:
        InputError: for an unknown name, or a method that this simulator does not allow, with the reason.
    """
    if name not in METHODS[1:]:
        raise unknown("adaptation", name, METHODS)
    named = {drawn.parameter.name: (drawn.low, drawn.high) for drawn in before.drawn}
    if not any(low < high for low, high in named.values()):
        raise InputError(
            f"--adapt {name}: {family.name} has no parameter that --randomize varies; nothing can be adapted; "
            "give one of them a range, such as [0.8, 1.2]"
        )
    ranges = {of: (low, high) for of, (low, high) in named.items() if low < high or of == NOISE}
    fixed = {of: np.asarray(low, np.float32) for of, (low, _) in named.items() if of not in ranges}
    base = before.base._replace(dynamics={**before.base.dynamics, **fixed})
    if name == "simopt":
        return SimOpt(family=family, ranges=ranges, base=base)
    if not hasattr(family, "predict"):
        raise InputError(f"--adapt posterior: {family.name} has no one-step prediction; use --adapt simopt")
    return Posterior(family=family, ranges=ranges, base=base)
