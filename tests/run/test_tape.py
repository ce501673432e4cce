"""What a target has given once is kept: it is never asked for the same episode twice, wherever the study was cut."""

import json
import os
import signal
from dataclasses import dataclass, field

import jax
import numpy as np
import pytest

from headstart.errors import Fault, InputError
from headstart.run import disk
from headstart.run.ledger import Counts, Ledger
from headstart.run.tape import ROOM, Tape
from headstart.run.target import Target
from headstart.spaces import Box
from headstart.types import Rollout, Task
from tests.run import children

PLAN = [("adaptation", 2), ("evaluation", 3), ("adaptation", 3), ("evaluation", 3)]
PARAMS = {"weight": np.arange(3.0, dtype=np.float32)}


@dataclass(frozen=True, kw_only=True)
class Robot:
    """Counts on the disk how often it was asked: what it has done stays done, whatever becomes of the process."""

    log: object
    kind: str = "host"
    horizon: int = 9
    name: str = "robot"
    observation: dict = field(default_factory=lambda: {"camera": Box((2,)), "speed": Box((1,))})
    action: Box = field(default_factory=lambda: Box((1,), -1.0, 1.0))

    def task(self):
        return Task({}, {}, ())

    def sample(self, key, n):
        return self.task()


def play(key, family, policy, params, tasks, episodes):
    """Plays episodes of different lengths, each written down before it is over."""
    made = []
    for i in range(episodes):
        with open(family.log, "a") as log:
            log.write("episode\n")
        rng = np.random.default_rng(np.append(np.asarray(jax.random.key_data(key)), i))
        steps = int(rng.integers(2, 9))
        numbers = rng.normal(size=(steps, 1, 2)).astype(np.float32)
        ended = np.zeros((steps, 1), bool)
        ended[-1] = True
        obs = {"camera": numbers, "speed": numbers[..., :1]}
        made.append(Rollout(obs, numbers[..., :1], numbers[..., 0], obs, ended, ~ended, ~ended, ~ended | ended, tasks))
    return tuple(made)


def handle(folder):
    ledger, tape = Ledger(path=folder / "ledger.json", budget=5), Tape(folder / "episodes")
    ledger.settle(tape.counts())
    return Target(lambda: Robot(log=folder / "log"), ledger, play, tape), ledger


def follow(folder):
    """Does everything in the plan, from the beginning, as a study that is taken up again does."""
    target, ledger = handle(folder)
    found = [target.run(jax.random.key(i), None, PARAMS, n, purpose) for i, (purpose, n) in enumerate(PLAN)]
    return found, ledger.counts()


def asked(folder):
    return (folder / "log").read_text().count("episode")


def same(a, b):
    return all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in zip(*map(jax.tree.leaves, (a, b)), strict=True))


@pytest.fixture
def whole(tmp_path):
    folder = tmp_path / "whole"
    folder.mkdir()
    return folder, *follow(folder)


def test_a_finished_study_asks_for_nothing_when_it_is_done_again(whole):
    folder, found, counts = whole
    assert asked(folder) == 11 and counts[:3] == (5, 0, 6) and counts.lost_episodes == 0
    again, after = follow(folder)
    assert same(found, again) and after == counts and asked(folder) == 11
    assert jax.tree.structure(found) == jax.tree.structure(again)


def test_what_was_passed_is_what_a_study_has_come_to_and_not_what_lies_on_the_disk(whole):
    folder, _, counts = whole
    tape = Tape(folder / "episodes")
    ledger = Ledger(path=folder / "ledger.json", budget=5)
    target = Target(lambda: Robot(log=folder / "log"), ledger, play, tape)
    assert tape.passed() == Counts() and ledger.counts() == counts
    for i, (purpose, n) in enumerate(PLAN[:2]):
        target.run(jax.random.key(i), None, PARAMS, n, purpose)
    assert tape.passed()[:3] == (2, 0, 3)  # 2 of 5 adaptation episodes, though all were played before
    for i, (purpose, n) in enumerate(PLAN[2:]):
        target.run(jax.random.key(2 + i), None, PARAMS, n, purpose)
    assert tape.passed() == counts


CUTS = ("ledger.charge", "play", "tape.record", "ledger.add_steps")


class Cut(BaseException):
    pass


