"""PPO against worlds whose answers are known, and against what it promises about steps that are not taken."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.errors import InputError
from headstart.learn.ppo import PPO, record_goes_on, reward_scale, sweep
from headstart.maths.moments import Moments
from headstart.nets.policies import GaussianPolicy
from tests import probes

KEY = jax.random.key(0)
POLICY = GaussianPolicy(observation=probes.OBSERVATION, action=probes.ACTION, hidden=(16,))
LEARNER = PPO(
    policy=POLICY,
    envs=16,
    discount=0.9,
    learning_rate=3e-3,
    epochs=8,
    minibatch_size=256,
    value_hidden=(32,),
    max_grad_norm=1.0,
)


def learnt(family, updates=150, change=lambda rollout: rollout):
    """Learns rollout by rollout, so that all worlds share one compiled update."""
    state = LEARNER.init(KEY)
    for key in jax.random.split(KEY, updates):
        rollout = change(probes.record(key, family, POLICY, state.params, 16, 16))
        state, _ = LEARNER.update(key, state, rollout)
    return state


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
    np.testing.assert_allclose(value(learnt(family), family.places()), family.values(0.9), rtol=1e-2)


def test_the_chain_tells_the_two_masks_apart():
    def flipped(rollout):
        return rollout._replace(terminated=rollout.truncated, truncated=rollout.terminated)

    family = probes.Chain(ends="truncated")
    state = learnt(family, change=flipped)
    np.testing.assert_allclose(value(state, family.places()), probes.Chain(ends="terminated").values(0.9), rtol=1e-2)


def test_learns_which_action_fits_which_observation():
    state = learnt(probes.ActionMatters())
    greedy = dataclasses.replace(POLICY, deterministic=True)
    action, _ = greedy.apply(KEY, state.params, (), jnp.array([[-1.0], [1.0]]))
    np.testing.assert_allclose(action[:, 0], [-0.5, 0.5], atol=2e-2)


def test_two_contradictory_tasks_cannot_share_a_policy():
    state = learnt(probes.Contradiction())
    rollout = probes.record(KEY, probes.Contradiction(), POLICY, state.params, 16, 16)
    assert abs(float(rollout.reward.mean())) < 0.1

    def only_the_first(rollout):
        return rollout._replace(reward=rollout.reward * rollout.task.reward["direction:action"])

    state = learnt(probes.Contradiction(), change=only_the_first)
    assert float(POLICY.distribution(state.params, (), jnp.zeros((1, 1)))[0].mean[0, 0]) > 0.9


def test_a_graft_beats_a_fresh_start_where_dynamics_are_shared():
    family = probes.SharedDynamics()
    source = learnt(family, updates=40)

    def first_rollout(params):
        return float(probes.record(KEY, family, POLICY, params, 16, 16).reward.mean())

    fresh, grafted = first_rollout(LEARNER.init(KEY).params), first_rollout(source.params)
    assert grafted > fresh + 0.3


def test_no_policy_without_memory_can_use_what_was_only_shown_before():
    state = learnt(probes.HiddenParameter())
    without = probes.record(KEY, probes.HiddenParameter(), POLICY, state.params, 16, 16)
    with_memory = probes.record(KEY, probes.HiddenParameter(), Remembers(), {}, 16, 16)
    assert abs(float(without.reward.sum()) / int(without.terminated.sum())) < 0.3
    assert float(with_memory.reward.sum()) / int(with_memory.terminated.sum()) == 1.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Remembers:
    """Does what it saw one step ago."""

    def init(self, key):
        return {}

    def start(self, params, n):
        return jnp.zeros((n, 1))

    def apply(self, key, params, carry, obs):
        return carry, obs


def test_the_record_breaks_at_ends_and_before_rows_that_are_not_valid():
    rollout = probes.record(KEY, probes.Chain(ends="truncated"), POLICY, LEARNER.init(KEY).params, 16, 16)
    rollout = rollout._replace(valid=rollout.valid.at[9].set(False))
    goes_on = np.array(record_goes_on(rollout))[:, 0]
    assert goes_on.tolist() == [t % 4 != 3 and t + 1 != 9 and t != 15 for t in range(16)]


def test_rows_that_are_not_valid_change_nothing():
    state = LEARNER.init(KEY)
    rollout = probes.record(KEY, probes.ActionMatters(), POLICY, state.params, 16, 16)
    rollout = rollout._replace(valid=rollout.valid.at[3].set(False))
    other = rollout._replace(
        obs=rollout.obs.at[3].set(jnp.nan),
        action=rollout.action.at[3].set(jnp.inf),
        reward=rollout.reward.at[3].set(jnp.nan),
        next_obs=rollout.next_obs.at[3].set(-jnp.inf),
    )
    one, _ = LEARNER.update(KEY, state, rollout)
    two, metrics = LEARNER.update(KEY, state, other)
    jax.tree.map(np.testing.assert_array_equal, one, two)
    assert metrics["faults/invalid_rows"] == 16


@pytest.mark.parametrize(("usable", "steps"), [(256, 4), (255, 3), (128, 2), (127, 1), (1, 1)])
def test_minibatches_are_of_usable_rows_as_many_as_those_fill(usable, steps):
    def take(state, going, rows):
        return state + rows["ok"], going, {"train/rows": jnp.sum(rows["ok"]), "train/n_updates": jnp.ones(())}

    ok = jnp.arange(256) < usable
    total, metrics = sweep(take, jnp.zeros(64), {"ok": ok.astype(jnp.float32)}, ok, KEY, 3, 64)
    assert metrics["train/n_updates"] == 3 * steps
    assert metrics["train/rows"] == min(usable, 64)
    assert jnp.sum(total) == 3 * steps * min(usable, 64)


def test_decay_is_a_number_and_no_part_of_the_program():
    state = LEARNER.init(KEY)
    rollout = probes.record(KEY, probes.ActionMatters(), POLICY, state.params, 16, 16)
    LEARNER.update(KEY, state, rollout)
    before = PPO._update._cache_size()
    for decay in (None, 3, 7):
        dataclasses.replace(LEARNER, decay=decay).update(KEY, state, rollout)
    assert PPO._update._cache_size() == before


def test_a_gradient_that_is_not_finite_is_counted_and_not_taken():
    state = LEARNER.init(KEY)
    rollout = probes.record(KEY, probes.ActionMatters(), POLICY, state.params, 16, 16)
    after, metrics = LEARNER.update(KEY, state, rollout._replace(action=rollout.action.at[0, 0].set(jnp.inf)))
    assert metrics["faults/nonfinite_update"] == 8
    assert metrics["train/n_updates"] == 0
    jax.tree.map(np.testing.assert_array_equal, after.params["actor"], state.params["actor"])
    jax.tree.map(np.testing.assert_array_equal, after.critic, state.critic)


def test_a_critic_warms_up_while_the_policy_waits_and_an_update_that_has_gone_far_enough_stops():
    learner = dataclasses.replace(LEARNER, critic_warmup=1, target_kl=1e-9)
    state = learner.init(KEY)
    rollout = probes.record(KEY, probes.ActionMatters(), POLICY, state.params, 16, 16)
    once, metrics = learner.update(KEY, state, rollout)
    jax.tree.map(np.testing.assert_array_equal, once.params["actor"], state.params["actor"])
    assert not np.array_equal(once.critic["output"]["weight"], state.critic["output"]["weight"])
    assert metrics["train/n_updates"] == 8  # a policy that waits has not gone anywhere
    twice, metrics = learner.update(KEY, once, rollout)
    assert not np.array_equal(twice.params["actor"]["log_std"], state.params["actor"]["log_std"])
    assert metrics["train/n_updates"] == 1  # before the first step the distance is 0, after it more than allowed


def test_a_decaying_learning_rate_is_a_quarter_after_three_of_four_updates_and_zero_after_them():
    steady = dataclasses.replace(LEARNER, epochs=1)
    falling = dataclasses.replace(steady, decay=4)
    state = steady.init(KEY)
    rollout = probes.record(KEY, probes.ActionMatters(), POLICY, state.params, 16, 16)

    def moved(learner, updates):
        after, _ = learner.update(KEY, state._replace(updates=jnp.int32(updates)), rollout)
        return after.params["actor"]["log_std"] - state.params["actor"]["log_std"]

    whole = moved(steady, 3)  # one step: 256 rows
    np.testing.assert_allclose(moved(falling, 3), 0.25 * whole, rtol=1e-3)
    np.testing.assert_allclose(moved(falling, 0), whole, rtol=1e-3)
    assert not moved(falling, 4).any() and not moved(falling, 9).any() and whole.any()


def test_rewards_are_scaled_by_the_spread_of_returns_but_a_constant_is_not_blown_up():
    assert reward_scale(Moments(jnp.float32(0.0), jnp.float32(4.0), jnp.float32(1.0))) == 2.0
    assert reward_scale(Moments(jnp.float32(5.0), jnp.float32(0.0), jnp.float32(1.0))) == 0.5
    assert reward_scale(Moments(jnp.float32(0.0), jnp.float32(0.0), jnp.float32(1.0))) == 1.0


def test_the_scale_of_rewards_does_not_change_what_is_learnt():
    state = LEARNER.init(KEY)
    rollout = probes.record(KEY, probes.ActionMatters(), POLICY, state.params, 16, 16)
    one, _ = LEARNER.update(KEY, state, rollout)
    two, _ = LEARNER.update(KEY, state, rollout._replace(reward=1024.0 * rollout.reward))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), one.params["actor"], two.params["actor"])


def test_another_number_of_environments_is_refused():
    state = LEARNER.init(KEY)
    rollout = probes.record(KEY, probes.ConstantReward(), POLICY, state.params, 8, 16)
    with pytest.raises(InputError, match=r"envs=16.*8 environments"):
        LEARNER.update(KEY, state, rollout)
