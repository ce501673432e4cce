"""How far two recorded trajectories are apart, in a way that small shifts in time do not dominate. NumPy."""

import numpy as np
from jaxtyping import Float


def smoothed(
    values: Float[np.ndarray, "time channel"], deviation: float, cut: int
) -> Float[np.ndarray, "time channel"]:
    """Filters along time by a Gaussian that is cut off; near the ends, by what there is of it.

    Args:
        values: what is filtered.
        deviation: σ of the Gaussian, in steps.
        cut: how many steps to each side count, at most.
    """
    if deviation <= 0.0 or cut < 1:
        return values
    lags = np.arange(-cut, cut + 1)
    kernel = np.exp(-0.5 * np.square(lags / deviation))
    padded = np.pad(values, ((cut, cut), (0, 0)))
    along = np.stack([np.convolve(column, kernel, "valid") for column in padded.T], axis=1)
    there = np.convolve(np.pad(np.ones(len(values)), cut), kernel, "valid")
    return along / there[:, None]


def discrepancy(
    simulated: Float[np.ndarray, "time_a channel"],
    real: Float[np.ndarray, "time_b channel"],
    weight: Float[np.ndarray, " channel"],
    absolute: float = 1.0,
    squared: float = 0.1,
    deviation: float = 5.0,
    cut: int = 4,
) -> float:
    """Returns D = w₁ Σₜ |W F(o_ξ − o_real)| + w₂ Σₜ ‖W F(o_ξ − o_real)‖², over the number of steps.

    The shorter trajectory stands still where it ended: a fall that comes too early counts for as long as it lasts.

    Args:
        simulated: observations, step by step.
        real: likewise.
        weight: W: of each channel, such as one over its typical size.
        absolute: w₁.
        squared: w₂.
        deviation: of the temporal filter F, in steps.
        cut: where F is cut off, in steps.

    Source: Chebotar et al. 2019 (arXiv 1810.05687), equation 3 and section IV; σ = 5 steps, cut at 4, as there.
    """
    length = max(len(simulated), len(real))
    a, b = (np.pad(x, ((0, length - len(x)), (0, 0)), mode="edge") for x in (simulated, real))
    off = smoothed((a - b) * weight, deviation, cut)
    return float((absolute * np.abs(off).sum() + squared * np.square(off).sum()) / length)
