"""`--critic privileged`: the critic of a policy with memory is told the dynamics, and the policy is not."""

import json
import shutil

import jax
import numpy as np
import pytest

from headstart.__main__ import main
from headstart.commands.settings import read_settings, settings_of, training_of
from headstart.commands.transfer import Plan
from headstart.commands.transfer import settings_of as transfer_settings_of
from headstart.learn.ppo import PPO
from headstart.options import Train, Transfer
from headstart.run import checkpoint
from headstart.run.record import RunFolder
from headstart.tasks.catalogue import family

PENDULUM = family("pendulum")
WORDS = ["train", "pendulum", "--memory", "gru", "--critic", "privileged", "--randomize", "wide", "--envs", "8"]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    options = Transfer(
        source="pendulum", target="gym:Pendulum-v1", memory="gru", critic="privileged", size="tiny", shots="0,1"
    )
    return Plan.of(transfer_settings_of(options), tmp_path_factory.mktemp("study")).study


def first_layers(critic):
    """The input sizes of a critic's first layer."""
    return max(np.shape(leaf)[0] for leaf in jax.tree.leaves(critic) if np.ndim(leaf) == 2)


def test_only_the_source_that_remembers_has_such_a_critic(study):
    assert isinstance(study.learner("randomized"), PPO) and isinstance(study.tuning("scratch").learner, PPO)
    for learner in (study.learner("randomized+gru"), study.tuning("fine-tune randomized+gru").learner):
        assert learner.privileged == PENDULUM.dynamics
    state = study.learner("randomized+gru").init(jax.random.key(0))
    assert state.seen.mean.shape == (len(PENDULUM.dynamics),)


def test_what_it_learnt_goes_on_to_the_target_which_tells_it_nothing(study):
    kind, key = "randomized+gru", jax.random.key(0)
    training = study.training(kind, study.source, study.kinds[kind].tasks, 8_192)
    state = training.advance(training.start(key)).run.learner
    wide = {each.parameter.name for each in study.randomized.drawn if each.high > each.low}
    varied = [name in wide for name in PENDULUM.dynamics]
    np.testing.assert_array_equal(np.asarray(state.seen.var) > 1e-7, varied)  # what is told is what was drawn
    study.folder.mkdir(exist_ok=True)
    before, after = (scored.shot for scored in study.meet(0, f"fine-tune {kind}", state, (0, 1)))
    jax.tree.map(np.testing.assert_array_equal, before.params, training.learner.params(state))
    assert len(after.practice) == 1 and all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(after.params))
    tuned = study.tuning(f"fine-tune {kind}").start(key, state)
    jax.tree.map(np.testing.assert_array_equal, tuned.critic, state.critic)


def test_a_run_is_taken_up_again_as_it_was(tmp_path):
    whole = RunFolder(path=tmp_path / "whole")
    assert (
        main([*WORDS, "--steps", "1024", "--checkpoint-every", "512", "--out", str(whole.path), "--deterministic"]) == 0
    )
    folder = RunFolder(path=shutil.copytree(whole.path, tmp_path / "part"))
    shutil.rmtree(folder.path / "policy")
    for step in checkpoint.steps(folder.checkpoints)[1:]:
        shutil.rmtree(folder.checkpoints / f"step_{step}")
    assert main(["resume", str(folder.path)]) == 0
    lines = [one.metrics.read_text().splitlines()[-1] for one in (whole, folder)]
    assert lines[0] == lines[1]
    assert json.loads((folder.path / "config.json").read_text())["settings"]["critic"] == "privileged"


def test_in_training_the_critic_is_told_and_what_the_policy_sees_stays_the_same():
    plain, told = (
        training_of(settings_of(Train(family="pendulum", memory="gru", randomize="wide", critic=critic)))
        for critic in ("plain", "privileged")
    )
    states = [training.learner.init(jax.random.key(0)) for training in (plain, told)]
    jax.tree.map(np.testing.assert_array_equal, states[0].params, states[1].params)
    assert first_layers(states[1].critic) - first_layers(states[0].critic) == len(PENDULUM.dynamics)


def test_runs_from_before_there_was_a_choice_have_a_plain_one(tmp_path):
    settings = dict(settings_of(Train(family="pendulum")))
    earlier = {name: value for name, value in settings.items() if name != "critic"}
    assert read_settings({"settings": earlier}, "config.json")["critic"] == "plain"
    there = transfer_settings_of(Transfer(source="pendulum", target="gym:Pendulum-v1", memory="gru", size="tiny"))
    del there["critic"]
    assert not Plan.of(there, tmp_path).study.kinds["randomized+gru"].privileged


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["train", "pendulum", "--critic", "privileged", "--randomize", "mild"], "add --memory gru"),
        (["train", "pendulum", "--critic", "privileged", "--memory", "gru"], "without --randomize"),
        (
            ["transfer", "--source", "pendulum", "--target", "gym:Pendulum-v1", "--critic", "privileged"],
            "add --memory gru",
        ),
    ],
)
def test_where_it_could_be_of_no_use_it_is_refused(words, says, tmp_path, capsys):
    assert main([*words, "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert "--critic privileged" in said and says in said and said.count("\n") == 1
    assert not (tmp_path / "run").exists()
