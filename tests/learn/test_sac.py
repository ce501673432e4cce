"""SAC, through its replay, against worlds whose answers are known."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.data.replay import Transitions
from headstart.errors import InputError
from headstart.learn.replayed import Replayed
from headstart.learn.sac import SAC
from headstart.nets.policies import CategoricalPolicy, SquashedPolicy
from headstart.spaces import Box, Discrete
from tests import probes

KEY = jax.random.key(0)
POLICY = SquashedPolicy(observation=probes.OBSERVATION, action=probes.ACTION, hidden=(32,))
SOFT = SAC(policy=POLICY, discount=0.9, learning_rate=3e-3, polyak=0.05, critic_hidden=(32, 32), critic_warmup=8)
# a temperature near 0, asked to fall further, makes the soft value the plain one
HARD = dataclasses.replace(SOFT, initial_temperature=1e-4, target_entropy=-99.0)
LEARNER = Replayed(learner=HARD, capacity=4096, updates=64, batch_size=64, starts=257)


def learnt(family, learner=LEARNER, rounds=50, change=lambda rollout: rollout):
    state = learner.init(KEY)
    for key in jax.random.split(KEY, rounds):
        rollout = change(probes.record(key, family, POLICY, learner.params(state), 16, 16))
        state, _ = learner.update(key, state, rollout)
    return state.learner


def value(state, obs):
    obs = jnp.asarray(obs, jnp.float32).reshape(-1, 1)
    action, _ = dataclasses.replace(POLICY, deterministic=True).apply(KEY, state.params, (), obs)
    return HARD.value(state, obs, action)


def test_learns_a_constant():
    np.testing.assert_allclose(value(learnt(probes.ConstantReward()), [0.0]), [1.0], atol=1e-2)


def test_learns_that_value_follows_the_observation():
    np.testing.assert_allclose(value(learnt(probes.ValueOfObservation()), [-1.0, 1.0]), [-1.0, 1.0], atol=1e-2)


@pytest.mark.parametrize("ends", ["terminated", "truncated"])
def test_bootstraps_through_truncation_and_never_through_termination(ends):
    family = probes.Chain(ends=ends)
    np.testing.assert_allclose(value(learnt(family), family.places()), family.values(0.9), rtol=2e-2)


def test_learns_which_action_fits_which_observation():
    state = learnt(probes.ActionMatters())
    obs = jnp.array([[-1.0], [1.0]])
    action, _ = dataclasses.replace(POLICY, deterministic=True).apply(KEY, state.params, (), obs)
    np.testing.assert_allclose(action[:, 0], [-0.5, 0.5], atol=5e-2)


def test_the_mask_flipped_gives_the_other_answer():
    def flipped(rollout):
        return rollout._replace(terminated=rollout.truncated, truncated=rollout.terminated)

    family = probes.Chain(ends="terminated")
    state = learnt(family, change=flipped)
    np.testing.assert_allclose(value(state, family.places()), probes.Chain(ends="truncated").values(0.9), rtol=2e-2)


def batches(reward=0.0):
    """Eight batches of 64 rows in which the action is paid for being half the observation."""
    obs = jax.random.rademacher(KEY, (8, 64, 1), jnp.float32)
    action = jax.random.uniform(KEY, (8, 64, 1), minval=-1.0, maxval=1.0)
    paid = reward - (action[..., 0] - 0.5 * obs[..., 0]) ** 2
    return Transitions(obs, action, paid, obs, jnp.ones((8, 64), bool))


def test_the_temperature_finds_the_entropy_asked_for():
    state = SOFT.init(KEY)
    for key in jax.random.split(KEY, 250):
        state, _ = SOFT.update(key, state, batches())
    entropy = POLICY.distribution(state.params, (), jnp.array([[-1.0], [1.0]]))[0].entropy()
    np.testing.assert_allclose(entropy.mean(), -1.0, atol=0.15)


def test_a_batch_that_is_not_finite_is_counted_and_not_learnt_from():
    state = SOFT.init(KEY)
    after, metrics = SOFT.update(KEY, state, batches(reward=jnp.nan))
    assert metrics["faults/nonfinite_update"] == 8
    assert after.updates == 0
    jax.tree.map(np.testing.assert_array_equal, after.params["actor"], state.params["actor"])
    jax.tree.map(np.testing.assert_array_equal, after.critics, state.critics)
    assert after.log_temperature == state.log_temperature


def test_where_only_the_policys_gradient_is_not_finite_the_critics_go_on_and_no_update_is_counted():
    state = SOFT.init(KEY)._replace(log_temperature=jnp.float32(88.0))  # α log π overflows
    after, metrics = SOFT.update(KEY, state, batches())  # where every row is an end
    assert metrics["faults/nonfinite_update"] == 8 and after.updates == 0
    jax.tree.map(np.testing.assert_array_equal, after.params["actor"], state.params["actor"])
    assert after.log_temperature == state.log_temperature
    moved = jax.tree.map(lambda a, b: bool(np.isfinite(a).all() and (a != b).any()), after.critics, state.critics)
    assert all(jax.tree.leaves(moved))


def test_critics_warm_up_while_the_policy_waits():
    state = SOFT.init(KEY)
    once, _ = SOFT.update(KEY, state, batches())
    jax.tree.map(np.testing.assert_array_equal, once.params["actor"], state.params["actor"])
    assert once.log_temperature == state.log_temperature
    assert not np.array_equal(once.critics["critic_0"]["output"]["bias"], state.critics["critic_0"]["output"]["bias"])
    twice, _ = SOFT.update(KEY, once, batches())
    assert not np.array_equal(twice.params["actor"]["output"]["weight"], state.params["actor"]["output"]["weight"])


def test_units_of_the_action_change_nothing():
    wide = dataclasses.replace(POLICY, action=Box((1,), 0.0, 20.0))
    one, two = SOFT, dataclasses.replace(SOFT, policy=wide)
    batch = batches()
    after, metrics = one.update(KEY, one.init(KEY), batch)
    after_wide, metrics_wide = two.update(KEY, two.init(KEY), batch._replace(action=10.0 + 10.0 * batch.action))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), after.critics, after_wide.critics)
    np.testing.assert_allclose(metrics["train/entropy"], metrics_wide["train/entropy"], atol=1e-4)


def test_nothing_is_learnt_before_there_is_enough_to_draw_from():
    learner = LEARNER
    state = learner.init(KEY)
    before = jax.tree.map(np.array, state.learner)
    rollout = probes.record(KEY, probes.ConstantReward(), POLICY, learner.params(state), 16, 16)
    state, metrics = learner.update(KEY, state, rollout)
    jax.tree.map(np.testing.assert_array_equal, state.learner, before)
    assert metrics["replay/size"] == 256
    state, metrics = learner.update(KEY, state, rollout)
    assert state.learner.updates == 64


def test_the_replay_is_not_copied_by_an_update():
    state = LEARNER.init(KEY)
    rollout = probes.record(KEY, probes.ConstantReward(), POLICY, LEARNER.params(state), 16, 16)
    before = state.replay.rows.obs.unsafe_buffer_pointer()
    state, _ = LEARNER.update(KEY, state, rollout)
    assert state.replay.rows.obs.unsafe_buffer_pointer() == before


def test_choices_are_refused():
    with pytest.raises(InputError, match="not a Box; use PPO"):
        SAC(policy=CategoricalPolicy(observation=probes.OBSERVATION, action=Discrete(3)))


def test_waiting_for_more_than_the_replay_holds_is_refused():
    with pytest.raises(InputError, match="waits forever"):
        Replayed(learner=SOFT, capacity=100, starts=101)
