"""How much is left to choose from: of the actions in a state, of the states, of the features. Float64 NumPy."""

import math

import numpy as np
from jaxtyping import Float

from headstart.errors import InputError


def range_left(entropy: Float[np.ndarray, " state"], dimensions: int) -> Float[np.ndarray, " state"]:
    """Returns which share of each action's range a policy still uses.

    (e^H / 2^d)^(1/d): the width of the uniform distribution that is as uncertain, beside the whole range [-1, 1], per
    entry of the action. 1 is uniform over everything, 0 deterministic.

    Args:
        entropy: H of the policy in each state, of the action scaled to [-1, 1], in nats.
        dimensions: d, entries of the action.

    Returns:
        The share in each state, cut at 1.
    """
    return np.minimum(np.exp(np.asarray(entropy, np.float64) / dimensions) / 2.0, 1.0)


def choices_left(entropy: Float[np.ndarray, " state"], choices: int) -> Float[np.ndarray, " state"]:
    """Returns which share of the other choices a policy of discrete actions still makes: (e^H − 1) / (n − 1).

    Args:
        entropy: H of the policy in each state, in nats.
        choices: n; one choice leaves nothing, 0.
    """
    return np.clip((np.exp(np.asarray(entropy, np.float64)) - 1.0) / max(choices - 1, 1), 0.0, 1.0)


def effective_rank(features: Float[np.ndarray, "state feature"]) -> float:
    """Counts the directions in which features vary: exp of the entropy of their normalised singular values.

    exp(−Σ p log p), p = σ / Σσ. A matrix of k equal singular values has k; where all features are zero, 0.

    Source: Roy and Vetterli 2007, "The effective rank: a measure of effective dimensionality", definition 1.
    """
    singular = np.linalg.svd(np.asarray(features, np.float64), compute_uv=False)
    if singular.size == 0 or singular.sum() == 0:
        return 0.0
    share = singular / singular.sum()
    share = share[share > 0]
    return float(np.exp(-np.sum(share * np.log(share))))


def coverage(
    states: Float[np.ndarray, "state channel"],
    low: Float[np.ndarray, " channel"],
    high: Float[np.ndarray, " channel"],
    bins: int = 10,
) -> float:
    """Returns which share of the cells of a grid was visited.

    Args:
        states: where the policy was; what lies outside counts nowhere.
        low: lower corner of the grid.
        high: upper corner; a channel without width has one bin.
        bins: of each channel.

    Raises:
        InputError: for more cells than can be counted (10 million); take fewer channels.
    """
    states, low, high = (np.asarray(x, np.float64) for x in (states, low, high))
    if bins ** states.shape[1] > 10_000_000:
        raise InputError(f"coverage of {states.shape[1]} channels in {bins} bins each: too many cells; name fewer")
    width = np.where(high > low, high - low, 1.0)
    inside = np.all((states >= low) & (states <= high), axis=1)
    cells = np.minimum(((states[inside] - low) / width * bins).astype(int), bins - 1)
    real = np.where(high > low, bins, 1)
    return len(np.unique(cells, axis=0)) / math.prod(real.tolist())


def direction_entropy(displacement: Float[np.ndarray, "episode 2"], sectors: int = 12) -> float:
    """Returns the entropy of the directions in which episodes ended, as a share of log(sectors).

    1 is every direction alike, 0 always the same one. Few episodes look less even than they are: with n of them it
    cannot exceed log(n) / log(sectors).

    Args:
        displacement: from start to end of each episode; where it is zero the episode has no direction and is left out.
        sectors: of the circle.
    """
    moved = np.asarray(displacement, np.float64)
    moved = moved[np.linalg.norm(moved, axis=1) > 0]
    if not len(moved):
        return 0.0
    angle = np.arctan2(moved[:, 1], moved[:, 0]) % (2 * np.pi)
    count = np.bincount(np.minimum((angle / (2 * np.pi) * sectors).astype(int), sectors - 1), minlength=sectors)
    share = count[count > 0] / count.sum()
    return float(-np.sum(share * np.log(share)) / math.log(sectors)) + 0.0
