"""`headstart transfer --adapt`: the arm from end to end, small, and what is refused before anything begins."""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest

from headstart.__main__ import main
from headstart.adapt.posterior import Posterior
from headstart.adapt.sim_opt import SimOpt
from headstart.commands.transfer import Plan, settings_of
from headstart.experiments.scales import SCALES, Scale
from headstart.options import Transfer
from headstart.run.summary import read_summary

SMALL = Scale(
    seeds=1,
    source_steps=4_096,
    open_steps=4_096,
    adapted_steps=4_096,
    oracle_steps=8_192,
    evaluation_episodes=3,
    experience_steps=1_024,
)
WORDS = ["transfer", "--source", "hopper", "--size", "tiny", "--randomize", "mild"]


def run(folder, *words):
    before = SCALES["tiny"]
    SCALES["tiny"] = SMALL
    try:
        assert main([*WORDS, *words, "--out", str(folder)]) == 0
    finally:
        SCALES["tiny"] = before
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "adapted"
    with contextlib.redirect_stdout(io.StringIO()) as said:
        run(folder, "--adapt", "posterior", "--shots", "0,1", "--excite")
    (folder.parent / "said.txt").write_text(said.getvalue())
    return folder


@pytest.fixture(scope="module")
def by_observations(tmp_path_factory):
    return run(tmp_path_factory.mktemp("runs") / "simopt", "--adapt", "simopt", "--shots", "1")


def test_the_adapted_arm_has_an_entry_for_every_k_and_pays_for_it(whole):
    arms = {arm.shots: arm for arm in read_summary(whole / "summary.json").arms if arm.method == "adapted"}
    assert sorted(arms) == [0, 1]
    assert [arms[k].adaptation_episodes for k in (0, 1)] == [0, 1]
    assert all(np.isfinite(arm.iqm) for arm in arms.values())


def test_the_delay_of_the_target_is_found_and_its_motors_are_weaker(whole):
    record = json.loads((whole / "adaptation-0.json").read_text())
    names, last = record["parameters"], record["posteriors"][-1]["intervals"]
    assert last[names.index("delay:action")] == [1.0, 1.0, 1.0]  # every shifted target has it
    gears = [last[i][1] for i, name in enumerate(names) if name.startswith("gear")]
    assert np.mean(gears) < 1.0
    assert record["posteriors"][-1]["simulator_steps"] < 1_000_000


def test_what_the_episodes_are_not_expected_to_tell_is_said_before_they_are_spent(whole):
    lines = (whole.parent / "said.txt").read_text().splitlines()
    (said,) = (i for i, line in enumerate(lines) if line.startswith("adapted, seed 0: by 1 target episode, if "))
    (spent,) = (i for i, line in enumerate(lines) if line.startswith("adapted, k = 1, seed 0: return"))
    assert said < spent
    record = json.loads((whole / "adaptation-0.json").read_text())
    assert lines[said].endswith(", ".join(record["unidentified"]) or "every parameter is expected to be identified")


def test_the_page_shows_prior_posterior_and_trajectories(whole):
    page = (whole / "report.html").read_text()
    for title in ("What the target&#x27;s episodes said about the simulator", "Simulated and measured"):
        assert title in page
    assert (whole / "posterior.png").stat().st_size > 10_000 and (whole / "replay.png").stat().st_size > 10_000


def test_what_is_left_unknown_is_in_the_record_and_on_the_page(whole):
    record, page = json.loads((whole / "adaptation-0.json").read_text()), (whole / "report.html").read_text()
    last = record["posteriors"][-1]
    assert set(last["remaining"]) == set(record["parameters"]) - {"noise:observation"}  # mild knows the noise
    assert last["unidentified"] == [name for name, left in last["remaining"].items() if left > 0.8]
    assert "delay:action" not in last["unidentified"] and last["unidentified"]
    assert f"Not identified after k = 1: {', '.join(last['unidentified'])}." in page
    assert "Names in grey were not identified after k = 1." in page and "with the noise that was estimated" in page


class TestSimOptToItsEnd:
    def test_the_adapted_arm_is_there_and_the_record_is_whole(self, by_observations):
        (arm,) = (arm for arm in read_summary(by_observations / "summary.json").arms if arm.method == "adapted")
        assert (arm.shots, arm.adaptation_episodes) == (1, 1) and np.isfinite(arm.iqm)
        record = json.loads((by_observations / "adaptation-0.json").read_text())
        (part,) = record["posteriors"]
        assert record["method"] == "simopt" and part["diverged"] == len(part["diverged_at"]) == 0
        assert part["unidentified"] == [name for name, left in part["remaining"].items() if left > 0.8]
        shown = record["trajectory"]
        assert np.shape(shown["measured"])[0] == 6 and np.shape(shown["prior"]) == (2, *np.shape(shown["measured"]))

    def test_the_page_says_what_is_left_unknown_and_shows_simulated_beside_measured(self, by_observations):
        page = (by_observations / "report.html").read_text()
        (part,) = json.loads((by_observations / "adaptation-0.json").read_text())["posteriors"]
        assert part["unidentified"] and f"Not identified after k = 1: {', '.join(part['unidentified'])}." in page
        assert "SimOpt has no forecast" in page and "not expected to be identified" not in page
        assert "Simulated and measured" in page and "which is what the method compares" in page
        assert "No simulated trajectory" not in page
        assert (by_observations / "replay.png").stat().st_size > 10_000


