"""Composition of learnt soft Q functions: the conjunction is done, and parts that do not fit are refused."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.data.replay import Transitions
from headstart.errors import InputError
from headstart.learn.discrete_soft_q import DiscreteSoftQ
from headstart.learn.soft_q import SoftQ
from headstart.maths.soft import soft_policy
from headstart.nets.policies import CategoricalPolicy
from headstart.nets.sampler import SamplingPolicy
from headstart.spaces import Box, Discrete
from headstart.transfer.compose import ComposedSampler, Composition

KEY = jax.random.key(0)
POLICY = SamplingPolicy(observation=Box((1,)), action=Box((2,), (0.0, -2.0), (20.0, 2.0)), hidden=(32, 32))
PART = SoftQ(
    policy=POLICY, critic_learning_rate=3e-3, critic_hidden=(32, 32), temperature=0.1, policy_learning_rate=3e-3
)
BOTH = Composition(parts=(PART, PART), temperature=0.1)


def tried(reward):
    """One step, actions tried uniformly, scaled to [-1, 1] for the reward: 64 batches of 64."""
    unit = jax.random.uniform(KEY, (64, 64, 2), minval=-1.0, maxval=1.0)
    obs, action = jnp.zeros((64, 64, 1)), jnp.array([[[10.0, 0.0]]]) + jnp.array([[[10.0, 2.0]]]) * unit
    return Transitions(obs, action, reward(unit[..., 0], unit[..., 1]), obs, jnp.ones((64, 64), bool))


def to_unit(action):
    return (action - jnp.array([[10.0, 0.0]])) / jnp.array([[10.0, 2.0]])


@pytest.fixture(scope="module")
def states():
    """Task A wants the first entry at ½ and does not care for the second; task B wants the second at −½."""
    learnt = []
    for reward in (lambda x, y: -4.0 * (x - 0.5) ** 2, lambda x, y: -4.0 * (y + 0.5) ** 2):
        state, batch = PART.init(KEY), tried(reward)
        for key in jax.random.split(KEY, 25):
            state, _ = PART.update(key, state, batch)
        learnt.append(state)
    return tuple(learnt)


def test_does_both_tasks_at_once_without_learning(states):
    obs = jnp.zeros((1000, 1))
    alone = to_unit(POLICY.apply(KEY, states[0].params, (), obs)[0])
    assert alone[:, 1].std() > 0.4, "the parts must not know of each other"
    action = to_unit(BOTH.apply(KEY, BOTH.take(states), (), obs)[0])
    # in one step the mean of Q is exact: reward −2 (x − ½)² − 2 (y + ½)², so a normal with variance α/4 each
    np.testing.assert_allclose(action.mean(axis=0), [0.5, -0.5], atol=0.05)
    np.testing.assert_allclose(action.std(axis=0), math.sqrt(0.1 / 4), rtol=0.25)
    greedy = dataclasses.replace(BOTH, deterministic=True, candidates=2000)
    one, two = (greedy.apply(jax.random.key(k), BOTH.take(states), (), obs[:3])[0] for k in (1, 2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_allclose(to_unit(one), [[0.5, -0.5]] * 3, atol=0.12)


def test_a_sampler_learns_to_do_both(states):
    learner = ComposedSampler(composition=BOTH, policy=POLICY, learning_rate=3e-3)
    state = learner.begin(KEY, BOTH.take(states))
    batch = tried(lambda x, y: jnp.nan * x)  # whatever the rewards are: they are not read
    for key in jax.random.split(KEY, 25):
        state, metrics = learner.update(key, state, batch)
    assert metrics["faults/nonfinite_update"] == 0
    action = to_unit(POLICY.apply(KEY, learner.params(state), (), jnp.zeros((1000, 1)))[0])
    np.testing.assert_allclose(action.mean(axis=0), [0.5, -0.5], atol=0.08)
    np.testing.assert_allclose(action.std(axis=0), math.sqrt(0.1 / 4), rtol=0.35)
    jax.tree.map(np.testing.assert_array_equal, state.energy, BOTH.take(states))


def test_choices_compose_exactly():
    policy = CategoricalPolicy(observation=Discrete(4), action=Discrete(3), hidden=())
    part = DiscreteSoftQ(policy=policy, temperature=1.0)
    both = Composition(parts=(part, part), temperature=1.0)
    states = (part.init(KEY), part.init(jax.random.key(1)))
    states = jax.tree.map(lambda x: 100.0 * x if x.dtype == jnp.float32 else x, states)
    obs = jnp.zeros(20_000, jnp.int32)
    action, _ = both.apply(KEY, both.take(states), (), obs)
    mean = 0.5 * (part.values(states[0], obs[:1]) + part.values(states[1], obs[:1]))[0]
    np.testing.assert_allclose(jnp.bincount(action, length=3) / 20_000, soft_policy(mean, 1.0), atol=0.02)


def part(policy=POLICY, **spaces):
    return dataclasses.replace(PART, policy=dataclasses.replace(policy, **spaces))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((PART,), "two or more"),
        ((PART, part(observation=Box((3,)))), r"observation has shape \[1\] in part 0 and \[3\] in part 1"),
        (
            (PART, part(action=Box((2,), -1.0, 1.0))),
            r"action has other bounds \(of entry 0: .* in part 0 and -1 to 1 in part 1",
        ),
        ((PART, PART, part(observation={"a": Box((1,))}, action=Box((3,), 0.0, 1.0))), "parts 0 and 2 .*; action has"),
    ],
)
def test_parts_that_do_not_fit_are_refused_with_what_differs(parts, message):
    with pytest.raises(InputError, match=message):
        Composition(parts=parts)


def test_a_sampler_that_does_not_fit_is_refused():
    other = dataclasses.replace(POLICY, observation=Box((2,)))
    with pytest.raises(InputError, match=r"\[1\] in the parts and \[2\] in the sampler"):
        ComposedSampler(composition=BOTH, policy=other)
    with pytest.raises(InputError, match="states of 1 given"):
        BOTH.take((PART.init(KEY),))
