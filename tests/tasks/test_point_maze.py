"""The point maze: motion by hand, walls that hold, goals that can be reached."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.errors import InputError
from headstart.tasks.mazes import MAZES
from headstart.tasks.point_maze import PointMaze
from headstart.tasks.point_physics import GRAVITY, SUBSTEP, PointState
from headstart.types import Task

KEY = jax.random.key(0)
MANY = 10_000
STEP = jax.jit(PointMaze.step, static_argnums=0)
RESETS = jax.jit(lambda family, keys: jax.vmap(family.reset, in_axes=(0, None))(keys, family.task()), static_argnums=0)
SAMPLE = jax.jit(PointMaze.sample, static_argnums=(0, 2))
FREE = jax.jit(lambda family, places: jax.vmap(family.is_free)(places), static_argnums=0)


def task_with(family, goal=None, **dynamics):
    task = family.task()
    values = {name.replace("_", ":"): jnp.float32(value) for name, value in dynamics.items()}
    goal = task.reward["goal"] if goal is None else jnp.asarray(goal, jnp.float32)
    return Task({**task.dynamics, **values}, {"goal": goal}, goal)


def moved(family, position, velocity, action, task):
    state = PointState(jnp.asarray(position, jnp.float32), jnp.asarray(velocity, jnp.float32))
    return STEP(family, KEY, state, jnp.asarray(action, jnp.float32), task)


@partial(jax.jit, static_argnames=("family", "steps"))
def wander(key, family, steps):
    """Free places anywhere in the maze, velocities up to the limit and over it, full and overfull forces, any dynamics.

    Returns the states after each of the steps, and whether each is free; axes `step many` in front.
    """
    places, velocities, forces, dynamics = jax.random.split(key, 4)
    units = jax.random.uniform(dynamics, (len(family.dynamics), MANY))
    values = {p.name: p.low + (p.high - p.low) * unit for p, unit in zip(family.dynamics.values(), units, strict=True)}
    goal = family.sample(places, MANY).reward["goal"]
    velocity = jax.random.uniform(velocities, (MANY, 2), minval=-3, maxval=3) * family.top_speed
    force = jax.random.uniform(forces, (MANY, 2), minval=-2, maxval=2)
    task = Task(values, {"goal": goal}, goal)

    def step(state, _):
        state = jax.vmap(lambda *rest: family.step(key, *rest).state)(state, force, task)
        return state, (state, jax.vmap(family.is_free)(state.position))

    start = PointState(goal, velocity)
    return start, *jax.lax.scan(step, start, None, steps)[1]


def test_one_substep_by_hand():
    # m = 2, d = 1, force 3·0.5 = 1.5, μ = 0.1, h = 0.05, v = 1:
    # v ← (1 + 0.05·1.5/2) / (1 + 0.05·1/2) = 1.0375 / 1.025;  v ← v − 0.05·9.81·0.1;  x ← x + 0.05 v
    family = PointMaze(maze="open", substeps=1)
    task = task_with(family, mass_point=2.0, damping_point=1.0, friction_floor=0.1, force_motor=3.0)
    state = moved(family, (4.5, 4.5), (1.0, 0.0), (0.5, 0.0), task).state
    velocity = 1.0375 / 1.025 - 0.05 * 9.81 * 0.1
    np.testing.assert_allclose(state.velocity, [velocity, 0.0], rtol=1e-6)
    np.testing.assert_allclose(state.position, [4.5 + 0.05 * velocity, 4.5], rtol=1e-6)


def test_friction_stops_the_point_and_never_turns_it_round():
    family = PointMaze(maze="open", substeps=1)
    task = task_with(family, friction_floor=1.0, damping_point=0.0)
    slow = moved(family, (4.5, 4.5), (0.1, -0.2), (0.0, 0.0), task).state  # below μ g h = 0.49 m/s
    np.testing.assert_array_equal(slow.velocity, [0.0, 0.0])
    fast = moved(family, (4.5, 4.5), (3.0, 4.0), (0.0, 0.0), task).state
    np.testing.assert_allclose(np.linalg.norm(fast.velocity), 5.0 - GRAVITY * SUBSTEP, rtol=1e-6)
    np.testing.assert_allclose(fast.velocity[1] / fast.velocity[0], 4 / 3, rtol=1e-6)


def test_without_damping_friction_and_force_momentum_is_kept():
    family = PointMaze(maze="open")
    task = task_with(family, friction_floor=0.0, damping_point=0.0)
    state = moved(family, (4.0, 4.0), (1.0, -2.0), (0.0, 0.0), task).state
    np.testing.assert_allclose(state.velocity, [1.0, -2.0], rtol=1e-6)
    np.testing.assert_allclose(state.position, [4.1, 3.8], rtol=1e-6)


def test_force_over_mass_is_all_that_counts_without_damping():
    family = PointMaze(maze="open")
    one = moved(family, (4.0, 4.0), (0.0, 0.0), (1.0, 0.5), task_with(family, damping_point=0.0)).state
    two = task_with(family, damping_point=0.0, mass_point=2.0, force_motor=6.0)
    np.testing.assert_allclose(moved(family, (4.0, 4.0), (0.0, 0.0), (1.0, 0.5), two).state, one, rtol=1e-6)


def test_the_wall_takes_the_velocity_of_its_axis_only():
    family = PointMaze(maze="narrow-hallway")
    task = task_with(family, friction_floor=0.0, damping_point=0.0)
    state = moved(family, (4.5, 1.95), (1.0, 4.0), (0.0, 0.0), task).state
    np.testing.assert_allclose(state.velocity, [1.0, 0.0], rtol=1e-6)
    np.testing.assert_allclose(state.position, [4.6, 1.999], rtol=1e-5)


@pytest.mark.parametrize("name", MAZES)
def test_no_state_and_no_force_lead_into_a_wall(name):
    family = PointMaze(maze=name)
    _, states, free = wander(jax.random.key(1), family, 5)
    assert free.all()
    assert np.isfinite(states.position).all() and (np.abs(states.velocity) <= family.top_speed).all()


def test_no_point_passes_a_wall():
    # the wall in the middle is one cell thick, and there is no way round it
    family = PointMaze(maze="#########\n#S  #   #\n#   #   #\n#   #   #\n#########", top_speed=18.0)
    start, states, _ = wander(jax.random.key(2), family, 30)
    assert (start.position[:, 0] < 4).all(), "the other side cannot be reached, so no goal is drawn there"
    assert (states.position[..., 0] < 4).all()
    assert (states.position[..., 0] > 3.998).any(), "nobody tried"


def test_a_corner_between_two_walls_is_closed():
    family = PointMaze(maze="####\n#S##\n## #\n####", top_speed=18.0)
    state = PointState(jnp.array([1.99, 2.01]), jnp.zeros(2))
    for _ in range(50):
        state = STEP(family, KEY, state, jnp.array([1.0, -1.0]), family.task()).state
    np.testing.assert_allclose(state.position, [1.999, 2.001], rtol=1e-5)


def test_the_goal_ends_the_episode_and_pays_once():
    family = PointMaze(maze="open", goal_radius=0.5)
    near = moved(family, (4.0, 4.0), (0.0, 0.0), (0.0, 0.0), task_with(family, goal=(4.3, 4.39)))
    far = moved(family, (4.0, 4.0), (0.0, 0.0), (0.0, 0.0), task_with(family, goal=(4.3, 4.41)))
    assert (near.terminated, far.terminated) == (True, False)
    assert (near.reward, far.reward) == (1.0, 0.0)


def test_the_dense_reward_is_minus_the_distance():
    family = PointMaze(maze="open", reward_kind="dense")
    outcome = moved(family, (4.0, 4.0), (0.0, 0.0), (0.0, 0.0), task_with(family, goal=(7.0, 8.0)))
    np.testing.assert_allclose(outcome.reward, -5.0, rtol=1e-6)


@pytest.mark.parametrize("name", MAZES)
def test_goals_are_drawn_outside_walls_and_in_every_reachable_cell(name):
    family = PointMaze(maze=name)
    tasks = SAMPLE(family, KEY, MANY)
    assert FREE(family, tasks.reward["goal"]).all()
    np.testing.assert_array_equal(tasks.spec, tasks.reward["goal"])
    cells = np.unique(np.floor(tasks.reward["goal"]), axis=0)
    assert len(cells) == family.layout.reachable.sum()


def test_episodes_start_at_rest_in_the_start_cell():
    family = PointMaze(maze="u", start_jitter=0.4)
    state = RESETS(family, jax.random.split(KEY, 500))
    offset = state.position - np.array([[1.5, 1.5]])
    assert (np.abs(offset) <= 0.4).all() and (np.abs(offset).max(axis=0) > 0.35).all()
    assert not state.velocity.any()


def test_without_a_start_episodes_start_in_every_free_cell():
    family = PointMaze(maze="#####\n#   #\n#####")
    state = RESETS(family, jax.random.split(KEY, 500))
    np.testing.assert_array_equal(np.unique(np.floor(state.position[:, 0])), [1, 2, 3])


def test_outside_the_drawing_nothing_is_free():
    family = PointMaze(maze="   \n   ")
    places = jnp.array([[-0.1, 0.5], [3.1, 0.5], [0.5, -0.1], [0.5, 2.1], [0.5, 0.5], [2.9, 1.9]])
    np.testing.assert_array_equal(FREE(family, places), [False, False, False, False, True, True])
    state = moved(family, (0.1, 0.1), (-5.0, -5.0), (-1.0, -1.0), family.task()).state
    assert family.is_free(state.position)


@pytest.mark.parametrize(
    "options",
    [
        {"maze": "sprial"},
        {"maze": "####\n# S"},
        {"reward_kind": "denes"},
        {"goal_radius": -1.0},
        {"goal_radius": float("nan")},
        {"start_jitter": 0.5},
        {"top_speed": 100.0},
        {"substeps": 0},
        {"horizon": 0},
    ],
    ids=str,
)
def test_bad_fields_are_refused(options):
    with pytest.raises(InputError):
        PointMaze(**options)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text(alphabet="# SG\nx", max_size=60))
def test_any_text_is_a_maze_or_is_refused_in_one_line(text):
    try:
        family = PointMaze(maze=text)
    except InputError as refused:
        assert "\n" not in str(refused)
    else:
        assert family.is_free(family.task().reward["goal"])
