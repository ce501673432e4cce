"""Several seeds in one program are the seeds that they are alone, to rounding, and can be taken up again."""

import json

import jax
import numpy as np
import pytest

from headstart.__main__ import main
from headstart.commands.settings import policy_of
from headstart.run import bundle, checkpoint
from headstart.run.record import RunFolder
from headstart.tasks.catalogue import family
from tests.commands import kills

WORDS = ["train", "pendulum", "--envs", "8", "--steps", "3072", "--checkpoint-every", "1024"]
PENDULUM = family("pendulum")
POLICY = policy_of("ppo", PENDULUM.observation, PENDULUM.action)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many") / "run"
    assert main([*WORDS, "--seeds", "3", "--seed", "4", "--out", str(folder)]) == 0
    return RunFolder(path=folder)


def rows(folder, seed=None):
    found = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    mine = [row for row in found if seed is None or row["seed"] == seed]
    return [{name: value for name, value in row.items() if name not in ("time/fps", "seed")} for row in mine]


def params(folder):
    return bundle.load(folder, POLICY, POLICY.observation)


def test_a_seed_among_others_is_the_seed_alone(many, tmp_path):
    alone = RunFolder(path=tmp_path / "alone")
    assert main([*WORDS, "--seed", "5", "--out", str(alone.path)]) == 0
    one, two = rows(alone), rows(many, seed=5)
    assert [row.keys() for row in one] == [row.keys() for row in two] and len(one) == 6
    for mine, theirs in zip(one, two, strict=True):
        for name, value in mine.items():
            assert theirs[name] == pytest.approx(value, rel=2e-3, abs=1e-4), name
    leaves = zip(*map(jax.tree.leaves, (params(alone.path), params(many.path / "seeds" / "seed-5"))), strict=True)
    for mine, theirs in leaves:
        np.testing.assert_allclose(theirs, mine, rtol=1e-3, atol=2e-5)


def test_seeds_differ_from_each_other(many):
    returns = [rows(many, seed=seed)[-1]["rollout/ep_rew_mean"] for seed in (4, 5, 6)]
    assert len(set(returns)) == 3


def test_a_run_of_several_seeds_goes_on_to_the_same_last_bit(many, tmp_path, capsys):
    part = RunFolder(path=tmp_path / "part")
    assert main([*WORDS, "--seeds", "3", "--seed", "4", "--steps", "1024", "--out", str(part.path)]) == 0
    config = json.loads(part.config.read_text())
    config["settings"]["steps"] = 3072
    part.config.write_text(json.dumps(config))
    assert main(["resume", str(part.path)]) == 0
    assert rows(part) == rows(many)
    one, two = (
        kills.digest(run.checkpoints / f"step_{checkpoint.steps(run.checkpoints)[-1]}" / "state.safetensors")
        for run in (part, many)
    )
    assert one == two
    capsys.readouterr()
    assert main(["resume", str(part.path)]) == 0 and "has finished, 3,072 steps" in capsys.readouterr().out


def test_each_seed_s_policy_can_be_used(many, capsys):
    assert main(["evaluate", str(many.path / "seeds" / "seed-6"), "--episodes", "2"]) == 0
    assert main(["report", str(many.path)]) == 0
    page = (many.path / "report.html").read_text()
    assert "<svg" in page


@pytest.mark.parametrize("words", [["hopper", "--seeds", "2"], ["pendulum", "--seeds", "0"]])
def test_what_cannot_run_side_by_side_is_refused(words, tmp_path, capsys):
    assert main(["train", *words, "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "--seeds" in said and not (tmp_path / "run").exists()
