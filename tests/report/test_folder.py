"""Reading a run's folder: all that is there, and a sentence for what is not."""

import json

import numpy as np
import pytest

from headstart.errors import InputError
from headstart.report.entries import command_line
from headstart.report.folder import read_run
from headstart.report.text import clean, flatten
from tests.report.example_run import arms, make_run, metrics


def test_a_whole_folder_is_read_without_a_complaint(run):
    assert not run.notes
    assert (run.source, run.target, run.size, run.shots) == ("hopper", "gym:Hopper-v5, shifted", "small", (0, 1, 5, 20))
    assert len(run.arms) == len(arms())
    assert {curve.method for curve in run.curves} == {"scratch", "fine-tune nominal", "fine-tune randomized"}
    assert len(run.training) == 6 and all(curve.steps.size == 60 for curve in run.training)
    assert ("settings.learner.learning_rate", "0.0003") in run.config
    assert run.film_kind == "video/mp4"


def test_a_torn_last_line_loses_that_line_only(tmp_path):
    path = make_run(tmp_path / "run")
    with (path / "metrics.jsonl").open("a") as lines:
        lines.write('{"time/total_timesteps": 610000, "phase": "sou')
    torn = read_run(path)
    assert "1 line of metrics.jsonl could not be read" in torn.notes["metrics.jsonl"]
    assert sum(curve.steps.size for curve in torn.training) == len(list(metrics()))


def test_lines_that_are_no_metrics_are_passed_over(tmp_path):
    path = make_run(tmp_path / "run")
    with (path / "metrics.jsonl").open("ab") as lines:
        lines.write(
            b'[1, 2]\nnull\n{"step": NaN, "rollout/ep_rew_mean": 1}\n\xff\xfe\n{"step": 5}\n' + b"[" * 5_000 + b"\n"
        )
    assert sum(curve.steps.size for curve in read_run(path).training) == len(list(metrics()))


def test_rows_of_the_target_do_not_enter_the_source_curve(tmp_path):
    path = make_run(tmp_path / "run")
    (path / "metrics.jsonl").write_text('{"step": 1, "phase": "target", "rollout/ep_rew_mean": 7}\n')
    assert read_run(path).training == ()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"arms": ', "null", "[" * 100_000])
def test_a_damaged_summary_becomes_a_sentence(tmp_path, text):
    path = make_run(tmp_path / "run")
    (path / "summary.json").write_text(text)
    broken = read_run(path)
    assert broken.arms == () and "could not be read" in broken.notes["summary.json"]


@pytest.mark.parametrize(
    "entry",
    [None, 7, {}, {"method": "x"}, {"method": "x", "shots": 0, "iqm": float("nan"), "low": 0, "high": 1},
     {"method": "x", "shots": True, "iqm": 1, "low": 0, "high": 1}, {"method": "x", "shots": 0, "iqm": "1"}],
)  # fmt: skip
def test_an_arm_without_a_finite_result_is_left_out_and_said(tmp_path, entry):
    broken = read_run(make_run(tmp_path / "run", arms=[entry, *arms()]))
    assert len(broken.arms) == len(arms()) and "left out" in broken.notes["arms"]


@pytest.mark.parametrize(
    "curve", [None, {}, {"episodes": [0, 1], "per_seed": [[1.0]]}, {"episodes": [0], "per_seed": [[None]]}]
)
def test_a_damaged_curve_is_left_out_and_said(tmp_path, curve):
    assert "curves" in read_run(make_run(tmp_path / "run", curves=[curve])).notes


def test_an_unfinished_run_is_read(tmp_path):
    (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in metrics(seeds=1)))
    started = read_run(tmp_path)
    assert started.arms == () and len(started.training) == 2
    assert {"summary.json", "config.json", "arms", "film"} <= set(started.notes)


def test_a_film_that_is_too_large_stays_beside_the_page(tmp_path):
    heavy = read_run(make_run(tmp_path / "run", film=bytes(1_000_001)))
    assert heavy.film == b"" and "larger than 1 MB" in heavy.notes["film"]


def test_an_unrevealed_target_is_said_to_be_unknown(tmp_path):
    path = make_run(tmp_path / "run")
    (path / "dynamics.json").write_text(json.dumps({"source": {"mass:torso": [1.0, 2.0]}, "target": None}))
    hidden = read_run(path)
    assert "not known" in hidden.notes["target"]
    np.testing.assert_array_equal(hidden.dynamics[0].source, [1.0, 2.0])


def test_no_folder_and_an_alien_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match="no such run folder"):
        read_run(tmp_path / "absent")
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(InputError, match="not a run folder"):
        read_run(tmp_path)


def test_text_is_cleaned_of_control_and_direction_characters():
    assert clean("a\x00b\n\u202ec\x1b[31m") == "a b c [31m"
    assert len(clean("x" * 10_000)) == 400


def test_nested_settings_are_listed_by_dotted_names():
    assert flatten({"a": {"b": 1, "c": [1, 2]}, "d": [{"e": None}], "f": {}}) == [
        ("a.b", "1"), ("a.c", "1, 2"), ("d.0.e", "None"), ("f", "{}"),
    ]  # fmt: skip


def test_the_command_is_written_from_the_settings():
    settings = {"source": "hopper", "target": "a b", "shots": [0, 5], "seeds": [3, 4], "deterministic": True, "x": {}}
    assert command_line({"command": "transfer", "settings": settings | {"no": False, "out": None}}) == (
        "headstart transfer --source hopper --target 'a b' --shots 0,5 --seeds 2 --deterministic --seed 3"
    )
    assert command_line({}) == ""


def test_curves_that_were_summed_up_are_taken_as_they_are(tmp_path):
    curve = {"method": "x", "episodes": [0, 1], "mean": [1.0, 2.0], "low": [0.0, 1.0], "high": [2.0, 3.0]}
    bare = {"method": "y", "episodes": [0, 1], "mean": [1.0, 2.0]}
    one, two = read_run(make_run(tmp_path / "run", curves=[curve, bare])).curves
    assert (one.low.tolist(), one.middle.tolist(), one.high.tolist()) == ([0, 1], [1, 2], [2, 3])
    assert two.low.tolist() == two.high.tolist() == [1, 2]
