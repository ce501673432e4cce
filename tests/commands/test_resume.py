"""A run that was killed, stopped or damaged goes on to the same last bit, or says in one line why it cannot."""

import json
import re
import shutil
import signal
import warnings
from pathlib import Path

import pytest

from headstart.__main__ import main
from headstart.commands.settings import CHANGEABLE, TrainSettings
from headstart.run import checkpoint, lock, sealed
from headstart.run.record import RunFolder
from tests.commands import kills

KILLS = 4  # of each of the five configurations
TINY = ("pendulum", "--envs", "8", "--steps", "2048", "--checkpoint-every", "512")


@pytest.fixture(scope="module")
def references(tmp_path_factory):
    folder = tmp_path_factory.mktemp("references")

    def play(name):
        return kills.reference(folder / name.replace(" ", "-"), kills.CONFIGURATIONS[name])

    return dict(zip(kills.CONFIGURATIONS, kills.side_by_side(play, list(kills.CONFIGURATIONS)), strict=True))


@pytest.fixture(scope="module")
def survivors(references, tmp_path_factory):
    folder = tmp_path_factory.mktemp("killed")

    def play(name):
        return kills.survive(folder / name.replace(" ", "-"), references[name], KILLS, seed=len(name))

    return dict(zip(references, kills.side_by_side(play, list(references)), strict=True))


@pytest.mark.parametrize("name", kills.CONFIGURATIONS)
def test_killed_runs_end_where_uninterrupted_ones_do(name, references, survivors):
    ends = survivors[name].ends
    assert ends == [references[name].ended] * len(ends)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_asked_to_stop_saves_and_says_how_to_go_on(number, status, references, tmp_path):
    aim, folder = references["pendulum by SAC"], RunFolder(path=tmp_path / "a run")
    child = kills.go_on(folder.path, aim.words)
    kills.wait_until(lambda: kills.size(folder.metrics) > 0, child)
    child.send_signal(number)
    said, _ = child.communicate(timeout=120)
    assert child.returncode == status, said
    assert f"go on with: headstart resume '{folder.path}'" in said and "Traceback" not in said
    [last] = [json.loads(line)["step"] for line in folder.metrics.read_text().splitlines()[-1:]]
    assert checkpoint.steps(folder.checkpoints)[-1] == last < aim.ended.step
    kills.finish(kills.go_on(folder.path, aim.words))
    assert kills.ended(folder.path) == aim.ended


def test_a_run_asked_to_stop_before_its_first_step_begins_again(references, tmp_path):
    aim, folder = references["pendulum by PPO"], tmp_path / "run"
    child = kills.go_on(folder, aim.words)
    kills.wait_until((folder / lock.NAME).exists, child)
    child.terminate()
    said, _ = child.communicate(timeout=120)
    assert child.returncode == 143 and f"go on with: headstart resume {folder}" in said
    kills.finish(kills.go_on(folder, aim.words))
    assert kills.ended(folder) == aim.ended


def test_a_second_signal_ends_a_run_at_once_and_nothing_is_lost(references, tmp_path):
    aim, folder = references["pendulum by SAC"], RunFolder(path=tmp_path / "run")
    child = kills.go_on(folder.path, aim.words)
    kills.wait_until(lambda: len(checkpoint.steps(folder.checkpoints)) > 0, child)
    for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGCONT):  # both are there when it wakes
        child.send_signal(number)
    said, _ = child.communicate(timeout=120)
    assert child.returncode in (130, 143) and "go on with" not in said, said
    kills.finish(kills.go_on(folder.path, aim.words))
    assert kills.ended(folder.path) == aim.ended


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Returns a finished run made in this process."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    assert main(["train", *TINY, "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def copy(finished, tmp_path, capsys):
    """Returns a copy of it that a test may harm."""
    capsys.readouterr()
    return RunFolder(path=shutil.copytree(finished, tmp_path / "run"))


def resume(folder, capsys):
    status = main(["resume", str(folder.path)])
    said = capsys.readouterr()
    return status, said.out, said.err


def change(folder, **settings):
    config = json.loads(folder.config.read_text())
    for name, value in settings.items():
        place = config if name in ("seed", "versions") else config["settings"]
        place[name] = value
    folder.config.write_text(json.dumps(config))


def rows(folder):
    """Returns the metrics without what the clock has to do with."""
    lines = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "time/fps"} for line in lines]


