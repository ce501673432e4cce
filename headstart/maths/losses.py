"""Losses and targets of single rows. Elementwise: any number of leading axes is welcome, nothing is averaged here."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def clipped_surrogate(
    log_ratio: Float[Array, "*rows"], advantage: Float[Array, "*rows"], clip: float
) -> Float[Array, "*rows"]:
    """Measures how much a new policy improves on the one that acted, ignoring gains outside the trust interval.

    L = −min( ρ A, clip(ρ, 1 − ε, 1 + ε) A ),   ρ = exp(log π(a|s) − log π_old(a|s)).

    Args:
        log_ratio: log ρ.
        advantage: A of the action taken.
        clip: ε.

    Returns:
        The loss (to be minimised) of each row.

    Source: Schulman et al. 2017 (arXiv 1707.06347), eq. 7.
    """
    ratio = jnp.exp(log_ratio)
    return -jnp.minimum(ratio * advantage, jnp.clip(ratio, 1.0 - clip, 1.0 + clip) * advantage)


def approximate_kl(log_ratio: Float[Array, "*rows"]) -> Float[Array, "*rows"]:
    """Estimates KL(π_old ‖ π) from actions of π_old: ρ − 1 − log ρ, unbiased and never negative.

    Source: Schulman 2020, "Approximating KL divergence", estimator k₃.
    """
    return jnp.expm1(log_ratio) - log_ratio


def huber(error: Float[Array, "*rows"], threshold: float = 1.0) -> Float[Array, "*rows"]:
    """Grows like ½ e² near zero and like δ (|e| − ½ δ) beyond δ, so that one outlier cannot dominate a gradient.

    Args:
        error: prediction minus target.
        threshold: δ, where the square turns into a line.

    Source: Huber 1964, "Robust estimation of a location parameter".
    """
    size = jnp.abs(error)
    inside = jnp.minimum(size, threshold)
    return 0.5 * inside**2 + threshold * (size - inside)


def soft_bellman_target(
    reward: Float[Array, "*rows"],
    discount: Float[Array, "*rows"],
    next_value: Float[Array, "*rows"],
    next_log_prob: Float[Array, "*rows"],
    temperature: Float[Array, ""],
) -> Float[Array, "*rows"]:
    """Values an action by its reward and by the soft value of what follows.

    y = r + γ ( Q̄(s', a') − α log π(a'|s') ),   a' ~ π(·|s').

    Args:
        reward: r.
        discount: γ where the task goes on, 0 where it terminated.
        next_value: Q̄(s', a'), usually the smaller of two target critics.
        next_log_prob: log π(a'|s').
        temperature: α.

    Returns:
        The target of each row. No gradient passes through it.

    Source: Haarnoja et al. 2018 (arXiv 1812.05905), eq. 5 and 6.
    """
    soft_value = next_value - temperature * next_log_prob
    return jax.lax.stop_gradient(reward + discount * soft_value)


def temperature_loss(
    log_temperature: Float[Array, ""], log_prob: Float[Array, "*rows"], target_entropy: float
) -> Float[Array, "*rows"]:
    """Raises the temperature while the policy is more certain than asked for, and lowers it otherwise.

    J(α) = −log α · ( log π(a|s) + H̄ ).

    The logarithm stands where the paper has α itself: same sign, same root, and the step no longer shrinks with α.

    Args:
        log_temperature: log α; the only argument through which a gradient passes.
        log_prob: log π(a|s) of actions drawn from the policy.
        target_entropy: H̄, usually −dim(action).

    Source: Haarnoja et al. 2018 (arXiv 1812.05905), eq. 18.
    """
    return -log_temperature * jax.lax.stop_gradient(log_prob + target_entropy)
