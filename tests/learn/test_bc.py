"""Cloning of demonstrators that are known."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.errors import InputError
from headstart.learn.bc import BC
from headstart.nets.policies import CategoricalPolicy, GaussianPolicy, SquashedPolicy
from headstart.spaces import Box, Discrete
from headstart.types import Demonstration

KEY = jax.random.key(0)
SPACE, ACTION = Box((2,)), Box((1,), -1.0, 1.0)
OBS = jax.random.uniform(KEY, (512, 2), minval=-1.0, maxval=1.0)


LEARNERS = {
    make.__name__: BC(policy=make(observation=SPACE, action=ACTION, hidden=(32,)), learning_rate=1e-2, steps=300)
    for make in (GaussianPolicy, SquashedPolicy)
}


@pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
def test_recovers_a_known_demonstrator_and_its_spread(learner):
    means = 0.5 * OBS[:, :1] - 0.3 * OBS[:, 1:]
    batch = Demonstration(OBS, means + 0.05 * jax.random.normal(KEY, means.shape))
    state = learner.init(KEY)
    for key in jax.random.split(KEY, 3):
        state, metrics = learner.update(key, state, batch)
    greedy, _ = dataclasses.replace(learner.policy, deterministic=True).apply(KEY, state.params, (), OBS)
    np.testing.assert_allclose(greedy, means, atol=0.1)
    # the least that a normal of this spread can reach: log σ + ½ (1 + log 2π)
    assert metrics["train/loss"] == pytest.approx(np.log(0.05) + 1.419, abs=0.15)


def test_recovers_choices():
    policy = CategoricalPolicy(observation=SPACE, action=Discrete(3), hidden=(32,))
    learner = BC(policy=policy, learning_rate=1e-2, steps=300)
    choice = (OBS[:, 0] > 0).astype(jnp.int32) + (OBS[:, 1] > 0).astype(jnp.int32)
    state, _ = learner.update(KEY, learner.init(KEY), Demonstration(OBS, choice))
    greedy, _ = dataclasses.replace(policy, deterministic=True).apply(KEY, state.params, (), OBS)
    assert (greedy == choice).mean() > 0.97


def test_rows_that_are_not_finite_are_left_out_and_counted_and_the_others_set_the_scale():
    learner = LEARNERS["GaussianPolicy"]
    spoilt = Demonstration(OBS.at[3, 0].set(jnp.nan), OBS[:, :1].at[5].set(jnp.inf))
    state, metrics = learner.update(KEY, learner.init(KEY), spoilt)
    assert metrics["faults/invalid_rows"] == 2
    assert metrics["faults/nonfinite_update"] == 0
    assert state.params["normalizer"]["count"] == 510
    np.testing.assert_allclose(state.params["normalizer"]["var"], np.delete(OBS, [3, 5], axis=0).var(0), rtol=1e-4)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(state))


@pytest.mark.parametrize("weight", [0.0, 0.75])
def test_a_weight_on_entropy_widens_the_clone_by_as_much_as_it_says(weight):
    # log σ + s²/2σ² − w log σ is least where σ² = s²/(1 − w): at w = ¾ twice the demonstrator's standard deviation
    learner = dataclasses.replace(LEARNERS["GaussianPolicy"], entropy_weight=weight)
    batch = Demonstration(OBS, 0.1 * jax.random.normal(jax.random.key(1), (512, 1)))
    state = learner.init(KEY)
    for key in jax.random.split(KEY, 2):
        state, _ = learner.update(key, state, batch)
    spread = float(jnp.exp(state.params["actor"]["log_std"][0]))
    assert spread == pytest.approx(0.1 / np.sqrt(1.0 - weight), rel=0.15)


@pytest.mark.parametrize("weight", [-0.1, 1.0, float("nan")])
def test_a_weight_without_an_end_is_refused(weight):
    with pytest.raises(InputError, match="from 0 to below 1"):
        BC(policy=LEARNERS["GaussianPolicy"].policy, entropy_weight=weight)
