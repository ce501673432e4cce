"""Losses by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from headstart.maths.losses import approximate_kl, clipped_surrogate, huber, soft_bellman_target, temperature_loss


def test_surrogate_keeps_losses_and_cuts_gains_outside_the_interval():
    ratio = jnp.array([1.5, 1.5, 0.5, 0.5, 1.1])
    advantage = jnp.array([2.0, -2.0, 2.0, -2.0, 2.0])
    loss = clipped_surrogate(jnp.log(ratio), advantage, 0.2)
    # ρ = 1.5: a gain counts as 1.2·2, a loss fully; ρ = 0.5: a gain fully (0.5·2), a loss as 0.8·(−2)
    np.testing.assert_allclose(loss, [-2.4, 3.0, -1.0, 1.6, -2.2], rtol=1e-6)


def test_no_gradient_beyond_the_interval():
    slope = jax.vmap(jax.grad(lambda x, a: clipped_surrogate(x, a, 0.2)))(jnp.log(jnp.array([1.5, 1.1])), jnp.ones(2))
    np.testing.assert_allclose(slope, [0.0, -1.1], rtol=1e-6)


def test_approximate_kl_by_hand_and_never_negative():
    np.testing.assert_allclose(approximate_kl(jnp.log(jnp.array([1.0, 2.0]))), [0.0, 1.0 - np.log(2.0)], rtol=1e-6)
    assert np.all(approximate_kl(jnp.linspace(-1e-4, 1e-4, 11)) >= 0)


def test_huber_by_hand():
    np.testing.assert_allclose(huber(jnp.array([0.5, -3.0, 2.0]), 2.0), [0.125, 4.0, 2.0])


def test_soft_target_by_hand_and_without_gradient():
    # 1 + 0.9·(5 − 0.2·(−3)) = 6.04;  terminated: 1
    def target(value):
        return soft_bellman_target(jnp.ones(2), jnp.array([0.9, 0.0]), value, jnp.full(2, -3.0), jnp.float32(0.2))

    np.testing.assert_allclose(target(jnp.full(2, 5.0)), [6.04, 1.0], rtol=1e-6)
    np.testing.assert_array_equal(jax.grad(lambda v: target(v).sum())(jnp.full(2, 5.0)), [0.0, 0.0])


def test_temperature_rises_where_the_policy_is_too_certain():
    slope = jax.grad(lambda a, lp: temperature_loss(a, lp, -2.0))
    assert slope(jnp.float32(0.3), jnp.float32(4.0)) == -2.0  # entropy −4 < −2: gradient descent raises log α
    assert slope(jnp.float32(0.3), jnp.float32(1.0)) == 1.0
