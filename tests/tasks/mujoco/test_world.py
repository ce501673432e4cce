"""Resets, delays, noise, batches: what one environment does depends on nothing but itself."""

import dataclasses
import os
from concurrent.futures import ThreadPoolExecutor

import jax
import mujoco
import numpy as np
import pytest

from headstart.processors import usable
from headstart.tasks.mujoco import engine as engine_module
from headstart.tasks.mujoco.family import MujocoFamily
from headstart.tasks.mujoco.model import STATE
from tests.tasks.mujoco.playing import (
    HALF_CHEETAH,
    HOPPER,
    PUSHER,
    REACHER,
    actions_of,
    all_of,
    begin,
    every_family,
    play,
    spread,
    tasks_of,
)


def rows_of(state, rows):
    return jax.tree.map(lambda leaf: leaf[rows], state)


def equal(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


@every_family
def test_a_partial_reset_touches_nothing_else(family):
    n, where = 4, np.array([False, True, False, True])
    state, *_ = play(family, begin(family, spread(family, n)), actions_of(family, 5, n))
    before = jax.tree.map(np.copy, state)
    after = family.reset(np.arange(n) + 50, state, spread(family, n, seed=9), where)
    equal(rows_of(after, ~where), rows_of(before, ~where))
    equal(state, before)  # nor what was given
    # what was reset is as if nothing had been before it: no waiting action, no noise, no dynamics of the last episode
    fresh = begin(family, spread(family, n, seed=9), seeds=np.arange(n) + 50)
    equal(rows_of(after, where), rows_of(fresh, where))
    onwards = actions_of(family, 5, n, seed=3)
    mine, theirs = play(family, after, onwards)[1], play(family, fresh, onwards)[1]
    np.testing.assert_array_equal(mine[:, where], theirs[:, where])


def test_what_rests_is_left_as_it_was():
    n, where = 3, np.array([True, False, True])
    state, *_ = play(HOPPER, begin(HOPPER, spread(HOPPER, n)), actions_of(HOPPER, 3, n))
    action = actions_of(HOPPER, 1, n, seed=1)[0]
    outcome, whole = (HOPPER.step(np.arange(n), state, action, mask) for mask in (where, all_of(n)))
    equal(rows_of(outcome.state, ~where), rows_of(state, ~where))
    equal(rows_of(outcome.state, where), rows_of(whole.state, where))
    assert outcome.reward[1] == 0 and not outcome.terminated[1] and outcome.valid.all()


@every_family
def test_two_resets_differ(family):
    n = 2
    state = begin(family, spread(family, n, seed=1), seeds=np.array([1, 2]))
    again = family.reset(np.array([3, 4]), state, spread(family, n, seed=2), all_of(n))
    for one, other in ((state.physics, again.physics), (state.dynamics, again.dynamics)):
        assert (one != other).any(axis=1).all()
    assert (state.physics[0] != state.physics[1]).any()


@every_family
def test_values_persist_until_the_next_reset(family):
    state = begin(family, spread(family, 2))
    dynamics = state.dynamics.copy()
    state, *_ = play(family, state, actions_of(family, 5, 2))
    np.testing.assert_array_equal(state.dynamics, dynamics)
    assert family.parameters(family.models(state)[1]) == family.parameters(
        family.models(begin(family, spread(family, 2)))[1]
    )


@every_family
def test_an_episode_alone_is_the_episode_in_its_batch(family):
    n, row, steps = 7, 4, 20
    tasks, actions = spread(family, n), actions_of(family, 20, n)
    seen = play(family, begin(family, tasks), actions)[1]
    # all that it takes: its task, its seeds, its actions
    state = begin(family, jax.tree.map(lambda leaf: leaf[[row]], tasks), seeds=np.array([row]))
    for t in range(steps):
        state = family.step(np.array([row + 1000 * t]), state, actions[t, [row]], all_of(1)).state
        np.testing.assert_array_equal(family.observe(state)[0], seen[t, row])


@every_family
def test_order_in_the_batch_does_not_matter(family):
    n = 5
    order, tasks, actions = np.array([3, 1, 4, 0, 2]), spread(family, n), actions_of(family, 10, n)
    straight = begin(family, tasks)
    turned = begin(family, jax.tree.map(lambda leaf: leaf[order], tasks), seeds=order)
    for t, action in enumerate(actions):
        seeds = np.arange(n) + 100 * t
        straight = family.step(seeds, straight, action, all_of(n)).state
        turned = family.step(seeds[order], turned, action[order], all_of(n)).state
    np.testing.assert_array_equal(family.observe(straight)[order], family.observe(turned))


@pytest.mark.parametrize("threads", [0, 1, 2, 3, 7])
@pytest.mark.parametrize("family", [HOPPER, HALF_CHEETAH, REACHER, PUSHER], ids=lambda family: family.name)
def test_the_batch_is_in_lockstep_with_one_world_at_a_time(family, threads):
    family, n = dataclasses.replace(family, threads=threads), 5
    tasks = spread(family, n)
    for late in ("delay:action", "jitter:delay"):
        tasks.dynamics[late] = np.zeros(n, np.float32)
    state = begin(family, tasks)
    models = family.models(state)
    worlds = [mujoco.MjData(model) for model in models]
    for row, (model, world) in enumerate(zip(models, worlds, strict=True)):
        mujoco.mj_setState(model, world, state.physics[row], STATE)
    for t, action in enumerate(actions_of(family, 25, n)):
        state = family.step(np.arange(n) + t, state, action, all_of(n)).state
        for row, (model, world) in enumerate(zip(models, worlds, strict=True)):
            world.qacc_warmstart[:] = 0.0
            world.ctrl[:] = action[row]
            mujoco.mj_step(model, world, nstep=family.robot.about.frame_skip)
            np.testing.assert_array_equal(family.physics(state).qpos[row], world.qpos)
            np.testing.assert_array_equal(family.physics(state).qvel[row], world.qvel)


@every_family
def test_the_same_state_and_action_give_the_same_bits_whatever_was_computed_before(family):
    n, action = 3, actions_of(family, 1, 3)[0]
    start = begin(family, spread(family, n))
    pose, model = family.physics(start), family._model
    beyond, limited = pose.qpos.copy(), np.flatnonzero(model.jnt_limited)
    beyond[:, model.jnt_qposadr[limited]] = model.jnt_range[limited, 1] + 0.1  # so that the solver has work
    limit = family.place(start, beyond, pose.qvel)
    first = family.step(np.arange(n), limit, action, all_of(n))
    play(family, start, actions_of(family, 5, n, seed=1))
    equal(family.step(np.arange(n), limit, action, all_of(n)), first)
    fresh = dataclasses.replace(family)
    equal(fresh.step(np.arange(n), limit, action, all_of(n)), first)


@pytest.mark.parametrize("alike", [True, False], ids=["the same dynamics", "other dynamics"])
def test_two_batches_may_be_stepped_from_two_threads(alike):
    family, n = dataclasses.replace(HOPPER), 8
    first = begin(family, spread(family, n, seed=1))
    starts = [first, first if alike else begin(family, spread(family, n, seed=2))]
    actions = [actions_of(family, 60, n, seed=seed) for seed in (1, 2)]
    expected = [play(family, *pair)[1] for pair in zip(starts, actions, strict=True)]
    with ThreadPoolExecutor(2) as threads:
        found = threads.map(lambda pair: play(family, *pair)[1], zip(starts, actions, strict=True))
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_copy_of_the_state_goes_on_in_another_process_as_here():
    actions = actions_of(HOPPER, 20, 3)
    state, *_ = play(HOPPER, begin(HOPPER, spread(HOPPER, 3)), actions[:10])
    copied = jax.tree.map(np.copy, state)  # as read from a checkpoint
    elsewhere = dataclasses.replace(HOPPER)  # no engine, no memo
    for one, other in zip(
        play(HOPPER, state, actions[10:])[1:], play(elsewhere, copied, actions[10:])[1:], strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_many_batches_keep_few_engines():
    family = dataclasses.replace(HOPPER)
    states = [begin(family, spread(family, n)) for n in (1, 2, 3, 4, 5, 6, 7, 8, 2, 3)]
    assert len(family._engines._idle) <= family._engines.most
    for state in states:  # and each of them still goes on, by writing its dynamics again
        n = len(state.physics)
        again = begin(dataclasses.replace(family), spread(family, n))
        action = actions_of(family, 1, n)
        np.testing.assert_array_equal(play(family, state, action)[1], play(family, again, action)[1])


@pytest.mark.parametrize("delay", [0, 1, 2, 10])
def test_a_delayed_action_is_the_one_of_that_many_steps_ago(delay):
    n, steps = 2, 15
    actions = actions_of(HOPPER, steps, n)
    late = np.concatenate([np.zeros((delay, *actions.shape[1:]), np.float32), actions])[:steps]
    slow = begin(HOPPER, tasks_of(HOPPER, n, delay__action=delay))
    fast = begin(HOPPER, tasks_of(HOPPER, n))
    np.testing.assert_array_equal(play(HOPPER, slow, actions)[1], play(HOPPER, fast, late)[1])


@every_family
def test_jitter_of_width_zero_is_the_plain_world_bit_for_bit_also_beside_one_that_jitters(family):
    n, actions = 3, actions_of(family, 10, 3)
    plain = begin(family, tasks_of(family, n, delay__action=[0, 1, 2]))
    beside = begin(family, tasks_of(family, n, delay__action=[0, 1, 2], jitter__delay=[0.0, 0.3, 0.0]))
    (_, one, *_), (_, two, *_) = (play(family, state, actions) for state in (plain, beside))
    np.testing.assert_array_equal(one[:, [0, 2]], two[:, [0, 2]])
    assert not np.array_equal(one[:, 1], two[:, 1])


@pytest.mark.parametrize("family", [HOPPER, REACHER], ids=lambda family: family.name)
def test_a_jittering_latency_is_drawn_anew_in_each_step_and_reaches_the_motors_between_steps(family):
    n, frames = 2000, family.robot.about.frame_skip
    queue = np.repeat(np.arange(11.0)[None, :, None], n, axis=0)  # the action of k steps ago is k
    dynamics = begin(family, tasks_of(family, n, delay__action=1, jitter__delay=0.2)).dynamics
    one, two = (family._control(np.arange(n) + seed, queue, dynamics)[..., 0] for seed in (0, n))
    assert one.shape == (n, frames) and not np.array_equal(one, two)
    share = (
        np.arange(frames) + 0.5
    ) / frames  # late by l steps: the action of ⌈l − u⌉ steps ago; P(l > 1 + u) = exp(−u / 0.2)
    np.testing.assert_allclose((one >= 2).mean(axis=0), np.exp(-share / 0.2), atol=0.04)
    assert one.min() == 1 and (np.diff(one, axis=1) <= 0).all()  # within a step, ever newer actions arrive
    np.testing.assert_array_equal(one, family._control(np.arange(n), queue, dynamics)[..., 0])


def test_delay_and_reset_in_the_middle_of_a_queue():
    n, tasks = 2, tasks_of(HOPPER, 2, delay__action=[2, 5])
    state, *_ = play(HOPPER, begin(HOPPER, tasks), actions_of(HOPPER, 4, n))
    state = HOPPER.reset(np.arange(n), state, tasks, all_of(n))
    still, *_ = play(HOPPER, begin(HOPPER, tasks_of(HOPPER, n)), np.zeros((2, n, 3), np.float32))
    moved, *_ = play(HOPPER, state, actions_of(HOPPER, 2, n, seed=1))
    np.testing.assert_array_equal(moved.physics, still.physics)  # nothing of the last episode arrives


def test_the_reward_charges_what_was_asked_not_what_arrived():
    n = 1
    action = np.ones((1, n, 3), np.float32)
    slow, fast = (begin(HOPPER, tasks_of(HOPPER, n, delay__action=delay)) for delay in (3, 0))
    _, _, reward, _ = play(HOPPER, slow, action)
    _, _, idle, _ = play(HOPPER, fast, np.zeros_like(action))
    assert reward[0, 0] == pytest.approx(idle[0, 0] - 1e-3 * 3, abs=1e-9)


def test_noise_has_the_declared_size_and_touches_nothing_but_the_observation():
    n = 1000
    noisy, clean = (begin(HOPPER, tasks_of(HOPPER, n, noise__observation=noise)) for noise in (0.1, 0.0))
    error = HOPPER.observe(noisy) - HOPPER.observe(clean)
    scale = np.array(HOPPER.robot.about.scale)
    np.testing.assert_allclose(error.std(axis=0), 0.1 * scale, rtol=0.1)
    np.testing.assert_allclose(error.mean(axis=0) / scale, 0.0, atol=0.1 * 4 / np.sqrt(n))
    assert np.abs(np.corrcoef(error.T) - np.eye(11)).max() < 0.15
    np.testing.assert_array_equal(HOPPER.observe(noisy), HOPPER.observe(noisy))  # seen twice, it is the same
    actions = actions_of(HOPPER, 3, n)
    (one, seen, reward, ends), (other, plain, reward_too, ends_too) = (play(HOPPER, s, actions) for s in (noisy, clean))
    np.testing.assert_array_equal(one.physics, other.physics)
    np.testing.assert_array_equal(reward, reward_too)
    np.testing.assert_array_equal(ends, ends_too)
    errors = seen - plain
    assert np.abs((errors[0] * errors[1]).mean(axis=0) / (0.1 * scale) ** 2).max() < 0.15  # new in every step


@every_family
def test_what_is_foreseen_is_what_would_have_been_drawn(family):
    n, steps = 3, 4
    actions = actions_of(family, steps, n)
    seeds = np.arange(steps * n).reshape(steps, n) * 7919

    def seen(foreseen):
        state, found = begin(family, tasks_of(family, n, noise__observation=0.1)), []
        if foreseen:
            family.foresee(seeds, state)
        for row, action in zip(seeds, actions, strict=True):
            state = family.step(row, state, action, all_of(n)).state
            found.append(state.error)
        return np.array(found)

    np.testing.assert_array_equal(seen(True), seen(False))
    assert seen(False).std() > 0


@every_family
def test_what_is_foreseen_of_resets_is_what_would_have_been_drawn(family):
    n, some = 3, np.array([True, False, True])
    tasks, seeds = tasks_of(family, n, noise__observation=0.1), np.arange(2 * n).reshape(2, n) * 7919
    before = begin(family, tasks)
    drawn = [family.reset(row, before, tasks, some).error for row in seeds]
    family.foresee(seeds, before)
    taken = len(family._foreseen)
    foreseen = [family.reset(row, before, tasks, some).error for row in seeds]
    assert len(family._foreseen) == taken - 2, "what was foreseen has been used"
    np.testing.assert_array_equal(foreseen, drawn)
    np.testing.assert_array_equal(drawn[0][1], before.error[1])  # who was not reset sees what it saw
    assert (drawn[0][0] != drawn[1][0]).any()


def test_what_was_foreseen_for_steps_that_never_came_is_forgotten():
    state, family = begin(HOPPER, tasks_of(HOPPER, 1, noise__observation=0.1)), HOPPER
    for i in range(200):
        family.foresee(np.arange(64 * i, 64 * (i + 1))[:, None] + 10**6, state)
    assert len(family._foreseen) < 5_000


def test_nothing_draws_from_the_global_generator():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    play(HOPPER, begin(HOPPER, spread(HOPPER, 2)), actions_of(HOPPER, 3, 2))
    HOPPER.sample(jax.random.key(0), 3)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.fixture
def nobody_steps(monkeypatch):
    """Whatever another test may have left at work in this process."""
    monkeypatch.setattr(engine_module, "STEPPING", set())


@pytest.mark.usefixtures("nobody_steps")
def test_an_engine_beside_another_of_any_family_leaves_it_half_of_the_threads():
    ours, theirs = (MujocoFamily(robot=HOPPER.robot, threads=4) for _ in range(2))
    values = np.tile(ours._randomizer.nominal, (2, 1))
    if len(usable()) < 2:
        pytest.skip("there is one processor: nothing to leave")
    with ours._engines.lend(values) as first:
        assert first.share == 4
        with theirs._engines.lend(values) as second:
            assert second.share == 2
    with theirs._engines.lend(values) as second:
        assert second.share == 4


@pytest.mark.usefixtures("nobody_steps")
def test_a_thread_that_keeps_to_one_processor_steps_by_itself_and_binds_no_others():
    if len(usable()) < 2 or not hasattr(os, "sched_setaffinity"):
        pytest.skip("a thread cannot keep to one of several processors here")
    world = MujocoFamily(robot=HOPPER.robot, threads=2)
    values = np.tile(world._randomizer.nominal, (2, 1))

    def bound() -> tuple[int, list[int]]:
        os.sched_setaffinity(0, {usable()[0]})  # of this thread, which ends with this
        with world._engines.lend(values) as engine:
            engine.step(world.start(2).physics, np.zeros((2, 3)))
            return engine.share, list(engine._pools)

    with ThreadPoolExecutor(max_workers=1) as thread:
        assert thread.submit(bound).result() == (0, [0])
    with world._engines.lend(values) as engine:
        assert engine.share == 2
