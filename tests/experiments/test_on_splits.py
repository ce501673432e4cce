"""What a source is worth on other dynamics: which splits there are, and what the page says of one that is not."""

import json
from types import SimpleNamespace

import jax
import pytest

from headstart.adapt.randomize import Uniform
from headstart.adapt.splits import split
from headstart.commands.showing import revealed
from headstart.experiments.on_splits import on_splits, splits_of, write_splits
from headstart.nets.policies import GaussianPolicy
from headstart.report.page import write_report
from headstart.tasks.catalogue import family
from headstart.tasks.targets import shift

PENDULUM, KEY = family("pendulum"), jax.random.key(0)
POLICY = GaussianPolicy(observation=PENDULUM.observation, action=PENDULUM.action)
NAME = next(iter(PENDULUM.dynamics))
LEGAL = (PENDULUM.dynamics[NAME].low, PENDULUM.dynamics[NAME].high)


def trained(low, high):
    return Uniform(space=PENDULUM.dynamics, ranges={NAME: (low, high)}, base=PENDULUM.task())


def test_where_nothing_lies_outside_the_others_are_kept_and_the_page_says_why(tmp_path):
    found = on_splits(KEY, PENDULUM, POLICY, POLICY.init(KEY), trained(*LEGAL), 2)
    assert {name: len(worth.episode_return) for name, worth in found.items()} == {"default": 2, "interpolation": 2}
    write_splits(tmp_path, "randomized", 0, found)
    (tmp_path / "summary.json").write_text("{}")
    page = write_report(tmp_path).read_text()
    assert "Nothing outside the ranges: no parameter has a legal value outside its range." in page
    assert "inside the ranges" in page and "<td>—</td>" in page


def test_ordinary_ranges_are_split_as_ever_and_what_does_not_vary_is_not():
    nominal = float(PENDULUM.dynamics[NAME].nominal)
    ranges = {NAME: (0.9 * nominal, 1.1 * nominal)}
    assert splits_of(PENDULUM, trained(*ranges[NAME])) == split(PENDULUM.dynamics, ranges, PENDULUM.task())
    assert splits_of(PENDULUM, trained(nominal, nominal)) == {}


@pytest.mark.parametrize(
    "damage", [[], {"without": 3}, {"broken": []}, {"without": {"default": 3}, "source": "x", "returns": {}}]
)
def test_a_damaged_file_is_left_out(damage, tmp_path):
    (tmp_path / "splits-randomized-0.json").write_text(json.dumps(damage))
    (tmp_path / "summary.json").write_text("{}")
    assert "On other dynamics" not in write_report(tmp_path).read_text()


def test_of_friction_only_the_floor_s_is_revealed_which_a_foot_s_multiplies():
    hopper = family("hopper")
    named = revealed(SimpleNamespace(source=hopper), "shifted-hopper:0")
    assert "friction:foot" in hopper.dynamics and "friction:foot" not in named
    assert named["friction:floor"] == shift("hopper", 0).friction and named["gear:leg_joint"] < 1.0
