"""Parameters as vectors: every distribution and every search works in the unit cube of what is legal."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from headstart.errors import InputError
from headstart.spaces import Parameter, ParameterSpace
from headstart.types import Task


@dataclass(frozen=True)
class Coordinates:
    """Some parameters of a space, sorted by name, as points of [0, 1]ᵖ; each by its own scale, linear or logarithmic.

    Sorted, so that the order in which somebody wrote them changes no number.

    Attributes:
        space: of the family's dynamics.
        names: which of them.

    Example:
        >>> space = ParameterSpace(
        ...     (Parameter(name="mass:leg", unit="kg", nominal=1.0, low=0.1, high=10.0, scale="log"),)
        ... )
        >>> Coordinates(space, ("mass:leg",)).vector({"mass:leg": 1.0}).round(6).tolist()
        [0.5]
    """

    space: ParameterSpace
    names: tuple[str, ...]

    def __post_init__(self):
        """Sorts the names and refuses those that do not exist."""
        names = tuple(sorted(set(self.names)))
        for name in names:
            self.space[name]
        object.__setattr__(self, "names", names)

    @classmethod
    def matching(cls, space: ParameterSpace, patterns: Iterable[str]) -> "Coordinates":
        """Chooses parameters by name or by pattern, such as `"mass:*"`."""
        names: list[str] = []
        for pattern in patterns:
            found = [name for name in space if fnmatchcase(name, pattern)]
            if not found and any(sign in pattern for sign in "*?["):
                raise InputError(f"no parameter matches {pattern!r}; there are {', '.join(space)}")
            names += found or [space[pattern].name]
        return cls(space, tuple(names))

    @cached_property
    def chosen(self) -> ParameterSpace:
        """The parameters themselves, in the order of the vectors."""
        return ParameterSpace(tuple(self.space[name] for name in self.names))

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters, in the order of the vectors."""
        return self.chosen.parameters

    def __len__(self) -> int:
        return len(self.names)

    def vector(self, values: Mapping[str, Any]) -> Float[np.ndarray, "*row p"]:
        """Maps named values to points; what is not among the names is passed over. Of no parameter: an empty point."""
        if not self.names:
            return np.zeros(0)
        return self.chosen.to_unit({name: np.asarray(values[name]) for name in self.names})

    def values(self, points: Float[Any, "*row p"]) -> dict[str, np.ndarray]:
        """Maps points to named values; points outside the cube come to its border, and no bound is ever left."""
        return {name: value.astype(np.float32) for name, value in self.exact(points).items()}

    def exact(self, points: Float[Any, "*row p"]) -> dict[str, Float[np.ndarray, "*row"]]:
        """Maps points to named values in double precision, for searches among values that differ in their last bits."""
        values = self.chosen.from_unit(np.asarray(points, np.float64), np.float64)
        return {p.name: np.clip(values[p.name], np.float32(p.low), np.float32(p.high)) for p in self.parameters}

    def task(self, base: Task, points: Float[np.ndarray, "n p"]) -> Task:
        """Returns a batch of tasks: the base, with these parameters in place."""
        batch = jax.tree.map(lambda leaf: np.broadcast_to(np.asarray(leaf), (len(points), *np.shape(leaf))), base)
        return batch._replace(dynamics={**batch.dynamics, **self.values(points)})

    def centre_and_width(
        self, ranges: Mapping[str, tuple[float, float]]
    ) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, " p"]]:
        """Returns the middle and the half-width of each parameter's range, in the cube."""
        for name in self.names:
            self.space[name].check(*ranges[name])
        low = self.vector({name: ranges[name][0] for name in self.names})
        high = self.vector({name: ranges[name][1] for name in self.names})
        return (low + high) / 2.0, (high - low) / 2.0
