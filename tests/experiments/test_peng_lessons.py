"""The pusher's teacher: where everything is, and nothing else; one robot first, then all."""

import dataclasses

import jax
import numpy as np

from headstart.experiments import peng_learning, peng_lessons
from headstart.experiments.peng_learning import Amount, Job, reinforced, teacher_of
from headstart.experiments.peng_lessons import FIRST, SECOND, schooled
from headstart.experiments.peng_teaching import TEACHINGS
from headstart.experiments.peng_worlds import ARMS, WORLDS, distribution_of, practice_of
from headstart.run.train import train
from headstart.tasks.catalogue import family
from headstart.tasks.fixed import Fixed
from headstart.tasks.mujoco import Exact, Informed

KEY = jax.random.key(0)
WORLD, HOME = WORLDS["pusher"], family(WORLDS["pusher"].family)
TEACHING = TEACHINGS[WORLD.teaching]
TASKS = distribution_of(HOME, WORLD, ARMS["recurrent"])
JOB = teacher_of(Job("pusher", "recurrent", ARMS["recurrent"], 0))
STEPS = 40_960  # two rollouts of the first lesson, two of the second


def test_only_what_is_paid_differs_while_learning():
    practice = practice_of(HOME, WORLD)
    assert practice.robot == dataclasses.replace(HOME.robot, distance_weight=2.0, control_weight=0.05)
    assert dataclasses.replace(practice, robot=HOME.robot) == HOME
    hopper = family("hopper_euler")
    assert practice_of(hopper, WORLDS["hopper"]) == hopper


def test_a_teacher_in_lessons_knows_where_everything_is_and_its_students_see_that_beside_what_they_are_to_see():
    tasks = TASKS.sample(KEY, (), 8)
    state = HOME.reset(np.arange(8), HOME.start(8), tasks, np.ones(8, bool))
    known, shown = (worlds(family=HOME).observe(state) for worlds in (TEACHING.known, TEACHING.shown))
    np.testing.assert_array_equal(known, HOME.exact(state))
    np.testing.assert_array_equal(shown["told"], known)
    np.testing.assert_array_equal(shown["seen"], HOME.observe(state))
    assert np.abs(shown["seen"] - known).max() > 0
    hopper = family(WORLDS["hopper"].family)
    replay = TEACHINGS[WORLDS["hopper"].teaching]
    assert replay.known(family=hopper) == replay.shown(family=hopper) == Informed(family=hopper)


def test_two_lessons_the_plain_robot_and_then_the_tasks(monkeypatch):
    home, practice = (TEACHING.known(family=world) for world in (HOME, practice_of(HOME, WORLD)))
    learner, calls, real = reinforced(JOB, home, STEPS), [], peng_lessons.taught

    def watched(key, world, pupil, tasks, lesson, steps, trains, fresh=None):
        calls.append((world, pupil, tasks, lesson, steps, fresh))
        return real(key, world, pupil, tasks, lesson, 1, trains, fresh)

    monkeypatch.setattr(peng_lessons, "taught", watched)
    params = schooled(KEY, home, practice, learner, TASKS, STEPS, (train, train))
    (there, first, alone, one, some, nothing), (here, second, those, two, rest, fresh) = calls
    assert (there, here) == (home, practice), "the first is paid as Gymnasium pays"
    assert (one, two) == (FIRST, SECOND) and (some, rest) == (8_192, 32_768) and nothing is None
    assert isinstance(alone, Fixed) and those is TASKS
    assert first.decay is None and second.decay == 2, "the rate falls to zero in the second only"
    assert (first.minibatch_size, second.minibatch_size) == (256, 1024)
    np.testing.assert_allclose(np.exp(fresh.params["actor"]["log_std"]), 0.12, rtol=1e-6)
    assert int(fresh.updates) == 0 and float(fresh.returns.count) > 0, "it goes on, and counts anew"
    assert (first.learning_rate, second.learning_rate) == (3e-4, 2e-4)
    assert jax.tree.structure(params) == jax.tree.structure(fresh.params)


def test_teachers_of_the_pusher_and_who_has_none_go_to_school(monkeypatch, tmp_path):
    calls = {}

    def watched(key, home, practice, learner, tasks, steps, trains):
        calls[steps] = home, practice, learner, tasks
        return learner.policy.init(key)

    monkeypatch.setattr(peng_learning, "schooled", watched)
    peng_learning.learnt(JOB, HOME, Amount(64, 32), tmp_path)
    peng_learning.learnt(Job("pusher", "no randomization", ARMS["no randomization"], 0), HOME, Amount(64, 32), tmp_path)
    practice = practice_of(HOME, WORLD)
    assert calls[64][:2] == (Exact(family=HOME), Exact(family=practice)) and not isinstance(calls[64][3], Fixed)
    assert calls[96][:2] == (HOME, practice) and isinstance(calls[96][3], Fixed)
    assert all(learner.discount == WORLD.discount for _, _, learner, _ in calls.values())
