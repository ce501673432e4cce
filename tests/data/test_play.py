"""Whole episodes: as many as were asked for, each of its own task, in full."""

import jax
import numpy as np
import pytest

from headstart.data.collect import WIDTH, play
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
