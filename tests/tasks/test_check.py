"""`check` finds each planted defect, names what to change, and has nothing against the decent ones."""

import pytest

from headstart.errors import InputError
from headstart.tasks.check import check
from tests.tasks.faulty_worlds import DEFECTS

HERE = "tests.tasks.faulty_worlds:"


def checked(name, steps=400):
    return check(HERE + name.replace(" ", "_"), steps, isolate=False)


@pytest.mark.parametrize("defect", DEFECTS)
def test_each_planted_defect_is_found(defect):
    severity, words = DEFECTS[defect]
    found = checked(defect, 3 if defect == "slow" else 400)
    hits = [finding for finding in found if words in finding.what]
    assert hits and hits[0].severity == severity, found
    assert hits[0].where and hits[0].change


@pytest.mark.parametrize(
    ("source", "words"),
    [("forgetful", "there are goals, and no compute_reward"), ("old_signature", "reset does not take its arguments")],
)
def test_what_is_missing_is_found(source, words):
    assert any(words in finding.what and finding.severity == "problem" for finding in checked(source))


@pytest.mark.parametrize("name", ["good", "good goals"])
def test_there_is_nothing_to_say_against_a_decent_environment(name):
    assert [finding for finding in checked(name) if finding.severity != "good"] == []


@pytest.mark.parametrize("id", ["Hopper-v5", "CartPole-v1", "Pendulum-v1", "Reacher-v5"])
def test_gymnasiums_own_have_no_problems(id):
    assert [finding for finding in check(f"gym:{id}", 200, isolate=False) if finding.severity == "problem"] == []


def test_a_family_of_ours_has_no_problems():
    assert [
        f for f in check("headstart.tasks.targets:shifted_hopper", 200, isolate=False) if f.severity != "good"
    ] == []


@pytest.mark.parametrize("mode", ["sync", "foreign"])
def test_batches_are_stepped_as_a_whole(mode):
    found = check(f"tests.tasks.gym_worlds:{mode}_of_three", 60, isolate=False)
    assert [finding.severity for finding in found] == ["good"]


def test_an_environment_that_ends_its_process_is_reported():
    (finding,) = check(HERE + "abort", 50)
    assert (finding.severity, finding.what[:32]) == ("problem", "the process was killed by SIGABR")


def test_an_environment_that_hangs_is_reported():
    (finding,) = check(HERE + "hang", 50, timeout=5.0)
    assert finding.what == "it did not finish within 5 s"


def test_findings_arrive_from_the_child():
    assert [finding.severity for finding in check(HERE + "good", 50) if finding.severity == "problem"] == []


@pytest.mark.parametrize("isolate", [True, False])
def test_an_unknown_source_is_refused(isolate):
    with pytest.raises(InputError, match="did you mean 'good'"):
        check(HERE + "god", isolate=isolate)
    with pytest.raises(InputError, match="0 steps are too few"):
        check(HERE + "good", 0, isolate=isolate)
