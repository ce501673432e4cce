"""Composing soft-optimal policies without learning: how far the mean of soft Q functions is from the conjunction's own.

With Q_Σ = 1/n Σ_i Q_i, and Q*_C the soft-optimal Q of the mean reward: Q_Σ ≥ Q*_C ≥ Q_Σ − C*.

Source: Haarnoja et al. 2018, "Composable deep reinforcement learning" (arXiv 1803.06773), lemma 1.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def renyi_half(p: Float[Array, "*rows choice"], q: Float[Array, "*rows choice"]) -> Float[Array, "*rows"]:
    """Returns the Rényi divergence of order ½, D(p ‖ q) = −2 log Σ √(p q), in nats; symmetric, 0 where p = q."""
    return -2.0 * jnp.log(jnp.sum(jnp.sqrt(p * q), axis=-1))


def disagreement(policies: Float[Array, "part *rows choice"]) -> Float[Array, "*rows"]:
    """Returns −log Σ_a Π_i π_i(a)^{1/n}, in nats: 0 where all agree. Of two policies it is half of `renyi_half`."""
    return -jnp.log(jnp.sum(jnp.exp(jnp.mean(jnp.log(policies), axis=0)), axis=-1))


def composition_gap(
    policies: Float[Array, "part state choice"],
    transition: Float[Array, "state choice state"],
    discount: float,
    temperature: Float[Array, ""],
    sweeps: int = 1000,
) -> Float[Array, "state choice"]:
    """Returns C*, how much the mean of soft Q functions can promise too much.

    The fixed point of C(s, a) ← γ E_{s'}[ α ½ D_½(π_1(·|s') ‖ π_2(·|s')) + max_{a'} C(s', a') ].

    The paper states it with D_½ in place of α ½ D_½, for α = 1. The half is what the induction needs:
    α log Σ_a exp(Q_Σ/α) = ½ (V_1 + V_2) + α log Σ_a √(π_1 π_2). It makes the bound tighter.

    Args:
        policies: the soft-optimal policies of the parts; two or more.
        transition: probabilities of the next state.
        discount: γ.
        temperature: α, the same for all parts.
        sweeps: of the iteration.
    """
    apart = temperature * disagreement(policies)
    once = lambda _, gap: discount * transition @ (apart + jnp.max(gap, axis=-1))  # noqa: E731
    return jax.lax.fori_loop(0, sweeps, once, jnp.zeros(transition.shape[:2]))