def last_state(folder: RunFolder) -> Path:
    return folder.checkpoints / f"step_{checkpoint.steps(folder.checkpoints)[-1]}" / sealed.STATE


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_a_finished_run_says_so_and_is_left_alone(copy, capsys):
    before = {path: path.stat().st_mtime_ns for path in copy.path.rglob("*") if path.is_file() and path.name != "lock"}
    status, out, err = resume(copy, capsys)
    assert (status, err) == (0, "") and "has finished, 2,048 steps" in out
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_run_killed_before_its_policy_was_written_writes_it(copy, capsys):
    policy = kills.digest(copy.path / "policy" / sealed.STATE)
    shutil.rmtree(copy.path / "policy")
    assert resume(copy, capsys)[0] == 0
    assert kills.digest(copy.path / "policy" / sealed.STATE) == policy


def test_a_run_without_a_checkpoint_begins_again(copy, finished, capsys):
    state, before = kills.digest(last_state(copy)), rows(copy)
    shutil.rmtree(copy.checkpoints)
    shutil.rmtree(copy.path / "policy")
    assert resume(copy, capsys)[0] == 0
    assert kills.digest(last_state(copy)) == state and rows(copy) == before


def test_a_damaged_checkpoint_is_passed_over_with_one_line(copy, capsys):
    state, before = kills.digest(last_state(copy)), rows(copy)
    flip(last_state(copy))
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        status, _, err = resume(copy, capsys)
    assert status == 0
    assert err.count("\n") == 1 and re.match(r"headstart: .*checkpoints: damaged and passed over: step_2048 \(", err)
    assert kills.digest(last_state(copy)) == state and rows(copy) == before


def test_where_every_checkpoint_is_damaged_each_is_named(copy, capsys):
    for step in checkpoint.steps(copy.checkpoints):
        flip(copy.checkpoints / f"step_{step}" / sealed.STATE)
    status, _, err = resume(copy, capsys)
    assert status == 2 and err.count("\n") == 1 and "step_2048" in err and "step_1536" in err


def test_a_second_process_leaves_with_one_line(copy, capsys):
    with lock.hold(copy.path):
        status, out, err = resume(copy, capsys)
    assert (status, out) == (2, "") and err.count("\n") == 1 and "in use by process" in err


OTHERS = {
    "family": "point_maze",
    "learner": "sac",
    "steps": 4096,
    "randomize": "mild",
    "envs": 4,
    "checkpoint_every": 1024,
    "deterministic": True,
    "replay": 4096,
    "seeds": 2,
    "memory": "history",
    "critic": "privileged",
    "seed": 1,
}


@pytest.mark.parametrize("name", sorted(OTHERS.keys() - set(CHANGEABLE)))
def test_a_changed_setting_is_refused_by_name(name, copy, capsys):
    change(copy, **{name: OTHERS[name]})
    status, _, err = resume(copy, capsys)
    assert status == 2 and err.count("\n") == 1
    assert f"{name} " in err and f"→ {OTHERS[name]!r}" in err


def test_every_setting_has_been_tried():
    assert OTHERS.keys() == TrainSettings.__annotations__.keys() | {"seed"}


@pytest.mark.parametrize("value", [None, "8", 8.0, True, [8]])
def test_a_damaged_setting_is_refused_by_name(value, copy, capsys):
    change(copy, envs=value)
    status, _, err = resume(copy, capsys)
    assert status == 2 and err.count("\n") == 1 and "'envs'" in err


def test_a_finished_run_with_more_steps_goes_on_as_if_it_had_had_them(copy, tmp_path, capsys):
    change(copy, steps=3072, checkpoint_every=1024)
    assert resume(copy, capsys)[0] == 0
    whole = RunFolder(path=tmp_path / "whole")
    assert main(["train", *TINY, "--steps", "3072", "--out", str(whole.path)]) == 0
    assert kills.digest(last_state(copy)) == kills.digest(last_state(whole)) and rows(copy) == rows(whole)


def test_other_versions_are_named_and_the_run_goes_on(copy, capsys):
    change(copy, versions={"jax": "0.0.1"})
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        status, _, err = resume(copy, capsys)
    assert (
        status == 0 and err.count("\n") == 1 and err.startswith("headstart: goes on with other versions (jax 0.0.1 → ")
    )
