"""Running mean and variance, updated a batch at a time, rows weighted; and the mean over the rows that count."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

WINDOW = 2.0**24
"""Rows that are remembered. Beyond it float32 cannot count single rows; older ones then fade exponentially."""


class Moments(NamedTuple):
    """Mean and (population) variance of the rows seen so far.

    Attributes:
        mean: of each feature; 0 before any row.
        var: of each feature; 1 before any row, so that an untouched normaliser is the identity.
        count: rows seen, at most `WINDOW`.
    """

    mean: Float[Array, "*feature"]
    var: Float[Array, "*feature"]
    count: Float[Array, ""]


def empty_moments(shape: tuple[int, ...]) -> Moments:
    """Returns the moments of nothing, for features of this shape."""
    return Moments(jnp.zeros(shape), jnp.ones(shape), jnp.zeros(()))


def update_moments(moments: Moments, rows: Float[Array, "rows *feature"], weight: Float[Array, " rows"]) -> Moments:
    """Merges a batch of weighted rows into running moments.

    With f = n_b / (n_a + n_b) and δ = mean_b − mean_a:

    mean = mean_a + f δ,   var = (1 − f) var_a + f var_b + f (1 − f) δ².

    Written with the fraction f instead of sums of squares, nothing grows with the number of rows.

    Args:
        moments: of the rows before.
        rows: finite numbers, also where their weight is 0.
        weight: 1 for a row that counts, 0 for one that does not.

    Returns:
        The moments of all rows; unchanged where no row counts.

    Source: Chan, Golub and LeVeque 1979, "Updating formulae and a pairwise algorithm for computing sample variances".
    """
    count = jnp.sum(weight)
    aligned = weight.reshape((-1,) + (1,) * (rows.ndim - 1))
    mean = jnp.sum(aligned * rows, axis=0) / jnp.maximum(count, 1.0)
    var = jnp.sum(aligned * (rows - mean[None]) ** 2, axis=0) / jnp.maximum(count, 1.0)
    total = moments.count + count
    fraction = count / jnp.maximum(total, 1.0)
    delta = mean - moments.mean
    return Moments(
        mean=moments.mean + fraction * delta,
        var=(1.0 - fraction) * moments.var + fraction * var + fraction * (1.0 - fraction) * delta**2,
        count=jnp.minimum(total, WINDOW),
    )


def normalize(
    moments: Moments, rows: Float[Array, "*rows feature"], smallest: float = 1e-2, limit: float = 10.0
) -> Float[Array, "*rows feature"]:
    """Brings features to mean 0 and standard deviation 1, within ± `limit`.

    Args:
        moments: of the features; one axis.
        rows: any number of leading axes.
        smallest: standard deviation below which a feature is only centred and divided by this. A feature that never
            moved in the source (a goal, a mass) must not explode when it first moves on the target.
        limit: where the result is cut.
    """
    lead = (1,) * (rows.ndim - 1)
    mean, var = moments.mean.reshape((*lead, -1)), moments.var.reshape((*lead, -1))
    return jnp.clip((rows - mean) / jnp.maximum(jnp.sqrt(var), smallest), -limit, limit)


def weighted_mean(values: Float[Array, "*rows"], weight: Float[Array, "*rows"]) -> Float[Array, ""]:
    """Returns Σ w x / Σ w over all axes, and 0 where no row counts."""
    return jnp.sum(values * weight) / jnp.maximum(jnp.sum(weight), 1.0)
