"""The main job from end to end, small: every arm, every count, and a study that is interrupted and taken up again."""

import json
from pathlib import Path

import numpy as np
import pytest

from headstart.__main__ import main
from headstart.commands import transfer
from headstart.commands.transfer import Plan, settings_of
from headstart.experiments.scales import SCALES, Scale
from headstart.options import Transfer
from headstart.run.summary import read_summary

SMALL = Scale(
    seeds=2,
    source_steps=8_192,
    open_steps=8_192,
    adapted_steps=1_024,
    oracle_steps=4_096,
    evaluation_episodes=3,
    experience_steps=1_024,
)
WORDS = ["transfer", "--source", "pendulum", "--target", "gym:Pendulum-v1", "--size", "tiny", "--shots", "0,1,2"]


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setitem(SCALES, "tiny", SMALL)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A study that nothing interrupted."""
    folder = tmp_path_factory.mktemp("runs") / "whole"
    before = SCALES["tiny"]
    SCALES["tiny"] = SMALL
    try:
        assert main([*WORDS, "--out", str(folder)]) == 0
    finally:
        SCALES["tiny"] = before
    return folder


def test_there_is_an_entry_for_every_method_and_k(whole):
    summary = read_summary(whole / "summary.json")
    assert {(arm.method, arm.shots) for arm in summary.arms} == {
        *(("scratch", k) for k in (0, 1, 2)),
        *((f"zero-shot {kind}", 0) for kind in ("nominal", "randomized")),
        *((f"fine-tune {kind}", k) for kind in ("nominal", "randomized") for k in (1, 2)),
        ("oracle", 2),
    }
    assert summary.seeds == (0, 1) and all(len(arm.per_seed) == 2 for arm in summary.arms)


def test_no_arm_but_the_oracle_uses_more_than_its_shots(whole):
    for arm in read_summary(whole / "summary.json").arms:
        if arm.method == "oracle":
            assert arm.adaptation_episodes > 2 and arm.target_steps >= SMALL.oracle_steps
        else:
            assert arm.adaptation_episodes == arm.shots
            assert arm.target_steps == 200 * arm.shots
        assert arm.selection_episodes == 0 and arm.evaluation_episodes == 3


def test_the_ledgers_say_the_same(whole):
    counts = json.loads((whole / "ledger-fine-tune-nominal-1.json").read_text())["counts"]
    assert counts["adaptation_episodes"] == 2 and counts["evaluation_episodes"] == 6


def test_there_is_a_page_and_the_policies(whole):
    page = (whole / "report.html").read_text()
    assert "fine-tune randomized" in page and len(page) < 3_000_000
    assert "<video" not in page and "No film" in page  # Gymnasium draws this world with a package that we do not need
    assert len(list((whole / "policies").iterdir())) == 2 * 6


def test_a_study_that_was_interrupted_finds_the_same(whole, tmp_path, monkeypatch):
    folder, adds = tmp_path / "broken", []
    add = transfer.Findings.add

    def interrupted(self, found):
        adds.append(found)
        if len(adds) == 7:
            raise KeyboardInterrupt
        add(self, found)

    monkeypatch.setattr(transfer.Findings, "add", interrupted)
    assert main([*WORDS, "--out", str(folder)]) == 130
    monkeypatch.setattr(transfer.Findings, "add", add)
    assert main(["resume", str(folder)]) == 0
    one, two = (read_summary(path / "summary.json") for path in (whole, folder))
    assert [arm.method for arm in one.arms] == [arm.method for arm in two.arms]
    for a, b in zip(one.arms, two.arms, strict=True):
        np.testing.assert_array_equal(a.per_seed, b.per_seed)
    assert two.extra["attempts"] == 2


def test_an_earlier_run_can_be_the_source(tmp_path):
    run, folder = tmp_path / "run", tmp_path / "transfer"
    assert main(["train", "pendulum", "--steps", "4096", "--out", str(run)]) == 0
    words = [word for word in WORDS if word not in ("--source", "pendulum")]
    assert main([*words, "--from", str(run), "--seeds", "1", "--out", str(folder)]) == 0
    methods = {arm.method for arm in read_summary(folder / "summary.json").arms}
    assert methods == {"scratch", "zero-shot given", "fine-tune given", "oracle"}


def test_target_episodes_can_be_learnt_from_off_policy(tmp_path, capsys):
    folder = tmp_path / "off-policy"
    assert main([*WORDS, "--fine-tune", "off-policy", "--seeds", "1", "--out", str(folder)]) == 0
    arms = {(arm.method, arm.shots): arm for arm in read_summary(folder / "summary.json").arms}
    assert arms["fine-tune nominal", 2].adaptation_episodes == 2 and ("scratch", 2) in arms
    assert main(["evaluate", str(folder / "policies" / "fine-tune-nominal-0"), "--episodes", "2"]) == 0
    words = [*WORDS, "--fine-tune", "off-policy", "--memory", "gru", "--out", str(tmp_path / "none")]
    capsys.readouterr()
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "--memory none" in said


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["--source", "hopper"], ["has shape [11]", "[3]"]),
        (["--target", "gym:CartPole-v1"], ["CartPole-v1", "Discrete"]),
    ],
)
def test_a_target_that_does_not_fit_is_refused_with_the_differences(words, parts, capsys, tmp_path):
    assert main([*WORDS, *words, "--out", str(tmp_path / "run")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    for part in parts:
        assert part in said
    assert not (tmp_path / "run").exists()


def test_the_first_seed_comes_as_a_whole_and_then_what_takes_longest():
    study = Plan.of(
        settings_of(Transfer(source="pendulum", target="gym:Pendulum-v1", size="tiny")), Path("nowhere")
    ).study
    order = [(seed, name) for seed, name, _ in transfer.ordered(study, (4, 5, 6))]
    assert order == [(4, "randomized"), (4, "nominal"), (4, "scratch"), (5, "randomized"), (6, "randomized"),
                     (5, "nominal"), (6, "nominal"), (5, "scratch"), (6, "scratch")]  # fmt: skip
    assert [name for _, name, _ in transfer.ordered(study, (0,))] == ["randomized", "nominal", "scratch"]


@pytest.mark.parametrize(
    ("words", "source", "goes_to"),
    [
        ({}, "hopper_euler", "shifted-hopper:0"),
        ({"adapt": "posterior"}, "hopper", "shifted-hopper:0"),
        ({"source": "half_cheetah"}, "half_cheetah", "shifted-half-cheetah:0"),
        ({"source": "walker2d-euler"}, "walker2d-euler", "shifted-walker2d:0"),
        ({"source": "hopper", "target": "gym:Hopper-v5"}, "hopper", "gym:Hopper-v5"),
    ],
)
def test_where_nothing_is_said_the_cheaper_hopper_meets_the_true_one(words, source, goes_to):
    settings = settings_of(Transfer(**words))
    assert (settings["source"], settings["target"]) == (source, goes_to)
