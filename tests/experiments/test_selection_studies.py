"""What a past task gives must not be taken back by noise, by slips, or by a domain that nobody looked at."""

import json
from functools import partial

import pytest

from headstart.data.call_graph import call_graph, findings
from headstart.experiments import reproduce_robust_selection as robust
from headstart.experiments import unseen_domains as unseen
from headstart.experiments.claims import Request
from headstart.experiments.lessons import compare, needed, over_lessons
from headstart.experiments.random_domain import demonstrate, draw_domain

OURS, ALONE = "rules, per decision", "rules, independent"


def finished(work):
    shares = []
    while True:
        try:
            shares.append(next(work))
        except StopIteration as over:
            return shares, over.value


@pytest.mark.parametrize("teacher", robust.TEACHERS)
def test_a_past_task_helps_whatever_the_teacher_is_like(teacher):
    found = needed(robust.lesson(teacher, 7), (ALONE, OURS))
    assert found[OURS] is not None and (found[ALONE] is None or found[OURS] <= found[ALONE]), found


def test_believing_slips_as_before_is_worse(monkeypatch):
    """The law can fail: at the price of a teacher who never slips, slips are learned."""
    quick = needed(robust.lesson("slipping", 0), (ALONE,))[ALONE]
    monkeypatch.setattr("headstart.experiments.enough.surprise", lambda skills, used, never: never)
    slow = needed(robust.lesson("slipping", 0)._replace(new=robust.lesson("slipping", 0).new[:4]), (ALONE,))[ALONE]
    assert quick is not None and (slow is None or slow > quick)


@pytest.mark.parametrize("seed", [200, 201, 202, 203])
def test_a_random_domain_is_learned_and_its_past_does_not_harm(seed):
    found = needed(unseen.lesson("as fixed", seed), (ALONE, OURS))
    assert found[OURS] is not None and found[OURS] <= (found[ALONE] or 99), found


def test_random_domains_differ_and_are_sound():
    graphs = []
    for seed in range(12):
        old, new = draw_domain(seed)
        given = demonstrate(new, "new", 4, seed)
        assert findings(given) == () and demonstrate(new, "new", 4, seed) == given
        assert old != new
        graphs.append(call_graph(given).calls)
    assert len({json.dumps(one) for one in graphs}) == 12


def test_comparisons_by_hand():
    counts = {0: {OURS: 1, ALONE: 3}, 1: {OURS: 2, ALONE: 2}, 2: {OURS: None, ALONE: 5}, 3: {OURS: 4, ALONE: None}}
    found = compare(counts)
    assert found[f"{OURS} beside {ALONE}"] == {"fewer": 2, "as many": 1, "more": 1}
    assert found["arms"][OURS]["failed"] == 1 and found["arms"][ALONE]["mean"] == pytest.approx(10 / 3)


def lesson_of(asked, index):
    with open(asked, "a") as file:
        file.write(f"{index}\n")
    return {OURS: index}


def test_lessons_that_were_kept_are_not_learned_again(tmp_path):
    kept, asked = tmp_path / "kept.jsonl", tmp_path / "asked"
    work = over_lessons(partial(lesson_of, asked), 4, kept, workers=1)
    assert [next(work), next(work)] == [1, 2]
    work.close()
    with kept.open("a") as file:
        file.write('{"lesson": 3, "nee')  # killed while writing
    _, found = finished(over_lessons(partial(lesson_of, asked), 4, kept, workers=1))
    assert found == {index: {OURS: index} for index in range(4)}
    assert asked.read_text().split() == ["0", "1", "2", "3"]


@pytest.mark.study
def test_the_studies_end_to_end(tmp_path):
    for module in (robust, unseen):
        folder = tmp_path / module.__name__
        folder.mkdir()
        shares, reproduced = finished(module.reproduce(Request(size="tiny", folder=folder)))
        assert shares[-1].share == 1.0 and "fewer in" in reproduced.table
        json.dumps(reproduced.result, allow_nan=False)
