"""Point navigation: steps and rewards by hand, goals where they are said to be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.errors import InputError
from headstart.tasks.point_navigation import PlaneState, PointNavigation
from headstart.types import Task

KEY = jax.random.key(0)


def moved(family, position, action, goal=(0.0, 0.0), **dynamics):
    values = {name.replace("_", ":"): jnp.float32(value) for name, value in dynamics.items()}
    task = Task({**family.task().dynamics, **values}, {"goal": jnp.asarray(goal, jnp.float32)})
    return family.step(KEY, PlaneState(jnp.asarray(position, jnp.float32)), jnp.asarray(action, jnp.float32), task)


def test_a_step_by_hand():
    outcome = moved(PointNavigation(), (0.2, -0.1), (1.0, -0.5), goal=(0.3, 0.25))
    np.testing.assert_allclose(outcome.state.position, [0.3, -0.15], rtol=1e-6)
    np.testing.assert_allclose(outcome.reward, -0.4, rtol=1e-6)
    assert not outcome.terminated and not outcome.truncated


def test_rotation_and_wind_by_hand():
    # (1, 0) turned by a quarter is (0, 1)
    outcome = moved(PointNavigation(), (0.0, 0.0), (1.0, 0.0), rotation_action=np.pi / 2, wind_x=0.05, wind_y=-0.02)
    np.testing.assert_allclose(outcome.state.position, [0.05, 0.08], atol=1e-7)


def test_the_sparse_reward_by_hand():
    family = PointNavigation(reward_kind="sparse", goal_radius=0.2)
    np.testing.assert_allclose(moved(family, (0.0, 0.0), (0.0, 0.0), goal=(0.15, 0.0)).reward, 0.85, rtol=1e-6)
    assert moved(family, (0.0, 0.0), (0.0, 0.0), goal=(0.25, 0.0)).reward == 0.0


def test_goals_fill_the_square():
    goals = np.asarray(PointNavigation(extent=0.7).sample(KEY, 2_000).reward["goal"])
    assert (np.abs(goals) <= 0.7).all() and (goals.max(axis=0) > 0.68).all() and (goals.min(axis=0) < -0.68).all()


def test_goals_lie_on_the_upper_half_circle():
    goals = np.asarray(PointNavigation(goals="half_circle", extent=2.0).sample(KEY, 2_000).reward["goal"])
    np.testing.assert_allclose(np.linalg.norm(goals, axis=-1), 2.0, rtol=1e-5)
    angle = np.arctan2(goals[:, 1], goals[:, 0])
    assert angle.min() >= 0 and angle.min() < 0.01 and angle.max() > np.pi - 0.01


@pytest.mark.parametrize("goals", ["square", "half_circle"])
def test_the_goal_is_told_by_the_task_and_not_by_the_observation(goals):
    family = PointNavigation(goals=goals)
    tasks = family.sample(KEY, 2)
    np.testing.assert_array_equal(tasks.spec, tasks.reward["goal"])
    state = family.reset(KEY, family.task())
    one, two = (family.observe(state, jax.tree.map(lambda x: x[i], tasks)) for i in range(2))  # noqa: B023
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    "options",
    [{"goals": "cube"}, {"reward_kind": "dens"}, {"extent": 0.0}, {"extent": float("nan")}, {"goal_radius": -1.0}],
    ids=str,
)
def test_bad_fields_are_refused(options):
    with pytest.raises(InputError):
        PointNavigation(**options)
