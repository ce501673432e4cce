"""Arithmetic within a tolerance: which numbers are the same, and fits that some wrong rows do not bend. NumPy."""

import numpy as np
from jaxtyping import Float, Int


def cluster(
    values: Float[np.ndarray, " n"], tolerance: float
) -> tuple[Int[np.ndarray, " n"], Float[np.ndarray, " cluster"]]:
    """Groups numbers that are the same within a tolerance.

    Args:
        values: the numbers, at least one.
        tolerance: a group spans at most twice this, so that its middle is within `tolerance` of every member.

    Returns:
        The group of each number, and the middle of each group, ascending.
    """
    distinct, inverse = np.unique(values, return_inverse=True)
    if tolerance <= 0 or len(distinct) == 1 or np.diff(distinct).min() > 2 * tolerance:
        return inverse, distinct
    labels, start, group = np.empty(len(distinct), int), distinct[0], 0
    for index, value in enumerate(distinct):
        if value - start > 2 * tolerance:
            start, group = value, group + 1
        labels[index] = group
    low = np.full(group + 1, np.inf)
    high = np.full(group + 1, -np.inf)
    np.minimum.at(low, labels, distinct)
    np.maximum.at(high, labels, distinct)
    return labels[inverse], (low + high) / 2


def trimmed_least_squares(
    features: Float[np.ndarray, "row feature"],
    left: Float[np.ndarray, "row feature"],
    back: Float[np.ndarray, "feature feature"],
    target: Float[np.ndarray, " row"],
    weight: Float[np.ndarray, " row"],
    accuracy: float,
    rounds: int = 8,
) -> Float[np.ndarray, " feature"]:
    """Least squares that rows far from the rest do not bend.

    First plain weighted least squares. Where that leaves rows further off than `accuracy`, least absolute deviations by
    reweighting (an exact fit to the majority, if there is one), then least squares on the rows that agree with it. The
    rows are given with their singular value decomposition √w F = L S Rᵀ, since many targets share them.

    Args:
        features: F, one row for each observation.
        left: L.
        back: R S⁻¹.
        target: of each row.
        weight: w of each row, above 0.
        accuracy: a row this near agrees.
        rounds: of reweighting.

    Returns:
        The coefficients.
    """
    root = np.sqrt(weight)
    scaled = root * target
    solution = back @ (scaled @ left)
    off = np.abs(features @ solution - target)
    if (off <= accuracy).all() or len(features) < 2 * features.shape[1]:
        return solution
    middle = float(np.median(off))
    for _ in range(rounds):
        doubt = left / np.maximum(off, max(accuracy, 1e-12))[:, None]
        try:
            solution = back @ np.linalg.solve(doubt.T @ left, scaled @ doubt)
        except np.linalg.LinAlgError:
            break  # too few rows are left that agree
        off = np.abs(features @ solution - target)
        last, middle = middle, float(np.median(off))
        if middle > 0.5 * last:
            break  # no majority is being fitted better and better
    near = off <= 2 * accuracy
    if near.sum() >= features.shape[1]:
        refined, _, rank, _ = np.linalg.lstsq(features[near] * root[near, None], scaled[near], rcond=1e-10)
        solution = refined if rank == features.shape[1] else solution
    return solution
