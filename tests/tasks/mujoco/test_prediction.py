"""One step ahead from observed states must be what the world itself does from there."""

import numpy as np
import pytest

from headstart.errors import InputError
from tests.tasks.mujoco.playing import (
    HALF_CHEETAH,
    HOPPER,
    PUSHER,
    REACHER,
    SWIMMER,
    WALKER2D,
    actions_of,
    all_of,
    begin,
    spread,
    tasks_of,
)

SETTABLE = pytest.mark.parametrize("family", (HOPPER, WALKER2D, HALF_CHEETAH, SWIMMER), ids=lambda f: f.name)


@SETTABLE
def test_prediction_from_a_recorded_state_is_the_recorded_next_state_delay_included(family):
    n = 4
    tasks = spread(family, n)
    tasks.dynamics["noise:observation"] = tasks.dynamics["jitter:delay"] = np.zeros(n, np.float32)
    tasks.dynamics["delay:action"] = np.float32([0, 1, 2, 3])
    state, queue, compared = begin(family, tasks), np.zeros((n, 11, *family.action.shape)), 0
    for t, action in enumerate(actions_of(family, 12, n)):
        obs, queue = family.observe(state), np.concatenate([action[:, None], queue[:, :-1]], axis=1)
        state = family.step(np.arange(n) + 99 * t, state, action, all_of(n)).state
        seen, valid = family.predict(tasks.dynamics, obs, queue)
        assert seen.shape == (n, n, len(family.robot.about.scale))
        own, sound = seen[np.arange(n), np.arange(n)], valid[np.arange(n), np.arange(n)]
        np.testing.assert_allclose(own[sound], family.observe(state)[sound], rtol=0, atol=1e-9)
        compared += sound.sum()
    assert compared > 20  # of 48: the walker's sensors reach their limit often
    others = np.abs(seen[0, 1:] - own[1:]).max(axis=1)
    assert (others > 1e-4).all()  # other dynamics, other next states


def test_what_is_not_named_is_nominal_and_many_particles_are_each_their_own():
    obs = HOPPER.observe(begin(HOPPER, tasks_of(HOPPER, 3)))
    queue = np.ones((3, 1, 3))
    masses = np.linspace(0.5, 2.0, 40)  # more than one engine holds
    seen, _ = HOPPER.predict({"mass:torso": masses}, obs, queue)
    for i in (0, 17, 39):
        alone, _ = HOPPER.predict({"mass:torso": masses[i]}, obs, queue)
        np.testing.assert_array_equal(seen[i], alone[0])


@pytest.mark.parametrize("family", (REACHER, PUSHER), ids=lambda f: f.name)
def test_a_state_that_is_not_seen_in_full_is_refused_with_the_reason(family):
    assert "whole state" in family.unpredictable
    with pytest.raises(InputError, match="simopt"):
        family.predict({}, np.zeros((1, *family.observation.shape)), np.zeros((1, 1, *family.action.shape)))


def test_a_velocity_at_the_sensor_s_limit_and_a_broken_world_are_not_valid():
    obs = HOPPER.observe(begin(HOPPER, tasks_of(HOPPER, 3)))
    obs[1, 7], obs[2, 0] = 10.0, 1e5
    obs[2, 5:] = 9.9
    seen, valid = HOPPER.predict({"mass:torso": [1.0]}, obs, np.zeros((3, 1, 3)))
    assert valid[0].tolist()[:2] == [True, False]
    assert np.isfinite(seen).all()


def test_observations_of_another_size_are_refused():
    with pytest.raises(InputError, match="not its own"):
        HOPPER.predict({"mass:torso": [1.0]}, np.zeros((2, 4)), np.zeros((2, 1, 3)))
