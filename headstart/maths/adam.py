"""Adam, as a function of a gradient and a state; and the length of a gradient over a whole tree."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree


class AdamState(NamedTuple):
    """Running moments of the gradient, and the steps taken.

    Attributes:
        mean: m, of each entry.
        square: v, the uncentred second moment of each entry.
        count: t.
    """

    mean: PyTree[Array]
    square: PyTree[Array]
    count: Int[Array, ""]


def adam_init(weights: PyTree[Array]) -> AdamState:
    """Returns the state before any step."""
    zeros = jax.tree.map(jnp.zeros_like, weights)
    return AdamState(zeros, jax.tree.map(jnp.zeros_like, weights), jnp.zeros((), jnp.int32))


def adam_step(
    gradient: PyTree[Array],
    state: AdamState,
    weights: PyTree[Array],
    learning_rate: float | Float[Array, ""],
    epsilon: float = 1e-8,
    decay_mean: float = 0.9,
    decay_square: float = 0.999,
    take: Bool[Array, ""] | bool = True,
) -> tuple[PyTree[Array], AdamState]:
    """Takes one step of Adam.

    m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²,   w ← w − η m̂ / (√v̂ + ε),   m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ).

    Args:
        gradient: g, one leaf for each of the weights.
        state: of the steps before.
        weights: w.
        learning_rate: η.
        epsilon: ε.
        decay_mean: β₁.
        decay_square: β₂.
        take: whether the step is taken. One that is refused leaves weights and state as they were, whatever the
            gradient holds; said here rather than chosen afterwards, so that a loop can write them in place.

    Returns:
        The new weights and state.

    Source: Kingma and Ba 2015 (arXiv 1412.6980), algorithm 1.
    """
    count = state.count + 1
    t = count.astype(jnp.float32)
    size = learning_rate / (1.0 - decay_mean**t)
    square_scale = 1.0 / (1.0 - decay_square**t)

    def kept(new: Callable[..., Array]) -> Callable[..., Array]:
        return lambda old, *others: jnp.where(take, new(old, *others), old)

    mean = jax.tree.map(kept(lambda m, g: decay_mean * m + (1.0 - decay_mean) * g), state.mean, gradient)
    square = jax.tree.map(kept(lambda v, g: decay_square * v + (1.0 - decay_square) * g * g), state.square, gradient)
    step = kept(lambda w, m, v: w - size * m / (jnp.sqrt(v * square_scale) + epsilon))
    return jax.tree.map(step, weights, mean, square), AdamState(mean, square, jnp.where(take, count, state.count))


def global_norm(tree: PyTree[Array]) -> Float[Array, ""]:
    """Returns the Euclidean length of all entries of a tree together."""
    return jnp.sqrt(sum(jnp.sum(leaf * leaf) for leaf in jax.tree.leaves(tree)))


def shorten(gradient: PyTree[Array], longest: float) -> PyTree[Array]:
    """Scales a gradient down to the given length where it is longer.

    Source: Pascanu et al. 2013 (arXiv 1211.5063), algorithm 1.
    """
    factor = jnp.minimum(1.0, longest / jnp.maximum(global_norm(gradient), 1e-12))
    return jax.tree.map(lambda leaf: factor * leaf, gradient)
