"""Gauss-Newton: the likeliest parameters, and how sure that is, from few simulations."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from headstart.adapt.evidence import Evidence
from headstart.adapt.noise import FREEDOM, student_squares
from headstart.maths.state_filter import Whitener

STEP = 2e-3  # of finite differences, in the unit cube
NODES, FINE = 3, 5  # places of a difference: to climb, and for the shape of the top
TRIALS = (1.0, 0.5, 0.2, 0.05)  # shares of a Gauss-Newton step, all tried in one batch
ENOUGH = 1e-3  # a step of this many standard deviations is the last


class Prior(NamedTuple):
    """What is believed before: a normal distribution in the unit cube, cut off at its border.

    Attributes:
        mean: of each coordinate.
        std: of each.
    """

    mean: Float[np.ndarray, " p"]
    std: Float[np.ndarray, " p"]

    def log_density(self, points: Float[np.ndarray, "particle p"]) -> Float[np.ndarray, " particle"]:
        """Up to a constant; −∞ outside the cube."""
        inside = ((points >= 0.0) & (points <= 1.0)).all(axis=1)
        return np.where(inside, -0.5 * np.square((points - self.mean) / self.std).sum(axis=1), -np.inf)


class Peak(NamedTuple):
    """The top of a posterior, and its shape there.

    Attributes:
        point: in the unit cube.
        log_posterior: of it, up to a constant.
        root: of the covariance, which is root rootᵀ and the inverse of the Gauss-Newton matrix: of the posterior, if
            that were normal. Where the data tell some directions a billion times better than others, a covariance
            would lose the former to rounding.
    """

    point: Float[np.ndarray, " p"]
    log_posterior: float
    root: Float[np.ndarray, "p p"]

    @property
    def std(self) -> Float[np.ndarray, " p"]:
        """The standard deviation of each coordinate."""
        return np.sqrt(np.square(self.root).sum(axis=1))


def log_posterior(
    evidence: Evidence,
    prior: Prior,
    fixed: Mapping[str, float],
    matrices: Whitener,
    points: Float[np.ndarray, "particle p"],
    trust: float = 1.0,
) -> Float[np.ndarray, " particle"]:
    """Returns the log-posterior of each particle up to a constant; −∞ where its simulator diverges."""
    residuals = evidence.residuals(np.clip(points, 0.0, 1.0), fixed)
    squares = np.square(matrices.whiten(residuals.values)).sum(axis=-1)
    fit = -0.5 * (student_squares(squares, matrices.slope.shape[-1]) * matrices.present).sum(axis=(1, 2))
    return np.where(residuals.diverged, -np.inf, trust * fit + prior.log_density(points))


def differentiate(
    evidence: Evidence, fixed: Mapping[str, float], point: Float[np.ndarray, " p"], nodes: int = NODES
) -> tuple[Float[np.ndarray, "chain step channel"], Float[np.ndarray, "p chain step channel"]]:
    """Returns the residuals at a point and their slope by each coordinate.

    Args:
        evidence: the data.
        fixed: whole-numbered parameters.
        point: in the unit cube.
        nodes: places along each coordinate, an odd number, the point in their middle where the cube has room: 3 leave
            an error of the order of `STEP` squared, 5 of its fourth power.
    """
    first = np.clip(-(nodes // 2), np.ceil(-point / STEP), np.floor((1.0 - point) / STEP) - (nodes - 1))
    offsets = first[:, None] + np.arange(nodes)
    coordinate, node = np.nonzero(offsets)
    moved = np.repeat(point[None], len(coordinate), axis=0)
    moved[np.arange(len(moved)), coordinate] += STEP * offsets[coordinate, node]
    found = evidence.residuals(np.concatenate([point[None], moved]), fixed)
    slope = np.zeros((len(point), *found.values.shape[1:]))
    for k in range(len(point)):
        powers = offsets[k] ** np.arange(nodes)[:, None]
        weights = np.linalg.solve(powers, np.eye(nodes)[1]) / STEP
        here = 1 + np.flatnonzero(coordinate == k)
        if not found.diverged[here].any():
            away = found.values[here] - found.values[0]  # the weights add up to nothing
            slope[k] = np.tensordot(weights[offsets[k] != 0.0], away, axes=1)
    return found.values[0], slope


def root_of(slope: Float[np.ndarray, "residual p"], prior: Prior) -> Float[np.ndarray, "p p"]:
    """Returns R with R Rᵀ = (Jᵀ J + Σ₀⁻¹)⁻¹, J the slope of whitened residuals and Σ₀ the prior's covariance.

    By the singular values of J Σ₀^½: to form Jᵀ J would square how unequally directions are known.
    """
    if not len(prior.std):  # no parameter: nothing to be unsure of
        return np.zeros((0, 0))
    triangle = np.linalg.qr(slope * prior.std, mode="r")
    _, sizes, basis = np.linalg.svd(triangle, full_matrices=True)
    known = np.zeros(len(prior.std))
    known[: len(sizes)] = sizes
    return prior.std[:, None] * basis.T / np.sqrt(1.0 + np.square(known))


def climb(
    evidence: Evidence,
    prior: Prior,
    fixed: Mapping[str, float],
    matrices: Whitener,
    start: Float[np.ndarray, " p"],
    rounds: int = 8,
    trust: float = 1.0,
) -> Peak:
    """Climbs to the nearest top of the posterior by iteratively reweighted Gauss-Newton steps.

    Args:
        evidence: the data.
        prior: of the coordinates.
        fixed: whole-numbered parameters.
        matrices: whiten the residuals.
        start: where the climb begins.
        rounds: at most.
        trust: the power of the likelihood: below 1 where the simulator cannot explain the data.

    Source: Björck 1996, *Numerical Methods for Least Squares Problems*, sections 4.5 and 9.2.
    """
    point = np.clip(start, 0.0, 1.0)
    height = float(log_posterior(evidence, prior, fixed, matrices, point[None], trust)[0])
    for remaining in range(rounds, -1, -1):
        white, slope = _linear(evidence, fixed, matrices, point)
        root = root_of(np.sqrt(trust) * slope, prior)
        peak = Peak(point, height, root)
        if not remaining or not len(point):
            break
        step = root @ (root.T @ (-trust * slope.T @ white + (prior.mean - point) / np.square(prior.std)))
        trials = np.clip(point + np.outer(TRIALS, step), 0.0, 1.0)
        heights = log_posterior(evidence, prior, fixed, matrices, trials, trust)
        best = int(np.argmax(heights))
        if not heights[best] > height:
            break
        small = np.abs(trials[best] - point) <= ENOUGH * peak.std
        point, height = trials[best], float(heights[best])
        if small.all():  # the shape is that of a point next door
            return Peak(point, height, root)
    return peak


def sharpened(
    evidence: Evidence, prior: Prior, fixed: Mapping[str, float], matrices: Whitener, peak: Peak, trust: float = 1.0
) -> Peak:
    """Returns a peak whose shape comes from slopes of fourth order.

    A combination of parameters that the data say nothing about, such as all masses, forces and dampings together, has
    no slope. In a coarse difference it has one, a thousandth of the others', and where there is hardly any noise that
    would be certainty.
    """
    _, slope = _linear(evidence, fixed, matrices, peak.point, FINE)
    return peak._replace(root=root_of(np.sqrt(trust) * slope, prior))


def _linear(
    evidence: Evidence, fixed: Mapping[str, float], matrices: Whitener, point: np.ndarray, nodes: int = NODES
) -> tuple[Float[np.ndarray, " residual"], Float[np.ndarray, "residual p"]]:
    """Returns whitened residuals and their slopes, each step weighted as Student's t weights it."""
    residual, slope = differentiate(evidence, fixed, point, nodes)
    both = matrices.whiten(np.concatenate([residual[None], slope]))
    squares, channels = np.square(both[0]).sum(axis=-1), both.shape[-1]
    root = np.sqrt((FREEDOM + channels) / (FREEDOM + squares)) * matrices.present
    weighted = (both * root[None, :, :, None]).reshape(len(both), -1)
    return weighted[0], weighted[1:].T
