"""Soft Q-learning against worlds whose soft-optimal answers are known in closed form."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.data.replay import Transitions
from headstart.errors import InputError
from headstart.learn.replayed import Replayed
from headstart.learn.sac import SAC
from headstart.learn.soft_q import SoftQ
from headstart.maths.schedules import LogLinear
from headstart.nets.policies import SquashedPolicy
from headstart.nets.sampler import SamplingPolicy
from headstart.spaces import Box
from tests import probes

KEY = jax.random.key(0)
POLICY = SamplingPolicy(observation=probes.OBSERVATION, action=probes.ACTION, hidden=(32, 32))
SOFT = SoftQ(
    policy=POLICY,
    discount=0.9,
    critic_learning_rate=3e-3,
    policy_learning_rate=3e-3,
    critic_hidden=(32, 32),
    temperature=0.1,
    target_interval=32,
)
STATES = jnp.array([[-1.0], [1.0]])


def bandit(reward):
    """One step, seen is −1 or 1, actions tried uniformly: 64 batches of 64."""
    key_obs, key_action = jax.random.split(jax.random.key(5))
    obs = jax.random.rademacher(key_obs, (64, 64, 1), jnp.float32)
    action = jax.random.uniform(key_action, (64, 64, 1), minval=-1.0, maxval=1.0)
    return Transitions(obs, action, reward(obs, action)[..., 0], obs, jnp.ones((64, 64), bool))


def learnt(learner, batch, rounds=40):
    state = learner.init(KEY)
    for key in jax.random.split(KEY, rounds):
        state, _ = learner.update(key, state, batch)
    return state


def samples(state, obs, n=2000):
    """Actions in one state."""
    return POLICY.apply(jax.random.key(8), state.params, (), jnp.full((n, 1), obs))[0][:, 0]


def test_draws_from_the_density_that_reward_and_temperature_make():
    """Reward −2 (a − s/4)² at α = 0.1: N(s/4, 0.1/4), the bounds 4.7 standard deviations away."""
    state = learnt(SOFT, bandit(lambda obs, action: -2.0 * (action - 0.25 * obs) ** 2))
    for obs in (-1.0, 1.0):
        drawn = samples(state, obs)
        np.testing.assert_allclose(drawn.mean(), 0.25 * obs, atol=0.04)
        np.testing.assert_allclose(drawn.std(), math.sqrt(0.1 / 4), rtol=0.2)
        # V = α log ∫ exp(r/α) da = α ½ log(2π 0.1/4)
        value = SOFT.soft_value(KEY, state, jnp.full((4000, 1), obs)).mean()
        np.testing.assert_allclose(value, 0.05 * math.log(2 * math.pi * 0.1 / 4), atol=0.02)


def test_without_preference_actions_are_uniform():
    """The correction for tanh, end to end: a constant Q makes neither the centre nor the borders likelier."""
    state = learnt(SOFT, bandit(lambda obs, action: 0.0 * action))
    drawn = np.sort(np.asarray(samples(state, 1.0)))
    distance = np.abs(np.linspace(-1.0, 1.0, len(drawn)) - drawn).max() / 2.0  # Kolmogorov and Smirnov's
    assert distance < 0.08


def two_peaks(obs, action):
    """Equally good at −½ and ½, bad between: 0.6 lower, which is 6 α."""
    return -0.6 * (4.0 * action**2 - 1.0) ** 2


def test_keeps_both_of_two_ways_where_a_gaussian_keeps_one():
    state = learnt(SOFT, bandit(two_peaks), rounds=100)
    drawn = samples(state, 1.0)
    right, left = jnp.mean(jnp.abs(drawn - 0.5) < 0.25), jnp.mean(jnp.abs(drawn + 0.5) < 0.25)
    assert min(right, left) > 0.2 and right + left > 0.8
    policy = SquashedPolicy(observation=probes.OBSERVATION, action=probes.ACTION, hidden=(32,))
    gaussian = SAC(policy=policy, learning_rate=3e-3, polyak=0.05, critic_hidden=(32, 32), target_entropy=-1.0)
    one = learnt(gaussian, bandit(two_peaks)).params
    drawn = policy.apply(KEY, one, (), jnp.ones((2000, 1)))[0][:, 0]
    assert min(jnp.mean(drawn > 0), jnp.mean(drawn < 0)) < 0.1


@pytest.mark.parametrize("ends", ["terminated", "truncated"])
def test_every_step_to_come_is_worth_its_entropy_and_none_behind_the_end(ends):
    """Actions do nothing, so the policy is uniform on [-1, 1]: a step that will be taken is worth α log 2 more."""
    family, bonus = probes.Chain(ends=ends), 0.1 * math.log(2.0)
    learner = Replayed(learner=SOFT, capacity=4096, updates=64, batch_size=64, starts=257)
    state = learner.init(KEY)
    for key in jax.random.split(KEY, 50):
        rollout = probes.record(key, family, POLICY, learner.params(state), 16, 16)
        state, _ = learner.update(key, state, rollout)
    q = SOFT.value(state.learner, family.places(), jnp.zeros((4, 1)))
    if ends == "truncated":
        expected = [(1.0 + 0.9 * bonus) / (1.0 - 0.9)] * 4
    else:
        expected = [value + bonus * (value - 1.0) for value in family.values(0.9)]
    np.testing.assert_allclose(q, expected, rtol=2e-2)


def test_actions_near_the_policys_own_give_the_same_value_with_less_error():
    state = learnt(SOFT, bandit(lambda obs, action: -2.0 * (action - 0.25 * obs) ** 2))
    state = SOFT.annealed(state, LogLinear(start=0.01, end=0.01, updates=1))  # a narrower peak than was learnt
    obs = jnp.ones((2000, 1))
    near = dataclasses.replace(SOFT, proposal="sampler")
    many = dataclasses.replace(SOFT, value_samples=4096)
    exact = many.soft_value(KEY, state, obs[:1])
    errors = [jnp.abs(learner.soft_value(KEY, state, obs) - exact).mean() for learner in (near, SOFT)]
    np.testing.assert_allclose(near.soft_value(KEY, state, obs).mean(), exact[0], atol=3e-3)
    assert errors[0] < 0.7 * errors[1]
    after, _ = near.update(KEY, state, bandit(two_peaks))
    assert after.updates == state.updates + 64


def test_targets_are_hard_copies():
    state = SOFT.init(KEY)
    batch = jax.tree.map(lambda x: x[:31], bandit(two_peaks))
    before, _ = SOFT.update(KEY, state, batch)
    jax.tree.map(np.testing.assert_array_equal, before.targets, state.targets)
    after, _ = SOFT.update(KEY, before, jax.tree.map(lambda x: x[:1], batch))
    jax.tree.map(np.testing.assert_array_equal, after.targets["critic"], after.critic)
    jax.tree.map(np.testing.assert_array_equal, after.targets["actor"], after.params["actor"])


def test_softness_falls_inside_one_compiled_run():
    state = SOFT.annealed(SOFT.init(KEY), LogLinear(start=0.2, end=0.002, updates=160), noises=32)
    batch, traces = bandit(two_peaks), []
    update = jax.jit(lambda state: traces.append(0) or SOFT.update(KEY, state, batch)[0])
    seen = [state]
    for _ in range(4):
        seen.append(update(seen[-1]))
    assert len(traces) == 1
    temperatures = [float(jnp.exp(s.softness.log_temperature)) for s in seen]
    np.testing.assert_allclose(temperatures, [0.2, 0.2 * 0.01**0.4, 0.2 * 0.01**0.8, 0.002, 0.002], rtol=1e-4)
    sizes = [float(s.params["noise"]["size"]) for s in seen]
    np.testing.assert_allclose(sizes, [32.0, 32 - 0.4 * 31, 32 - 0.8 * 31, 1.0, 1.0], rtol=1e-4)
    assert len(np.unique(samples(seen[-1], 1.0))) == 1
    for leaf in jax.tree.leaves(seen[-1]):
        assert np.all(np.isfinite(leaf))


def test_the_temperature_can_be_set():
    state = SOFT.init(KEY)
    hotter = SOFT.annealed(state, LogLinear(start=3.0, end=3.0, updates=1))
    _, metrics = SOFT.update(KEY, hotter, bandit(two_peaks))
    np.testing.assert_allclose(metrics["train/ent_coef"], 3.0, rtol=1e-6)


def test_units_of_the_action_change_nothing():
    wide = dataclasses.replace(SOFT, policy=dataclasses.replace(POLICY, action=Box((1,), 0.0, 20.0)))
    batch = jax.tree.map(lambda x: x[:4], bandit(two_peaks))
    after, _ = SOFT.update(KEY, SOFT.init(KEY), batch)
    after_wide, _ = wide.update(KEY, wide.init(KEY), batch._replace(action=10.0 + 10.0 * batch.action))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), after.critic, after_wide.critic)


def test_a_batch_that_is_not_finite_is_counted_and_not_learnt_from():
    state, batch = SOFT.init(KEY), bandit(two_peaks)
    after, metrics = SOFT.update(KEY, state, batch._replace(reward=jnp.nan * batch.reward))
    assert metrics["faults/nonfinite_update"] == 64
    assert after.updates == 0
    jax.tree.map(np.testing.assert_array_equal, after.params["actor"], state.params["actor"])
    jax.tree.map(np.testing.assert_array_equal, after.critic, state.critic)


def test_where_only_the_policys_gradient_is_not_finite_the_critic_goes_on_and_no_update_is_counted():
    state = SOFT.init(KEY)
    broken = jax.tree.map(lambda x: jnp.nan * x, state.params["actor"])  # the targets' own copy is whole
    state = state._replace(params={**state.params, "actor": broken})
    after, metrics = SOFT.update(KEY, state, bandit(two_peaks))
    assert metrics["faults/nonfinite_update"] == 64 and after.updates == 0
    jax.tree.map(np.testing.assert_array_equal, after.targets, state.targets)
    moved = jax.tree.map(lambda a, b: bool(np.isfinite(a).all() and (a != b).any()), after.critic, state.critic)
    assert all(jax.tree.leaves(moved))


def test_more_particles_than_memory_allows_are_refused_with_the_estimate(monkeypatch):
    monkeypatch.setattr("headstart.learn.soft_q.memory_bytes", lambda: 100_000_000)
    crowd = dataclasses.replace(SOFT, updated_particles=500, fixed_particles=500)
    with pytest.raises(InputError, match=r"500 updated and 500 fixed particles .* need about 0\.1 GB"):
        crowd.update(KEY, crowd.init(KEY), bandit(two_peaks))


def test_the_estimate_of_memory_is_about_what_the_compiler_takes():
    crowd = dataclasses.replace(SOFT, updated_particles=64, fixed_particles=64, value_samples=64)
    batch = jax.tree.map(lambda x: x[:1], bandit(two_peaks))
    compiled = jax.jit(lambda s, b: crowd.update(KEY, s, b)).lower(crowd.init(KEY), batch).compile()
    taken = compiled.memory_analysis().temp_size_in_bytes
    assert 0.5 < crowd.update_bytes(64) / taken < 2.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"policy": SquashedPolicy(observation=probes.OBSERVATION, action=probes.ACTION)}, "not a SquashedPolicy"),
        ({"temperature": 0.0}, "must be positive"),
        ({"proposal": "normal"}, "not 'normal'"),
        ({"value_samples": 0}, "must be positive"),
        ({"value_samples": 1, "proposal": "sampler"}, "at least 2 value_samples"),
        ({"fixed_particles": 0}, "at least 1 updated and 1 fixed"),
    ],
)
def test_what_cannot_be_learnt_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(SOFT, **change)
