"""The pusher's teacher: one robot first, then all; what it is told begins to count when it begins to vary."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.experiments import peng_learning, peng_lessons
from headstart.experiments.peng_learning import Amount, Job, reinforced, teacher_of, told
from headstart.experiments.peng_lessons import FIRST, SECOND, opened, schooled
from headstart.experiments.peng_worlds import ARMS, WORLDS, distribution_of, practice_of
from headstart.tasks.catalogue import family
from headstart.tasks.fixed import Fixed

KEY = jax.random.key(0)
WORLD, HOME = WORLDS["pusher"], family(WORLDS["pusher"].family)
TASKS = distribution_of(HOME, WORLD, ARMS["recurrent"])
JOB = teacher_of(Job("pusher", "recurrent", ARMS["recurrent"], 0))
STEPS = 40_960  # two rollouts of the first lesson, two of the second


def seen(tasks):
    """What is seen at the start of an episode, by who is told."""
    world, n = told(HOME), len(jax.tree.leaves(tasks)[0])
    return world.observe(world.reset(np.arange(n), world.start(n), tasks, np.ones(n, bool)))


def plain(n):
    return jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf)[None], n, axis=0), HOME.task())


def test_only_what_is_paid_differs_while_learning():
    practice = practice_of(HOME, WORLD)
    assert practice.robot == dataclasses.replace(HOME.robot, distance_weight=2.0, control_weight=0.05)
    assert dataclasses.replace(practice, robot=HOME.robot) == HOME
    hopper = family("hopper_euler")
    assert practice_of(hopper, WORLDS["hopper"]) == hopper


def test_who_saw_one_robot_is_not_shaken_by_others_and_is_told_their_scale():
    policy = dataclasses.replace(reinforced(JOB, told(HOME), 64).policy, deterministic=True)
    obs, many = seen(plain(4)), TASKS.sample(KEY, (), 4)
    params = policy.normalize(policy.init(KEY), obs, jnp.ones(4, bool))
    names = tuple(HOME.dynamics)
    after = opened(KEY, params, TASKS, names)

    def act(with_these, what):
        return np.asarray(policy.apply(KEY, with_these, (), what)[0])

    np.testing.assert_allclose(act(after, obs), act(params, obs), atol=1e-6)
    other = {**obs, "told": np.concatenate([obs["told"][:, : -len(names)], seen(many)["told"][:, -len(names) :]], 1)}
    assert np.abs(act(params, other) - act(params, obs)).max() > 1e-3, "the trap that this is for"
    np.testing.assert_allclose(act(after, other), act(params, obs), atol=1e-6)
    drawn = TASKS.sample(KEY, (), peng_lessons.DRAWS).dynamics
    for at, name in enumerate(names, start=-len(names)):
        mean, var = (float(after["normalizer"][what][at]) for what in ("mean", "var"))
        assert mean == pytest.approx(float(np.mean(drawn[name])), abs=1e-5), name
        assert var == pytest.approx(float(np.var(np.asarray(drawn[name], np.float64))), abs=1e-5), name
    untouched = slice(0, -len(names))
    np.testing.assert_array_equal(after["normalizer"]["mean"][untouched], params["normalizer"]["mean"][untouched])


@pytest.mark.parametrize("is_told", [True, False])
def test_two_lessons_the_plain_robot_and_then_the_tasks(monkeypatch, is_told):
    home = told(HOME) if is_told else HOME
    learner, calls, real = reinforced(JOB, home, STEPS), [], peng_lessons.taught

    def watched(key, world, pupil, tasks, lesson, steps, fresh=None):
        calls.append((pupil, tasks, lesson, steps, fresh))
        return real(key, world, pupil, tasks, lesson, 1, fresh)

    monkeypatch.setattr(peng_lessons, "taught", watched)
    params = schooled(KEY, home, learner, TASKS, STEPS)
    (first, alone, one, some, nothing), (second, those, two, rest, fresh) = calls
    assert (one, two) == (FIRST, SECOND) and (some, rest) == (8_192, 32_768) and nothing is None
    assert isinstance(alone, Fixed) and those is TASKS
    assert first.decay is None and second.decay == 2, "the rate falls to zero in the second only"
    assert (first.minibatch_size, second.minibatch_size) == (256, 1024)
    np.testing.assert_allclose(np.exp(fresh.params["actor"]["log_std"]), 0.12, rtol=1e-6)
    assert int(fresh.updates) == 0 and float(fresh.returns.count) > 0, "it goes on, and counts anew"
    zeroed = not np.any(fresh.params["actor"]["hidden_0"]["weight"][-len(HOME.dynamics) :])
    assert zeroed == is_told
    assert jax.tree.structure(params) == jax.tree.structure(fresh.params)


def test_teachers_of_the_pusher_and_who_has_none_go_to_school_in_practice(monkeypatch, tmp_path):
    calls = {}

    def watched(key, home, learner, tasks, steps):
        calls[steps] = home, learner, tasks
        return learner.policy.init(key)

    monkeypatch.setattr(peng_learning, "schooled", watched)
    peng_learning.learnt(JOB, HOME, Amount(64, 32), tmp_path)
    peng_learning.learnt(Job("pusher", "no randomization", ARMS["no randomization"], 0), HOME, Amount(64, 32), tmp_path)
    assert calls[64][0] == told(practice_of(HOME, WORLD)) and not isinstance(calls[64][2], Fixed)
    assert calls[96][0] == practice_of(HOME, WORLD) and isinstance(calls[96][2], Fixed)
    assert all(learner.discount == WORLD.discount for _, learner, _ in calls.values())
