"""Gauss-Newton: the likeliest parameters, and how sure that is, from few simulations."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from headstart.adapt.evidence import Evidence
from headstart.adapt.noise import FREEDOM, student_squares
from headstart.maths.state_filter import Whitener

STEP = 2e-3  # of finite differences, in the unit cube
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
        covariance: the inverse of the Gauss-Newton matrix: of the posterior, if that were normal.
        information: of the data alone, without the prior: Fisher's matrix.
    """

    point: Float[np.ndarray, " p"]
    log_posterior: float
    covariance: Float[np.ndarray, "p p"]
    information: Float[np.ndarray, "p p"]


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
    evidence: Evidence, fixed: Mapping[str, float], point: Float[np.ndarray, " p"]
) -> tuple[Float[np.ndarray, "chain step channel"], Float[np.ndarray, "p chain step channel"]]:
    """Returns the residuals at a point and their slope by each coordinate, into the cube where the border is near."""
    sign = np.where(point + STEP <= 1.0, 1.0, -1.0)
    moved = point + np.diag(sign * STEP)
    found = evidence.residuals(np.concatenate([point[None], moved]), fixed)
    # what single precision makes of a coordinate is what was moved in truth
    true = evidence.coordinates.vector(evidence.coordinates.values(np.concatenate([point[None], moved])))
    gaps = np.diagonal(true[1:] - true[:1])
    slope = (found.values[1:] - found.values[0]) / np.where(gaps == 0.0, STEP, gaps)[:, None, None, None]
    slope[found.diverged[1:]] = 0.0
    return found.values[0], slope


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
        information = trust * slope.T @ slope
        covariance = np.linalg.inv(information + np.diag(1.0 / np.square(prior.std)))
        peak = Peak(point, height, covariance, information)
        if not remaining:
            break
        step = covariance @ (-trust * slope.T @ white + (prior.mean - point) / np.square(prior.std))
        trials = np.clip(point + np.outer(TRIALS, step), 0.0, 1.0)
        heights = log_posterior(evidence, prior, fixed, matrices, trials, trust)
        best = int(np.argmax(heights))
        if not heights[best] > height:
            break
        small = np.abs(trials[best] - point) <= ENOUGH * np.sqrt(np.diagonal(covariance))
        point, height = trials[best], float(heights[best])
        if small.all():  # the shape is that of a point next door
            return Peak(point, height, covariance, information)
    return peak


def _linear(
    evidence: Evidence, fixed: Mapping[str, float], matrices: Whitener, point: np.ndarray
) -> tuple[Float[np.ndarray, " residual"], Float[np.ndarray, "residual p"]]:
    """Returns whitened residuals and their slopes, each step weighted as Student's t weights it."""
    residual, slope = differentiate(evidence, fixed, point)
    both = matrices.whiten(np.concatenate([residual[None], slope]))
    squares, channels = np.square(both[0]).sum(axis=-1), both.shape[-1]
    root = np.sqrt((FREEDOM + channels) / (FREEDOM + squares)) * matrices.present
    weighted = (both * root[None, :, :, None]).reshape(len(both), -1)
    return weighted[0], weighted[1:].T
