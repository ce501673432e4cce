"""Policies with a memory: recalling is what stepping was, memory ends with the episode, cells do what they say."""

import dataclasses
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.errors import InputError
from headstart.nets.cells import GRU, LSTM
from headstart.nets.history import HistoryPolicy
from headstart.nets.memory import MEMORIES, policy_with
from headstart.nets.policies import CategoricalPolicy, GaussianPolicy
from headstart.nets.recurrent import RecurrentPolicy
from headstart.nets.unroll import features, forget, unroll
from headstart.spaces import Box, Discrete

KEY = jax.random.key(0)
SPACE, ACTION = {"state": Box((3,)), "goal": Box((2,))}, Box((2,), (-1.0, 10.0), (1.0, 30.0))
TIME, ENVS = 7, 3
SIZES = {"observation": SPACE, "hidden": (8,)}
POLICIES = {
    "gru": RecurrentPolicy(**SIZES, action=ACTION, memory=4, branch=5, goals=("goal",)),
    "lstm": RecurrentPolicy(**SIZES, action=ACTION, cell="lstm", memory=4, branch=5),
    "gru, choices": RecurrentPolicy(**SIZES, action=Discrete(3), memory=4, branch=5),
    "history": HistoryPolicy(**SIZES, action=ACTION, length=3),
    "history, choices": HistoryPolicy(**SIZES, action=Discrete(3), length=2),
    "none": GaussianPolicy(**SIZES, action=ACTION),
}
every_policy = pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)


def observations(*axes, seed=0):
    keys = jax.random.split(jax.random.key(seed))
    return {name: jax.random.normal(key, (*axes, *SPACE[name].shape)) for name, key in zip(SPACE, keys, strict=True)}


@partial(jax.jit, static_argnames="policy")
def acted(policy, params, carry, obs, first):
    """Steps a policy as the seam does; returns actions, the greedy action and features of each step, and carries."""

    def step(before, row):
        key, obs, first = row
        carry = forget(first, policy.start(params, ENVS), before)
        greedy = policy.distribution(params, carry, obs)[0].greedy()
        action, after = policy.apply(key, params, carry, obs)
        return after, (action, greedy, features(policy, params, carry, obs), before)

    last, rows = jax.lax.scan(step, carry, (jax.random.split(KEY, TIME), obs, first))
    return *rows, last


fresh = cache(lambda policy: jax.jit(policy.init)(KEY))  # compiled once for all that is asked of a policy
recall = jax.jit(unroll, static_argnames="policy")


def close(one, two):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), one, two)


@every_policy
def test_recalling_a_rollout_is_what_stepping_was(policy):
    params, obs = fresh(policy), observations(TIME, ENVS)
    params = jax.tree.map(lambda x: x + 0.3 * jax.random.normal(KEY, x.shape), {"actor": params["actor"]}) | {
        "normalizer": policy.normalize(params, obs, jnp.ones((TIME, ENVS), bool))["normalizer"]
    }
    first = jnp.zeros((TIME, ENVS), bool).at[2, 0].set(True).at[0, 1].set(True).at[TIME - 1, 2].set(True)
    _, _, _, _, carry = acted(policy, params, policy.start(params, ENVS), observations(TIME, ENVS, seed=1), first)
    action, greedy, read, before, last = acted(policy, params, carry, obs, first)
    recalled = recall(policy, params, carry, obs, action, first)
    close(recalled.distribution.greedy(), greedy)
    close(recalled.features, read)
    close(recalled.last, last)
    start = policy.start(params, ENVS)
    for t in range(TIME):  # whatever a carry holds of an ended episode, it is reset before it is used
        held = [jax.tree.map(lambda x: x[t], tree) for tree in (recalled.before, before)]  # noqa: B023
        close(*(forget(first[t], start, one) for one in held))


@every_policy
def test_memory_ends_with_the_episode_and_goes_no_further_back(policy):
    params = jax.tree.map(lambda x: x + 0.3, fresh(policy))
    obs, other = observations(TIME, ENVS), observations(TIME, ENVS, seed=2)
    later = jax.tree.map(lambda a, b: jnp.concatenate([b[:3], a[3:]]), obs, other)
    action = policy.action
    acts = jnp.zeros((TIME, ENVS), jnp.int32) if isinstance(action, Discrete) else jnp.zeros((TIME, ENVS, 2))
    whole, cut = jnp.zeros((TIME, ENVS), bool), jnp.zeros((TIME, ENVS), bool).at[3].set(True)

    def greedy(obs, first):
        return np.asarray(recall(policy, params, policy.start(params, ENVS), obs, acts, first).features)

    np.testing.assert_array_equal(greedy(obs, cut)[3:], greedy(later, cut)[3:])
    remembers = not isinstance(policy, GaussianPolicy | CategoricalPolicy)
    assert np.array_equal(greedy(obs, whole)[3], greedy(later, whole)[3]) != remembers


