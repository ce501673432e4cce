"""A distribution given by weighted points: a posterior, or any mixture."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Array, Float, Key

from headstart.adapt.coordinates import Coordinates
from headstart.adapt.drawing import normals, uniforms
from headstart.errors import InputError
from headstart.maths.weights import normalized
from headstart.types import Metrics, Task


class Cloud(NamedTuple):
    """Weighted points of the unit cube.

    Attributes:
        points: in the coordinates' order; whole-numbered parameters at whole values.
        log_weight: up to a constant.
    """

    points: Float[Any, "particle p"]
    log_weight: Float[Any, " particle"]

    def mean(self) -> Float[np.ndarray, " p"]:
        """The weighted mean."""
        return normalized(self.log_weight) @ np.asarray(self.points)

    def covariance(self) -> Float[np.ndarray, "p p"]:
        """The weighted covariance."""
        weight, off = normalized(self.log_weight), np.asarray(self.points) - self.mean()
        return (weight[:, None] * off).T @ off

    def quantile(self, levels: Float[Any, " level"]) -> Float[np.ndarray, "level p"]:
        """Weighted quantiles of each coordinate, on the line between neighbouring points."""
        weight, points = normalized(self.log_weight), np.asarray(self.points)
        columns = []
        for column in points.T:
            order = np.argsort(column, kind="stable")
            middle = np.cumsum(weight[order]) - 0.5 * weight[order]
            columns.append(np.interp(levels, middle, column[order]))
        return np.stack(columns, axis=1)


@dataclass(frozen=True, kw_only=True)
class Particles:
    """Draws points by their weights, and spreads each a little, so that few points still make a distribution.

    The spread is that of a kernel density estimate: the whole cloud's covariance, shrunk by h² = n^(−2/(p+4)), points
    drawn towards the mean by √(1 − h²) so that mean and covariance stay what they are (West 1993). Around its
    point, no draw is narrower than `least`. Whole-numbered parameters are not spread.

    Attributes:
        coordinates: of the points.
        base: the task whose reward and remaining dynamics every row has.
        cloud: the points a run begins with.
        least: the smallest standard deviation of a draw around its point, in the unit cube.

    Source: West 1993, "Approximating posterior distributions by mixture", J. R. Statist. Soc. B 55.
    """

    coordinates: Coordinates
    base: Task = field(hash=False)
    cloud: Cloud = field(hash=False)
    least: float = 1e-4

    def __post_init__(self):
        """Refuses points that are none."""
        points = np.asarray(self.cloud.points)
        if points.ndim != 2 or points.shape[1] != len(self.coordinates) or not len(points):
            raise InputError(f"particles of shape {points.shape}: {len(self.coordinates)} coordinates each are needed")
        if not np.isfinite(points).all() or not np.isfinite(np.asarray(self.cloud.log_weight)).any():
            raise InputError("particles: points must be finite, and at least one must have a weight")

    def init(self, key: Key[Array, ""]) -> Cloud:
        return Cloud(np.asarray(self.cloud.points, np.float64), np.asarray(self.cloud.log_weight, np.float64))

    def sample(self, key: Key[Array, ""], state: Cloud, n: int) -> Task:
        return self.coordinates.task(self.base, self.points(key, state, n))

    def points(self, key: Key[Array, ""], state: Cloud, n: int) -> Float[np.ndarray, "n p"]:
        """Draws points of the unit cube; `sample` before it becomes tasks."""
        weight, points = normalized(state.log_weight), np.asarray(state.points, np.float64)
        choice = np.searchsorted(np.cumsum(weight), uniforms(key, ["which particle"], n)[:, 0] * 0.999999)
        centre = points[np.minimum(choice, len(points) - 1)]
        effective = 1.0 / np.square(weight).sum()
        width = effective ** (-1.0 / (4.0 + len(self.coordinates)))
        kernel = width**2 * Cloud(points, state.log_weight).covariance() + self.least**2 * np.eye(points.shape[1])
        noise = normals(key, self.coordinates.names, n) @ np.linalg.cholesky(kernel).T
        shrunk = np.sqrt(max(0.0, 1.0 - width**2)) * (centre - weight @ points) + weight @ points
        whole = np.array([p.integer for p in self.coordinates.parameters])
        return np.clip(np.where(whole, centre, shrunk + noise), 0.0, 1.0)

    def update(self, key: Key[Array, ""], state: Cloud, feedback: Any) -> tuple[Cloud, Metrics]:
        return state, {}
