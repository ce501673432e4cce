"""A simulator that diverges at a sampled corner: named, in a file, a line and the page, and never silently dropped."""

import json
import re

import pytest

from headstart.__main__ import main
from headstart.experiments.scales import SCALES
from headstart.run.summary import read_summary
from tests.commands.fragile import TOO_HEAVY
from tests.commands.test_transfer_faults import SMALL

FRAGILE, BREAKING = "tests.commands.fragile:Fragile", "tests.commands.fragile:breaking"
RANGES = '{"mass:rod": [1.0, 2.0], "length:rod": [0.9, 1.2], "gravity": 9}'
WORDS = ["train", FRAGILE, "--envs", "4", "--randomize", RANGES]
LINE = re.compile(r"the simulator diverged in ([\d,]+) of ([\d,]+) steps(.*), at e.g. (.*); see (.*)")


def told(folder, name="diverged.json"):
    return json.loads((folder / name).read_text())


def metrics(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def fragile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fragile") / "run"
    assert main([*WORDS, "--steps", "1024", "--out", str(folder)]) == 0
    return folder


def test_a_training_counts_the_steps_and_names_the_corners(fragile):
    found = told(fragile)
    assert found["diverged"] == metrics(fragile)[-1]["faults/invalid_steps"] > 0 and found["steps"] == 1024
    cases = found["cases"]
    assert 1 < len(cases) <= 8 and all(case["dynamics"]["mass:rod"] >= TOO_HEAVY for case in cases)
    assert len({json.dumps(case) for case in cases}) == len(cases)
    for case in cases:
        distances = [one["away"] for one in case["farthest"]]
        assert distances == sorted(distances, reverse=True)
        by_name = {one["name"]: one for one in case["farthest"]}
        assert 0.5 < by_name["mass:rod"]["away"] <= 1.0, "in widths of its range, on its own scale"
        assert "torque:motor" not in by_name and by_name["gravity"]["nominal"] == 10.0


def test_it_is_said_once_on_the_terminal_and_on_the_page(tmp_path, capsys):
    folder = tmp_path / "run"
    assert main([*WORDS, "--steps", "512", "--out", str(folder)]) == 0
    (line,) = LINE.findall(capsys.readouterr().out)
    assert line[:3] == (f"{told(folder)['diverged']:,}", "512", "")
    assert re.fullmatch(r"(mass|length):rod = [\d.]+ k?[gm].*", line[3]) and line[4] == str(folder / "diverged.json")
    assert main(["report", str(folder)]) == 0
    page = (folder / "report.html").read_text()
    assert f"The simulator diverged in {line[0]} of 512 steps" in page and "mass:rod = " in page


def test_a_corner_that_is_named_is_that_corner_again(fragile, tmp_path, capsys):
    corner, fine = tmp_path / "corner.json", '{"mass:rod": 1.2}'
    corner.write_text(json.dumps(told(fragile)["cases"][0]["dynamics"]))
    words = ["evaluate", str(fragile), "--family", FRAGILE, "--episodes", "3", "--randomize"]
    assert main([*words, str(corner)]) == 0
    said = capsys.readouterr().out
    assert "the world broke in 3 of 3 episodes, at e.g. " in said and "mass:rod = 1." in said
    assert main([*words, fine]) == 0
    assert "broke" not in capsys.readouterr().out


def test_a_run_that_is_taken_up_again_counts_all_its_steps(tmp_path):
    whole, part = tmp_path / "whole", tmp_path / "part"
    assert main([*WORDS, "--steps", "1536", "--out", str(whole)]) == 0
    assert main([*WORDS, "--steps", "256", "--out", str(part)]) == 0
    first = told(part)
    assert 0 < len(first["cases"]) < 8
    config = json.loads((part / "config.json").read_text())
    config["settings"]["steps"] = 1536
    (part / "config.json").write_text(json.dumps(config))
    assert main(["resume", str(part)]) == 0
    assert told(part) == told(whole) and told(part)["cases"][: len(first["cases"])] == first["cases"]


def test_several_seeds_are_told_together(tmp_path, capsys):
    folder = tmp_path / "run"
    assert main([*WORDS, "--steps", "512", "--seeds", "2", "--out", str(folder)]) == 0
    assert told(folder)["steps"] == 1024
    last = metrics(folder)[-2:]
    assert told(folder)["diverged"] == sum(row["faults/invalid_steps"] for row in last)
    assert LINE.search(capsys.readouterr().out)


def test_where_nothing_diverges_nothing_is_written_or_said(tmp_path, capsys):
    folder = tmp_path / "run"
    words = ["train", FRAGILE, "--envs", "4", "--steps", "512", "--randomize", '{"mass:rod": [1.0, 1.4]}']
    assert main([*words, "--out", str(folder)]) == 0
    assert "diverged" not in capsys.readouterr().out and not list(folder.glob("diverged*"))
    assert main(["report", str(folder)]) == 0
    assert "diverged" not in (folder / "report.html").read_text()


def test_a_target_that_breaks_in_evaluation_is_told(fragile, capsys):
    words = ["evaluate", str(fragile), "--family", FRAGILE, "--target", BREAKING, "--episodes", "3"]
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "length 7" in said and "the world broke in 3 of 3 episodes; each ended there" in said


def test_a_study_names_its_sources_and_whose_evaluation_broke(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(SCALES, "tiny", SMALL)
    folder = tmp_path / "run"
    words = ["transfer", "--source", FRAGILE, "--target", BREAKING, "--size", "tiny", "--shots", "0,1"]
    assert main([*words, "--randomize", RANGES, "--out", str(folder)]) == 0
    said = capsys.readouterr().out
    assert sorted(file.name for file in folder.glob("diverged*")) == [
        "diverged-oracle-0.json",
        "diverged-randomized-0.json",
    ]
    found = told(folder, "diverged-randomized-0.json")
    assert found["source"] == "randomized" and found["diverged"] > 0 and found["steps"] == 4_096
    ((_, _, arms, case, _),) = LINE.findall(said)
    assert arms == " of the arms oracle and randomized" and ":rod = " in case
    broken = read_summary(folder / "summary.json").extra["broken"]
    assert {"method": "fine-tune randomized", "shots": 1, "seed": 0, "broken": 3, "episodes": 3} in broken
    practised = read_summary(folder / "summary.json").extra["broken_practice"]
    assert [(row["method"], row["broken"], row["episodes"]) for row in practised] == [
        ("scratch", 1, 1),
        ("fine-tune nominal", 1, 1),
        ("fine-tune randomized", 1, 1),
    ]
    assert "target episodes in which the world broke, of which the steps before were learnt from: scratch" in said
    splits = json.loads((folder / "splits-nominal-0.json").read_text())["broken"]
    assert splits["extrapolation"] > 0 and "default" not in splits
    assert "fine-tune randomized, k = 1: 3 of 3" in said and "nominal, outside the ranges in simulation: " in said
    page = (folder / "report.html").read_text()
    assert "of the arm randomized, at e.g. " in page and "Evaluation episodes in which the world broke" in page
    assert "Target episodes in which the world broke" in page