def test_a_goal_does_not_reach_the_memory_and_reaches_the_action():
    policy, carry = POLICIES["gru"], POLICIES["gru"].start({}, ENVS)
    params, obs = jax.tree.map(lambda x: x + 0.3, fresh(policy)), observations(ENVS)
    moved = {**obs, "goal": obs["goal"] + 1.0}
    (one, kept), (two, same) = (policy.distribution(params, carry, each) for each in (obs, moved))
    jax.tree.map(np.testing.assert_array_equal, kept, same)
    assert not np.allclose(one.mean, two.mean)


def test_the_previous_action_is_the_one_that_the_world_did():
    policy = POLICIES["gru"]
    far = jnp.full((ENVS, 2), 99.0)
    np.testing.assert_array_equal(policy._head().unit(far), np.ones((ENVS, 2)))
    np.testing.assert_array_equal(policy._head().unit(jnp.array([[0.0, 15.0]])), [[0.0, -0.5]])


def test_a_gru_by_hand():
    # one unit, x = 1, h = 0.5; all weights 1, biases 0: r = z = σ(1 + 0.5) = 0.8176; c = tanh(1 + 0.8176 · 0.5)
    cell = GRU(inputs=1, size=1)
    params = jax.tree.map(jnp.ones_like, cell.init(KEY))
    params["input"]["bias"], params["candidate"]["bias"] = jnp.zeros(3), jnp.zeros(1)
    after = cell.step(params, {"hidden": jnp.array([[0.5]])}, cell.project(params, jnp.array([[1.0]])))
    gate, candidate = 0.81757448, np.tanh(1.0 + 0.81757448 * 0.5)
    np.testing.assert_allclose(after["hidden"], [[(1.0 - gate) * candidate + gate * 0.5]], rtol=1e-6)


def test_an_lstm_by_hand():
    # one unit, x = 1, h = 0.5, c = 2; all weights 1, forget bias 1: i = o = σ(1.5), f = σ(2.5), g = tanh(1.5)
    cell = LSTM(inputs=1, size=1)
    params = cell.init(KEY)
    params["input"]["weight"], params["recurrent"]["weight"] = jnp.ones((1, 4)), jnp.ones((1, 4))
    memory = {"hidden": jnp.array([[0.5]]), "cell": jnp.array([[2.0]])}
    after = cell.step(params, memory, cell.project(params, jnp.array([[1.0]])))
    held = 0.92414182 * 2.0 + 0.81757448 * 0.90514825
    np.testing.assert_allclose(after["cell"], [[held]], rtol=1e-6)
    np.testing.assert_allclose(after["hidden"], [[0.81757448 * np.tanh(held)]], rtol=1e-6)


@pytest.mark.parametrize("memory", MEMORIES)
def test_every_memory_has_a_policy_for_both_kinds_of_action(memory):
    for action in (ACTION, Discrete(3)):
        policy = policy_with(memory, SPACE, action)
        params = policy.init(KEY)
        chosen, _ = policy.apply(KEY, params, policy.start(params, ENVS), observations(ENVS))
        assert chosen.shape == ((ENVS,) if isinstance(action, Discrete) else (ENVS, 2))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: policy_with("gur", SPACE, ACTION), "unknown memory 'gur'; did you mean 'gru'"),
        (lambda: dataclasses.replace(POLICIES["gru"], goals=("gaol",)), "unknown entry .* did you mean 'goal'"),
        (lambda: dataclasses.replace(POLICIES["gru"], cell="lsmt"), "unknown cell 'lsmt'; did you mean 'lstm'"),
        (lambda: dataclasses.replace(POLICIES["gru"], action=Box((2, 2))), "must be vectors"),
        (lambda: dataclasses.replace(POLICIES["history"], length=0), "at least 1 step"),
    ],
)
def test_what_cannot_be_built_is_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()
