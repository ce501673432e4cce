"""The summary is what its schema says, on disk as in the documentation."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from headstart.errors import Fault, InputError
from headstart.run import disk, summary
from headstart.run.summary import Arm, Curve, Summary

ROOT = Path(__file__).parents[2]


def arm(method="scratch", shots=0, **more):
    fields = {
        "iqm": 1.5, "low": 1.0, "high": 2.0, "per_seed": (1.0, 1.5, 2.0), "adaptation_episodes": 0,
        "selection_episodes": 0, "evaluation_episodes": 60, "target_steps": 0, "wall_seconds": 1.25,
    }  # fmt: skip
    return Arm(method=method, shots=shots, **(fields | more))


def study(**more):
    fields = {
        "source": "hopper", "target": "gym:Hopper-v5", "size": "tiny", "shots": (0, 5), "seeds": (0, 1, 2),
        "versions": {"headstart": "0.1.0"}, "arms": (arm(), arm(shots=5, adaptation_episodes=5, target_steps=123)),
    }  # fmt: skip
    return Summary(**(fields | more))


@pytest.mark.parametrize(
    "value",
    [
        study(),
        study(arms=(), shots=(), seeds=()),
        study(
            curves=(Curve(method="scratch", episodes=(0, 1), per_seed=((0.5, 1.0), (0.0, 2.0))),
                    Curve(method="oracle", episodes=(0,), per_seed=((1.0,),))),
            extra={"note": "<script>", "nested": {"a": [1, None]}},
        ),
    ],
)  # fmt: skip
def test_a_summary_comes_back_equal(tmp_path, value):
    path = tmp_path / "summary.json"
    summary.write_summary(path, value)
    assert summary.read_summary(path) == value
    summary.write_summary(path, study(source="other"))
    assert summary.read_summary(path).source == "other"


def test_the_file_has_the_documented_fields(tmp_path):
    summary.write_summary(tmp_path / "summary.json", study())
    value = json.loads((tmp_path / "summary.json").read_text())
    assert set(value) == {"format", "source", "target", "size", "shots", "seeds", "versions", "arms"}
    assert set(value["arms"][0]) == {
        "method", "shots", "iqm", "low", "high", "per_seed", "adaptation_episodes", "selection_episodes",
        "evaluation_episodes", "target_steps", "wall_seconds",
    }  # fmt: skip


def test_the_document_is_the_schema():
    assert json.loads((ROOT / "docs" / "summary.schema.json").read_text()) == summary.SCHEMA


def test_the_dataclasses_and_the_schema_name_the_same_fields():
    assert set(Summary.__dataclass_fields__) | {"format"} == set(summary.SCHEMA["properties"])
    arms = summary.SCHEMA["properties"]["arms"]["items"]
    curves = summary.SCHEMA["properties"]["curves"]["items"]
    assert list(Arm.__dataclass_fields__) == list(arms["properties"]) == arms["required"]
    assert list(Curve.__dataclass_fields__) == list(curves["properties"])


def test_a_single_wrong_field_is_named():
    with pytest.raises(InputError, match=r"summary\.arms\[1\]\.iqm: must be of type number, not str"):
        study(arms=(arm(), arm(shots=5, iqm="high"))).to_json()
    for bad in (float("nan"), float("inf"), True, None):
        with pytest.raises(InputError, match=r"arms\[0\]\.iqm"):
            study(arms=(arm(iqm=bad),)).to_json()


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ({"size": "huge"}, "summary.size: 'huge' is none of tiny, small, full"),
        ({"shots": (-1,)}, r"summary\.shots\[0\]: -1 is below 0"),
        ({"shots": (True,)}, r"summary\.shots\[0\]: must be of type integer, not bool"),
        ({"versions": {"jax": 1}}, r"summary\.versions\.jax: must be of type string"),
        ({"arms": (arm(), arm())}, "'scratch' with 0 shots is there twice"),
        ({"arms": (arm(per_seed=(1.0,)),)}, "1 values for 3 seeds"),
        ({"arms": (arm(low=3.0),)}, "low 3.0 is above high 2.0"),
        ({"arms": (arm(wall_seconds=-1.0),)}, "-1.0 is below 0"),
    ],
)
def test_what_contradicts_the_schema_or_itself_is_never_written(tmp_path, bad, named):
    with pytest.raises(InputError, match=named):
        summary.write_summary(tmp_path / "summary.json", study(**bad))
    assert list(tmp_path.iterdir()) == []


def spoilt(change):
    value = study().to_json()
    change(value)
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "is empty"),
        (spoilt(lambda v: None)[:-20], "not valid JSON"),
        (spoilt(lambda v: v.pop("seeds")), "'seeds' is missing"),
        (spoilt(lambda v: v["arms"][0].pop("low")), r"arms\[0\]: 'low' is missing"),
        (spoilt(lambda v: v.update(more=1)), "'more' is not a field"),
        (spoilt(lambda v: v.update({"\x1b[2J\n": 1})), r"x1b\[2J"),
        (spoilt(lambda v: v["arms"].append(3)), r"arms\[2\]: must be of type object, not int"),
        (spoilt(lambda v: v.update(arms={})), "arms: must be of type array, not dict"),
        (spoilt(lambda v: v.update(format=2)), "format 2"),
        (spoilt(lambda v: v.pop("format")), "no format number"),
    ],
)
def test_a_file_that_is_no_summary_is_named_in_one_line(tmp_path, content, named):
    path = tmp_path / "summary.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=named) as caught:
        summary.read_summary(path)
    assert str(path) in str(caught.value) and str(caught.value).isprintable()
    with pytest.raises(InputError, match=r"no summary\.json in it"):
        summary.read_summary(tmp_path / "nothing.json")


def test_a_full_disk_leaves_the_old_summary(tmp_path, monkeypatch):
    path = tmp_path / "summary.json"
    summary.write_summary(path, study())

    def refuse(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk, "sync_folder", refuse)
    monkeypatch.setattr(disk.os, "fsync", refuse)
    with pytest.raises(Fault, match=r"No space left on device\); \d+ bytes are needed"):
        summary.write_summary(path, replace(study(), source="other"))
    monkeypatch.undo()
    assert summary.read_summary(path) == study()
