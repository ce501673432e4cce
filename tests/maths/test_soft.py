"""Soft values of tables and of samples, against hand-computed numbers and the laws of the operator."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.maths.soft import sampled_soft_value, soft_bellman, soft_optimal_q, soft_policy, soft_value

KEY = jax.random.key(0)
DISCOUNT = 0.9


def random_mdp(key, states=6, choices=3):
    """Rewards and transitions of a random decision process; some rows end with a probability."""
    key_reward, key_next = jax.random.split(key)
    transition = jax.random.dirichlet(key_next, jnp.ones(states), (states, choices))
    return 3.0 * jax.random.normal(key_reward, (states, choices)), transition.at[0].multiply(0.5)


def test_soft_value_by_hand():
    # 2 log(e^(1/2) + e^(3/2)) and its policy 1 / (1 + e), e / (1 + e)
    q = jnp.array([1.0, 3.0])
    np.testing.assert_allclose(soft_value(q, 2.0), 3.0 + 2.0 * math.log(1.0 + math.exp(-1.0)), rtol=1e-6)
    np.testing.assert_allclose(soft_policy(q, 2.0), [1 / (1 + math.e), math.e / (1 + math.e)], rtol=1e-6)


@pytest.mark.parametrize("temperature", [0.05, 1.0, 20.0])
def test_the_policy_is_the_exponential_of_the_advantage_and_its_value_is_reward_plus_entropy(temperature):
    q = 3.0 * jax.random.normal(KEY, (7, 4))
    policy, value = soft_policy(q, temperature), soft_value(q, temperature)
    np.testing.assert_allclose(policy, jnp.exp((q - value[:, None]) / temperature), rtol=1e-4, atol=1e-7)
    entropy = -jnp.sum(jnp.where(policy > 0, policy * jnp.log(jnp.maximum(policy, 1e-30)), 0.0), axis=-1)
    np.testing.assert_allclose(value, jnp.sum(policy * q, axis=-1) + temperature * entropy, rtol=1e-4)


def test_the_limit_of_no_temperature_is_the_hard_maximum():
    q = jnp.array([[1.0, 3.0, 3.0], [-5.0, -7.0, -9.0]])
    np.testing.assert_array_equal(soft_value(q, 0.0), [3.0, -5.0])
    np.testing.assert_array_equal(soft_policy(q, 0.0), [[0.0, 0.5, 0.5], [1.0, 0.0, 0.0]])
    np.testing.assert_allclose(soft_value(q, 1e-4), [3.0, -5.0], atol=1e-3)
    np.testing.assert_allclose(soft_policy(q, 1e-4), soft_policy(q, 0.0), atol=1e-6)
    assert all(np.isfinite(jax.grad(lambda q: soft_value(q, 0.0).sum())(q)).ravel())


def test_the_bellman_operator_is_a_contraction_in_the_largest_difference():
    """Random processes, temperatures and tables: the operator brings any two tables closer by γ, or more."""

    def shrinks(key):
        key_mdp, key_one, key_two, key_temperature, key_size = jax.random.split(key, 5)
        reward, transition = random_mdp(key_mdp)
        temperature = jnp.exp(jax.random.uniform(key_temperature, minval=-6.0, maxval=4.0))
        size = jnp.exp(jax.random.uniform(key_size, minval=-3.0, maxval=5.0))
        one, two = (size * jax.random.normal(k, reward.shape) for k in (key_one, key_two))
        after = [soft_bellman(q, reward, transition, DISCOUNT, temperature) for q in (one, two)]
        return jnp.max(jnp.abs(after[0] - after[1])), jnp.max(jnp.abs(one - two))

    after, before = jax.vmap(shrinks)(jax.random.split(KEY, 500))
    assert np.all(after <= DISCOUNT * before * (1.0 + 1e-5) + 1e-5)
    # and the bound is reached: tables that differ by a constant, in a state where no episode ends
    reward, transition = random_mdp(KEY)
    apart = soft_bellman(reward + 1.0, reward, transition, DISCOUNT, 1.0) - soft_bellman(
        reward, reward, transition, DISCOUNT, 1.0
    )
    np.testing.assert_allclose(apart[1:], DISCOUNT, rtol=1e-4)


def test_the_fixed_point_is_one_and_no_temperature_gives_value_iteration():
    reward, transition = random_mdp(KEY)
    for temperature in (0.0, 0.3, 5.0):
        q = soft_optimal_q(reward, transition, DISCOUNT, temperature)
        np.testing.assert_allclose(soft_bellman(q, reward, transition, DISCOUNT, temperature), q, rtol=1e-5, atol=1e-4)
    hard, rewards, moves = np.zeros(reward.shape), np.asarray(reward, np.float64), np.asarray(transition, np.float64)
    for _ in range(500):
        hard = rewards + DISCOUNT * moves @ hard.max(axis=1)
    np.testing.assert_allclose(soft_optimal_q(reward, transition, DISCOUNT, 0.0), hard, rtol=1e-4)
    # where entropy counts, no state is worth less
    assert np.all(soft_optimal_q(reward, transition, DISCOUNT, 0.3) >= hard)


def test_the_sampled_value_by_hand():
    # α log ½ ( e^(1/2) / ¼ + e^(3/2) / ½ ), α = 2
    expected = 2.0 * math.log(0.5 * (math.exp(0.5) / 0.25 + math.exp(1.5) / 0.5))
    density = jnp.log(jnp.array([0.25, 0.5]))
    np.testing.assert_allclose(sampled_soft_value(jnp.array([1.0, 3.0]), density, 2.0), expected, rtol=1e-6)


@pytest.mark.parametrize("proposal", ["uniform", "density"])
def test_the_partition_function_is_estimated_without_bias(proposal):
    """Q(a) = 2a on [-1, 1] with α = 1: ∫ exp(2a) da = sinh 2, whatever the actions are drawn from."""

    def estimate(key):
        uniform = jax.random.uniform(key, (4,))
        if proposal == "uniform":
            action, density = 2.0 * uniform - 1.0, jnp.full(4, 0.5)
        else:  # density (1 + a/2)/2, by inversion of its distribution function
            action = -2.0 + jnp.sqrt(1.0 + 8.0 * uniform)
            density = 0.5 * (1.0 + 0.5 * action)
        return jnp.exp(sampled_soft_value(2.0 * action, jnp.log(density), 1.0))

    estimates = jax.vmap(estimate)(jax.random.split(KEY, 20_000))
    error = estimates.std() / math.sqrt(20_000)
    assert abs(estimates.mean() - math.sinh(2.0)) < 4.0 * error
    assert np.log(estimates).mean() < math.log(math.sinh(2.0)) - 4.0 * np.log(estimates).std() / math.sqrt(20_000)