@pytest.mark.parametrize("moment", CUTS)
@pytest.mark.parametrize("number", [0, 1, 2, 4])
@pytest.mark.parametrize("after", [False, True])
def test_a_cut_at_any_moment_costs_at_most_the_call_that_was_running(
    moment, number, after, whole, tmp_path, monkeypatch
):
    folder = tmp_path / "cut"
    folder.mkdir()
    calls = []

    def cutting(real):
        def call(*arguments, **options):
            calls.append(1)
            if len(calls) - 1 == number and not after:
                raise Cut
            result = real(*arguments, **options)
            if len(calls) - 1 == number:
                raise Cut
            return result

        return call

    kind = {"ledger": Ledger, "tape": Tape}.get(moment.partition(".")[0])
    if kind is None:
        monkeypatch.setattr("tests.run.test_tape.play", cutting(play))
    else:
        name = moment.partition(".")[2]
        monkeypatch.setattr(kind, name, cutting(getattr(kind, name)))
    with pytest.raises((Cut, Fault)):
        follow(folder)
    monkeypatch.undo()
    found, counts = follow(folder)
    _, expected, plain = whole
    assert same(found, expected)
    assert counts._replace(lost_episodes=0) == plain
    recorded = (moment, after) in {("tape.record", True), ("ledger.add_steps", False), ("ledger.add_steps", True)}
    begun = (moment, after) != ("ledger.charge", False)
    size = 3 if number == 2 else 1  # the third call is an evaluation of three
    assert counts.lost_episodes == (0 if recorded or not begun else size)
    assert asked(folder) - 11 in ({0, size} if not recorded else {0})


KILLED = """
import os, signal, sys
from pathlib import Path
import tests.run.test_tape as test
folder, number = Path(sys.argv[1]), int(sys.argv[2])
plain, played = test.play, []
def play(*arguments):
    played.append(1)
    episodes = plain(*arguments)
    if len(played) == number:
        os.kill(os.getpid(), signal.SIGKILL)
    return episodes
test.play = play
test.follow(folder)
"""


def test_kill_9_between_episodes_loses_the_running_one_and_asks_for_no_other_again(whole, tmp_path):
    folder = tmp_path / "killed"
    folder.mkdir()
    for number in (2, 3):  # in the second episode; then, one being kept, in the third call from there
        with children.start(KILLED, folder, number) as child:
            child.communicate()
            assert child.returncode == -signal.SIGKILL
    found, counts = follow(folder)
    _, expected, plain = whole
    assert same(found, expected) and counts._replace(lost_episodes=0) == plain
    assert counts.lost_episodes == asked(folder) - 11 == 1 + 1


def test_nothing_begins_where_it_could_not_be_kept(tmp_path, monkeypatch):
    target, ledger = handle(tmp_path)
    room = os.statvfs(tmp_path)
    monkeypatch.setattr(disk, "RESERVE", room.f_bavail * room.f_frsize - ROOM // 2)
    with pytest.raises(Fault, match="no episode is begun that could not be kept: make room"):
        target.run(jax.random.key(0), None, PARAMS, 1, "adaptation")
    assert ledger.counts() == Counts() and not (tmp_path / "log").exists()


def test_another_policy_s_episodes_are_used_with_a_warning(whole):
    folder, found, _ = whole
    target, _ = handle(folder)
    with pytest.warns(RuntimeWarning, match="adaptation_0: was played by a policy with other last bits"):
        again = target.run(jax.random.key(0), None, {"weight": PARAMS["weight"] + 1}, 2, "adaptation")
    assert same(found[0], again) and asked(folder) == 11


def test_a_damaged_record_is_named_and_not_played_again_by_itself(whole):
    folder, _, _ = whole
    state = folder / "episodes" / "adaptation_1" / "state.safetensors"
    content = bytearray(state.read_bytes())
    content[-1] ^= 1
    state.write_bytes(content)
    with pytest.raises(Fault, match=r"adaptation_1: a target episode's record is damaged .*move it away"):
        follow(folder)
    assert asked(folder) == 11


def test_more_records_than_were_charged_are_refused(whole):
    folder, _, _ = whole
    journal = json.loads((folder / "ledger.json").read_text())
    journal["counts"]["adaptation_episodes"] = 2
    (folder / "ledger.json").write_text(json.dumps(journal))
    with pytest.raises(InputError, match="5 episodes of adaptation were kept and only 2 charged"):
        handle(folder)
