"""The main job: a source spends its whole learning rate, and who goes on from one begins with it again."""

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest

from headstart.experiments.head_start import HeadStart
from headstart.experiments.scales import Scale
from headstart.tasks.catalogue import family
from headstart.tasks.fixed import Fixed
from tests.work import finished

PENDULUM = family("pendulum")


def study(folder):
    plain = Fixed(task=PENDULUM.task())
    return HeadStart(
        source=PENDULUM,
        build_target=lambda: None,  # pyright: ignore[reportArgumentType]
        nominal=plain,
        randomized=plain,
        shots=(0,),
        scale=Scale(
            seeds=1,
            source_steps=2048,
            open_steps=1024,
            adapted_steps=1_024,
            oracle_steps=1024,
            evaluation_episodes=1,
            experience_steps=64,
        ),
        folder=folder,
        envs=8,
    )


def test_the_learning_rate_falls_to_zero_over_just_the_steps_that_there_are(tmp_path):
    one = study(tmp_path)
    assert (
        one.learner("nominal", 2048).decay == 4 and one.learner("nominal", 2049).decay == 5
    )  # rollouts of 8 × 64 steps
    assert one.training("nominal", PENDULUM, one.nominal, 2048).learner == one.learner("nominal", 2048)
    run, _ = finished(one.learn(0, "nominal", one.training("nominal", PENDULUM, one.nominal, 2048), 2048))
    assert run.learner.updates == 4


def test_who_goes_on_from_a_source_learns_at_the_whole_rate_again(tmp_path):
    one = study(tmp_path)
    run, _ = finished(one.learn(0, "nominal", one.training("nominal", PENDULUM, one.nominal, 1024), 1024))
    training = one.training(
        "randomized", PENDULUM, one.nominal, 512
    )  # one update: without a new beginning its rate would be 0
    after, _ = finished(one.learn(0, "oracle", training, 512, run.learner))
    moved = jax.tree.map(
        lambda a, b: float(np.abs(a - b).max()), after.learner.params["actor"], run.learner.params["actor"]
    )
    assert max(jax.tree.leaves(moved)) > 1e-3 and after.learner.updates == 1


def test_who_goes_on_in_the_worlds_of_before_goes_on_with_their_episodes(tmp_path):
    one = study(tmp_path)
    training = one.training("nominal", PENDULUM, one.nominal, 1024)
    run, _ = finished(one.learn(0, "nominal", training, 1024))
    anew, entered = (
        finished(one.learn(0, "adapted", training, 512, run.learner, carry, turn=1))[0] for carry in (None, run.carry)
    )
    # pendulums have 200 steps, so those of 128 steps of before are 192 steps old, and those that begin anew 64
    assert [int(np.asarray(after.carry.elapsed).max()) for after in (anew, entered)] == [64, 192]


def test_a_round_of_adaptation_goes_on_in_the_episodes_of_the_one_before(tmp_path, monkeypatch):
    one, stands = dataclasses.replace(study(tmp_path), adaptation=object(), shots=(0, 1, 2)), []  # pyright: ignore

    def meet(arm, key, target, policy, pupil, unadapted):
        stand = pupil.state
        for turn in range(2):
            stand = yield from pupil.learn(unadapted, stand, turn)
            stands.append(stand)

    monkeypatch.setattr("headstart.experiments.head_start.AdaptedArm.meet", meet)
    monkeypatch.setattr(HeadStart, "target", lambda *given: (None, None))
    state = one.learner("randomized").init(jax.random.key(0))
    list(one.adapted(0, state))
    assert [int(np.asarray(stand.carry.elapsed).max()) for stand in stands] == [128, 56]  # of 200: the next has begun
    assert [int(np.asarray(stand.carry.episode).max()) for stand in stands] == [0, 1]


def test_a_source_that_goes_on_in_an_adapted_simulator_does_not_come_to_rest(tmp_path):
    one = study(tmp_path)
    open_ended = dataclasses.replace(one, adaptation=object())  # pyright: ignore[reportArgumentType]
    assert (one.source_steps, open_ended.source_steps) == (2048, 1024)
    assert open_ended.learner("nominal", 1024).decay is None and one.learner("nominal", 1024).decay == 2


@pytest.mark.parametrize(("world", "expected"), [("hopper_euler", 0.995), ("hopper", 0.995), ("pusher", 0.99)])
def test_all_who_share_a_critic_look_ahead_a_fifth_of_an_episode(world, expected, tmp_path):
    one = dataclasses.replace(study(tmp_path), source=family(world))
    tuned: Any = one.tuning("fine-tune nominal")
    assert one.learner("nominal", 2048).discount == tuned.learner.discount == pytest.approx(expected)
    open_ended = dataclasses.replace(one, adaptation=object())  # pyright: ignore[reportArgumentType]
    assert open_ended.learner("nominal").discount == open_ended.tuning("scratch").learner.discount == 0.99


def test_a_memory_is_one_more_source_and_what_goes_on_goes_on_from_it(tmp_path):
    plain, one = study(tmp_path), dataclasses.replace(study(tmp_path), memory="gru")
    assert one.methods == (*plain.methods[:-1], "zero-shot randomized+gru", "fine-tune randomized+gru", "oracle")
    assert list(one.jobs(0)) == ["scratch", "nominal", "randomized", "randomized+gru"]
    remembering = {method for method in one.methods if one.memory_of(method) == "gru"}
    assert remembering == {"zero-shot randomized+gru", "fine-tune randomized+gru", "oracle"}
    for method in plain.methods[:-1]:  # beside it all is what it was
        assert one.policy_of(method) == plain.policy_of(method) and one.tuning(method) == plain.tuning(method)
    assert one.policy_of("oracle") == one.policy("randomized+gru") != plain.policy_of("oracle")
    assert one.job_of("oracle") == one.job_of("zero-shot randomized+gru") and plain.job_of("oracle") == "randomized"
    adapting = dataclasses.replace(one, adaptation=object())  # pyright: ignore[reportArgumentType]
    learners = [each.learner(kind) for each in (one, adapting) for kind in one.kinds]
    assert [each.minibatch_size for each in learners] == 2 * [512, 512, 2048], "a memory wants larger ones"
    assert {learners[2].chunk, learners[5].chunk} == {32}
    tuned: Any = one.tuning("fine-tune randomized+gru")
    assert tuned.learner.policy == one.policy("randomized+gru")


def test_what_a_policy_that_is_brought_along_remembers_all_others_do(tmp_path):
    one = dataclasses.replace(study(tmp_path), memory="lstm", given={})
    assert one.methods == ("scratch", "zero-shot given", "fine-tune given", "oracle")
    assert {one.memory_of(method) for method in one.methods} == {"lstm"}
