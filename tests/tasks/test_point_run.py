"""The run: paid for speed where there is no goal, for nearness where there is one, and the same point everywhere."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.errors import InputError
from headstart.tasks.point_maze import PointMaze
from headstart.tasks.point_physics import PointState
from headstart.tasks.point_run import DRAWINGS, LAYOUTS, U_TURN, PointRun

KEY = jax.random.key(0)
PLANE, U = PointRun(), PointRun(layout="u_maze")
STEP = jax.jit(PointRun.step, static_argnums=0)


def all_layouts():
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *(PointRun(layout=name).task() for name in LAYOUTS))


def test_on_the_plane_the_reward_is_the_speed_in_any_direction():
    # without force, damping and friction the velocity stays (3, -4): 5 m/s
    free = {"damping:point": jnp.float32(0), "friction:floor": jnp.float32(0)}
    task = PLANE.task()
    task = task._replace(dynamics={**task.dynamics, **free})
    for velocity in ((3.0, -4.0), (-4.0, 3.0), (0.0, 5.0)):
        outcome = STEP(PLANE, KEY, PointState(jnp.array([40.0, -90.0]), jnp.array(velocity)), jnp.zeros(2), task)
        np.testing.assert_allclose(outcome.reward, 5.0, rtol=1e-6)
        np.testing.assert_allclose(
            outcome.state.position, np.array([40.0, -90.0]) + 0.1 * np.array(velocity), rtol=1e-5
        )


def test_in_the_u_the_goal_is_worth_ten_and_the_start_one():
    at_rest = jnp.zeros(2)
    for place, worth in (
        ((1.5, 5.5), 10.0),
        ((1.5, 1.5), 1.0),
        ((4.5, 1.5), 10 ** (-9 / 16)),
        ((4.5, 5.5), 10 ** (7 / 16)),
    ):
        reward = STEP(U, KEY, PointState(jnp.array(place), at_rest), at_rest, U.task()).reward
        np.testing.assert_allclose(reward, worth, rtol=1e-5)  # 10 exp(−d² ln(10)/16), d² = 0, 16, 25, 9


def test_the_way_to_the_goal_first_leads_away_from_it():
    straight = STEP(U, KEY, PointState(jnp.array([1.5, 1.9]), jnp.zeros(2)), jnp.array([0.0, 1.0]), U.task())
    assert straight.state.position[1] < 2.0  # a wall
    back = STEP(U, KEY, PointState(jnp.array([4.5, 1.5]), jnp.zeros(2)), jnp.zeros(2), U.task())
    here = STEP(U, KEY, PointState(jnp.array([1.5, 1.5]), jnp.zeros(2)), jnp.zeros(2), U.task())
    assert back.reward < 0.3 * here.reward


def test_all_layouts_start_alike_to_the_eye():
    tasks = all_layouts()
    seen = jax.vmap(lambda task: PLANE.observe(PLANE.reset(KEY, task), task))(tasks)
    np.testing.assert_allclose(seen, np.broadcast_to(seen[0], seen.shape), atol=1e-5)
    assert (np.abs(seen[:, :2]) <= 0.2).all() and (seen[:, 2:] == 0).all()


def test_the_layout_is_a_number_in_the_task():
    tasks = all_layouts()
    states = jax.vmap(lambda task: PLANE.reset(KEY, task))(tasks)
    up = jnp.array([0.0, -1.0])
    step = jax.jit(jax.vmap(lambda state, task: PLANE.step(KEY, state, up, task).state))
    for _ in range(30):
        states = step(states, tasks)
    seen = jax.vmap(PLANE.observe)(states, tasks)
    assert seen[0, 1] < -4.0  # on the plane nothing is in the way
    np.testing.assert_allclose(seen[1:, 1], [-2.499, -0.499, -0.499], atol=1e-4)  # half the hallway, then the wall


@pytest.mark.parametrize("name", LAYOUTS[1:])
def test_it_moves_as_the_point_maze_does(name):
    maze, run = PointMaze(maze=DRAWINGS[name]), PointRun(layout=name)

    def both(states, key):
        action = jax.random.uniform(key, (2,), minval=-1.0, maxval=1.0)
        ours = run.step(key, states[0], action, run.task()).state
        theirs = maze.step(key, states[1], action, maze.task()).state
        return (ours, theirs), (ours, theirs)

    start = run.reset(KEY, run.task())
    _, (ours, theirs) = jax.jit(lambda: jax.lax.scan(both, (start, start), jax.random.split(KEY, 200)))()
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-5), ours, theirs)


def test_what_does_not_exist_is_refused():
    with pytest.raises(InputError, match="unknown layout 'u_mase'; did you mean 'u_maze'"):
        PointRun(layout="u_mase")
    with pytest.raises(InputError, match=r"start_jitter is between 0 and 0\.499, not 0\.6"):
        PointRun(start_jitter=0.6)
    with pytest.raises(InputError, match="at least 1"):
        PointRun(horizon=0)


def test_the_u_is_drawn_as_it_is_said_to_be():
    rows = U_TURN.strip("\n").split("\n")
    assert [row.count("#") for row in rows] == [6, 2, 5, 5, 5, 2, 6]
