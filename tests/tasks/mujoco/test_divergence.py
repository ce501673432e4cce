"""A world that breaks is found, named and kept apart; the others do not notice."""

import dataclasses

import jax
import numpy as np
import pytest

from headstart.adapt.randomize import preset_ranges
from tests.tasks.mujoco.playing import HOPPER, actions_of, all_of, begin, corners, every_family, play, spread, tasks_of


@every_family
@pytest.mark.parametrize("speed", [1e7, 1e12, np.inf, np.nan], ids=str)
def test_a_world_that_breaks_is_kept_apart(family, speed, capfd):
    n, broken = 4, 2
    state = begin(family, spread(family, n))
    physics = state.physics.copy()
    physics[broken, -family._model.nv :] = speed
    wild = state._replace(physics=physics)
    action = actions_of(family, 1, n)[0]
    outcome, healthy = (family.step(np.arange(n), each, action, all_of(n)) for each in (wild, state))
    others = np.arange(n) != broken
    np.testing.assert_array_equal(outcome.valid, others)
    jax.tree.map(lambda one, other: np.testing.assert_array_equal(one[others], other[others]), outcome, healthy)
    assert outcome.reward[broken] == 0 and not outcome.terminated[broken]
    np.testing.assert_array_equal(outcome.state.physics[broken], physics[broken])  # what it was, for the report
    after = family.reset(np.arange(n), outcome.state, spread(family, n), ~outcome.valid)
    jax.tree.map(lambda leaf: np.testing.assert_array_equal(np.isfinite(leaf), True), after)
    play(family, after, actions_of(family, 3, n))
    assert "WARNING" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("value", [np.nan, np.inf], ids=str)
def test_an_action_that_is_no_number_breaks_its_own_world_and_leaves_it_finite(value):
    n = 3
    state, action = begin(HOPPER, tasks_of(HOPPER, n)), actions_of(HOPPER, 1, n)[0]
    bad = action.copy()
    bad[0, 1] = value
    outcome, healthy = (HOPPER.step(np.arange(n), state, each, all_of(n)) for each in (bad, action))
    assert outcome.valid.tolist() == [not np.isnan(value), True, True]  # MuJoCo limits a motor, and ∞ to its most
    np.testing.assert_array_equal(outcome.state.physics[1:], healthy.state.physics[1:])
    assert np.isfinite(outcome.state.physics).all()
    assert np.isfinite(outcome.reward).all() or not np.isnan(value)


def test_it_breaks_in_any_step_of_the_engine_and_with_any_number_of_threads():
    for threads in (0, 1, 3):
        family, n = dataclasses.replace(HOPPER, threads=threads), 3
        state = begin(family, tasks_of(family, n))
        for speed in (1e5, 3e5, 1e6, 1e8, 1e10, 1e11, 1e300):
            physics = state.physics.copy()
            physics[1, 7:] = speed
            outcome = family.step(np.arange(n), state._replace(physics=physics), np.zeros((n, 3)), all_of(n))
            assert outcome.valid[0] and outcome.valid[2]
            assert np.isfinite(outcome.state.physics).all() and np.isfinite(family.observe(outcome.state)).all()
            if outcome.valid[1]:
                assert np.abs(outcome.state.physics[1]).max() < 1e6


def breaks(family, ranges, n, steps, seed):
    """Counts worlds at random corners of a box of ranges that break within some steps of random actions."""
    state, broken = begin(family, corners(family, n, ranges, seed), seeds=np.arange(n) + seed), np.zeros(n, bool)
    for t, action in enumerate(actions_of(family, steps, n, seed)):
        outcome = family.step(np.arange(n) + t, state, action, all_of(n))
        state, broken = outcome.state, broken | ~outcome.valid
        assert np.isfinite(state.physics).all() and np.isfinite(family.observe(state)).all()
        assert np.isfinite(outcome.reward).all()
    return int(broken.sum())


@every_family
@pytest.mark.parametrize("name", ["wide", "peng"])
def test_no_world_breaks_at_the_corners_of_a_preset(family, name):
    assert breaks(family, preset_ranges(family.dynamics, name), n=64, steps=25, seed=0) == 0


@pytest.mark.study
@every_family
@pytest.mark.parametrize("name", ["wide", "peng"])
def test_no_world_breaks_at_ten_thousand_corners_of_a_preset(family, name):
    for seed in range(10):
        assert breaks(family, preset_ranges(family.dynamics, name), n=1000, steps=50, seed=seed) == 0
