"""A puck that can be pushed: the family's and the target's are one, and a hand does not go through it."""

import mujoco
import numpy as np
import pytest

from headstart.tasks.catalogue import family
from headstart.tasks.targets import ROBOTS, Shift, shifted
from tests.tasks.mujoco.playing import PUSHER, all_of, tasks_of

PUCK = family("pusher_puck")
INTO_IT = (0.241, 0.586, -1.361, -1.012, -0.454, -0.831, -1.499)  # of the arm: the palm is where the object is
OBJECT = (-0.126, 0.078)
NOMINAL = Shift(1.0, 1.0, 1.0, 1.0, 0, 0.0, 0.0)


def started(world):
    tasks = tasks_of(world, 1)
    state = world.reset(np.arange(1), world.start(1), tasks, all_of(1))
    return world.place(state, np.array([[*INTO_IT, *OBJECT, 0.0, 0.0]]), np.zeros((1, 11)))


def pushed_at(world):
    """Steps once from a hand that is in the object; how fast the object then is, in m/s."""
    out = world.step(np.arange(1), started(world), np.zeros((1, 7)), all_of(1))
    return np.linalg.norm(world.exact(out.state)[:, 17:19] - world.exact(started(world))[:, 17:19]) / 0.05


def test_only_the_puck_weighs_something_else():
    stock, puck = PUSHER._model, PUCK._model
    body = stock.body("object").id
    assert puck.body_mass[body] == pytest.approx(0.2)
    np.testing.assert_array_equal(np.delete(puck.body_mass, body), np.delete(stock.body_mass, body))
    np.testing.assert_allclose(puck.body_inertia[body] / stock.body_inertia[body], 0.2 / stock.body_mass[body])
    fresh = mujoco.MjData(puck)
    weight = puck.body_subtreemass[0]
    mujoco.mj_setConst(puck, fresh)
    assert puck.body_subtreemass[0] == weight  # it had been settled already


def test_a_hand_pushes_it_and_goes_through_the_stock_object():
    assert pushed_at(PUCK) > 0.5  # m/s
    assert pushed_at(PUSHER) < 0.03


def test_a_contact_is_as_soft_as_the_lighter_body_is_light():
    assert PUSHER._model.body_invweight0[PUSHER._model.body("object").id, 0] > 1e4
    assert PUCK._model.body_invweight0[PUCK._model.body("object").id, 0] == pytest.approx(5.0)


def test_family_and_target_are_one_world():
    assert ROBOTS["pusher_puck"].masses == PUCK.robot.about.masses
    env = shifted("pusher_puck", change=NOMINAL).unwrapped
    env.reset(seed=0)
    pose = np.array([*INTO_IT, *OBJECT, 0.0, 0.0])
    env.set_state(pose, np.zeros(11))
    there, reward, *_ = env.step(np.full(7, 0.3))
    out = PUCK.step(np.arange(1), started(PUCK), np.full((1, 7), 0.3), all_of(1))
    np.testing.assert_allclose(PUCK.exact(out.state)[0], there, atol=1e-6)
    assert float(out.reward[0]) == pytest.approx(reward, abs=1e-5)
