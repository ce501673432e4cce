"""CMA-ES: minimises a function of which only values are known. NumPy.

Source: Hansen 2016, "The CMA evolution strategy: a tutorial" (arXiv 1604.00772), figure 6 and table 1, without the
negative recombination weights.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Evolution(NamedTuple):
    """Where the search stands.

    Attributes:
        mean: of the next generation.
        size: σ, its overall step size.
        covariance: C, its shape.
        path: p_c, of the covariance.
        size_path: p_σ, of the step size.
        generation: how many there have been.
    """

    mean: Float[np.ndarray, " p"]
    size: float
    covariance: Float[np.ndarray, "p p"]
    path: Float[np.ndarray, " p"]
    size_path: Float[np.ndarray, " p"]
    generation: int


def population(dimension: int) -> int:
    """Returns λ = 4 + ⌊3 ln p⌋, the tutorial's default."""
    return 4 + math.floor(3 * math.log(dimension))


def begin(mean: Float[np.ndarray, " p"], size: float) -> Evolution:
    """Starts a search around a point with a step size."""
    zero = np.zeros(len(mean))
    return Evolution(np.asarray(mean, np.float64), size, np.eye(len(mean)), zero, zero, 0)


def ask(random: np.random.Generator, state: Evolution, n: int) -> Float[np.ndarray, "n p"]:
    """Draws the candidates of a generation."""
    values, vectors = np.linalg.eigh(state.covariance)
    root = vectors * np.sqrt(np.maximum(values, 1e-300))
    return state.mean + state.size * random.standard_normal((n, len(state.mean))) @ root.T


def tell(state: Evolution, candidates: Float[np.ndarray, "n p"], cost: Float[np.ndarray, " n"]) -> Evolution:
    """Moves towards the better half.

    Args:
        state: that the candidates were drawn from.
        candidates: of `ask`.
        cost: of each; what is not a number counts as the worst.
    """
    n, p = candidates.shape
    order = np.argsort(np.where(np.isnan(cost), np.inf, cost), kind="stable")[: n // 2]
    weight = math.log((n + 1) / 2) - np.log(np.arange(1, n // 2 + 1))
    weight /= weight.sum()
    mass = 1.0 / np.square(weight).sum()  # μ_eff
    c_size = (mass + 2) / (p + mass + 5)
    d_size = 1 + 2 * max(0.0, math.sqrt((mass - 1) / (p + 1)) - 1) + c_size
    c_path = (4 + mass / p) / (p + 4 + 2 * mass / p)
    c_one = 2 / ((p + 1.3) ** 2 + mass)
    c_rank = min(1 - c_one, 2 * (0.25 + mass + 1 / mass - 2) / ((p + 2) ** 2 + mass))
    steps = (candidates[order] - state.mean) / state.size
    step = weight @ steps
    values, vectors = np.linalg.eigh(state.covariance)
    whitened = vectors @ ((vectors.T @ step) / np.sqrt(np.maximum(values, 1e-300)))
    size_path = (1 - c_size) * state.size_path + math.sqrt(c_size * (2 - c_size) * mass) * whitened
    length, expected = np.linalg.norm(size_path), math.sqrt(p) * (1 - 1 / (4 * p) + 1 / (21 * p**2))
    generation = state.generation + 1
    steady = length / math.sqrt(1 - (1 - c_size) ** (2 * generation)) < (1.4 + 2 / (p + 1)) * expected
    path = (1 - c_path) * state.path + steady * math.sqrt(c_path * (2 - c_path) * mass) * step
    lost = (1 - steady) * c_one * c_path * (2 - c_path)
    covariance = (1 + lost - c_one - c_rank) * state.covariance
    covariance += c_one * np.outer(path, path) + c_rank * (weight[:, None] * steps).T @ steps
    size = state.size * math.exp(min(1.0, c_size / d_size * (float(length) / expected - 1)))
    return Evolution(state.mean + state.size * step, size, covariance, path, size_path, generation)
