"""A book finds the task of an episode that rows worked out by hand say."""

import numpy as np

from headstart.data.book import open_book
from headstart.types import Task


def tasks(*numbers, told=()):
    values = np.array(numbers, np.float32)
    return Task({"mass": values, "gear": values + 100}, {"speed": -values}, told)


def test_running_episodes_keep_their_task_and_later_ones_go_round_the_pool():
    book = open_book(tasks(1, 2), tasks(10, 11, 12), np.array([5, 0]))
    # environment 0 still runs its episode 5; environment 1 begins episode 1: row 1 + 2·1 = 3, once round, is 0
    found = book.look_up(np.array([5, 1]), np.array([0, 1]))
    np.testing.assert_array_equal(found.dynamics["mass"], [1, 10])
    np.testing.assert_array_equal(found.dynamics["gear"], [101, 110])
    np.testing.assert_array_equal(found.reward["speed"], [-1, -10])


def test_a_rollout_and_a_reset_find_the_same_task():
    book = open_book(tasks(1, 2), tasks(10, 11, 12), np.array([5, 0]))
    episodes = np.array([[5, 0], [6, 1], [7, 2]])
    whole = book.look_up(episodes, np.arange(2))
    for t, row in enumerate(episodes):
        found = book.look_up(row, np.arange(2))
        for name, leaf in found.dynamics.items():
            np.testing.assert_array_equal(leaf, whole.dynamics[name][t])


def test_what_an_agent_is_told_may_have_axes_of_its_own():
    told = np.arange(6, dtype=np.float32).reshape(3, 2)
    book = open_book(tasks(1, told=told[:1]), tasks(10, 11, told=told[1:]), np.array([0]))
    found = book.look_up(np.array([2]), np.array([0]))  # row 0 + 1·2 of two, round: the first
    np.testing.assert_array_equal(found.spec, told[1:2])
    np.testing.assert_array_equal(found.dynamics["mass"], [10])
