"""The four-goal world: rewards and ends by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.errors import InputError
from headstart.tasks.four_goals import FourGoals, PlaneState, nearest_goal

KEY = jax.random.key(0)
FAMILY = FourGoals()


def step(x, y, action, family=FAMILY, **rewards):
    task = family.task()
    task = task._replace(reward={**task.reward, **{k: jnp.float32(v) for k, v in rewards.items()}})
    return family.step(KEY, PlaneState(jnp.array([x, y])), jnp.array(action), task)


def test_a_step_by_hand():
    outcome = step(0.0, 0.0, [0.5, 0.0])
    np.testing.assert_allclose(outcome.state.position, [0.5, 0.0])
    np.testing.assert_allclose(outcome.reward, -30 * 0.25 - 4.5**2)
    assert not outcome.terminated


def test_a_goal_ends_the_episode_and_pays():
    outcome = step(0.0, 3.5, [0.0, 0.6])  # to 0.9 of the northern goal
    np.testing.assert_allclose(outcome.reward, -30 * 0.36 - 0.81 + 10, rtol=1e-5)
    assert outcome.terminated
    assert not step(0.0, 3.5, [0.0, 0.4]).terminated  # 1.1 away


def test_walls_hold():
    np.testing.assert_allclose(step(6.5, -6.8, [1.0, -1.0]).state.position, [7.0, -7.0])


def test_a_part_of_the_goals_is_a_task_of_its_own():
    east_west = FourGoals(goals=(0, 1))
    assert not step(0.0, 3.5, [0.0, 0.6], east_west).terminated
    assert step(-3.5, 0.0, [-0.6, 0.0], east_west).terminated


def test_starts_near_the_origin():
    start = jax.vmap(lambda key: FAMILY.reset(key, FAMILY.task()).position)(jax.random.split(KEY, 4000))
    np.testing.assert_allclose(start.mean(axis=0), 0.0, atol=0.01)
    np.testing.assert_allclose(start.std(axis=0), 0.1, rtol=0.05)


def test_goals_are_named_by_number():
    places = jnp.array([[4.0, 1.0], [-4.0, 1.0], [1.0, 4.0], [-1.0, -4.0]])
    np.testing.assert_array_equal(nearest_goal(places), [0, 1, 2, 3])


def test_what_means_nothing_is_refused():
    with pytest.raises(InputError, match="0, 1, 2, 3"):
        FourGoals(goals=(4,))
    with pytest.raises(InputError, match="finite"):
        FourGoals(goal_radius=0.0)
