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
    target: Float[np.ndarray, " row"],
    weight: Float[np.ndarray, " row"],
    accuracy: float,
    rounds: int = 8,
) -> Float[np.ndarray, " feature"] | None:
    """Least squares that rows far from the rest do not bend.

    First plain weighted least squares. Where that leaves rows further off than `accuracy`, least absolute deviations by
    reweighting (an exact fit to the majority, if there is one), then least squares on the rows that agree with it.

    Args:
        features: one row for each observation.
        target: of each row.
        weight: of each row, above 0.
        accuracy: a row this near agrees.
        rounds: of reweighting.

    Returns:
        The coefficients; None where the features do not determine them.
    """
    root = np.sqrt(weight)
    solution, _, rank, _ = np.linalg.lstsq(features * root[:, None], target * root, rcond=1e-10)
    if rank < features.shape[1]:
        return None
    off = np.abs(features @ solution - target)
    if (off <= accuracy).all() or len(features) < 2 * features.shape[1]:
        return solution
    for _ in range(rounds):
        root = np.sqrt(weight / np.maximum(off, max(accuracy, 1e-12)))
        solution = np.linalg.lstsq(features * root[:, None], target * root, rcond=1e-10)[0]
        last, off = off, np.abs(features @ solution - target)
        if np.median(off) > 0.5 * np.median(last):
            break  # no majority is being fitted better and better
    near = off <= 2 * accuracy
    if near.sum() >= features.shape[1]:
        root = np.sqrt(weight[near])
        refined, _, rank, _ = np.linalg.lstsq(features[near] * root[:, None], target[near] * root, rcond=1e-10)
        solution = refined if rank == features.shape[1] else solution
    return solution
