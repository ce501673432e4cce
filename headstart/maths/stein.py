"""Stein variational gradient descent: where to move particles so that they come to be spread like a density."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SMALLEST_BANDWIDTH = 1e-3  # particles that coincide must not divide by zero


def median_bandwidth(updated: Float[Array, "updated action"], fixed: Float[Array, "fixed action"]) -> Float[Array, ""]:
    """Returns the width of the kernel for one state: h = d / (2 log(M + 1)), d the median squared distance.

    The paper says "pairwise distance" where the authors' code squares it; squared, the kernel does not depend on the
    scale of the particles, as in the source of the heuristic.

    Args:
        updated: the particles that will move.
        fixed: the M particles that say where to.

    Source: Haarnoja et al. 2017 (arXiv 1702.08165), appendix D.1; Liu and Wang 2016 (arXiv 1608.04471), section 5.
    """
    squared = jnp.sum((updated[:, None, :] - fixed[None, :, :]) ** 2, axis=-1).reshape(-1)
    median = _median(squared)
    return jnp.maximum(median / (2.0 * jnp.log(jnp.float32(fixed.shape[0] + 1))), SMALLEST_BANDWIDTH)


def stein_direction(
    updated: Float[Array, "updated action"],
    fixed: Float[Array, "fixed action"],
    score: Float[Array, "fixed action"],
    temperature: Float[Array, ""],
    bandwidth: Float[Array, ""],
) -> Float[Array, "updated action"]:
    """Says where each updated particle should go.

    Δ_j = 1/M Σ_i [ κ(a_i, â_j) ∇Q(a_i) + α ∇_{a_i} κ(a_i, â_j) ],   κ(a, â) = exp( −‖a − â‖² / h ).

    The first term pulls towards where the density is high, the second pushes particles apart. With α = 0 and one
    particle, fixed and updated alike, it is the gradient that a deterministic policy would follow.

    Args:
        updated: â, K of them.
        fixed: a, M of them.
        score: α times the gradient of the log-density at each of the fixed: ∇Q where the density is exp(Q/α).
        temperature: α.
        bandwidth: h.

    Source: Haarnoja et al. 2017 (arXiv 1702.08165), eq. 13; Liu and Wang 2016 (arXiv 1608.04471), eq. 8.
    """
    apart = updated[None, :, :] - fixed[:, None, :]  # axes: fixed updated action
    kernel = jnp.exp(-jnp.sum(apart**2, axis=-1, keepdims=True) / bandwidth)
    return jnp.mean(kernel * (score[:, None, :] + temperature * 2.0 / bandwidth * apart), axis=0)


def log_abs_determinant(jacobian: Float[Array, "out in"]) -> Float[Array, ""]:
    """Returns log |det J|, by which a map thins out what it is applied to; −∞ where it is singular."""
    return jnp.linalg.slogdet(jacobian)[1]


def _median(values: Float[Array, " value"]) -> Float[Array, ""]:
    """Returns the middle value, the mean of the two middle ones of an even number."""
    n = values.shape[0]
    largest = jax.lax.top_k(values, n // 2 + 1)[0]  # far faster than a sort in XLA on CPUs
    return largest[-1] if n % 2 else 0.5 * (largest[-1] + largest[-2])
