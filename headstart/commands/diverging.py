"""What a command keeps and says of a simulator that diverged."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console

from headstart.commands.sitting import Sitting
from headstart.report.diverged import lines
from headstart.run.diverged import Cases, Ranges, farthest, kept_cases, phrase, ranges_of, write_diverged
from headstart.run.episodes import Episodes
from headstart.run.evaluate import Evaluation
from headstart.spaces import ParameterSpace
from headstart.types import Task

NAME = "diverged.json"


def cases_before(sitting: Sitting, seen: Sequence[Episodes]) -> Cases:
    """Returns the cases of the sittings before this one, where steps diverged in them."""
    return kept_cases(sitting.folder.path / NAME) if any(int(each.invalid_steps) for each in seen) else ()


def keep_diverged(sitting: Sitting, seen: Sequence[Episodes], cases: Cases) -> None:
    """Writes `diverged.json`, where a step diverged."""
    training = sitting.training
    space, ranges = training.family.dynamics, ranges_of(training.distribution)
    write_diverged(sitting.folder.path / NAME, seen, cases, space, ranges)


def tell_diverged(console: Console, path: Path) -> None:
    """Says in a line that the simulator diverged, and where, and in one or two which episodes broke."""
    for line in lines(path):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def broken_line(worth: Evaluation, tasks: Task, space: ParameterSpace, ranges: Ranges) -> str:
    """Says in how many episodes of an evaluation the world broke, and with which dynamics the first time.

    Args:
        worth: of the episodes, of which at least one broke.
        tasks: that they were of, round and round.
        space: the world's parameters.
        ranges: that the tasks were drawn from.
    """
    number = int(np.flatnonzero(worth.broken)[0])
    dynamics = {name: float(values[number % len(values)]) for name, values in tasks.dynamics.items()}
    case = phrase(farthest(dynamics, space, ranges))
    at = f", at e.g. {case}" if case else " with nominal dynamics" if len(space) else ""
    return (
        f"the world broke in {worth.broke} of {len(worth.broken)} episodes{at}; each ended there, and what it had "
        "returned until then is part of the mean"
    )
