"""Soft optimality: values of reward plus entropy. Over the choices of a table exactly, over a box by sampling.

The temperature α weighs entropy against reward. At α = 0 everything here is its hard limit: the largest value, and the
policy that takes it.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def soft_value(q: Float[Array, "*rows choice"], temperature: Float[Array, ""]) -> Float[Array, "*rows"]:
    """Values a state by all of its choices, the best ones most.

    V = α log Σ_a exp( Q(a) / α ).

    Args:
        q: Q of each choice, along the last axis.
        temperature: α, from 0; at 0 this is max Q.

    Source: Haarnoja et al. 2017 (arXiv 1702.08165), eq. 3, the integral a sum.
    """
    best = jnp.max(q, axis=-1, keepdims=True)
    positive = jnp.maximum(temperature, 1e-20)  # of the branch that is not taken at 0, which would be 0 / 0
    above = positive * jax.nn.logsumexp((q - best) / positive, axis=-1)
    return best[..., 0] + jnp.where(temperature > 0, above, 0.0)


def soft_policy(q: Float[Array, "*rows choice"], temperature: Float[Array, ""]) -> Float[Array, "*rows choice"]:
    """Returns the probabilities π(a) = exp( (Q(a) − V) / α ); at α = 0, the best choices alike.

    Source: Haarnoja et al. 2017 (arXiv 1702.08165), eq. 4.
    """
    best = (q >= jnp.max(q, axis=-1, keepdims=True)).astype(q.dtype)
    hard = best / jnp.sum(best, axis=-1, keepdims=True)
    return jnp.where(temperature > 0, jax.nn.softmax(q / jnp.maximum(temperature, 1e-20), axis=-1), hard)


def soft_bellman(
    q: Float[Array, "state choice"],
    reward: Float[Array, "state choice"],
    transition: Float[Array, "state choice state"],
    discount: float,
    temperature: Float[Array, ""],
) -> Float[Array, "state choice"]:
    """Applies the soft Bellman operator, a γ-contraction in the sup norm: Q ← r + γ E_{s'}[ V(s') ].

    Args:
        q: Q before.
        reward: r.
        transition: probabilities of the next state; a row that sums to less than 1 ends with the rest.
        discount: γ.
        temperature: α, from 0.

    Returns:
        Q after.

    Source: Haarnoja et al. 2017 (arXiv 1702.08165), eq. 7 and theorem 3; Fox et al. 2016 (arXiv 1512.08562), eq. 14.
    """
    return reward + discount * transition @ soft_value(q, temperature)


def soft_optimal_q(
    reward: Float[Array, "state choice"],
    transition: Float[Array, "state choice state"],
    discount: float,
    temperature: Float[Array, ""],
    sweeps: int = 1000,
) -> Float[Array, "state choice"]:
    """Returns the fixed point of `soft_bellman`, to γ^sweeps of the distance that zero has from it."""
    once = lambda _, q: soft_bellman(q, reward, transition, discount, temperature)  # noqa: E731
    return jax.lax.fori_loop(0, sweeps, once, jnp.zeros_like(reward))


def sampled_soft_value(
    q: Float[Array, "*rows sample"], log_density: Float[Array, "*rows sample"], temperature: Float[Array, ""]
) -> Float[Array, "*rows"]:
    """Estimates the soft value of a state from actions drawn from any density q_a that covers the box.

    V = α log mean_j [ exp( Q(a_j) / α ) / q_a(a_j) ].

    The mean inside is unbiased for the partition function ∫ exp(Q/α) da; its logarithm is low on average (Jensen), the
    more so the fewer samples and the more dimensions.

    Args:
        q: Q of each sample, along the last axis.
        log_density: log q_a of each sample; −d log 2 for the uniform density on [-1, 1]^d.
        temperature: α, above 0.

    Source: Haarnoja et al. 2017 (arXiv 1702.08165), eq. 10.
    """
    samples = q.shape[-1]
    return temperature * (jax.nn.logsumexp(q / temperature - log_density, axis=-1) - jnp.log(jnp.float32(samples)))
