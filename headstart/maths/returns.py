"""Returns and advantages. Unbatched: one sequence; batches by `jax.vmap` at the call site."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def discounted_returns(
    reward: Float[Array, " time"], discount: Float[Array, " time"], bootstrap: Float[Array, ""]
) -> Float[Array, " time"]:
    """Sums what follows each step, discounted.

    Gₜ = rₜ + γₜ Gₜ₊₁,   G_T = bootstrap.

    Args:
        reward: rₜ.
        discount: γ where the task goes on, 0 where it terminated.
        bootstrap: the value of the state after the last step.

    Returns:
        The return from each step on.

    Source: Sutton and Barto 2018, eq. 3.9.
    """

    def step(following, row):
        reward_t, discount_t = row
        total = reward_t + discount_t * following
        return total, total

    _, returns = jax.lax.scan(step, bootstrap, (reward, discount), reverse=True)
    return returns


def accumulated_returns(
    reward: Float[Array, " time"],
    discount: float,
    first: Float[Array, " time"],
    start: Float[Array, ""],
) -> tuple[Float[Array, " time"], Float[Array, ""]]:
    """Sums what an episode has given so far, older rewards discounted more: the size of returns, known at once.

    Cₜ = rₜ + γ (1 − firstₜ) Cₜ₋₁.

    Its spread is that of the return, but it needs no future: the usual yardstick for the scale of rewards.

    Args:
        reward: rₜ.
        discount: γ.
        first: 1 where the step is the first of an episode.
        start: C before the first row.

    Returns:
        Cₜ of each step, and the last one, from which the next sequence goes on.

    Source: Engstrom et al. 2020 (arXiv 2005.12729), appendix A.2.
    """

    def step(total, row):
        reward_t, first_t = row
        total = reward_t + discount * (1.0 - first_t) * total
        return total, total

    last, totals = jax.lax.scan(step, start, (reward, first))
    return totals, last


def generalized_advantage(
    reward: Float[Array, " time"],
    discount: Float[Array, " time"],
    value: Float[Array, " time"],
    next_value: Float[Array, " time"],
    decay: Float[Array, " time"],
) -> Float[Array, " time"]:
    """Estimates how much better each action was than the value of its state.

    δₜ = rₜ + γₜ V(sₜ₊₁) − V(sₜ),   Aₜ = δₜ + γₜ λₜ Aₜ₊₁.

    Whether an episode went on is said twice, because it is two things: `discount` is 0 where the task terminated
    (nothing is worth anything afterwards), `decay` is 0 where the *record* breaks (termination, time limit, end of the
    rollout), since the next row then belongs to another episode. `next_value` is the value of the true next
    observation, so a time limit still bootstraps.

    Args:
        reward: rₜ.
        discount: γ where the task goes on, 0 where it terminated.
        value: V(sₜ).
        next_value: V of the true next observation.
        decay: λ where the next row continues this episode, 0 where it does not.

    Returns:
        The advantage of each step.

    Source: Schulman et al. 2016 (arXiv 1506.02438), eq. 16.
    """
    error = reward + discount * next_value - value

    def step(following, row):
        error_t, weight_t = row
        advantage = error_t + weight_t * following
        return advantage, advantage

    _, advantages = jax.lax.scan(step, jnp.zeros((), reward.dtype), (error, discount * decay), reverse=True)
    return advantages