def test_the_page_gives_all_three_splits_of_both_sources(whole):
    for kind in ("nominal", "randomized"):
        returns = json.loads((whole / f"splits-{kind}-0.json").read_text())["returns"]
        assert {name: len(part) for name, part in returns.items()} == {
            "default": 3, "interpolation": 3, "extrapolation": 3
        }  # fmt: skip
    assert "outside the ranges" in (whole / "report.html").read_text()


def test_the_page_says_what_each_source_has_left_to_try(whole):
    assert sorted(path.name for path in whole.glob("diagnosis-*.json")) == [
        "diagnosis-nominal-0.json", "diagnosis-randomized-0.json"
    ]  # fmt: skip
    page = (whole / "report.html").read_text()
    assert "What the sources have left to try" in page and "deterministic states" in page
    assert (whole / "diagnosis.png").stat().st_size > 5_000


def adapter_of(seen, acted):
    """A table for the hopper, whose policy sees 11 numbers and moves 3 motors."""
    return json.dumps({"observation": seen, "action": acted})


EVERY = [{"from": i} for i in range(11)]
MOTORS = [{"from": i} for i in range(3)]


class TestTargetsThatAreNotSeenInFull:
    @pytest.mark.parametrize(
        ("seen", "acted", "says"),
        [
            ([*EVERY[:4], {"value": 0.0}, *EVERY[5:]], MOTORS, "observation[4] is a constant"),
            ([*EVERY[:4], {"from": 4, "scale": 0.0}, *EVERY[5:]], MOTORS, "observation[4] is a constant"),
            ([*EVERY[:4], {"from": 1}, *EVERY[5:]], MOTORS, "observation[4] repeats observation[1]"),
            (EVERY, [*MOTORS[:2], {"value": 0.2}], "action[2] is a constant"),
            (EVERY, [*MOTORS[:2], {"from": 2, "scale": 0}], "action[2] is a constant"),
            (EVERY, [*MOTORS[:2], {"from": 0}], "entry 2 of the policy's action moves nothing"),
        ],
    )
    def test_the_posterior_refuses_them_before_anything_is_trained(self, seen, acted, says, tmp_path, capsys):
        words = [*WORDS, "--adapt", "posterior", "--adapter", adapter_of(seen, acted), "--out", str(tmp_path / "run")]
        assert main(words) == 2
        error = capsys.readouterr().err
        assert says in error and "--adapt simopt" in error and len(error.strip().splitlines()) == 1
        assert not (tmp_path / "run").exists()

    def test_the_same_numbers_in_another_order_and_unit_are_the_whole_state(self):
        turned = adapter_of([{"from": i, "scale": -2.0, "offset": 1.0} for i in reversed(range(11))], MOTORS[::-1])
        plan = Plan.of(settings_of(Transfer(source="hopper", adapt="posterior", adapter=turned)), Path("nowhere"))
        assert isinstance(plan.study.adaptation, Posterior)

    def test_what_compares_observations_takes_them(self):
        partly = adapter_of([*EVERY[:4], {"value": 0.0}, *EVERY[5:]], MOTORS)
        plan = Plan.of(settings_of(Transfer(source="hopper", adapt="simopt", adapter=partly)), Path("nowhere"))
        assert isinstance(plan.study.adaptation, SimOpt)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--adapt", "posterior", "--shots", "0"], "no target episode is allowed"),
        (["--excite", "--shots", "0,1"], "--adapt posterior"),
        (["--adapt", "simopt", "--excite"], "only the posterior"),
        (["--source", "pusher", "--adapt", "posterior"], "simopt"),
        (["--adapt", "posterior", "--randomize", '{"mass:torso": 1.0}'], "nothing can be adapted"),
        (["--source", "pendulum", "--target", "gym:Pendulum-v1", "--adapt", "posterior"], "no one-step prediction"),
    ],
)
def test_what_cannot_work_is_one_line_and_leaves_nothing_behind(words, says, tmp_path, capsys):
    assert main(["transfer", *words, "--size", "tiny", "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert says in error and len(error.strip().splitlines()) == 1
    assert not (tmp_path / "run").exists()
