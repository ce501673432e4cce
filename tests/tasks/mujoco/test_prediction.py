"""One step ahead from observed states must be what the world itself does from there."""

import gymnasium
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


@pytest.mark.filterwarnings("ignore:.*settotalmass")  # an attribute in Gymnasium's half-cheetah that MuJoCo deprecates
@SETTABLE
def test_nominal_prediction_is_what_gymnasium_s_own_robot_does_run_through_or_put_into_the_state(family):
    """In its run the solver starts from the last step's solution, put into a state from that of `set_state`'s forward
    pass, in a prediction from nothing. The solver converges from all three, so that they differ by rounding that the
    step magnifies: at most 3e-13 here. A link that weighs a tenth too much makes 1e-4 and more.
    """
    running, put = (gymnasium.make(family.robot.about.gymnasium).unwrapped for _ in range(2))
    put.reset(seed=1)
    obs, unseen, nq = running.reset(seed=0)[0], family.robot.about.unseen, put.model.nq
    seen, asked, own, again, touched = [], [], [], [], 0
    for action in np.random.default_rng(0).uniform(-1.0, 1.0, (300, *family.action.shape)):
        action = (action * family.action.bounds()[1]).astype(np.float32)
        state = np.concatenate([np.zeros(unseen), obs])
        put.set_state(state[:nq], state[nq:])
        after, _, ended, *_ = running.step(action)
        seen, asked, own, again = [*seen, obs], [*asked, action], [*own, after], [*again, put.step(action)[0]]
        touched += running.data.ncon > 0
        obs = running.reset()[0] if ended else after
    seen, asked = np.array(seen), np.array(asked, float)[:, None]
    foretold, valid = family.predict({}, seen, asked)
    heavier, _ = family.predict({next(name for name in family.dynamics if "mass:" in name): [1.1]}, seen, asked)
    sound = valid[0]
    assert sound.sum() >= 60 and (touched > 100) == (family is not SWIMMER)  # the solver had work, but in the water
    for theirs in (np.array(own)[sound], np.array(again)[sound]):
        np.testing.assert_allclose(foretold[0, sound], theirs, rtol=0, atol=1e-9)
        assert (np.abs(heavier[0, sound] - theirs).max(axis=1) > 1e-4).all()


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
