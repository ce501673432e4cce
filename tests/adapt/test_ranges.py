"""Ranges in a user's words: what they mean, and one line for what they cannot mean."""

import json

import pytest

from headstart.adapt.randomize import preset, preset_ranges
from headstart.adapt.ranges import randomization, ranges_of, read_ranges
from headstart.errors import InputError
from headstart.tasks.catalogue import family

HOPPER = family("hopper")
SPACE = HOPPER.dynamics


def test_a_name_goes_before_a_pattern_and_both_before_the_preset():
    table = {"mass:torso": [1, 2], "preset": "mild", "mass:*": [0.5, 1.5], "gear:leg_joint": 1}
    found, mild = ranges_of(SPACE, table), preset_ranges(SPACE, "mild")
    assert found["mass:torso"] == (1.0, 2.0) and found["mass:foot"] == found["mass:leg"] == (0.5, 1.5)
    assert found["gear:leg_joint"] == (1.0, 1.0) and found["gear:foot_joint"] == mild["gear:foot_joint"]
    assert set(found) == set(mild)
    assert ranges_of(SPACE, dict(sorted(table.items()))) == found, "the order of entries means nothing"


def test_without_a_preset_all_else_is_nominal():
    drawn = randomization(HOPPER, '{"delay:action":[0,2],"mass:*":[0.5,2]}').drawn
    assert [each.parameter.name for each in drawn] == [*(n for n in SPACE if n.startswith("mass:")), "delay:action"]


def test_a_preset_s_name_is_the_preset():
    assert read_ranges("mild") == "mild" and read_ranges("none", ("none",)) == "none"
    assert randomization(HOPPER, "mild").drawn == preset(HOPPER, "mild").drawn
    assert randomization(HOPPER, '{"preset":"mild"}').drawn == preset(HOPPER, "mild").drawn


def test_a_file_and_its_words_are_read_alike(tmp_path):
    table = {"mass:*": [0.5, 2.0], "delay:action": [0, 1]}
    (tmp_path / "ranges.json").write_text(json.dumps(table, indent=2))
    words = read_ranges(str(tmp_path / "ranges.json"))
    assert words == read_ranges(json.dumps(table)) == read_ranges(words)
    assert json.loads(words) == table


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("wild", "unknown --randomize.* 'wild'; did you mean .*'wide'"),
        ("no.json", r"--randomize no.json: cannot be read \(No such file"),
        ("{", "--randomize: not valid JSON"),
        ('{"mass:torso": [1, 2], "mass:torso": [1, 3]}', "a key occurs twice"),
        ("{}", "a table is needed"),
        ('{"mass:torso": [2, 1]}', "--randomize: parameter 'mass:torso': .* is inverted"),
        ('{"mass:torso": [0, 1]}', "leaves what is legal"),
        ('{"mass:tors": [1, 2]}', "unknown parameter 'mass:tors'; did you mean 'mass:torso'"),
        ('{"mass:arm*": [1, 2]}', "no parameter matches 'mass:arm.'; there are mass:torso, "),
        ('{"mass:*": [1, 2], "*:foot": [1, 3]}', r"both '\*:foot' and 'mass:\*' match 'mass:foot'; name it by itself"),
        ('{"mass:torso": [1, 2, 3]}', "'mass:torso' is .*; a lowest and a highest value are needed"),
        ('{"mass:torso": "heavy"}', "a lowest and a highest value are needed"),
        ('{"mass:torso": [true, 2]}', "a lowest and a highest value are needed"),
        ('{"preset": "wild"}', "unknown preset 'wild'"),
        ('{"preset": 3}', "preset is '3'; choose from mild"),
        ('{"delay:action": [0, 0.5]}', "only whole values"),
    ],
)
def test_what_cannot_be_meant_is_one_line(words, said):
    with pytest.raises(InputError, match=said) as error:
        randomization(HOPPER, read_ranges(words))
    assert "\n" not in str(error.value)
