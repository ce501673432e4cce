"""Tasks of direction and speed, and the functions of a robot outside this engine."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.tasks.mujoco.robot import Physics, forward
from tests.tasks.mujoco.playing import HOPPER, actions_of, begin, every_family, play, spread, tasks_of


@pytest.mark.parametrize(
    ("velocity", "direction", "speed", "reward"),
    [
        (1.5, 1, 0, 1.5),  # as fast as possible: Gymnasium's own
        (-1.5, 1, 0, -1.5),
        (-1.5, -1, 0, 1.5),
        (0.5, 1, 2, 0.5),  # up to the asked speed the same slope
        (2.0, 1, 2, 2.0),  # at its best
        (3.0, 1, 2, 1.0),  # 2 − |3 − 2|
        (-3.0, -1, 2, 1.0),
        (3.0, -1, 2, -3.0),
        (5.0, 0, 0, 5.0),  # either way
        (-5.0, 0, 0, 5.0),
        (-3.0, 0, 2, 1.0),
    ],
)
def test_the_reward_for_moving_by_hand(velocity, direction, speed, reward):
    asked = {"direction": np.array([direction], float), "speed": np.array([speed], float)}
    np.testing.assert_allclose(forward(np.array([velocity]), asked), [reward])


def test_direction_and_speed_reach_the_reward():
    n, action = 3, np.zeros((1, 3, 3), np.float32)
    tasks = tasks_of(HOPPER, n)
    tasks.reward["direction"] = np.array([1, -1, 1], np.float32)
    tasks.reward["speed"] = np.array([0, 0, 0.5], np.float32)
    state = begin(HOPPER, tasks, seeds=np.zeros(n, int))
    at = HOPPER.physics(state)
    qvel = np.zeros_like(at.qvel)
    qvel[:, 0] = 1.0
    state = HOPPER.place(state, at.qpos, qvel)
    after, _, reward, _ = play(HOPPER, state, action)
    velocity = (HOPPER.physics(after).qpos[0, 0] - at.qpos[0, 0]) / 0.008
    assert velocity == pytest.approx(1.0, abs=0.05)
    np.testing.assert_allclose(reward[0], [1 + velocity, 1 - velocity, 1 + 0.5 - abs(velocity - 0.5)], rtol=1e-9)


@every_family
def test_sampled_tasks_are_legal_keyed_and_told(family):
    tasks, fewer = family.sample(jax.random.key(0), 200), family.sample(jax.random.key(0), 7)
    jax.tree.map(lambda many, few: np.testing.assert_array_equal(many[:7], few), tasks, fewer)
    if family.robot.about.speeds is None:
        assert tasks.reward == {} and tasks.spec == ()
        return
    low, high = family.robot.about.speeds
    assert set(np.unique(tasks.reward["direction"])) == {-1.0, 1.0}
    assert (tasks.reward["speed"] >= low).all() and (tasks.reward["speed"] <= high).all()
    assert np.ptp(tasks.reward["speed"]) > 0.8 * (high - low)
    np.testing.assert_array_equal(tasks.spec, np.stack([tasks.reward["direction"], tasks.reward["speed"]], axis=1))
    other = family.sample(jax.random.key(1), 200)
    assert (other.reward["speed"] != tasks.reward["speed"]).mean() > 0.9


@every_family
def test_the_same_functions_run_on_jax_arrays(family):
    n, robot = 6, family.robot
    state, action = begin(family, spread(family, n)), actions_of(family, 1, n)[0]
    after, _, reward, ends = play(family, state, action[None])
    before, now = (
        jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), family.physics(each)) for each in (state, after)
    )
    asked = {name: jnp.asarray(value, jnp.float32) for name, value in state.reward.items()}
    seen = jax.jit(robot.observe)(now)
    assert seen.dtype == jnp.float32
    np.testing.assert_allclose(seen, robot.observe(family.physics(after)), rtol=1e-4, atol=1e-4)
    found = jax.jit(robot.reward)(before, now, jnp.asarray(action), asked, jnp.asarray(ends[0]))
    np.testing.assert_allclose(found, reward[0], rtol=1e-2, atol=1e-2)  # velocity from float32 positions
    np.testing.assert_array_equal(jax.jit(robot.terminated)(now), ends[0])


def test_a_hopper_is_down_by_hand():
    standing = np.array([[0, 1.25, 0, 0, 0, 0]], float)
    poses = np.repeat(standing, 5, axis=0)
    poses[1, 1], poses[2, 2], poses[3, 3] = 0.69, -0.21, 100.5
    speeds = np.zeros((5, 6))
    speeds[4, 5] = -101.0
    down = HOPPER.robot.terminated(Physics(poses, speeds, np.zeros((5, 0, 3))))
    assert down.tolist() == [False, True, True, True, True]
