"""Whole episodes: as many as were asked for, each of its own task, in full."""

import jax
import numpy as np
import pytest

from headstart.data.collect import WIDTH, play
from headstart.nets.policies import GaussianPolicy
from headstart.tasks.catalogue import family
from headstart.tasks.fixed import Fixed
from headstart.types import Task
from tests.worlds import Constant, Counting


@pytest.mark.parametrize("episodes", [1, WIDTH, WIDTH + 3])
def test_every_episode_is_whole_and_of_its_own_task(episodes):
    tasks = Task({}, {"number": np.arange(20, dtype=np.float32)})
    played = play(jax.random.key(0), Counting(lengths=(3, 150)), Constant(), {}, tasks, episodes)
    assert len(played) == episodes
    for i, episode in enumerate(played):
        length = (3, 150)[i % 2]
        assert episode.reward.shape == (length, 1)
        np.testing.assert_array_equal(episode.obs[:, 0, 2], np.arange(length))
        assert (episode.obs[:, 0, 0] == i).all()
        assert episode.terminated[-1, 0] and not episode.terminated[:-1].any()
        assert episode.valid.all()


def test_a_batch_that_rests_altogether_is_left_alone():
    hopper = family("hopper")
    policy = GaussianPolicy(observation=hopper.observation, action=hopper.action, hidden=(8,))
    tasks = Fixed(task=hopper.task()).sample(jax.random.key(0), (), 2)
    played = play(jax.random.key(0), hopper, policy, policy.init(jax.random.key(1)), tasks, 2)
    assert all(episode.terminated[-1, 0] and len(episode.reward) < 128 for episode in played)
