"""A normal distribution of each parameter by itself, cut off at the legal bounds."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float, Key
from scipy.special import ndtr, ndtri

from headstart.adapt.coordinates import Coordinates
from headstart.adapt.drawing import uniforms
from headstart.errors import InputError
from headstart.types import Metrics, Task


class Bell(NamedTuple):
    """Mean and standard deviation of each coordinate before it is cut off, in the unit cube."""

    mean: Float[Any, " p"]
    std: Float[Any, " p"]


@dataclass(frozen=True, kw_only=True)
class TruncatedNormal:
    """Draws each parameter from a normal distribution in its own scale, within its legal bounds.

    Helps where a value is known roughly and nothing is known to be impossible; an even range would be cut off too soon.

    Attributes:
        coordinates: of what is drawn.
        base: the task whose reward and remaining dynamics every row has.
        mean: of each coordinate, in the unit cube; as a field, where a run begins.
        std: of each, at least `least`.
        least: the smallest standard deviation, so that a distribution never becomes a point.

    Source: Tiboni, Arndt and Kyrki 2023 (arXiv 2201.08434), which adapts this distribution.
    """

    coordinates: Coordinates
    base: Task = field(hash=False)
    mean: tuple[float, ...]
    std: tuple[float, ...]
    least: float = 1e-4

    def __post_init__(self):
        """Refuses numbers that make no distribution."""
        if len(self.mean) != len(self.coordinates) or len(self.std) != len(self.coordinates):
            raise InputError(
                f"truncated normal: {len(self.coordinates)} means and deviations are needed, one a parameter"
            )
        if not all(np.isfinite(self.mean)) or not all(0 <= s < np.inf for s in self.std):
            raise InputError("truncated normal: means must be finite, and deviations finite and not below 0")

    @classmethod
    def over(
        cls, coordinates: Coordinates, base: Task, ranges: dict[str, tuple[float, float]], narrower: float = 0.5
    ) -> "TruncatedNormal":
        """Puts a bell over ranges: in their middle, its deviation a share of their half-width."""
        middle, half = coordinates.centre_and_width(ranges)
        std = tuple((narrower * half).tolist())
        return cls(coordinates=coordinates, base=base, mean=tuple(middle.tolist()), std=std)

    def init(self, key: Key[Array, ""]) -> Bell:
        return Bell(np.array(self.mean), np.maximum(self.std, self.least))

    def sample(self, key: Key[Array, ""], state: Bell, n: int) -> Task:
        unit = uniforms(key, self.coordinates.names, n)
        std = np.maximum(np.asarray(state.std, np.float64), self.least)
        below, above = ndtr((0.0 - state.mean) / std), ndtr((1.0 - state.mean) / std)
        points = np.asarray(state.mean) + std * ndtri(np.clip(below + unit * (above - below), 1e-300, 1.0 - 1e-16))
        return self.coordinates.task(self.base, points)

    def update(self, key: Key[Array, ""], state: Bell, feedback: Any) -> tuple[Bell, Metrics]:
        return state, {}
