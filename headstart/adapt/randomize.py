"""Domain randomization: tasks whose dynamics are drawn from ranges, so that a policy learns for all of them."""

import functools
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key, UInt32

from headstart.errors import InputError, unknown
from headstart.spaces import Parameter, ParameterSpace
from headstart.types import Metrics, Task, TaskFamily

Ranges = Mapping[str, tuple[float, float]]

# Factors on nominal by pattern; delay, jitter and noise, whose nominal is 0, are absolute. Of a contact's friction the
# floor's share varies: it multiplies that of each foot.
# mild: what simulators of legged robots vary as a matter of course (Playground's Go1, Isaac Lab)
_MILD = {
    "mass:*": (0.9, 1.1),
    "friction:floor": (0.7, 1.3),
    "damping:*": (0.8, 1.25),
    "gear:*": (0.9, 1.1),
    "gain:*": (0.9, 1.1),
    "torque:*": (0.9, 1.1),
    "force:*": (0.9, 1.1),
    "delay:action": (0.0, 1.0),
    "noise:observation": (0.01, 0.01),
}
# moderate: around a target that is known to be heavier, weaker and stiffer rather than the other way round
_MODERATE = {
    "mass:*": (0.8, 1.5),
    "length:*": (0.9, 1.15),
    "friction:floor": (0.5, 1.3),
    "damping:*": (0.7, 2.2),
    "gear:*": (0.75, 1.1),
    "gain:*": (0.75, 1.1),
    "torque:*": (0.75, 1.1),
    "force:*": (0.75, 1.1),
    "density:*": (0.6, 1.2),
    "viscosity:*": (0.6, 1.2),
    "delay:action": (0.0, 1.0),
    "noise:observation": (0.0, 0.03),
}
# wide: around a target of which nothing is known but that it is such a robot
_WIDE = {
    "mass:*": (0.6, 1.7),
    "length:*": (0.8, 1.25),
    "friction:floor": (0.4, 1.6),
    "damping:*": (0.5, 2.5),
    "armature:*": (0.8, 1.25),
    "gear:*": (0.7, 1.2),
    "gain:*": (0.7, 1.2),
    "torque:*": (0.7, 1.2),
    "force:*": (0.7, 1.2),
    "gravity*": (0.9, 1.1),
    "density:*": (0.5, 2.0),
    "viscosity:*": (0.5, 2.0),
    "delay:action": (0.0, 2.0),
    "noise:observation": (0.0, 0.05),
}
# peng: Peng et al. 2018 (arXiv 1710.06537), table I; their friction and gains are the nearest to ours
_PENG = {
    "mass:*": (0.25, 4.0),
    "friction:floor": (0.1, 5.0),
    "damping:*": (0.2, 20.0),
    "gear:*": (0.5, 2.0),
    "gain:*": (0.5, 2.0),
    "torque:*": (0.5, 2.0),
    "force:*": (0.5, 2.0),
    "jitter:delay": (0.025, 0.2),  # λ of 125 to 1000 a second, of control steps of 0.04 s
    "noise:observation": (0.05, 0.05),
}
# Compiled code rounds an exponential otherwise in the last, incomplete vector of a row than in the others, and a task
# must not depend on how many are drawn beside it: so rows are drawn in whole vectors, and cut afterwards.
LANES = 16
ABSOLUTE = ("delay:action", "jitter:delay", "noise:observation")
PRESETS = {"mild": _MILD, "moderate": _MODERATE, "wide": _WIDE, "peng": _PENG}


class Drawn(NamedTuple):
    """A parameter that is drawn: from which range, and whose draw it shares (its own name: nobody's)."""

    parameter: Parameter
    low: float
    high: float
    draw: str


