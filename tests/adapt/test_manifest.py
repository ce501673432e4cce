import dataclasses
import json

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


def alone(batch, env):
    """One episode of the batch, to its end."""
    length = int(np.argmax([*batch.terminated[:-1, env], True])) + 1
    return jax.tree.map(lambda x: x[:length, env : env + 1], batch)


@pytest.mark.parametrize("env", [0, 3])
def test_an_episode_is_replayed_alone_to_the_bit(batch, env, tmp_path):
    episode = alone(batch, env)
    manifest = Manifest.of(HOPPER, episode, Seeds(int(RESETS[env]), STEPS[:, env]))
    manifest.write(tmp_path / "manifest.json")
    again = Manifest.read(tmp_path / "manifest.json").replay(HOPPER)
    for name in ("obs", "action", "reward", "next_obs", "terminated", "truncated", "first", "valid"):
        np.testing.assert_array_equal(getattr(again, name), getattr(episode, name))
    assert np.std(episode.obs) > 0


@pytest.mark.parametrize(
    ("name", "ranges", "end"), [("hopper", "wide", "terminated"), ("reacher", "wide", "truncated")]
)
def test_any_episode_of_an_evaluation_is_replayed_from_its_key_and_number(name, ranges, end, tmp_path):
    world = family(name)
    policy = GaussianPolicy(observation=world.observation, action=world.action)
    tasks = preset(world, ranges).sample(jax.random.key(2), (), 12)
    key = jax.random.key(8)
    episodes = play(key, world, policy, policy.init(jax.random.key(1)), tasks, 12)
    for number in (2, 11):
        episode = episodes[number]
        manifest = Manifest.of(world, episode, seeds_of(key, number, len(episode.reward)))
        manifest.write(tmp_path / "manifest.json")
        again = Manifest.read(tmp_path / "manifest.json").replay(world)
        assert manifest.end == end and manifest.differs(again) is None
        jax.tree.map(np.testing.assert_array_equal, again, episode)
        assert jax.tree.structure(again) == jax.tree.structure(episode)


def test_what_an_agent_is_told_is_kept(tmp_path):
    world = family("swimmer")
    policy = GaussianPolicy(observation=world.observation, action=world.action)
    key, tasks = jax.random.key(4), world.sample(jax.random.key(3), 2)
    assert np.std(tasks.spec) > 0
    (episode, _) = play(key, world, policy, policy.init(key), tasks, 2)
    manifest = Manifest.of(world, episode, seeds_of(key, 0, len(episode.reward)))
    manifest.write(tmp_path / "manifest.json")
    again = Manifest.read(tmp_path / "manifest.json").replay(world)
    np.testing.assert_array_equal(again.task.spec, episode.task.spec)
    np.testing.assert_array_equal(again.truncated, episode.truncated)
    assert again.truncated[-1, 0] and again.truncated.sum() == 1


def test_a_replay_that_is_not_the_same_says_from_which_step_on(batch):
    manifest = Manifest.of(HOPPER, alone(batch, 3), Seeds(int(RESETS[3]), STEPS[:, 3]))
    again = manifest.replay(HOPPER)
    assert manifest.differs(again) is None
    reward = np.array(again.reward)
    reward[7] = np.nextafter(reward[7], np.float32(np.inf))
    assert manifest.differs(again._replace(reward=reward)) == 8
    assert manifest.differs(jax.tree.map(lambda x: x[:-2], again)) == len(reward) - 2
    assert manifest.differs(again._replace(valid=np.zeros_like(again.valid))) == len(reward)


def test_a_replay_ends_where_the_world_ends_it(batch):
    manifest = Manifest.of(HOPPER, alone(batch, 0), Seeds(int(RESETS[0]), STEPS[:, 0]))
    longer = [np.concatenate([values, values[-3:]]) for values in (manifest.actions, manifest.reward)]
    more = dataclasses.replace(manifest, actions=longer[0], reward=longer[1])
    again = more.replay(HOPPER)
    assert len(again.reward) == len(manifest.reward) == 19 and more.differs(again) == 19


def test_what_is_no_manifest_is_refused(batch, tmp_path):
    episode = alone(batch, 0)
    with pytest.raises(InputError, match=f"3 seeds for an episode of {len(episode.reward)}"):
        Manifest.of(HOPPER, episode, Seeds(1, np.arange(3)))
    manifest = Manifest.of(HOPPER, episode, Seeds(1, STEPS[:, 0]))
    with pytest.raises(InputError, match="it is of 'hopper', not of 'swimmer'"):
        manifest.replay(family("swimmer"))
    (tmp_path / "broken.json").write_text('{"format": 1, "family": "hopper"}')
    with pytest.raises(InputError, match="not a manifest"):
        Manifest.read(tmp_path / "broken.json")
    with pytest.raises(InputError, match="cannot be read"):
        Manifest.read(tmp_path / "nowhere.json")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 3}, "format 3 is not 2"),
        ({"rewards": [0.0]}, "do not go together"),
        ({"rewards": []}, "do not go together"),
        ({"rewards": [[0.0]] * 19}, "do not go together"),
        ({"actions": [["a"]] * 19}, "not finite numbers"),
        ({"actions": [[1e300]] * 19}, "not finite numbers"),
        ({"actions": [[0.0], [0.0, 1.0]]}, "not a manifest"),
        ({"step_seeds": [str(1 << 63)] * 19}, "63 bits"),
        ({"reset_seed": "-1"}, "63 bits"),
        ({"reset_seed": None}, "not a manifest"),
        ({"end": "won"}, "end is none of"),
        ({"dynamics": [1.0]}, "not a manifest"),
        ({"actions": [[0.0]] * 19}, "its actions are not those of 'hopper'"),
        ({"dynamics": {"mass:torso": 1.0}}, "its dynamics are not those of 'hopper'"),
        ({"reward": {"goal": 1.0}}, "its reward are not those of 'hopper'"),
        ({"spec": {}}, "its spec are not those of 'hopper'"),
    ],
)
def test_a_manifest_that_a_hand_has_been_at_is_refused_in_one_line(batch, tmp_path, change, said):
    manifest, file = Manifest.of(HOPPER, alone(batch, 0), Seeds(1, STEPS[:, 0])), tmp_path / "manifest.json"
    manifest.write(file)
    assert len(manifest.reward) == 19
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(InputError, match=said) as refused:
        Manifest.read(file).replay(HOPPER)
    assert "\n" not in str(refused.value)


def test_numbers_that_are_none_or_that_no_world_has_are_refused(batch, tmp_path):
    manifest, file = Manifest.of(HOPPER, alone(batch, 0), Seeds(1, STEPS[:, 0])), tmp_path / "manifest.json"
    manifest.write(file)
    text, mass = file.read_text(), float(manifest.task.dynamics["mass:torso"])
    assert f'"mass:torso":{mass}' in text
    file.write_text(text.replace(f'"mass:torso":{mass}', '"mass:torso":NaN'))
    with pytest.raises(InputError, match="not valid JSON"):
        Manifest.read(file)
    file.write_text(text.replace(f'"mass:torso":{mass}', '"mass:torso":-3.0'))
    with pytest.raises(InputError, match=r"mass:torso = -3 is not legal"):
        Manifest.read(file).replay(HOPPER)
