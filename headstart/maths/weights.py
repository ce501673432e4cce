"""Importance weights in logarithms. NumPy."""

import numpy as np
from jaxtyping import Float, Int


def normalized(log_weight: Float[np.ndarray, " particle"]) -> Float[np.ndarray, " particle"]:
    """Returns weights that sum to 1; at least one must be above −∞."""
    log_weight = np.asarray(log_weight, np.float64)
    weight = np.exp(log_weight - log_weight.max())
    return weight / weight.sum()


def effective_number(log_weight: Float[np.ndarray, " particle"]) -> float:
    """Returns 1 / Σ w²: how many equal weights would be worth as much (Kong, Liu and Wong 1994)."""
    return float(1.0 / np.square(normalized(log_weight)).sum())


def next_temperature(log_ratio: Float[np.ndarray, " particle"], now: float, wanted: float) -> float:
    """Finds how far a tempered path may go on from equal weights before fewer than `wanted` particles count.

    Args:
        log_ratio: ln (end / beginning) of each particle.
        now: how far the path has got, from 0 to 1.
        wanted: effective number of particles to keep.

    Returns:
        The next temperature, at most 1.

    Source: Del Moral, Doucet and Jasra 2012, "An adaptive sequential Monte Carlo method", Statist. Comput. 22.
    """
    finite = np.where(np.isfinite(log_ratio), log_ratio, -1e300)
    if effective_number((1.0 - now) * finite) >= wanted:
        return 1.0
    low, high = 0.0, 1.0 - now
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if effective_number(middle * finite) >= wanted else (low, middle)
    return min(1.0, now + max(low, 1e-9))


def systematic(weight: Float[np.ndarray, " particle"], offset: float) -> Int[np.ndarray, " particle"]:
    """Resamples: index i is drawn about n wᵢ times (Kitagawa 1996).

    Args:
        weight: summing to 1.
        offset: one uniform number of [0, 1).
    """
    n = len(weight)
    return np.minimum(np.searchsorted(np.cumsum(weight), (np.arange(n) + offset) / n), n - 1)
