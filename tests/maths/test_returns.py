"""Returns against sums done by hand."""

import jax.numpy as jnp
import numpy as np

from headstart.maths.returns import accumulated_returns, discounted_returns, generalized_advantage


def test_discounted_returns_by_hand():
    # γ = 0.5; the episode ends after row 1; then 3 + 0.5·8 = 7;  row 1: 2;  row 0: 1 + 0.5·2 = 2
    returns = discounted_returns(jnp.array([1.0, 2.0, 3.0]), jnp.array([0.5, 0.0, 0.5]), jnp.float32(8.0))
    np.testing.assert_allclose(returns, [2.0, 2.0, 7.0])


def test_accumulated_returns_by_hand():
    # γ = 0.5, before the rows 4:  1 + 2 = 3;  2 + 1.5 = 3.5;  a new episode: 5;  1 + 2.5 = 3.5
    totals, last = accumulated_returns(
        jnp.array([1.0, 2.0, 5.0, 1.0]), 0.5, jnp.array([0.0, 0.0, 1.0, 0.0]), jnp.float32(4.0)
    )
    np.testing.assert_allclose(totals, [3.0, 3.5, 5.0, 3.5])
    assert last == 3.5


def test_advantage_by_hand():
    # γ = 0.9, λ = 0.5; the task terminates at row 1, the clock cuts at row 2.
    # δ₂ = 1 + 0.9·10 − 4 = 6 = A₂;  δ₁ = 1 + 0·9 − 2 = −1 = A₁;  δ₀ = 1 + 0.9·2 − 1 = 1.8, A₀ = 1.8 + 0.45·(−1) = 1.35
    advantage = generalized_advantage(
        reward=jnp.array([1.0, 1.0, 1.0]),
        discount=jnp.array([0.9, 0.0, 0.9]),
        value=jnp.array([1.0, 2.0, 4.0]),
        next_value=jnp.array([2.0, 9.0, 10.0]),
        decay=jnp.array([0.5, 0.0, 0.0]),
    )
    np.testing.assert_allclose(advantage, [1.35, -1.0, 6.0], rtol=1e-6)


def test_with_full_decay_the_advantage_is_the_return_minus_the_value():
    reward, value = jnp.array([1.0, -2.0, 3.0, 0.5]), jnp.array([0.3, 0.1, -0.7, 2.0])
    next_value = jnp.array([0.1, -0.7, 2.0, 5.0])
    discount = jnp.full(4, 0.9)
    advantage = generalized_advantage(reward, discount, value, next_value, jnp.array([1.0, 1.0, 1.0, 0.0]))
    np.testing.assert_allclose(advantage, discounted_returns(reward, discount, jnp.float32(5.0)) - value, rtol=1e-6)
