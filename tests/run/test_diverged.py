"""Which cases of a simulator that diverged are kept, and what is named first in them."""

import json

import numpy as np
import pytest

from headstart.adapt.randomize import Uniform
from headstart.errors import Fault
from headstart.experiments.peng_learning import Job, practised
from headstart.experiments.peng_worlds import ARMS
from headstart.experiments.sources import key_of
from headstart.learn.ppo import PPO
from headstart.nets.memory import policy_with
from headstart.report.diverged import lines, read_diverged
from headstart.run import episodes
from headstart.run.diverged import MOST, farthest, kept_cases, phrase, with_cases, write_diverged
from headstart.run.train import Training, train
from headstart.spaces import Parameter, ParameterSpace
from headstart.tasks.fixed import Fixed
from headstart.types import Rollout, Task
from tests.commands.fragile import TOO_HEAVY, Fragile

SPACE = ParameterSpace(
    (
        Parameter(name="mass:leg", unit="kg", nominal=1.0, low=0.01, high=100.0, scale="log"),
        Parameter(name="tilt:floor", unit="rad", nominal=0.0, low=-1.0, high=1.0),
    )
)


def rollout(valid, mass, tilt=0.0):
    """Two environments for as many steps as there are rows of `valid`; the numbers that nobody reads are zeros."""
    valid = np.array(valid, bool)
    zeros, nobody = np.zeros(valid.shape, np.float32), np.zeros(valid.shape, bool)
    dynamics = {"mass:leg": np.array(mass, np.float32), "tilt:floor": np.broadcast_to(np.float32(tilt), valid.shape)}
    return Rollout(zeros, zeros, zeros, zeros, nobody, ~valid, nobody, valid, Task(dynamics, {}))


def test_the_first_cases_are_kept_in_their_order_each_once():
    some = with_cases((), rollout([[1, 0], [0, 0]], [[1, 2], [3, 2]]))
    assert [case["mass:leg"] for case in some] == [2.0, 3.0]
    more = with_cases(some, rollout(np.zeros((9, 2)), np.arange(18).reshape(9, 2)))
    assert [case["mass:leg"] for case in more] == [2.0, 3.0, 0.0, 1.0, 4.0, 5.0, 6.0, 7.0] and len(more) == MOST


def test_where_all_is_well_the_tasks_are_not_looked_at():
    class Unread(dict):
        def items(self):
            raise AssertionError

    well = rollout([[1, 1]], [[1, 1]])._replace(task=Task(Unread(), {}))
    assert with_cases((), well) == ()
    with pytest.raises(AssertionError):
        with_cases((), well._replace(valid=np.zeros((1, 2), bool)))


def test_distance_is_in_widths_of_the_range_on_the_parameter_s_own_scale():
    case = {"mass:leg": 2.0, "tilt:floor": 0.1}
    ranges = {"mass:leg": (1.0, 4.0), "tilt:floor": (-0.1, 0.1)}
    assert [(one.name, pytest.approx(one.away)) for one in farthest(case, SPACE, ranges)] == [
        ("mass:leg", 0.5),
        ("tilt:floor", 0.5),
    ]
    legal = farthest(case, SPACE, {"tilt:floor": (0.1, 0.1)})  # always the same: measured by what is legal
    assert [(one.name, round(one.away, 3)) for one in legal] == [("mass:leg", 0.075), ("tilt:floor", 0.05)]
    assert phrase(legal) == "mass:leg = 2 kg, tilt:floor = 0.1 rad"
    assert farthest({"mass:leg": 1.0}, SPACE, {}) == []


def test_the_file_is_read_back_and_goes_where_nothing_diverges_any_more(tmp_path):
    file, seen = tmp_path / "diverged.json", episodes.start(2)
    broken = rollout([[1, 0]], [[1, 2]])
    cases = with_cases((), broken)
    write_diverged(file, [episodes.track(seen, broken)], cases, SPACE, {})
    assert kept_cases(file) == cases
    (line,) = lines(tmp_path)
    assert line == f"the simulator diverged in 1 of 2 steps, at e.g. mass:leg = 2 kg; see {file}"
    write_diverged(file, [seen], (), SPACE, {})
    assert not file.exists() and kept_cases(file) == () and lines(tmp_path) == []
    write_diverged(file, [seen], (), SPACE, {})
    with pytest.raises(Fault, match="make room"):
        write_diverged(tmp_path / "nowhere" / "diverged.json", [episodes.track(seen, broken)], cases, SPACE, {})


def test_at_nominal_dynamics_that_is_what_is_said(tmp_path):
    broken = rollout([[1, 0]], [[1, 1]])
    file = tmp_path / "diverged-nominal-0.json"
    write_diverged(file, [episodes.track(episodes.start(2), broken)], with_cases((), broken), SPACE, {}, "nominal", 0)
    (line,) = lines(tmp_path)
    assert line.startswith("the simulator diverged in 1 of 2 steps of the arm nominal, at nominal dynamics; see ")


@pytest.mark.parametrize(
    "change",
    [
        {"diverged": "many"},
        {"steps": 0},
        {"cases": [{"dynamics": {}, "farthest": [{"name": "a"}]}]},
        {"cases": [{"dynamics": {}, "farthest": [{"name": "a", "value": "x", "nominal": 1, "away": 1, "unit": ""}]}]},
        {"cases": 3},
    ],
)
def test_a_damaged_file_is_left_out_of_the_page(tmp_path, change):
    value = {"format": 1, "source": "", "seed": None, "diverged": 1, "steps": 2, "cases": []}
    (tmp_path / "diverged.json").write_text(json.dumps(value))
    assert len(read_diverged(tmp_path)) == 1
    (tmp_path / "diverged.json").write_text(json.dumps(value | change))
    assert read_diverged(tmp_path) == []


def test_a_study_that_keeps_nothing_else_of_a_training_says_where_it_diverged(tmp_path):
    world = Fragile()
    learner = PPO(policy=policy_with("none", world.observation, world.action))
    tasks = Uniform(space=world.dynamics, ranges={"mass:rod": (1.0, 2.0)}, base=world.task())
    job = Job("hopper", "no randomization", ARMS["no randomization"], 3)
    practised(job, world, learner, tasks, 4096, tmp_path, part="gone on")
    training = Training(family=world, learner=learner, distribution=tasks, split=False)
    progress = list(train(training, training.start(key_of(3, job.name)), 4096))
    lost = sum(int(np.sum(~np.asarray(one.rollout.valid))) for one in progress)
    (told,) = read_diverged(tmp_path)
    assert (told.source, told.diverged, told.steps) == ("hopper, no randomization", lost, 4096) and lost > 0
    assert all(case[0].name == "mass:rod" and case[0].value >= TOO_HEAVY for case in told.cases)
    practised(job, world, learner, Fixed(task=world.task()), 4096, tmp_path)
    (file,) = tmp_path.iterdir()  # where nothing diverges there is none
    assert file.name == "diverged-hopper-no-randomization-3-gone-on.json"
