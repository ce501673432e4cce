"""Discrete soft Q-learning against the fixed point of the soft Bellman operator on a small table."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.data.replay import Transitions
from headstart.errors import InputError
from headstart.learn.discrete_soft_q import DiscreteSoftQ
from headstart.maths.schedules import LogLinear
from headstart.maths.soft import soft_optimal_q, soft_policy
from headstart.nets.policies import CategoricalPolicy, GaussianPolicy
from headstart.spaces import Box, Discrete
from tests.maths.test_soft import DISCOUNT, random_mdp

KEY = jax.random.key(0)
STATES, CHOICES = 6, 3
# a linear layer over one-hot states is a table
POLICY = CategoricalPolicy(observation=Discrete(STATES), action=Discrete(CHOICES), hidden=())
LEARNER = DiscreteSoftQ(policy=POLICY, discount=DISCOUNT, learning_rate=0.02, temperature=0.5, target_interval=16)
REWARD, TRANSITION = random_mdp(jax.random.key(7), STATES, CHOICES)


@jax.jit
def transitions(key):
    """64 batches of 256 rows: states and choices uniform; what ends, ends with the probability of the table."""
    key_state, key_choice, key_next = jax.random.split(key, 3)
    state = jax.random.randint(key_state, (64, 256), 0, STATES)
    choice = jax.random.randint(key_choice, (64, 256), 0, CHOICES)
    rows = TRANSITION[state, choice]
    whole = jnp.concatenate([rows, 1.0 - rows.sum(axis=-1, keepdims=True)], axis=-1)
    after = jax.random.categorical(key_next, jnp.log(jnp.maximum(whole, 1e-12)))
    return Transitions(state, choice, REWARD[state, choice], after % STATES, after == STATES)


@pytest.fixture(scope="module")
def state():
    state = LEARNER.init(KEY)
    for key in jax.random.split(KEY, 80):
        state, _ = LEARNER.update(key, state, transitions(key))
    return state


def test_finds_the_fixed_point(state):
    q = soft_optimal_q(REWARD, TRANSITION, DISCOUNT, 0.5)
    np.testing.assert_allclose(LEARNER.values(state, jnp.arange(STATES)), q, atol=0.03 * np.ptp(q))


def test_acts_by_the_soft_policy(state):
    logits = POLICY.distribution(LEARNER.params(state), (), jnp.arange(STATES))[0].logits
    expected = soft_policy(LEARNER.values(state, jnp.arange(STATES)), 0.5)
    np.testing.assert_allclose(jax.nn.softmax(logits), expected, atol=1e-4)


def test_the_temperature_falls_and_the_policy_hardens(state):
    cold = LEARNER.annealed(state, LogLinear(start=0.5, end=0.001, updates=64))
    cold, metrics = LEARNER.update(KEY, cold, transitions(KEY))
    np.testing.assert_allclose(jnp.exp(cold.log_temperature), 0.001, rtol=1e-3)
    assert 0.001 < metrics["train/ent_coef"] < 0.5
    entropy = POLICY.distribution(LEARNER.params(cold), (), jnp.arange(STATES))[0].entropy()
    assert np.all(entropy < 0.2)


def test_what_cannot_be_learnt_is_refused():
    with pytest.raises(InputError, match="for a Box use SoftQ"):
        DiscreteSoftQ(policy=GaussianPolicy(observation=Discrete(2), action=Box((1,))))
    with pytest.raises(InputError, match="must be positive"):
        dataclasses.replace(LEARNER, temperature=-1.0)
    with pytest.raises(InputError, match="at least 1"):
        dataclasses.replace(LEARNER, target_interval=0)
