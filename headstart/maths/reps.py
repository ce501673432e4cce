"""Relative entropy policy search on samples: weights that lower a cost within a bound on how far they may go. NumPy."""

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize_scalar

from headstart.maths.weights import normalized


def dual(temperature: float, cost: Float[np.ndarray, " sample"], bound: float) -> float:
    """The dual of REPS for costs: g(η) = η ε + η ln mean exp(−c / η).

    Its minimum over η is where the reweighted samples lie ε nats from the samples.

    Source: Peters, Mülling and Altun 2010, equation 10; Chebotar et al. 2019 (arXiv 1810.05687), section III-C.
    """
    least = float(cost.min())
    mean = float(np.mean(np.exp(-(cost - least) / temperature)))
    return temperature * bound + temperature * np.log(mean) - least


def weights(cost: Float[np.ndarray, " sample"], bound: float) -> tuple[Float[np.ndarray, " sample"], float]:
    """Solves the dual and returns the weights, which sum to 1, and the temperature η.

    Args:
        cost: of each sample, drawn from the old distribution; infinite is allowed, for one that broke.
        bound: ε, in nats.
    """
    finite = np.isfinite(cost)
    if not finite.any():
        return np.full(len(cost), 1.0 / len(cost)), np.inf
    spread = float(np.ptp(cost[finite]))
    if spread == 0.0:
        return finite / finite.sum(), np.inf
    span = np.log(spread) + np.array([-12.0, 8.0])
    found = minimize_scalar(lambda x: dual(float(np.exp(x)), cost[finite], bound), bounds=tuple(span), method="bounded")
    temperature = float(np.exp(found.x))
    return normalized(np.where(finite, -cost / temperature, -np.inf)), temperature


def kl_normal(
    mean: Float[np.ndarray, " p"], covariance: Float[np.ndarray, "p p"],
    old_mean: Float[np.ndarray, " p"], old_covariance: Float[np.ndarray, "p p"],
) -> float:  # fmt: skip
    """Returns KL(new ‖ old) = ½ (tr Σ₀⁻¹Σ + Δᵀ Σ₀⁻¹ Δ − p + ln det Σ₀ / det Σ)."""
    inverse, gap = np.linalg.inv(old_covariance), mean - old_mean
    logs = np.linalg.slogdet(old_covariance)[1] - np.linalg.slogdet(covariance)[1]
    return float(0.5 * (np.trace(inverse @ covariance) + gap @ inverse @ gap - len(mean) + logs))


def step(
    points: Float[np.ndarray, "sample p"], cost: Float[np.ndarray, " sample"],
    mean: Float[np.ndarray, " p"], covariance: Float[np.ndarray, "p p"], bound: float, least: float,
) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, "p p"], float]:  # fmt: skip
    """Fits the next normal distribution to weighted samples of the last one, no further than ε from it.

    Weighted maximum likelihood of few samples can overshoot the bound that the weights obey; the fit is then drawn back
    towards the old distribution, mean and covariance in a line, until it does.

    Args:
        points: drawn from the old distribution.
        cost: of each.
        mean: of the old distribution.
        covariance: of it.
        bound: ε, in nats.
        least: smallest standard deviation.

    Returns:
        Mean, covariance, and KL(new ‖ old).
    """
    weight, _ = weights(cost, bound)
    fitted = weight @ points
    off = points - fitted
    spread = (weight[:, None] * off).T @ off + least**2 * np.eye(len(mean))

    def between(share: float) -> tuple[np.ndarray, np.ndarray, float]:
        new, wide = mean + share * (fitted - mean), covariance + share * (spread - covariance)
        return new, wide, kl_normal(new, wide, mean, covariance)

    if between(1.0)[2] <= bound:
        return between(1.0)
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if between(middle)[2] <= bound else (low, middle)
    return between(low)
