"""Does the selector hold up where nobody looked? On random domains, at the prices that are fixed and at others.

The prices of the description length (3 nats for a number, 12 for a slip that was never seen) are part of the program;
no domain of this experiment was looked at when they were chosen. Beside them the same is measured at half and at twice.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from headstart.experiments.claims import Reproduced, Request, Step, Work
from headstart.experiments.lessons import ARMS, Lesson, compare, needed, over_lessons
from headstart.experiments.random_domain import demonstrate, draw_domain
from headstart.share.rules import Search

LESSONS = {"tiny": 2, "small": 20, "full": 100}
NEW, PAST, MEANT = 30, 30, 40  # demonstrations in each domain
PRICES = {
    "as fixed": Search(),
    "numbers at half": Search(parameter=Search().parameter / 2),
    "numbers at twice": Search(parameter=Search().parameter * 2),
    "slips at two thirds": Search(never=Search().never * 2 / 3, slip=Search().never * 2 / 3),
    "slips at one and a half": Search(never=Search().never * 1.5, slip=Search().never * 1.5),
}


def lesson(price: str, seed: int) -> Lesson:
    """Makes the demonstrations of a random domain, and says at which prices to learn from them."""
    old, new = draw_domain(seed)
    return Lesson(
        demonstrate(new, "new", NEW, 10 * seed),
        {"old": demonstrate(old, "old", PAST, 10 * seed + 1)},
        demonstrate(new, "new", MEANT, 10 * seed + 2),
        search=PRICES[price],
    )


def reproduce(request: Request) -> Work:
    """Counts the demonstrations that each arm needs in random domains.

    Args:
        request: `seeds` is the number of domains.

    Yields:
        How far it is.

    Returns:
        A row for each price and arm, and how often ours needed fewer, as many and more than learning alone.
    """
    lessons = LESSONS[request.size] if request.seeds is None else request.seeds
    prices: dict[str, Any] = {}
    for number, price in enumerate(PRICES):
        work = over_lessons(
            partial(_count, price, request.seed), lessons, request.folder / f"kept-{price}.jsonl".replace(" ", "-")
        )
        while True:
            try:
                share = (number + next(work) / lessons) / len(PRICES)
                yield Step(share, price)
            except StopIteration as finished:
                prices[price] = compare(finished.value)
                break
    result = {"lessons": lessons, "demonstrations": {"new": NEW, "past": PAST, "meant": MEANT}, "prices": prices}
    return Reproduced(table(prices, lessons, "price"), result)


def table(of: Mapping[str, Any], lessons: int, kind: str) -> str:
    """Writes the comparison for people: for each condition, every arm, and ours beside learning alone."""
    lines = [f"demonstrations needed until right on clean ones, {lessons} lessons for each {kind}"]
    for condition, found in of.items():
        lines += ["", condition]
        for arm, counts in found["arms"].items():
            if counts["mean"] is None:
                cell = "failed"
            else:
                cell = f"{counts['mean']:.2f} ± {counts['standard_error'] or 0.0:.2f}"
                cell += f" (never in {counts['failed']})" if counts["failed"] else ""
            lines.append(f"  {arm:24}{cell}")
        for pair, counts in found.items():
            if " beside " in pair:
                lines.append(f"  {pair}: " + ", ".join(f"{name} in {count}" for name, count in counts.items()))
    return "\n".join(lines)


def _count(price: str, first: int, index: int) -> dict[str, int | None]:
    arms = ARMS if price == "as fixed" else ("rules, independent", "rules, per decision")
    return needed(lesson(price, first + index), arms)
