"""How many demonstrations until a controller is right on clean ones, whatever it was taught with.

Noise and slips in the demonstrations that are learned from are no reason to be wrong: the test is what the teacher
meant. Every arm is given the same demonstrations in the same order.
"""

import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from headstart.data.demonstrations import AnnotatedDemonstration
from headstart.experiments.enough import Prepared, first_enough, readings, single_threaded
from headstart.experiments.set_table import summarise
from headstart.share.rules import Search
from headstart.share.select import PAPER_CLASSES

ARMS = ("share", "union", "independent", "selection", "rules, independent", "rules, per decision")
PROTOCOL = {arm: "unused" if arm.startswith("rules") else "hindsight" for arm in ARMS}


class Lesson(NamedTuple):
    """What is learned from, and what is meant.

    Attributes:
        new: demonstrations of the new task, in the order in which they arrive.
        past: those of each past task.
        meant: clean demonstrations of the new task.
        accuracy: within which an argument is right.
        units: see `headstart.share.skill_steps.tabulate`.
        search: the prices of our rules; that of a slip is read off the demonstrations.
    """

    new: tuple[AnnotatedDemonstration, ...]
    past: Mapping[str, tuple[AnnotatedDemonstration, ...]]
    meant: tuple[AnnotatedDemonstration, ...]
    accuracy: float = 1e-6
    units: Mapping[str, Sequence[float]] = {}
    search: Search = Search()


def needed(lesson: Lesson, arms: Sequence[str] = ARMS) -> dict[str, int | None]:
    """Counts demonstrations for each arm.

    Args:
        lesson: what is learned from.
        arms: which selectors. The paper's four are read in hindsight, as if one knew which of their classes is right.

    Returns:
        For each arm the first number of demonstrations with which every skill is right on what is meant; None where
        all of them are not enough.
    """
    tasks = {"\0new": lesson.new, **lesson.past, Prepared.JUDGE: lesson.meant}
    prepared = Prepared(tasks, PAPER_CLASSES, lesson.accuracy, lesson.units, lesson.search)
    answers = readings(prepared, np.arange(prepared.number), 0)
    skills = list(prepared.steps)
    return {arm: first_enough(answers[arm, PROTOCOL[arm]], skills, prepared.number) for arm in arms}


def compare(counts: Mapping[int, Mapping[str, int | None]]) -> dict[str, Any]:
    """Sums up over lessons: each arm, and ours beside its rival lesson by lesson.

    Args:
        counts: for each lesson, what `needed` found.

    Returns:
        `arms` (see `summarise`), and for each pair of interest how often ours needed fewer, as many and more
        demonstrations; where one was never right it counts as needing more than all that there are.
    """
    arms = list(next(iter(counts.values())))
    columns = {arm: [counts[index][arm] for index in sorted(counts)] for arm in arms}
    result: dict[str, Any] = {"arms": {arm: summarise(column) for arm, column in columns.items()}}
    for ours, rival in (("rules, per decision", "rules, independent"), ("rules, per decision", "independent")):
        if ours in columns and rival in columns:
            signs = [
                (b is None) - (a is None) or (0 if a is None or b is None else int(np.sign(b - a)))
                for a, b in zip(columns[ours], columns[rival], strict=True)
            ]
            result[f"{ours} beside {rival}"] = {
                "fewer": signs.count(1),
                "as many": signs.count(0),
                "more": signs.count(-1),
            }
    return result


def over_lessons(
    job: Callable[[int], dict[str, int | None]], lessons: int, kept: Path, workers: int = 2
) -> Generator[int, None, dict[int, dict[str, int | None]]]:
    """Does one job for each lesson, in processes.

    Args:
        job: what to do with the number of a lesson; can be pickled.
        lessons: how many.
        kept: a file of JSON Lines where what is found is kept, and found again when the run is resumed.
        workers: processes.

    Yields:
        How many lessons are over.

    Returns:
        What the jobs returned, by lesson.
    """
    found = _recall(kept)
    waiting = [index for index in range(lessons) if index not in found]
    with kept.open("a", encoding="utf-8") as file:
        for index, one in _each(job, waiting, workers):
            found[index] = one
            file.write("\n" + json.dumps({"lesson": index, "needed": one}) + "\n")
            file.flush()
            yield len(found)
    return found


def _recall(kept: Path) -> dict[int, dict[str, int | None]]:
    found = {}
    for line in kept.read_text(encoding="utf-8").splitlines() if kept.exists() else ():
        try:
            one = json.loads(line)
            found[int(one["lesson"])] = {str(arm): count for arm, count in one["needed"].items()}
        except (ValueError, KeyError, TypeError, AttributeError):
            continue  # the line that was being written when the run was killed
    return found


def _each(
    job: Callable[[int], dict[str, int | None]], lessons: Sequence[int], workers: int
) -> Iterator[tuple[int, dict[str, int | None]]]:
    if workers == 1:
        yield from ((index, job(index)) for index in lessons)
        return
    with single_threaded(), ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        jobs = {pool.submit(job, index): index for index in lessons}
        for one in as_completed(jobs):
            yield jobs[one], one.result()
