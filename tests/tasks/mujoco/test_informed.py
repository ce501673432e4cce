"""What a teacher is told: the truth, beside exactly what is seen, in exactly the same worlds."""

import dataclasses

import jax
import numpy as np
import pytest

from headstart.data.collect import begin, collect
from headstart.nets.random_actions import RandomActions
from headstart.tasks.mujoco import Exact, Informed
from tests.tasks.mujoco.playing import HOPPER, PUSHER, actions_of, play, spread

KEY = jax.random.key(0)


@pytest.mark.parametrize("family", [HOPPER, PUSHER], ids=["hopper", "pusher"])
def test_the_worlds_are_the_same_bit_for_bit(family):
    told, policy, tasks = Informed(family=family), RandomActions(action=family.action), spread(family, 3)
    rollouts = []
    for each in (family, told):
        carry = begin(KEY, each, policy, {}, tasks, 3)
        rollouts.append(collect(KEY, each, policy, {}, carry, tasks, 24)[0])
    plain, informed = rollouts
    np.testing.assert_array_equal(informed.obs["seen"], plain.obs)
    np.testing.assert_array_equal(informed.next_obs["seen"], plain.next_obs)
    for name in ("action", "reward", "terminated", "truncated", "first", "valid"):
        np.testing.assert_array_equal(getattr(informed, name), getattr(plain, name))


def test_what_is_told_is_the_truth():
    told = Informed(family=HOPPER, waiting=2)
    tasks = spread(HOPPER, 4)
    noise = np.full(4, 0.5, np.float32)
    tasks = tasks._replace(dynamics={**tasks.dynamics, "noise:observation": noise})
    state = told.reset(np.arange(4), told.start(4), tasks, np.ones(4, bool))
    actions = actions_of(HOPPER, 3, 4)
    for t, action in enumerate(actions):
        state = told.step(np.arange(4) + t, state, action, np.ones(4, bool)).state
    seen, known = (told.observe(state)[name] for name in ("seen", "told"))
    assert known.shape == (4, *told.observation["told"].shape)
    exact, waiting, dynamics = np.split(known, [11, 17], axis=1)
    np.testing.assert_array_equal(exact + state.error, seen)
    assert np.abs(exact - seen).max() > 0.01
    np.testing.assert_allclose(waiting, np.concatenate([actions[-1], actions[-2]], axis=1), rtol=1e-7)
    for column, name in enumerate(told.dynamics):
        np.testing.assert_allclose(dynamics[:, column], tasks.dynamics[name], rtol=1e-6)
    quiet = tasks._replace(dynamics={**tasks.dynamics, "noise:observation": 0 * noise})
    state = told.reset(np.arange(4), told.start(4), quiet, np.ones(4, bool))
    np.testing.assert_array_equal(told.observe(state)["told"][:, :11], told.observe(state)["seen"])


def test_of_all_that_is_known_as_much_is_told_as_is_asked_for():
    brief, tasks = Informed(family=HOPPER, waiting=0, tells_dynamics=False), spread(HOPPER, 3)
    noise = np.full(3, 0.5, np.float32)
    tasks = tasks._replace(dynamics={**tasks.dynamics, "noise:observation": noise})
    state = HOPPER.reset(np.arange(3), HOPPER.start(3), tasks, np.ones(3, bool))
    exact = Exact(family=HOPPER)
    assert brief.observation == {"seen": HOPPER.observation, "told": HOPPER.observation}
    assert exact.observation == HOPPER.observation and exact.name == "hopper, exact" and exact.action == HOPPER.action
    np.testing.assert_array_equal(brief.observe(state)["told"], HOPPER.exact(state))
    np.testing.assert_array_equal(exact.observe(state), HOPPER.exact(state))
    assert np.abs(exact.observe(state) - HOPPER.observe(state)).max() > 0.01


def test_a_state_of_the_family_is_one_of_the_informed_family():
    state = play(
        HOPPER,
        HOPPER.reset(np.arange(2), HOPPER.start(2), spread(HOPPER, 2), np.ones(2, bool)),
        actions_of(HOPPER, 2, 2),
    )[0]
    told = dataclasses.replace(Informed(family=HOPPER), waiting=1)
    np.testing.assert_array_equal(told.observe(state)["seen"], HOPPER.observe(state))
    assert told.name == "hopper, informed" and told.horizon == HOPPER.horizon
