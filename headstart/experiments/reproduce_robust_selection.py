"""Reusing past tasks must never cost: with a trembling hand and with wrong annotations, on the twin.

Three teachers: one who is exact; one whose tele-operated action trembles by 1 cm, 1 cm and 1 degree, with the paper's
accuracy for it of just that; and one who annotates 5 % of all steps wrongly. The past task is taught by the same hand.
"""

from functools import partial
from typing import Any

from headstart.experiments.claims import Reproduced, Request, Step, Work
from headstart.experiments.lessons import ARMS, Lesson, compare, needed, over_lessons
from headstart.experiments.table_twin import TELE_OPERATED, UNITS, corrupt, teach, tremble
from headstart.experiments.unseen_domains import table

LESSONS = {"tiny": 2, "small": 20, "full": 100}
TEACHERS = ("exact", "trembling", "slipping")
NEW, PAST, MEANT = 30, 40, 25  # demonstrations in each lesson


def lesson(teacher: str, seed: int) -> Lesson:
    """Makes the demonstrations of one lesson.

    Args:
        teacher: of `TEACHERS`.
        seed: of everything.

    Returns:
        *Set* after *clear*, in the order in which they arrive.
    """
    new, past = teach("set", NEW, seed=1_000_000 + seed), teach("clear", PAST, seed=2_000_000 + seed)
    meant, units = teach("set", MEANT, seed=3_000_000 + seed), {}
    if teacher == "trembling":
        deviation = tuple(0.01 * unit for unit in UNITS[TELE_OPERATED])
        new, past = tremble(new, "approach", deviation, 2 * seed), tremble(past, "approach", deviation, 2 * seed + 1)
        units = {TELE_OPERATED: tuple(1e4 * unit for unit in UNITS[TELE_OPERATED])}  # everything else exact to 1e-6
    elif teacher == "slipping":
        new, past = corrupt(new, 0.05, 2 * seed), corrupt(past, 0.05, 2 * seed + 1)
    return Lesson(new, {"clear": past}, meant, units=units)


def reproduce(request: Request) -> Work:
    """Counts the demonstrations that each arm needs under each teacher.

    Args:
        request: `seeds` is the number of lessons of each teacher.

    Yields:
        How far it is.

    Returns:
        A row for each teacher and arm, and how often ours needed fewer, as many and more than learning alone.
    """
    lessons = LESSONS[request.size] if request.seeds is None else request.seeds
    teachers: dict[str, Any] = {}
    for number, teacher in enumerate(TEACHERS):
        work = over_lessons(
            partial(_count, teacher, request.seed), lessons, request.folder / f"kept-{teacher}.jsonl".replace(" ", "-")
        )
        while True:
            try:
                share = (number + next(work) / lessons) / len(TEACHERS)
                yield Step(share, f"{teacher} teacher")
            except StopIteration as finished:
                teachers[teacher] = compare(finished.value)
                break
    result = {"lessons": lessons, "demonstrations": {"new": NEW, "past": PAST, "meant": MEANT}, "teachers": teachers}
    return Reproduced(table(teachers, lessons, "teacher"), result)


def _count(teacher: str, first: int, index: int) -> dict[str, int | None]:
    return needed(lesson(teacher, first + index), ARMS)
