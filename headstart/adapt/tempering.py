"""Sequential Monte Carlo with tempering: particles from a normal guess at a posterior to the posterior itself."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy.special import gammaln

from headstart.maths.weights import effective_number, next_temperature, normalized, systematic

TAILS = 5.0  # degrees of freedom of the guess: heavier tails than the posterior's
LOOSER = 1.3  # its covariance, over that of the guess
STAGES = 12  # at most; after the last the weights are what they are

Density = Callable[[Float[np.ndarray, "particle p"]], Float[np.ndarray, " particle"]]


class Tempered(NamedTuple):
    """Particles of a posterior.

    Attributes:
        points: in the unit cube.
        log_weight: up to a constant.
        stages: how many temperatures it took; 1 where the guess was good.
        log_evidence: of the posterior's normalising constant, over that of the guess (which is 1).
    """

    points: Float[np.ndarray, "particle p"]
    log_weight: Float[np.ndarray, " particle"]
    stages: int
    log_evidence: float


def temper(
    random: np.random.Generator,
    density: Density,
    mean: Float[np.ndarray, " p"],
    root: Float[np.ndarray, "p p"],
    particles: int,
    moves: int = 2,
) -> Tempered:
    """Draws from Student's t around a guess and moves the draws, temperature by temperature, to the posterior.

    Between the guess q and the posterior π lie q^(1−β) π^β; β rises as far as half of the particles still count, then
    particles are resampled and moved by random-walk Metropolis steps with the particles' own covariance.

    Args:
        random: where random numbers come from.
        density: the log-posterior up to a constant; −∞ is allowed.
        mean: of the guess.
        root: of the guess's covariance, root rootᵀ. All is done in units of it, so that directions may differ by
            many orders of magnitude in how well they are known.
        particles: how many.
        moves: Metropolis steps of each particle at each temperature.

    Source: Del Moral, Doucet and Jasra 2006, "Sequential Monte Carlo samplers", J. R. Statist. Soc. B 68, section 3.
    """
    if not len(mean):  # there is one point only, and it is all that there is to know
        height = float(density(mean[None])[0])
        return Tempered(np.zeros((particles, 0)), np.zeros(particles), 1, height)
    p, volume = len(mean), np.linalg.slogdet(np.sqrt(LOOSER) * root)[1]
    points = np.sqrt(LOOSER) * _student(random, particles, p)  # in units of the guess

    def densities(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return density(mean + points @ root.T), _log_student(points / np.sqrt(LOOSER)) - volume

    target, start = densities(points)
    beta, log_weight, log_evidence, stages = 0.0, np.zeros(particles), 0.0, 0
    while beta < 1.0:
        stages += 1
        ratio = target - start
        after = 1.0 if stages == STAGES else next_temperature(ratio, beta, 0.5 * particles)
        log_weight = np.where(np.isfinite(ratio), (after - beta) * ratio, -np.inf)
        if not np.isfinite(log_weight).any():  # not one of them is possible: all that is known is the guess
            return Tempered(mean + points @ root.T, np.zeros(particles), stages, -np.inf)
        peak = log_weight.max()
        log_evidence += float(peak + np.log(np.mean(np.exp(log_weight - peak))))
        beta = after
        if beta >= 1.0:
            break
        chosen = systematic(normalized(log_weight), float(random.uniform()))
        points, target, start = points[chosen], target[chosen], start[chosen]
        step = np.cov(points.T).reshape(p, p) + 1e-12 * np.eye(p)
        stride = 2.38 / np.sqrt(p) * np.linalg.cholesky(step)
        for _ in range(moves):
            tried = points + random.standard_normal(points.shape) @ stride.T
            there, begun = densities(tried)
            gain = beta * (there - target) + (1.0 - beta) * (begun - start)
            taken = np.log(random.uniform(size=particles)) < np.where(np.isnan(gain), -np.inf, gain)
            points = np.where(taken[:, None], tried, points)
            target, start = np.where(taken, there, target), np.where(taken, begun, start)
    return Tempered(mean + points @ root.T, log_weight, stages, log_evidence)


def _student(random: np.random.Generator, n: int, p: int) -> Float[np.ndarray, "n p"]:
    """Draws from a multivariate t distribution of mean 0 and unit scale."""
    scale = np.sqrt(TAILS / random.chisquare(TAILS, (n, 1)))
    return scale * random.standard_normal((n, p))


def _log_student(points: Float[np.ndarray, "n p"]) -> Float[np.ndarray, " n"]:
    """Returns its log-density."""
    p = points.shape[1]
    constant = gammaln((TAILS + p) / 2) - gammaln(TAILS / 2) - 0.5 * p * np.log(TAILS * np.pi)
    return constant - 0.5 * (TAILS + p) * np.log1p(np.square(points).sum(axis=1) / TAILS)


def counted(tempered: Tempered) -> float:
    """Returns how many particles count at the end."""
    return effective_number(tempered.log_weight)
