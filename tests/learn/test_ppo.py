"""PPO against worlds whose answers are known."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from tests import probes
import pytest

from headstart.errors import InputError
from headstart.learn.ppo import PPO, record_goes_on
from headstart.nets.policies import GaussianPolicy

KEY = jax.random.key(0)
POLICY = GaussianPolicy(observation=probes.OBSERVATION, action=probes.ACTION, hidden=(16,))
LEARNER = PPO(
    policy=POLICY,
    envs=16,
    discount=0.9,
    learning_rate=1e-2,
    minibatch_size=64,
    value_hidden=(32,),
    max_grad_norm=1.0,
)


def learnt(family, learner=LEARNER, updates=400):
    state, _ = probes.learn(KEY, learner, family, learner.init(KEY), updates, 16, 16)
    # the last word at a small step, so that what is asserted is the answer and not the noise around it
    settled = dataclasses.replace(learner, learning_rate=learner.learning_rate / 30)
    return probes.learn(KEY, settled, family, state, updates // 2, 16, 16)[0]


def value(state, obs):
    return LEARNER.value(state, jnp.asarray(obs, jnp.float32).reshape(-1, 1))


def test_learns_a_constant():
    np.testing.assert_allclose(value(learnt(probes.ConstantReward()), [0.0]), [1.0], atol=1e-2)


def test_learns_that_value_follows_the_observation():
    state = learnt(probes.ValueOfObservation())
    np.testing.assert_allclose(value(state, [-1.0, 1.0]), [-1.0, 1.0], atol=1e-2)


@pytest.mark.parametrize("ends", ["terminated", "truncated"])
def test_bootstraps_through_truncation_and_never_through_termination(ends):
    family = probes.Chain(ends=ends)
    error = np.abs(value(learnt(family), family.places()) - np.array(family.values(0.9)))
    assert error.max() <= 1e-2 * max(1.0, family.values(0.9)[0]), error


def test_learns_which_action_fits_which_observation():
    state = learnt(probes.ActionMatters())
    greedy = dataclasses.replace(POLICY, deterministic=True)
    action, _ = greedy.apply(KEY, state.params, (), jnp.array([[-1.0], [1.0]]))
    np.testing.assert_allclose(action[:, 0], [-0.5, 0.5], atol=2e-2)
