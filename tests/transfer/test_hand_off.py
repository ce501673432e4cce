"""A policy that changes hands acts as it did, and learning goes on from there without a collapse."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.data.replay import Replay
from headstart.errors import InputError
from headstart.experiments.hand_off import HandOff
from headstart.learn.replayed import example
from headstart.learn.sac import SAC
from headstart.maths.distributions import before_tanh
from headstart.nets.policies import GaussianPolicy, SquashedPolicy
from headstart.spaces import Box
from headstart.transfer.hand_off import squashed, squashed_params
from headstart.transfer.off_policy import CHUNK, Experienced, OffPolicy, drawn, followed, remember
from headstart.types import Rollout, Task

POLICY = GaussianPolicy(observation=Box((3,)), action=Box((2,), (-1.0, 0.0), (1.0, 4.0)), hidden=(8, 8))
ROWS = 256


def source(scale=400.0, log_std=-0.5):
    """A policy that uses its whole range of actions and beyond, with a normaliser that has seen something."""
    params = POLICY.normalize(
        POLICY.init(jax.random.key(0)), 3.0 + jnp.ones((9, 3)) * jnp.arange(9.0)[:, None], ALL[:9]
    )
    actor = params["actor"]
    output = {**actor["output"], "weight": scale * actor["output"]["weight"]}
    return {**params, "actor": {**actor, "output": output, "log_std": jnp.full(2, log_std)}}


ALL = jnp.ones(ROWS, bool)


def rollout(seed=0, steps=ROWS, reward=1.0):
    rng = np.random.default_rng(seed)
    obs = rng.normal(3.0, 3.0, size=(steps, 1, 3)).astype(np.float32)
    never = np.zeros((steps, 1), bool)
    action = rng.uniform(-1.0, 1.0, size=(steps, 1, 2)).astype(np.float32)
    return Rollout(obs, action, np.full((steps, 1), reward, np.float32), obs, never, never, never, ~never, Task({}, {}))


def tuning(**options):
    learner = SAC(policy=squashed(POLICY), critic_hidden=(8,), critic_warmup=CHUNK)
    return OffPolicy(learner=learner, batch_size=8, capacity=512, source_capacity=512, **options)


def greedy(policy, params, obs):
    return dataclasses.replace(policy, deterministic=True).apply(jax.random.key(0), params, (), obs)[0]


def same(a, b):
    return all(bool((x == y).all()) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


@pytest.mark.parametrize("sharpness", [2, 8])
def test_before_tanh_undoes_tanh_but_for_a_soft_corner(sharpness):
    x = jnp.array([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0])
    expected = [float(v) / (1.0 + abs(float(v)) ** sharpness) ** (1.0 / sharpness) for v in x]
    np.testing.assert_allclose(jnp.tanh(before_tanh(x, sharpness)), expected, atol=1e-6)


def test_before_tanh_has_a_gradient_where_clipping_has_none():
    slopes = jax.vmap(jax.grad(before_tanh))(jnp.array([0.0, 0.999, 1.0, 1.001, 3.0, 50.0]))
    assert np.isfinite(slopes).all() and (slopes > 0.05).all()
    assert slopes[0] == 1.0 and np.isclose(slopes[4], 4.0 / 3.0, rtol=1e-3)  # p / (2 x) far outside


def test_the_greedy_action_stays_what_the_world_made_of_it():
    params, new = source(), squashed(POLICY)
    obs = jax.random.normal(jax.random.key(1), (512, 3)) * 4.0 + 3.0
    low, high = POLICY.action.bounds()
    said = np.asarray(greedy(POLICY, params, obs))
    says = np.asarray(greedy(new, squashed_params(params, new), obs))
    gap = np.abs(np.clip(said, low, high) - says) / np.array([1.0, 2.0])
    unit = np.abs((said - np.array([0.0, 2.0])) / np.array([1.0, 2.0]))
    assert (unit > 1.2).any() and (unit < 0.5).any()  # the test sees both
    assert gap.max() < 1.0 - 2.0 ** (-1.0 / 8.0) + 1e-5 and gap[unit < 0.6].max() < 0.002


@pytest.mark.parametrize(("log_std", "kept"), [(0.0, 0.3), (math.log(0.2), 0.2), (-4.0, 0.1)])
def test_the_spread_is_the_source_s_own_within_bounds(log_std, kept):
    new = squashed(POLICY)
    params = squashed_params(source(log_std=log_std), new)
    distribution, _ = new.distribution(params, (), rollout().obs[:, 0])
    np.testing.assert_allclose(jnp.exp(distribution.log_std), kept, rtol=1e-4)


def test_what_cannot_take_over_is_refused():
    with pytest.raises(InputError, match=r"layers \[8, 8\], the new one \[8\]"):
        squashed_params(source(), dataclasses.replace(squashed(POLICY), hidden=(8,)))
    with pytest.raises(InputError, match="build it by"):
        squashed_params(source(), SquashedPolicy(observation=Box((3,)), action=POLICY.action, hidden=(8, 8)))
    with pytest.raises(InputError, match="infinite bound"):
        squashed(dataclasses.replace(POLICY, action=Box((2,))))


def remembered(seed=0, **options):
    return remember(Replay(capacity=512).init(example(squashed(POLICY))), rollout(seed, **options))


def test_critics_learn_what_followed_before_the_policy_moves():
    way = tuning(updates_per_step=0.01)
    begun = way.start(jax.random.key(0), Experienced(source()))
    known = way.start(jax.random.key(0), Experienced(source(), rollout(seed=1)))
    assert int(known.learner.updates) == way.learner.critic_warmup == CHUNK
    assert int(known.source[0].size) == ROWS and int(known.target.size) == 0
    assert same(known.learner.params, begun.learner.params)
    assert not same(known.learner.critics, begun.learner.critics)
    assert same(known.learner.critics, known.learner.targets)
    after, _ = way.learn(jax.random.key(1), begun, (rollout(),))
    assert int(after.learner.updates) == 2 * CHUNK  # as many as it waits, and as few as there are
    assert not same(after.learner.params["actor"], begun.learner.params["actor"])


def test_what_followed_by_hand():
    never = np.zeros((6, 1), bool)
    ends, cut, first = never.copy(), never.copy(), never.copy()
    first[[0, 2, 4]], ends[1], cut[3] = True, True, True  # one that ended, one that was cut, one still going on
    record = rollout(steps=6)._replace(
        reward=np.array([[1.0], [2.0], [1.0], [3.0], [4.0], [6.0]]), terminated=ends, truncated=cut, first=first
    )
    tail, last = 2.0 / 0.5, 5.0 / 0.5  # as it last went, for ever: the mean reward of the record over 1 - γ
    expected = [1 + 0.5 * 2, 2, 1 + 0.5 * (3 + 0.5 * tail), 3 + 0.5 * tail, 4 + 0.5 * (6 + 0.5 * last), 6 + 0.5 * last]
    np.testing.assert_allclose(followed(record, 0.5)[:, 0], expected)
    np.testing.assert_allclose(followed(record, 0.5, window=1)[5, 0], 6 + 0.5 * 6.0 / 0.5)


def test_the_policy_moves_no_further_than_it_may():
    way = tuning(updates_per_step=4.0, most_kl=0.01, enough=1)
    begun = way.start(jax.random.key(0), Experienced(source(), rollout(seed=1)))
    after, metrics = way.learn(jax.random.key(1), begun, (rollout(seed=2, reward=-3.0),))
    obs = begun.source[0].rows.obs[:ROWS]
    old, new = (way.policy.distribution(s.learner.params, (), obs)[0] for s in (begun, after))
    assert 0.001 < float(jnp.mean(new.kl(old))) < 0.02
    assert float(metrics["train/kl"]) > 0.01  # it would have


def test_the_unit_of_rewards_does_not_matter():
    way = tuning(updates_per_step=0.5)
    ends = []
    for unit in (1.0, 1024.0):
        varied = rollout(seed=1)._replace(reward=unit * rollout(seed=5).obs[..., 0])
        state = way.start(jax.random.key(0), Experienced(source()))
        ends.append(way.learn(jax.random.key(1), state, (varied,))[0])
    assert float(ends[1].scale / ends[0].scale) == pytest.approx(1024.0)
    for one, two in zip(*(jax.tree.leaves(end.learner.params) for end in ends), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-5)


def test_half_of_what_is_learnt_from_is_the_source_s():
    rings = tuple(remembered(seed=i, reward=float(i)) for i in (1, 2))
    batch = drawn(jax.random.key(0), rings, 8)
    assert batch.reward.shape == (CHUNK, 8) and batch.obs.shape == (CHUNK, 8, 3)
    np.testing.assert_array_equal(batch.reward, np.broadcast_to([1.0] * 4 + [2.0] * 4, (CHUNK, 8)))
    assert drawn(jax.random.key(0), rings[1:], 8).reward.shape == (CHUNK, 8)


def test_observations_keep_their_scale():
    way = tuning(updates_per_step=0.5)
    begun = way.start(jax.random.key(0), Experienced(source()))
    after, _ = way.learn(jax.random.key(1), begun, (rollout(),))
    assert same(after.learner.params["normalizer"], source()["normalizer"])


def test_episodes_in_which_everything_broke_teach_nothing():
    way = tuning()
    begun = way.start(jax.random.key(0), Experienced(source()))
    broken = rollout()._replace(valid=np.zeros((ROWS, 1), bool))
    after, _ = way.learn(jax.random.key(1), begun, (broken,))
    assert same(after, begun)


@pytest.mark.parametrize(
    ("world", "home_steps", "way"),
    [
        ("hopper", 32_768, "PPO to SAC with the source's steps"),
        pytest.param("pendulum", 262_144, "PPO to SAC", marks=pytest.mark.study),
        pytest.param("pendulum", 262_144, "clone to SAC", marks=pytest.mark.study),
        pytest.param("point_navigation", 65_536, "PPO to SAC", marks=pytest.mark.study),
        pytest.param("point_navigation", 65_536, "clone to SAC", marks=pytest.mark.study),
    ],
)
def test_nothing_collapses_within_a_thousand_steps(world, home_steps, way):
    study = HandOff(world=world, seed=0, home_steps=home_steps, evaluation_episodes=20)
    handed = study.ways()[way](study.learnt())
    assert 1_000 <= handed.steps < 2_500
    assert handed.kept, f"{handed.zero_shot.mean():.1f} before, {handed.after.mean():.1f} after"
