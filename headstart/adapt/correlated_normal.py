"""A normal distribution over parameters together: full covariance, in each parameter's own scale, within the bounds."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float, Key

from headstart.adapt.coordinates import Coordinates
from headstart.adapt.drawing import normals
from headstart.errors import InputError
from headstart.types import Metrics, Task

TRIES = 8  # draws of a row before the last one is put on the border of what is legal


class Gaussian(NamedTuple):
    """Mean and covariance in the unit cube, coordinates sorted by name."""

    mean: Float[Any, " p"]
    covariance: Float[Any, "p p"]


@dataclass(frozen=True, kw_only=True)
class CorrelatedNormal:
    """Draws all parameters from one normal distribution; a row that leaves what is legal is drawn again.

    Helps where parameters are known in combination only: heavier with stronger motors, say.

    Attributes:
        coordinates: of what is drawn.
        base: the task whose reward and remaining dynamics every row has.
        mean: in the unit cube; as a field, where a run begins.
        covariance: row by row.
        least: the smallest standard deviation of a coordinate.

    Source: Chebotar et al. 2019 (arXiv 1810.05687), section III.
    """

    coordinates: Coordinates
    base: Task = field(hash=False)
    mean: tuple[float, ...]
    covariance: tuple[tuple[float, ...], ...]
    least: float = 1e-4

    def __post_init__(self):
        """Refuses what is no covariance."""
        p, covariance = len(self.coordinates), np.array(self.covariance)
        if len(self.mean) != p or covariance.shape != (p, p):
            raise InputError(f"correlated normal: {p} means and a covariance of {p} × {p} are needed")
        if not np.isfinite(covariance).all() or not np.allclose(covariance, covariance.T):
            raise InputError("correlated normal: the covariance must be finite and symmetric")
        if np.linalg.eigvalsh(covariance).min() < -1e-9:
            raise InputError("correlated normal: the covariance has a negative eigenvalue; it is no covariance")

    @classmethod
    def over(
        cls, coordinates: Coordinates, base: Task, ranges: dict[str, tuple[float, float]], narrower: float = 0.5
    ) -> "CorrelatedNormal":
        """Puts a bell over ranges, without correlation at first; deviations are a share of the half-widths."""
        middle, half = coordinates.centre_and_width(ranges)
        covariance = np.diag(np.square(np.maximum(narrower * half, cls.least)))
        return cls(
            coordinates=coordinates,
            base=base,
            mean=tuple(middle.tolist()),
            covariance=tuple(map(tuple, covariance.tolist())),
        )

    def init(self, key: Key[Array, ""]) -> Gaussian:
        return Gaussian(np.array(self.mean), floored(np.array(self.covariance), self.least))

    def sample(self, key: Key[Array, ""], state: Gaussian, n: int) -> Task:
        return self.coordinates.task(self.base, self.points(key, state, n))

    def points(self, key: Key[Array, ""], state: Gaussian, n: int) -> Float[np.ndarray, "n p"]:
        """Draws points of the unit cube; `sample` before it becomes tasks."""
        root = np.linalg.cholesky(floored(np.asarray(state.covariance, np.float64), self.least))
        points, found = np.empty((n, len(self.coordinates))), np.zeros(n, bool)
        for attempt in range(TRIES):
            free = normals(key, [f"{name} {attempt}" for name in self.coordinates.names], n)
            # column by column: a parameter that is independent of the others adds exact zeros to them
            tried = np.repeat(np.asarray(state.mean, np.float64)[None], n, axis=0)
            for column in range(len(root)):
                tried = tried + free[:, column, None] * root[:, column]
            inside = ((tried >= 0.0) & (tried <= 1.0)).all(axis=1)
            points = np.where(found[:, None], points, tried)
            found |= inside
        return np.clip(points, 0.0, 1.0)

    def update(self, key: Key[Array, ""], state: Gaussian, feedback: Any) -> tuple[Gaussian, Metrics]:
        return state, {}


def floored(covariance: Float[np.ndarray, "p p"], least: float) -> Float[np.ndarray, "p p"]:
    """Returns a positive definite covariance in which no coordinate deviates by less than `least`."""
    missing = np.maximum(0.0, least**2 - np.diagonal(covariance))
    return 0.5 * (covariance + covariance.T) + np.diag(missing + 1e-12)
