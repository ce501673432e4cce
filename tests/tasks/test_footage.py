"""Episodes taken down to be drawn."""

import gymnasium
import numpy as np
import pytest

from headstart.errors import Fault, InputError
from headstart.tasks.footage import Footage, paint, watch_gymnasium
from headstart.types import Task


class Square(gymnasium.Env):
    """Draws itself as a grey square that brightens; `how` says whether it draws, is blind, or breaks."""

    metadata = {"render_modes": ["rgb_array"]}  # noqa: RUF012
    observation_space = gymnasium.spaces.Box(-1, 1, (1,))
    action_space = gymnasium.spaces.Box(-1, 1, (1,))

    def __init__(self, how="draws"):
        self.how, self.render_mode, self.t = how, "rgb_array" if how == "draws" else None, 0

    def reset(self, *, seed=None, options=None):
        self.t = 0
        return np.zeros(1, np.float32), {}

    def step(self, action):
        self.t += 1
        if self.how == "breaks" and self.t == 2:
            raise ValueError("motor\non fire")
        return np.zeros(1, np.float32), float(self.t), self.t == 4, False, {}

    def render(self):
        return np.full((6, 8, 3), 10 * self.t, np.uint8)


def still(t, obs):
    return np.zeros(1, np.float32)


def test_an_environment_that_draws_itself_is_taken_as_it_draws():
    footage = watch_gymnasium("tests.tasks.test_footage:Square", {}, still, 0, 1000)
    assert footage.reward.tolist() == [1, 2, 3, 4] and footage.model is None
    assert footage.draw(99, 99)[:, 0, 0, 0].tolist() == [10, 20, 30, 40]


def test_as_many_pictures_are_kept_as_the_film_has_seconds():
    assert (
        len(watch_gymnasium("tests.tasks.test_footage:Square", {}, still, 0, 80).pictures) == 2
    )  # 0.08 s of 25 a second


def test_a_registered_environment_draws_itself_where_it_can():
    try:
        import pygame  # noqa: F401
    except ImportError:
        with pytest.raises(InputError, match=r"its own pictures need what is not installed here .*pygame"):
            watch_gymnasium("gym:Pendulum-v1", {}, still, 0, 200)
        return
    footage = watch_gymnasium("gym:Pendulum-v1", {}, still, 0, 200)
    assert footage.pictures.shape[0] == 6 and footage.pictures.std() > 5  # 0.2 s of 30 a second
    assert len(footage.thinned(25.0, 6.0)[0].pictures) == 6


def test_an_environment_that_draws_nothing_has_no_film():
    with pytest.raises(InputError, match="no film"):
        watch_gymnasium("tests.tasks.test_footage:Square", {"how": "blind"}, still, 0, 10).draw(64, 48)


def test_an_environment_that_breaks_is_a_fault_of_one_line():
    with pytest.raises(Fault, match="broke while it was filmed") as fault:
        watch_gymnasium("tests.tasks.test_footage:Square", {"how": "breaks"}, still, 0, 10)
    assert "\n" not in str(fault.value)


def test_poses_of_a_mujoco_environment_are_taken_down():
    footage = watch_gymnasium("gym:Hopper-v5", {}, lambda t, obs: np.zeros(3, np.float32), 3, 8)
    assert footage.qpos.shape == (8, 6) and footage.seconds == pytest.approx(0.008)
    assert footage.draw(48, 36).shape == (8, 36, 48, 3)


def test_films_keep_the_speed_of_the_world():
    footage = Footage(np.ones(1000), 0.008, None, np.arange(1000.0)[:, None])
    shown, returns = footage.thinned(25.0, 2.0)
    assert shown.qpos[:4, 0].tolist() == [0, 5, 10, 15] and len(shown.qpos) == 50  # 0.04 s are 5 control steps
    assert returns[:3].tolist() == [1, 6, 11]
    slow, _ = Footage(np.ones(9), 0.5, None, np.arange(9.0)[:, None]).thinned(25.0, 60.0)
    assert len(slow.qpos) == 9


def test_a_world_without_a_painter_is_named():
    with pytest.raises(InputError, match="cannot be drawn"):
        paint(object(), Task({}, {}), np.zeros((2, 2)), 64, 48)
