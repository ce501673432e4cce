"""`--memory`: a recurrent policy is trained, stopped, resumed, evaluated, transferred and fine-tuned like any other."""

import json
import shutil

import pytest

from headstart.__main__ import main
from headstart.experiments.head_start import SCALES, Scale
from headstart.run import checkpoint
from headstart.run.record import RunFolder
from headstart.run.summary import read_summary

TRAIN = ["train", "pendulum", "--memory", "gru", "--envs", "8", "--checkpoint-every", "512", "--deterministic"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "gru"
    assert main([*TRAIN, "--steps", "1536", "--out", str(folder)]) == 0
    return RunFolder(path=folder)


def test_a_resumed_run_ends_as_one_that_was_not_stopped(trained, tmp_path, capsys):
    folder = RunFolder(path=shutil.copytree(trained.path, tmp_path / "run"))
    shutil.rmtree(folder.path / "policy")
    for step in checkpoint.steps(folder.checkpoints)[1:]:  # memories in mid-episode are in the first one
        shutil.rmtree(folder.checkpoints / f"step_{step}")
    assert main(["resume", str(folder.path)]) == 0
    whole, resumed = (json.loads((one.metrics).read_text().splitlines()[-1]) for one in (trained, folder))
    assert whole == resumed
    one, two = (sorted((each.path / "policy").glob("*.safetensors")) for each in (trained, folder))
    assert one and [file.read_bytes() for file in one] == [file.read_bytes() for file in two]


def test_it_can_be_evaluated(trained, capsys):
    assert main(["evaluate", str(trained.path), "--episodes", "2"]) == 0
    assert "pendulum: return" in capsys.readouterr().out


def test_runs_from_before_there_was_memory_go_on_without(tmp_path):
    folder = tmp_path / "run"
    assert main(["train", "pendulum", "--envs", "8", "--steps", "512", "--out", str(folder)]) == 0
    config = json.loads((folder / "config.json").read_text())
    assert config["settings"].pop("memory") == "none"
    (folder / "config.json").write_text(json.dumps(config | {"settings": config["settings"] | {"steps": 1024}}))
    assert main(["resume", str(folder)]) == 0
    assert main(["evaluate", str(folder), "--episodes", "1"]) == 0


def test_sac_has_no_memory(tmp_path, capsys):
    assert main(["train", "pendulum", "--learner", "sac", "--memory", "gru", "--out", str(tmp_path / "run")]) == 2
    assert "--memory gru" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_policy_with_memory_meets_the_target_and_learns_from_it(trained, tmp_path, monkeypatch):
    monkeypatch.setitem(SCALES, "tiny", Scale(seeds=1, source_steps=512, oracle_steps=512, evaluation_episodes=2))
    folder = tmp_path / "transfer"
    words = ["transfer", "--from", str(trained.path), "--target", "gym:Pendulum-v1", "--size", "tiny", "--shots", "0,2"]
    assert main([*words, "--out", str(folder)]) == 0
    arms = {(arm.method, arm.shots): arm for arm in read_summary(folder / "summary.json").arms}
    assert arms["fine-tune given", 2].adaptation_episodes == 2
    assert arms["fine-tune given", 2].per_seed != arms["zero-shot given", 0].per_seed
    assert json.loads((folder / "config.json").read_text())["settings"]["memory"] == "gru"
