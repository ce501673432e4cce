"""The nominal worlds are Gymnasium's, step by step."""

import dataclasses

import gymnasium
import mujoco
import numpy as np
import pytest

from tests.tasks.mujoco.playing import (
    ALL,
    ANT,
    EULER,
    HALF_CHEETAH,
    PUSHER,
    actions_of,
    all_of,
    begin,
    every_family,
    tasks_of,
)

STEPS = 1000
# Gymnasium's file of the half-cheetah uses an attribute that MuJoCo deprecates
pytestmark = pytest.mark.filterwarnings("ignore:.*settotalmass")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where MuJoCo may write its log


class Original:
    """Gymnasium's environment, put into our poses."""

    def __init__(self, family, warm_start=True):
        self.env = gymnasium.make(family.robot.about.gymnasium).unwrapped
        self.env.reset(seed=0)
        if family.robot.about.euler:
            self.env.model.opt.integrator = mujoco.mjtIntegrator.mjINT_EULER
        if not warm_start:
            self.env.model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_WARMSTART

    def put(self, family, state, row=0):
        physics = family.physics(state)
        mujoco.mj_resetData(self.env.model, self.env.data)
        self.env.set_state(physics.qpos[row].copy(), physics.qvel[row].copy())

    def pose(self):
        return self.env.data.qpos[None].copy(), self.env.data.qvel[None].copy()

    def bodies(self, family):
        return np.array([self.env.data.body(name).xpos for name in family.robot.about.watched]).reshape(1, -1, 3)


def play_both(family, original, row, n):
    """Plays `row` of a batch beside the original from the same poses; yields what each gave, observation first."""
    state, tasks = begin(family, tasks_of(family, n)), tasks_of(family, n)
    original.put(family, state, row)
    yield (family.observe(state)[row],), (original.env._get_obs(),)
    for t, action in enumerate(actions_of(family, STEPS, n)):
        outcome = family.step(np.arange(n), state, action, all_of(n))
        state = outcome.state
        mine = family.observe(state)[row], outcome.reward[row], outcome.terminated[row]
        yield mine, original.env.step(action[row])[:3]
        ended = outcome.terminated | (np.full(n, t % 500 == 499))
        state = family.reset(np.arange(n) + 7 * t, state, tasks, ended)
        if ended[row]:
            original.put(family, state, row)


@pytest.mark.parametrize("family", (*ALL, *EULER), ids=lambda family: family.name)
def test_bit_for_bit_without_the_solvers_warm_start(family):
    family = dataclasses.replace(family, warm_start=False)
    for mine, theirs in play_both(family, Original(family, warm_start=False), row=1, n=3):
        for one, other in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("family", [f for f in ALL if f not in (HALF_CHEETAH, PUSHER, ANT)], ids=lambda f: f.name)
def test_whole_episodes_to_rounding(family):
    # the half-cheetah, the pusher and the ant are chaotic: rounding grows to anything within some hundred steps
    for mine, theirs in play_both(family, Original(family), row=0, n=1):
        for one, other in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-6)


@every_family
def test_every_step_of_the_originals_own_run_to_rounding(family):
    original, state = Original(family), begin(family, tasks_of(family, 1))
    original.put(family, state)
    for action in actions_of(family, STEPS, 1):
        # of the bodies the original remembers where its last forward pass saw them, which is not where they are now
        state = family.place(state, *original.pose())._replace(bodies=original.bodies(family))
        outcome = family.step(np.zeros(1, int), state, action, all_of(1))
        obs, reward, terminated, *_ = original.env.step(action[0])
        np.testing.assert_allclose(family.observe(outcome.state)[0], obs, rtol=0, atol=1e-6)
        assert outcome.reward[0] == pytest.approx(reward, abs=1e-6)
        assert outcome.terminated[0] == terminated
        if terminated:
            original.env.reset()


@every_family
def test_spaces_and_clock_are_the_originals(family):
    env = gymnasium.make(family.robot.about.gymnasium)
    assert env.observation_space.shape == family.observation.shape
    for mine, theirs in zip(family.action.bounds(), (env.action_space.low, env.action_space.high), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert env.spec.max_episode_steps == family.horizon
    assert env.unwrapped.dt == family.robot.about.dt


@every_family
def test_episodes_begin_in_the_originals_range(family):
    original, n = Original(family), 500
    mine = family.physics(begin(family, tasks_of(family, n)))
    theirs = []
    for _ in range(n):
        original.env.reset()
        theirs.append(original.pose())
    for one, many in ((mine.qpos, [p[0][0] for p in theirs]), (mine.qvel, [p[1][0] for p in theirs])):
        many = np.array(many)
        width = np.maximum(np.ptp(many, axis=0), 1e-12)
        # the ends of 500 draws, and their mean, are known to a fraction of the width
        np.testing.assert_array_less(np.abs(one.min(axis=0) - many.min(axis=0)) / width, 0.25)
        np.testing.assert_array_less(np.abs(one.max(axis=0) - many.max(axis=0)) / width, 0.25)
        np.testing.assert_array_less(np.abs(one.mean(axis=0) - many.mean(axis=0)) / width, 0.1)
        constant = np.ptp(many, axis=0) == 0
        np.testing.assert_array_equal(one[:, constant], many[:, constant])


@pytest.mark.parametrize("coarse", EULER, ids=lambda family: family.name)
def test_the_cheaper_simulator_is_near_the_originals_and_not_it(coarse):
    fine, n = next(family for family in ALL if family.robot.about.gymnasium == coarse.robot.about.gymnasium), 8
    state, apart, moved = begin(fine, tasks_of(fine, n)), [], []
    for action in actions_of(fine, 20, n):
        one, other = (family.step(np.arange(n), state, action, all_of(n)).state for family in (fine, coarse))
        apart.append(fine.observe(one) - fine.observe(other))
        moved.append(fine.observe(one) - fine.observe(state))
        state = one
    share = np.sqrt(np.mean(np.square(apart)) / np.mean(np.square(moved)))
    assert 0.001 < share < 0.1, share