@dataclass(frozen=True, kw_only=True)
class Uniform:
    """Draws dynamics from ranges, evenly in each parameter's own scale, linear or logarithmic.

    A value depends on the key, the parameter's name and the row alone: not on how many rows are drawn, nor on which
    other parameters are. A range of width zero gives its one value exactly.

    Helps when the target lies within the ranges; costs return where the ranges are wider than they need to be, since
    one policy must then do for worlds that want different ones.

    Attributes:
        space: of the family's dynamics.
        ranges: lowest and highest value by name, or by pattern such as `"mass:*"`; a later entry overrides an earlier
            one. What is not named keeps its value in `base`.
        base: the task whose reward and remaining dynamics every row has.
        shared: those patterns of `ranges` whose parameters all get the same point of their ranges.

    Source: Tobin et al. 2017 (arXiv 1703.06907); Peng et al. 2018 (arXiv 1710.06537).

    Example:
        >>> from headstart.spaces import Parameter, ParameterSpace
        >>> space = ParameterSpace((Parameter(name="mass:leg", unit="kg", nominal=1.0, low=0.1, high=10.0),))
        >>> base = Task({"mass:leg": jnp.float32(1.0)}, {})
        >>> heavy = Uniform(space=space, ranges={"mass:*": (2.0, 3.0)}, base=base)
        >>> heavy.sample(jax.random.key(0), (), 4).dynamics["mass:leg"].shape
        (4,)
    """

    space: ParameterSpace
    ranges: Ranges = field(hash=False)
    base: Task = field(hash=False)
    shared: tuple[str, ...] = ()

    def __post_init__(self):
        """Refuses names that do not exist and ranges that no world can have."""
        for pattern in self.shared:
            if pattern not in self.ranges:
                raise InputError(f"shared: {pattern!r} is not one of the ranges; write it as it stands there")
        for drawn in self.drawn:
            drawn.parameter.check(drawn.low, drawn.high)

    @cached_property
    def drawn(self) -> tuple[Drawn, ...]:
        """Every parameter that is drawn, in the order of the space."""
        found: dict[str, Drawn] = {}
        for pattern, (low, high) in self.ranges.items():
            for parameter in matching(self.space, pattern):
                draw = pattern if pattern in self.shared else parameter.name
                found[parameter.name] = Drawn(parameter, low, high, draw)
        return tuple(found[name] for name in self.space if name in found)

    def init(self, key: Key[Array, ""]) -> tuple[()]:
        return ()

    def sample(self, key: Key[Array, ""], state: tuple[()], n: int) -> Task:
        return self._compiled(key, n)

    def update(self, key: Key[Array, ""], state: tuple[()], feedback: Any) -> tuple[tuple[()], Metrics]:
        return state, {}

    @cached_property
    def _compiled(self) -> Callable[[Key[Array, ""], int], Task]:
        # an operation for each of dozens of parameters, one after the other, would take milliseconds
        return jax.jit(self._sample, static_argnums=1)

    def _sample(self, key: Key[Array, ""], n: int) -> Task:
        task = jax.tree.map(lambda leaf: jnp.broadcast_to(jnp.asarray(leaf), (n, *jnp.shape(leaf))), self.base)
        if not self.drawn:
            return task
        names = jnp.array([zlib.crc32(drawn.draw.encode()) for drawn in self.drawn], jnp.uint32)
        unit = unit_draws(key, names, -(-n // LANES) * LANES)
        values = jax.lax.optimization_barrier(tuple(_place(unit[i], each) for i, each in enumerate(self.drawn)))
        drawn = {each.parameter.name: value[:n] for each, value in zip(self.drawn, values, strict=True)}
        return task._replace(dynamics={**task.dynamics, **drawn})


def preset(family: TaskFamily, name: str) -> Uniform:
    """Randomizes a family by a named set of ranges.

    Args:
        family: whose dynamics.
        name: of `PRESETS`: `mild`, `moderate`, `wide` or `peng`.

    Raises:
        InputError: for an unknown name.
    """
    return Uniform(space=family.dynamics, ranges=preset_ranges(family.dynamics, name), base=family.task())


def preset_ranges(space: ParameterSpace, name: str) -> dict[str, tuple[float, float]]:
    """Returns the ranges of a preset for those parameters of a space that it has an opinion on."""
    if name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    ranges = {}
    for pattern, (low, high) in PRESETS[name].items():
        for parameter in space.values():
            if fnmatchcase(parameter.name, pattern):
                unit = 1.0 if pattern in ABSOLUTE else parameter.nominal
                ranges[parameter.name] = _clipped(unit * low, parameter), _clipped(unit * high, parameter)
    return ranges


def mild(space: ParameterSpace) -> dict[str, tuple[float, float]]:
    """Returns the ranges that simulators of legged robots vary as a matter of course."""
    return preset_ranges(space, "mild")


def wide(space: ParameterSpace) -> dict[str, tuple[float, float]]:
    """Returns ranges around a target of which nothing is known but that it is such a robot."""
    return preset_ranges(space, "wide")


def _clipped(value: float, parameter: Parameter) -> float:
    return min(max(value, parameter.low), parameter.high)


def matching(space: ParameterSpace, pattern: str) -> list[Parameter]:
    """Returns the parameters that a name, or a pattern such as `mass:*`, means. Raises `InputError` for none."""
    if not any(sign in pattern for sign in "*?["):
        return [space[pattern]]
    matching = [parameter for parameter in space.values() if fnmatchcase(parameter.name, pattern)]
    if not matching:
        raise InputError(f"no parameter matches {pattern!r}; there are {', '.join(space)}")
    return matching


@functools.partial(jax.jit, static_argnums=2)
def unit_draws(key: Key[Array, ""], names: UInt32[Array, " parameter"], n: int) -> Float[Array, "parameter n"]:
    """Draws from [0, 1): each number by (key, name, row) alone. `n` should be a multiple of `LANES`."""
    rows = jnp.arange(n, dtype=jnp.uint32)
    own = jax.vmap(jax.random.fold_in, (None, 0))(key, names)
    keys = jax.vmap(jax.vmap(jax.random.fold_in, (None, 0)), (0, None))(own, rows)
    return jax.vmap(jax.vmap(jax.random.uniform))(keys)


def _place(unit: Float[Array, " n"], drawn: Drawn) -> Float[Array, " n"]:
    """Maps [0, 1) to a range. The last clip undoes rounding, so a range of width zero is exact."""
    low, high = drawn.low, drawn.high
    if drawn.parameter.integer:
        value = jnp.floor(low + (high - low + 1.0) * unit)
    elif drawn.parameter.scale == "log":
        value = jnp.exp(math.log(low) + (math.log(high) - math.log(low)) * unit)
    else:
        value = low + (high - low) * unit
    return jnp.clip(value, jnp.float32(low), jnp.float32(high))
