"""`--memory`: a recurrent policy is trained, stopped, resumed, evaluated and transferred like any other."""

import json
import shutil

import jax
import numpy as np
import pytest

from headstart.__main__ import main
from headstart.commands.findings import Findings
from headstart.commands.settings import read_settings, require_unchanged, settings_of
from headstart.commands.transfer import Plan
from headstart.commands.transfer import settings_of as transfer_settings_of
from headstart.experiments.finding import Scored
from headstart.options import Train, Transfer
from headstart.run import bundle, checkpoint
from headstart.run.ledger import Counts
from headstart.run.record import RunFolder
from headstart.transfer.protocol import Shot

TRAIN = ["train", "pendulum", "--memory", "lstm", "--envs", "8", "--checkpoint-every", "512", "--deterministic"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "lstm"
    assert main([*TRAIN, "--steps", "1024", "--out", str(folder)]) == 0
    return RunFolder(path=folder)


def test_a_resumed_run_ends_as_one_that_was_not_stopped(trained, tmp_path):
    folder = RunFolder(path=shutil.copytree(trained.path, tmp_path / "run"))
    shutil.rmtree(folder.path / "policy")
    first, *others = checkpoint.steps(folder.checkpoints)
    assert first == 512 and len(others) == 1
    for step in others:  # memories in mid-episode are in the first one: 64 steps of 200
        shutil.rmtree(folder.checkpoints / f"step_{step}")
    assert main(["resume", str(folder.path)]) == 0
    whole, resumed = (one.metrics.read_text().splitlines()[-1] for one in (trained, folder))
    assert whole == resumed
    one, two = (sorted((each.path / "policy").glob("*.safetensors")) for each in (trained, folder))
    assert one and [file.read_bytes() for file in one] == [file.read_bytes() for file in two]


def test_it_can_be_evaluated(trained, capsys):
    assert main(["evaluate", str(trained.path), "--episodes", "2"]) == 0
    assert "pendulum: return" in capsys.readouterr().out


def test_a_policy_with_memory_meets_the_target_and_learns_from_it(trained, tmp_path):
    options = Transfer(from_run=trained.path, target="gym:Pendulum-v1", size="tiny", shots="0,1")
    study = Plan.of(transfer_settings_of(options), tmp_path).study
    assert study.memory == "lstm"
    state = study.learner("given").init(jax.random.key(0))._replace(params=study.given)
    before, after = (scored.shot for scored in study.meet(0, "fine-tune given", state, (0, 1)))
    jax.tree.map(np.testing.assert_array_equal, before.params, study.given)
    cells = [params["actor"]["cell"]["recurrent"]["weight"] for params in (before.params, after.params)]
    assert len(after.practice) == 1 and np.isfinite(cells[1]).all()
    normalizers = [params["normalizer"]["count"] for params in (before.params, after.params)]
    assert normalizers[1] == normalizers[0] + 200  # the critic warms up in the first update, and the policy waits


def test_another_memory_than_the_given_policy_has_is_refused(trained, tmp_path, capsys):
    words = ["--target", "gym:Pendulum-v1", "--memory", "history", "--out", str(tmp_path / "run")]
    assert main(["transfer", "--from", str(trained.path), *words]) == 2
    said = capsys.readouterr().err
    assert "--memory history" in said and "has lstm" in said and said.count("\n") == 1


def test_each_policy_is_kept_with_the_memory_that_it_has(tmp_path):
    settings = transfer_settings_of(
        Transfer(source="pendulum", target="gym:Pendulum-v1", memory="history", size="tiny")
    )
    findings = Findings(Plan.of(settings, tmp_path).study, tmp_path, settings)
    for method, memory in {"zero-shot randomized": "none", "zero-shot randomized+history": "history"}.items():
        policy = findings.study.policy_of(method)
        shot = Shot(0, np.zeros(1), np.zeros(0), policy.init(jax.random.key(0)), 0.0)
        findings.add(Scored(0, method, 0, shot, Counts()))
        place = tmp_path / "policies" / f"{method.replace(' ', '-')}-0"
        assert bundle.describe(place)["memory"] == memory
        jax.tree.map(np.testing.assert_array_equal, bundle.load(place, policy, policy.observation), shot.params)


def test_runs_from_before_there_was_memory_go_on_without():
    settings = dict(settings_of(Train(family="pendulum")))
    earlier = {name: value for name, value in settings.items() if name != "memory"}
    assert settings["memory"] == "none"
    assert read_settings({"settings": earlier}, "config.json") == settings
    saved = {"settings": earlier, "seed": 0, "metrics_length": 0}
    require_unchanged({"settings": settings, "seed": 0}, json.loads(json.dumps(saved)), "config.json")


def test_sac_has_no_memory(tmp_path, capsys):
    assert main(["train", "pendulum", "--learner", "sac", "--memory", "gru", "--out", str(tmp_path / "run")]) == 2
    assert "--memory gru" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
