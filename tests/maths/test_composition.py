"""The mean of soft Q functions against the conjunction's own on random tables: never too low, and bounded above."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.maths.composition import composition_gap, disagreement, renyi_half
from headstart.maths.soft import soft_optimal_q, soft_policy
from tests.maths.test_soft import DISCOUNT, random_mdp


def test_the_divergence_by_hand():
    p, q = jnp.array([0.5, 0.5]), jnp.array([0.9, 0.1])
    expected = -2.0 * np.log(np.sqrt(0.45) + np.sqrt(0.05))
    np.testing.assert_allclose(renyi_half(p, q), expected, rtol=1e-6)
    np.testing.assert_allclose(renyi_half(q, p), expected, rtol=1e-6)
    np.testing.assert_allclose(renyi_half(p, p), 0.0, atol=1e-6)
    np.testing.assert_allclose(disagreement(jnp.stack([p, q])), 0.5 * expected, rtol=1e-6)


@partial(jax.jit, static_argnames="parts")
def compared(keys, temperature, parts):
    """For each key a random process: the mean of the parts' Q, the conjunction's own Q, and the bound of the gap."""

    def compare(key):
        key_mdp, key_rewards = jax.random.split(key)
        _, transition = random_mdp(key_mdp)
        rewards = 3.0 * jax.random.normal(key_rewards, (parts, *transition.shape[:2]))
        each = jax.vmap(lambda reward: soft_optimal_q(reward, transition, DISCOUNT, temperature, 300))(rewards)
        total = jnp.mean(each, axis=0)
        own = soft_optimal_q(jnp.mean(rewards, axis=0), transition, DISCOUNT, temperature, 300)
        gap = composition_gap(soft_policy(each, temperature), transition, DISCOUNT, temperature, 300)
        return total, own, gap

    return jax.vmap(compare)(keys)


@pytest.mark.parametrize("temperature", [0.2, 1.0, 10.0])
@pytest.mark.parametrize("parts", [2, 3])
def test_the_bound_of_composition(temperature, parts):
    """Q_Σ ≥ Q*_C ≥ Q_Σ − C* in 50 random processes whose parts differ in their rewards; and it is not idle."""

    total, own, gap = compared(jax.random.split(jax.random.key(3), 50), temperature, parts)
    slack = 1e-3
    assert np.all(total >= own - slack)
    assert np.all(own >= total - gap - slack)
    assert np.all(gap[:, 1:] > 10 * slack), "the parts must disagree, or nothing is tested"
    assert np.mean((total - own) / jnp.maximum(gap, slack)) > 0.3, "the bound must not be far from what happens"


def test_parts_that_agree_compose_exactly():
    reward, transition = random_mdp(jax.random.key(4))
    q = soft_optimal_q(reward, transition, DISCOUNT, 1.0)
    gap = composition_gap(jnp.stack([soft_policy(q, 1.0)] * 2), transition, DISCOUNT, 1.0)
    np.testing.assert_allclose(gap, 0.0, atol=1e-4)
