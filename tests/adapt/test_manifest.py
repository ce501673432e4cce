import jax
import numpy as np
import pytest

from headstart.adapt.manifest import Manifest, Seeds, seeds_of
from headstart.adapt.randomize import preset
from headstart.data.collect import play
from headstart.errors import InputError
from headstart.nets.policies import GaussianPolicy
from headstart.tasks.catalogue import family
from headstart.types import Rollout

HOPPER, N, T = family("hopper"), 5, 25
RESETS, STEPS = np.arange(100, 100 + N), np.arange(N * T).reshape(T, N) * 7919


@pytest.fixture(scope="module")
def batch():
    """A batch of randomized hoppers, noise and delay included, played side by side."""
    tasks = jax.tree.map(np.asarray, preset(HOPPER, "wide").sample(jax.random.key(0), (), N))
    state = HOPPER.reset(RESETS, HOPPER.start(N), tasks, np.ones(N, bool))
    actions = np.random.default_rng(0).uniform(-1.5, 1.5, (T, N, 3)).astype(np.float32)  # beyond the bounds too
    rows, obs = [], HOPPER.observe(state).astype(np.float32)
    for t in range(T):
        outcome = HOPPER.step(STEPS[t], state, np.clip(actions[t], -1, 1), np.ones(N, bool))
        state, after = outcome.state, HOPPER.observe(outcome.state).astype(np.float32)
        rows.append((obs, actions[t], outcome.reward.astype(np.float32), after, outcome.terminated, outcome.valid))
        obs = after
    obs, action, reward, after, ended, valid = (np.stack(column) for column in zip(*rows, strict=True))
    many = jax.tree.map(lambda x: np.repeat(x[None], T, axis=0), tasks)
    first = np.zeros_like(ended)
    first[0] = True
    return Rollout(obs, action, reward, after, ended, np.zeros_like(ended), first, valid, many)


@pytest.mark.parametrize("env", [0, 3])
def test_an_episode_is_replayed_alone_to_the_bit(batch, env, tmp_path):
    episode = jax.tree.map(lambda x: x[:, env : env + 1], batch)
    manifest = Manifest.of(HOPPER, episode, Seeds(int(RESETS[env]), STEPS[:, env]))
    manifest.write(tmp_path / "manifest.json")
    again = Manifest.read(tmp_path / "manifest.json").replay(HOPPER)
    for name in ("obs", "action", "reward", "next_obs", "terminated", "valid"):
        np.testing.assert_array_equal(getattr(again, name), getattr(episode, name))
    assert np.std(episode.obs) > 0


def test_any_episode_of_an_evaluation_is_replayed_from_its_key_and_number():
    policy = GaussianPolicy(observation=HOPPER.observation, action=HOPPER.action)
    tasks = preset(HOPPER, "wide").sample(jax.random.key(2), (), 12)
    key = jax.random.key(8)
    episodes = play(key, HOPPER, policy, policy.init(jax.random.key(1)), tasks, 12)
    for number in (2, 11):
        episode = episodes[number]
        again = Manifest.of(HOPPER, episode, seeds_of(key, number, len(episode.reward))).replay(HOPPER)
        np.testing.assert_array_equal(again.next_obs, episode.next_obs)
        np.testing.assert_array_equal(again.reward, episode.reward)


def test_what_is_no_manifest_is_refused(batch, tmp_path):
    episode = jax.tree.map(lambda x: x[:, :1], batch)
    with pytest.raises(InputError, match="3 seeds for an episode of 25"):
        Manifest.of(HOPPER, episode, Seeds(1, np.arange(3)))
    manifest = Manifest.of(HOPPER, episode, Seeds(1, STEPS[:, 0]))
    with pytest.raises(InputError, match="it is of 'hopper', not of 'swimmer'"):
        manifest.replay(family("swimmer"))
    (tmp_path / "broken.json").write_text('{"format": 1, "family": "hopper"}')
    with pytest.raises(InputError, match="not a manifest"):
        Manifest.read(tmp_path / "broken.json")
