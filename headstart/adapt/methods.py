"""The ways to adapt a simulator, by name."""

from typing import Any, Literal

from headstart.adapt.posterior import Posterior
from headstart.adapt.randomize import Uniform
from headstart.adapt.sim_opt import SimOpt
from headstart.errors import InputError, unknown

Method = Literal["none", "simopt", "posterior"]
METHODS = ("none", "simopt", "posterior")


def adaptation(name: str, family: Any, before: Uniform) -> Posterior | SimOpt:
    """Builds a way to adapt a simulator that was randomized before.

    Args:
        name: of `METHODS`, but not `none`.
        family: the simulator.
        before: the randomization: what it varies is adapted, starting from its ranges.

    Raises:
        InputError: for an unknown name, or a method that this simulator does not allow, with the reason.
    """
    if name not in METHODS[1:]:
        raise unknown("adaptation", name, METHODS)
    ranges = {drawn.parameter.name: (drawn.low, drawn.high) for drawn in before.drawn}
    if not ranges:
        raise InputError(
            f"--adapt {name}: {family.name} has no parameter that --randomize varies; nothing can be adapted"
        )
    if name == "simopt":
        return SimOpt(family=family, ranges=ranges, base=before.base)
    if not hasattr(family, "predict"):
        raise InputError(f"--adapt posterior: {family.name} has no one-step prediction; use --adapt simopt")
    return Posterior(family=family, ranges=ranges, base=before.base)
