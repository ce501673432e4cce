"""The quadruped: speed in any direction, walls that hold it, a goal that is worth what it is said to be."""

import numpy as np
import pytest

from headstart.tasks.mujoco import MujocoFamily, ant_narrow_hallway, ant_run, ant_u_maze
from headstart.tasks.mujoco.ant import U_TURN
from headstart.tasks.mujoco.walls import goal_of, walls_of
from headstart.tasks.point_run import hallway
from headstart.transfer.policy import differences
from tests.tasks.mujoco.playing import ANT, actions_of, all_of, begin, play, tasks_of

RUN, U, NARROW = (MujocoFamily(robot=build()) for build in (ant_run, ant_u_maze, ant_narrow_hallway))


def reward_of(family, velocity, **asked):
    """The reward of a step from a standing pose at some velocity, contact and control aside."""
    tasks = tasks_of(family, 1)
    for name, value in asked.items():
        tasks.reward[name] = np.full(1, value, np.float32)
    state = begin(family, tasks)
    at = family.physics(state)
    qvel = np.zeros_like(at.qvel)
    qvel[:, :2] = velocity
    state = family.place(state, at.qpos, qvel)
    outcome = family.step(np.zeros(1, int), state, np.zeros((1, 8), np.float32), all_of(1))
    before, after = family.physics(state), family.physics(outcome.state)
    moved = (after.bodies - before.bodies)[0, 0, :2] / 0.05
    contact = 5e-4 * np.sum(np.clip(after.forces, -1, 1) ** 2)
    return outcome.reward[0] - 1.0 + contact, moved  # of which 1 is for being healthy


def test_direction_zero_pays_for_speed_in_any_direction():
    for velocity in ((1.0, 0.0), (0.0, -1.0), (-0.6, 0.8)):
        paid, moved = reward_of(RUN, velocity)
        assert paid == pytest.approx(np.hypot(*moved), rel=1e-9) and paid > 0.3
    paid, moved = reward_of(ANT, (-1.0, 0.5))
    assert paid == pytest.approx(moved[0], rel=1e-9)


def test_a_goal_is_paid_for_instead_of_speed():
    tasks = tasks_of(U, 2)
    state = begin(U, tasks)
    at = U.physics(state)
    qpos = np.tile(at.qpos[:1], (2, 1))
    qpos[:, :2] = [(0.0, 0.0), U.robot.about.goal]
    state = U.place(state, qpos, np.zeros_like(at.qvel))
    outcome = U.step(np.zeros(2, int), state, np.zeros((2, 8), np.float32), all_of(2))
    forces = U.physics(outcome.state).forces.reshape(2, -1)
    paid = outcome.reward - 1.0 + 5e-4 * np.sum(np.clip(forces, -1, 1) ** 2, axis=1)
    np.testing.assert_allclose(paid, [1.0, 10.0], rtol=0.05)  # it moves a few centimetres in the step


def test_the_walls_are_where_they_were_drawn():
    # a hallway of one cell: a wall on either side, half a cell from the middle, and one at each end
    north, south = (wall for wall in walls_of(hallway(1), 2.0) if wall[2] > 50)
    assert {north[1], south[1]} == {-2.0, 2.0} and north[3] == 1.0
    assert goal_of(U_TURN, 2.5) == (0.0, 7.5)
    names = [U._model.geom(i).type[0] for i in range(U._model.ngeom)]
    assert names.count(6) == len(U.robot.about.walls) > 0  # 6 is a box


def test_no_leg_leaves_the_hallway():
    n, state = 4, begin(NARROW, tasks_of(NARROW, 4))
    at = NARROW.physics(state)
    sideways = np.zeros_like(at.qvel)
    sideways[:, 1] = 6.0
    state, *_ = play(NARROW, NARROW.place(state, at.qpos, sideways), actions_of(NARROW, 40, n))
    assert (np.abs(NARROW.physics(state).qpos[:, 1]) < 1.25).all()
    free = begin(RUN, tasks_of(RUN, 4))
    free, *_ = play(RUN, RUN.place(free, at.qpos, sideways), actions_of(RUN, 40, n))
    assert (RUN.physics(free).qpos[:, 1] > 1.5).all(), "nothing was in the way, and yet it did not get there"


def test_a_policy_carries_over_from_the_plane_to_the_u():
    assert not differences("observation", RUN.observation, U.observation)
    assert not differences("action", RUN.action, U.action)
    assert RUN.observation.shape == (107,) and ANT.observation.shape == (105,)
