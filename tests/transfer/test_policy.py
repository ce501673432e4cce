"""Grafts: what is named comes from the source, the rest stays; what does not fit is refused by name."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.data.collect import play
from headstart.errors import InputError
from headstart.learn.ppo import PPO
from headstart.learn.recurrent_ppo import RecurrentPPO
from headstart.nets.policies import GaussianPolicy
from headstart.nets.recurrent import RecurrentPolicy
from headstart.nets.unroll import unroll
from headstart.spaces import Box, Discrete
from headstart.transfer.fine_tune import SMALLEST_PACK, OnPolicy, packed
from headstart.transfer.policy import Frozen, Graft, differences
from headstart.types import Rollout, Task
from tests import probes

POLICY = GaussianPolicy(observation=Box((3,)), action=Box((1,), -1.0, 1.0), hidden=(4,))


def learner(envs=1, policy=POLICY):
    return PPO(policy=policy, envs=envs, minibatch_size=8, epochs=1, value_hidden=(4,))


def rollout(steps=8, envs=1, seed=0):
    rng = np.random.default_rng(seed)
    obs = rng.normal(size=(steps, envs, 3)).astype(np.float32)
    never, first = np.zeros((steps, envs), bool), np.zeros((steps, envs), bool)
    first[0] = True
    last = never.copy()
    last[-1] = True
    action = rng.normal(size=(steps, envs, 1)).astype(np.float32)
    reward = rng.normal(size=(steps, envs)).astype(np.float32)
    return Rollout(obs, action, reward, obs, never, last, first, ~never, Task({}, {}))


def same(a, b):
    return all(bool((x == y).all()) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_what_is_named_comes_from_the_source_and_the_rest_stays():
    source, fresh = learner().init(jax.random.key(0)), learner().init(jax.random.key(1))
    grafted = Graft(parts=("params/actor",)).apply(source, fresh)
    assert same(grafted.params["actor"], source.params["actor"])
    assert same(grafted.critic, fresh.critic) and not same(grafted.critic, source.critic)


def test_a_source_with_other_numbers_of_environments_gives_its_policy_and_value():
    source, fresh = learner(envs=8).init(jax.random.key(0)), learner().init(jax.random.key(1))
    grafted = Graft(parts=("params", "critic", "returns")).apply(source, fresh)
    assert same(grafted.params, source.params) and grafted.accumulated.shape == (1,)
    with pytest.raises(InputError, match=r"accumulated: float32\[8\] in the source, float32\[1\] wanted"):
        Graft(parts=("",)).apply(source, fresh)


def test_a_part_that_does_not_exist_is_refused():
    state = learner().init(jax.random.key(0))
    with pytest.raises(InputError, match="unknown part of the learner's state 'params/acter'"):
        Graft(parts=("params/acter",)).apply(state, state)


def test_other_layer_sizes_are_refused_by_name():
    wide = GaussianPolicy(observation=Box((3,)), action=Box((1,), -1.0, 1.0), hidden=(5,))
    source, fresh = learner(policy=wide).init(jax.random.key(0)), learner().init(jax.random.key(0))
    with pytest.raises(InputError, match=r"params/actor/.*: float32\[5\] in the source, float32\[4\] wanted"):
        Graft(parts=("params",)).apply(source, fresh)


def test_a_graft_acts_as_its_source_did_normaliser_included():
    seen = rollout(64, seed=3)
    source, _ = learner().update(jax.random.key(2), learner().init(jax.random.key(0)), seen)
    grafted = Graft(parts=("params",)).apply(source, learner().init(jax.random.key(1)))
    one, two = (POLICY.apply(jax.random.key(5), state.params, (), seen.obs[:, 0])[0] for state in (source, grafted))
    np.testing.assert_array_equal(one, two)


def test_frozen_parts_stay_and_the_others_move():
    frozen = Frozen(learner=learner(), parts=("params/actor/hidden_0", "params/normalizer"))
    state = frozen.init(jax.random.key(0))
    after, _ = frozen.update(jax.random.key(1), state, rollout())
    assert same(after.params["actor"]["hidden_0"], state.params["actor"]["hidden_0"])
    assert same(after.params["normalizer"], state.params["normalizer"])
    assert not same(after.params["actor"]["output"], state.params["actor"]["output"])


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (Box((3,)), Box((3,)), []),
        (Box((3,), -1.0), Box((3,), -2.0), []),  # bounds of observations mean nothing to a policy
        (Box((3,)), Box((4,)), ["observation has shape [3] in the source and [4] in the target"]),
        (Box((3,)), Discrete(3), ["observation is"]),
        ({"a": Box((3,))}, {"b": Box((3,))}, ["observation/a is missing in", "observation/b is only in"]),
    ],
)
def test_differences_of_spaces_are_listed(source, target, expected):
    found = differences("observation", source, target)
    assert len(found) == len(expected)
    for text, start in zip(found, expected, strict=True):
        assert text.startswith(start)


def test_other_bounds_of_actions_are_a_difference():
    assert differences("action", Box((1,), -1.0, 1.0), Box((1,), -2.0, 2.0)) == [
        "action has other bounds (of entry 0: -1 to 1 in the source and -2 to 2 in the target)"
    ]
    three = Box((3,), -1.0, (1.0, 0.4, 1.0))
    assert differences("action", Box((3,), -1.0, 1.0), three) == [
        "action has other bounds (of entry 1: -1 to 1 in the source and -1 to 0.4 in the target)"
    ]
    assert differences("action", Box((3,), -1.0, 1.0), Box((3,), 0.0, 1.0)) == [
        "action has other bounds (of entry 0: -1 to 1 in the source and 0 to 1 in the target, and of 2 more entries)"
    ]


def test_packed_episodes_follow_each_other_and_the_filling_counts_for_nothing():
    one, two = rollout(5), rollout(7, seed=1)
    pack = packed((one, two))
    assert pack.reward.shape == (SMALLEST_PACK, 1)
    np.testing.assert_array_equal(pack.reward[:5], one.reward)
    np.testing.assert_array_equal(pack.reward[5:12], two.reward)
    assert pack.valid[:12].all() and not pack.valid[12:].any()
    np.testing.assert_array_equal(np.flatnonzero(pack.first[:13, 0]), [0, 5, 12])
    filled = pack._replace(reward=np.where(pack.valid, pack.reward, np.float32(1e3)))
    state = learner().init(jax.random.key(0))
    a, b = (learner().update(jax.random.key(1), state, batch)[0] for batch in (pack, filled))
    assert jnp.allclose(a.critic["output"]["weight"], b.critic["output"]["weight"])


@pytest.mark.parametrize(("length", "rows"), [(1024, 1024), (1025, 8192), (8192, 8192), (8193, 16384)])
def test_packs_have_few_sizes(length, rows):
    assert packed((rollout(length),)).reward.shape == (rows, 1)


def test_packed_episodes_are_learnt_from_with_the_memory_that_acted_in_each():
    family = probes.FeltParameter()
    policy = RecurrentPolicy(observation=family.observation, action=family.action, hidden=(8,), memory=4, branch=4)
    greedy = dataclasses.replace(policy, deterministic=True)
    params = jax.tree.map(lambda x: x + 0.3, policy.init(jax.random.key(0)))
    tasks = family.sample(jax.random.key(1), 3)
    episodes = play(jax.random.key(2), family, greedy, params, tasks, 3)
    pack = packed(episodes)
    recall = jax.jit(unroll, static_argnames="policy")
    said = recall(policy, params, policy.start(params, 1), pack.obs, pack.action, pack.first).distribution.greedy()
    np.testing.assert_allclose(np.asarray(said)[pack.valid], pack.action[pack.valid], rtol=1e-5, atol=1e-6)
    tuning = OnPolicy(learner=RecurrentPPO(policy=policy, envs=1, minibatch_size=64, epochs=1, value_hidden=(4,)))
    source = dataclasses.replace(tuning.learner, envs=4).init(jax.random.key(3))
    state = tuning.start(jax.random.key(4), source)
    assert same(state.params, source.params) and state.memory["action"].shape == (1, 1)
    after, metrics = tuning.learn(jax.random.key(5), state, episodes)
    assert not same(after.params["actor"]["cell"], state.params["actor"]["cell"])
    assert metrics["faults/invalid_rows"] == SMALLEST_PACK - 9
