"""Target episodes are charged before they begin, whatever happens next, whoever asks."""

import json
import signal
import subprocess
from contextlib import ExitStack

import pytest

from headstart.errors import Fault, InputError
from headstart.run import disk
from headstart.run.ledger import BudgetExceeded, Counts, Ledger
from tests.run import children


def test_counts_of_every_purpose_are_apart(tmp_path):
    ledger = Ledger(path=tmp_path / "ledger.json", budget=5)
    ledger.charge("adaptation", 2)
    ledger.charge("selection")
    ledger.charge("evaluation", 100)
    ledger.add_steps("adaptation", 30)
    ledger.add_steps("selection", 4)
    ledger.add_steps("evaluation", 1000)
    assert ledger.counts() == Counts(2, 1, 100, 30, 4, 1000)
    assert ledger.counts().budgeted_episodes == 3
    assert ledger.counts().target_steps == 34


def test_selection_counts_against_the_budget_and_evaluation_does_not(tmp_path):
    ledger = Ledger(path=tmp_path / "ledger.json", budget=2)
    ledger.charge("adaptation")
    ledger.charge("selection")
    ledger.charge("evaluation", 50)
    for purpose in ("adaptation", "selection"):
        with pytest.raises(BudgetExceeded, match="2 of 2 episodes are used, 1 more"):
            ledger.charge(purpose)
    assert ledger.counts() == Counts(1, 1, 50)


def test_more_than_is_left_books_nothing(tmp_path):
    ledger = Ledger(path=tmp_path / "ledger.json", budget=3)
    ledger.charge("adaptation", 2)
    with pytest.raises(BudgetExceeded):
        ledger.charge("adaptation", 2)
    assert ledger.counts().adaptation_episodes == 2
    ledger.charge("adaptation")


def test_a_budget_of_zero_allows_nothing_and_none_allows_all(tmp_path):
    with pytest.raises(BudgetExceeded, match="0 of 0"):
        Ledger(path=tmp_path / "zero.json", budget=0).charge("adaptation")
    assert Ledger(path=tmp_path / "free.json", budget=None).charge("adaptation", 10**6).adaptation_episodes == 10**6


def test_two_handles_share_one_budget_and_a_later_one_goes_on(tmp_path):
    one, two = (Ledger(path=tmp_path / "ledger.json", budget=3) for _ in range(2))
    one.charge("adaptation")
    two.charge("adaptation", 2)
    with pytest.raises(BudgetExceeded):
        one.charge("adaptation")
    assert Ledger(path=tmp_path / "ledger.json", budget=3).counts() == Counts(3)


RACER = """
import sys
from pathlib import Path
from headstart.run.ledger import BudgetExceeded, Ledger
ledger, booked = Ledger(path=Path(sys.argv[1]), budget=int(sys.argv[2])), 0
print("ready", flush=True)
sys.stdin.readline()
try:
    while True:
        ledger.charge("adaptation")
        booked += 1
except BudgetExceeded:
    print(booked)
"""


def test_racing_processes_never_book_more_than_the_budget(tmp_path):
    path = tmp_path / "ledger.json"
    with ExitStack() as stack:
        racers = [stack.enter_context(children.start(RACER, path, 60, stdin=subprocess.PIPE)) for _ in range(4)]
        assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * 4
        for racer in racers:
            racer.stdin.write("go\n")
            racer.stdin.flush()
        booked = [int(racer.stdout.read()) for racer in racers]
    assert sum(booked) == 60
    assert Ledger(path=path, budget=60).counts().adaptation_episodes == 60


CHARGER = """
import sys
from pathlib import Path
from headstart.run.ledger import Ledger
ledger = Ledger(path=Path(sys.argv[1]), budget=None)
while True:
    ledger.charge("adaptation")
    sys.stdout.write(".")
    sys.stdout.flush()
"""


def test_a_killed_process_leaves_every_episode_that_it_began_on_the_books(tmp_path):
    path, begun = tmp_path / "ledger.json", 0
    for dots in (1, 7, 20):
        with children.start(CHARGER, path) as child:
            begun += len(child.stdout.read(dots))
            child.send_signal(signal.SIGKILL)
            begun += len(child.stdout.read())
        booked = Ledger(path=path, budget=None).counts().adaptation_episodes
        assert begun <= booked <= begun + 1  # the one more: charged, and killed before it was played
        begun = booked


def test_a_disk_that_refuses_stops_the_episode(tmp_path, monkeypatch):
    ledger = Ledger(path=tmp_path / "ledger.json", budget=3)

    def refuse(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(disk, "replace_file", refuse)
    with pytest.raises(Fault, match="no target episode may begin"):
        ledger.charge("adaptation")
    monkeypatch.undo()
    assert ledger.counts() == Counts()


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[]", "is damaged"),
        ('{"format":1,"budget":3,"counts":{"adaptation_episodes":-5}}', "is damaged"),
        ('{"format":1,"budget":3,"counts":{"adaptation_episodes":true}}', "is damaged"),
        ('{"format":1,"budget":3,"counts":{"__class__":1}}', "is damaged"),
        ('{"format":1,"budget":3,"budget":9,"counts":{}}', "a key occurs twice"),
        ('{"format":2,"budget":3,"counts":{}}', "format 2"),
        ('{"format":1,"budget":9,"counts":{}}', "a budget of 9, not 3"),
    ],
)
def test_a_damaged_journal_is_refused_and_kept(tmp_path, content, named):
    path = tmp_path / "ledger.json"
    path.write_text(content)
    with pytest.raises(InputError, match=named):
        Ledger(path=path, budget=3)
    assert path.read_text() == content


@pytest.mark.parametrize("budget", [-1, 1.5, True, "3"])
def test_a_budget_that_is_no_number_of_episodes_is_refused(tmp_path, budget):
    with pytest.raises(InputError, match="budget"):
        Ledger(path=tmp_path / "ledger.json", budget=budget)


def test_wrong_purposes_and_numbers_are_refused(tmp_path):
    ledger = Ledger(path=tmp_path / "ledger.json", budget=3)
    with pytest.raises(InputError, match="did you mean 'adaptation'"):
        ledger.charge("adaption")
    for number in (0, -1, 1.0, True):
        with pytest.raises(InputError, match="from 1 up"):
            ledger.charge("adaptation", number)
    assert ledger.counts() == Counts()


def test_the_journal_is_readable_by_people(tmp_path):
    Ledger(path=tmp_path / "ledger.json", budget=2).charge("selection")
    fields = json.loads((tmp_path / "ledger.json").read_text())
    assert fields["budget"] == 2 and fields["counts"]["selection_episodes"] == 1
