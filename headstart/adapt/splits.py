"""Three ways to test a policy on other dynamics: the plain world, inside the ranges it was trained on, and outside.

Source: Packer et al. 2018 (arXiv 1810.12282): deterministic, random and extreme; lecture slide "Domain randomization".
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Array, Float, Key

from headstart.adapt.coordinates import Coordinates
from headstart.adapt.drawing import uniforms
from headstart.adapt.randomize import Uniform
from headstart.errors import InputError
from headstart.spaces import Parameter, ParameterSpace
from headstart.tasks.fixed import Fixed
from headstart.types import Metrics, Task, TaskDistribution

SPLITS = ("default", "interpolation", "extrapolation")
BEYOND = 0.5  # how far outside: as a share of the range's width, to each side


@dataclass(frozen=True, kw_only=True)
class Outside:
    """Draws every parameter from beside its range, below it or above it, by length.

    A parameter that has no legal value beside its range is drawn from the range.

    Attributes:
        space: of the family's dynamics.
        ranges: that are left out, by name.
        base: the task whose reward and remaining dynamics every row has.
        beyond: how far, in widths of the range, each parameter in its own scale; never beyond what is legal.
    """

    space: ParameterSpace
    ranges: dict[str, tuple[float, float]] = field(hash=False)
    base: Task = field(hash=False)
    beyond: float = BEYOND

    def __post_init__(self):
        """Refuses ranges that no world can have."""
        for name, (low, high) in self.ranges.items():
            self.space[name].check(low, high)
        if not self.beyond > 0.0:
            raise InputError(f"extrapolation: beyond={self.beyond} must be above 0")
        if all(sum(self.sides(name)) <= 0.0 for name in self.ranges):
            raise InputError("extrapolation: no parameter has a legal value outside its range; narrow the ranges")

    def sides(self, name: str) -> tuple[float, float]:
        """Returns how much room there is below and above a range, in the parameter's own scale."""
        p, (low, high) = self.space[name], self.ranges[name]
        width = self.beyond * (_scaled(p, high) - _scaled(p, low))
        if p.integer:
            width = float(max(1, round(width))) if high > low else 0.0
        below = min(width, _scaled(p, low) - _scaled(p, p.low))
        return below, min(width, _scaled(p, p.high) - _scaled(p, high))

    def init(self, key: Key[Array, ""]) -> tuple[()]:
        return ()

    def sample(self, key: Key[Array, ""], state: tuple[()], n: int) -> Task:
        names = tuple(sorted(self.ranges))
        unit = uniforms(key, names, n)
        values = {name: self._values(name, unit[:, i]) for i, name in enumerate(names)}
        varied = Coordinates(self.space, names)
        plain = varied.task(self.base, np.zeros((n, len(names))))
        return plain._replace(dynamics={**plain.dynamics, **values})

    def update(self, key: Key[Array, ""], state: tuple[()], feedback: Any) -> tuple[tuple[()], Metrics]:
        return state, {}

    def _values(self, name: str, unit: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        p, (low, high), (below, above) = self.space[name], self.ranges[name], self.sides(name)
        start, end = np.float32(low), np.float32(high)
        if below + above <= 0.0:
            inside = _scaled(p, low) + unit * (_scaled(p, high) - _scaled(p, low))
            return np.clip(np.rint(_plain(p, inside)) if p.integer else _plain(p, inside), start, end).astype(
                np.float32
            )
        at = unit * (below + above)
        if p.integer:
            step = np.floor(at)
            value = np.where(step < below, low - 1.0 - step, high + 1.0 + step - below)
        else:
            value = _plain(p, np.where(at < below, _scaled(p, low) - below + at, _scaled(p, high) + at - below))
        value = value.astype(np.float32)
        # rounding must not bring a value back into the range, nor beyond what is legal
        value = np.where(at < below, np.minimum(value, np.nextafter(start, np.float32(-np.inf))), value)
        value = np.where(at >= below, np.maximum(value, np.nextafter(end, np.float32(np.inf))), value)
        return np.clip(value, np.float32(p.low), np.float32(p.high)).astype(np.float32)


def split(
    space: ParameterSpace, ranges: Mapping[str, tuple[float, float]], base: Task, beyond: float = BEYOND
) -> dict[str, TaskDistribution]:
    """Returns the three distributions to test on, by the names of `SPLITS`.

    Args:
        space: of the family's dynamics.
        ranges: that the policy was trained on.
        base: the plain task.
        beyond: how far outside the ranges extrapolation goes, in widths of each range.
    """
    named = {name: bounds for name, bounds in ranges.items() if bounds[1] > bounds[0]}
    return {
        "default": Fixed(task=base),
        "interpolation": Uniform(space=space, ranges=dict(ranges), base=base),
        "extrapolation": Outside(space=space, ranges=named, base=base, beyond=beyond),
    }


def _scaled(p: Parameter, value: float) -> float:
    return math.log(value) if p.scale == "log" else value


def _plain(p: Parameter, value: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return np.exp(value) if p.scale == "log" else value
