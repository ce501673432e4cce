"""Tests that worlds are stepped without MuJoCo's stopwatch, that this changes no bit, and that it can be had back."""

import mujoco
import numpy as np
import pytest

from headstart.tasks import stopwatch
from headstart.tasks.mujoco.engine import Engine
from headstart.tasks.mujoco.randomize import Randomizer
from tests.tasks.mujoco.playing import HOPPER, actions_of, begin, play, tasks_of

BALL = "<mujoco><worldbody><body><freejoint/><geom size='.1'/></body></worldbody></mujoco>"


@pytest.fixture(autouse=True)
def after():
    yield
    mujoco.set_mjcb_time(None)
    stopwatch.stop()


def timed() -> float:
    """Returns how many seconds MuJoCo says that a step took."""
    model = mujoco.MjModel.from_xml_string(BALL)
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data)
    return data.timer[mujoco.mjtTimer.mjTIMER_STEP].duration


def test_a_world_that_steps_has_no_stopwatch():
    stopwatch.start()
    Engine(Randomizer(HOPPER._model, HOPPER.robot), 2, 0)
    assert timed() == 0.0


def test_it_is_stopped_and_given_back():
    mujoco.set_mjcb_time(None)
    counts = timed() > 0.0  # earlier releases of MuJoCo's package had none
    assert stopwatch.stop() and timed() == 0.0
    stopwatch.start()
    assert (timed() > 0.0) == counts
    assert stopwatch.stop() and timed() == 0.0


def test_one_that_somebody_chose_goes_on():
    now = iter(np.arange(1000.0))
    mujoco.set_mjcb_time(lambda: next(now))
    assert not stopwatch.stop()
    stopwatch.start()
    assert timed() >= 1.0


def test_no_bit_changes():
    state, actions = begin(HOPPER, tasks_of(HOPPER, 3)), actions_of(HOPPER, 50, 3)
    stopwatch.start()
    counts = timed() > 0.0
    timed_state, *_ = play(HOPPER, state, actions)
    assert (timed() > 0.0) == counts  # stepping made no engine, which would have stopped it
    stopwatch.stop()
    untimed_state, *_ = play(HOPPER, state, actions)
    np.testing.assert_array_equal(timed_state.physics, untimed_state.physics)


def test_where_there_is_no_library_to_be_found_it_goes_on(monkeypatch):
    stopwatch.start()
    stopwatch._callback.cache_clear()
    monkeypatch.setattr(stopwatch, "LIBRARIES", ("libanother.so*",))
    assert not stopwatch.stop()
    stopwatch._callback.cache_clear()
