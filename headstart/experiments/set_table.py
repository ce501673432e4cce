"""How many demonstrations a task needs after another one: the lecture's table for *Set Table* after *Clear Table*.

Lecture 17, "Multi-task hierarchical imitation learning": old data only failed, new data only 19 ± 0.3, union failed,
selection per skill 11.6 ± 0.25. Demonstrations arrive one at a time in random order. When they are enough is said in
three ways, from the mildest to the one that a user means:

- `steps`: every skill validates in folds over steps (validator A, the paper's);
- `demonstrations`: every skill validates in folds over whole demonstrations (validator B);
- `unused`: what was chosen is right on every demonstration that was not used.

`hindsight` is `unused` for whichever of the mode's model classes is right, as if one knew which. The selectors by rules
choose without folds, so folds over steps are not read for them.
"""

import json
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from headstart.data.call_graph import call_graph
from headstart.data.demonstrations import AnnotatedDemonstration, read_demonstrations
from headstart.errors import InputError
from headstart.experiments.enough import Prepared, first_enough, readings, single_threaded
from headstart.share.select import PAPER_CLASSES
from headstart.share.skill_models import SkillModel

Counts = dict[tuple[str, str, str], int | None]  # by arm, protocol and skill; the empty name is all skills at once
SLIDE = {"share": None, "union": None, "independent": [19.0, 0.3], "selection": [11.6, 0.25]}


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the demonstrations of a task are.

    Attributes:
        path: a JSON Lines file, or a folder of them.
        task: the name of the task in there.
    """

    path: str
    task: str


@dataclass(frozen=True, kw_only=True)
class SetTable:
    """The experiment.

    Attributes:
        new: the demonstrations of the new task.
        past: those of past tasks.
        orders: how many random orders.
        seed: of the orders and the folds.
        accuracy: within which an argument is right.
        workers: processes.
    """

    new: Source
    past: tuple[Source, ...] = ()
    orders: int = 100
    seed: int = 0
    accuracy: float = 1e-6
    workers: int = 2
    models: tuple[SkillModel, ...] = field(default=PAPER_CLASSES)

    def run(self) -> dict[str, Any]:
        """Runs every arm on every order. Returns and raises what `stream` does."""
        work = self.stream()
        while True:
            try:
                next(work)
            except StopIteration as finished:
                return finished.value

    def stream(self, kept: Path | None = None) -> Generator[int, None, dict[str, Any]]:
        """Runs every arm on every order.

        Args:
            kept: a file of JSON Lines where what is found is kept, and found again by the next that is given it.

        Yields:
            How many orders are measured.

        Returns:
            What the result file holds: for each arm and protocol the mean number of demonstrations, its standard
            error, the number of orders in which they were never enough, and how often each number occurred; and the
            same for each skill alone under `hindsight` and `unused`.

        Raises:
            InputError: demonstrations cannot be read or learned from, or there are fewer than two.
        """
        if self.orders < 1 or self.workers < 1:
            raise InputError(f"orders and workers must be at least 1; found {self.orders} and {self.workers}")
        tasks = _read(self)
        if len(tasks[self.new.task]) < 2:
            raise InputError(f"{self.new.path} has one demonstration of {self.new.task!r}; at least two are compared")
        measured = _recall(kept)
        waiting = [order for order in range(self.orders) if order not in measured]
        for order, found in self._alone(waiting) if self.workers == 1 else self._fan_out(waiting):
            measured[order] = found
            _keep(kept, order, found)
            yield len(measured)
        arms: dict[str, Any] = {}
        for arm, protocol, skill in dict.fromkeys(key for one in measured.values() for key in one):
            counts = [measured[order][arm, protocol, skill] for order in range(self.orders)]
            arms.setdefault(arm, {}).setdefault(protocol, {})[skill or "all"] = summarise(counts)
        return {
            "claim": "set-table",
            "task": self.new.task,
            "past": [one.task for one in self.past],
            "demonstrations": {name: len(given) for name, given in tasks.items()},
            "orders": self.orders,
            "seed": self.seed,
            "accuracy": self.accuracy,
            "versions": {"python": sys.version.split()[0], "numpy": np.__version__},
            "slide": SLIDE,
            "arms": arms,
        }

    def _alone(self, orders: Sequence[int]) -> Iterator[tuple[int, Counts]]:
        for order in orders:
            yield order, _measure(self, order)

    def _fan_out(self, orders: Sequence[int]) -> Iterator[tuple[int, Counts]]:
        with single_threaded(), ProcessPoolExecutor(self.workers, mp_context=get_context("spawn")) as pool:
            jobs = {pool.submit(_measure, self, order): order for order in orders}
            for job in as_completed(jobs):
                yield jobs[job], job.result()


def summarise(counts: Sequence[int | None]) -> dict[str, Any]:
    """Mean and standard error over the orders in which the demonstrations were enough.

    Args:
        counts: for each order how many were enough; None where never.

    Returns:
        `mean` and `standard_error` (None where it failed in every order), `failed`, `counts`.

    Example:
        >>> summarise([1, 3, None])
        {'mean': 2.0, 'standard_error': 1.0, 'failed': 1, 'counts': {'1': 1, '3': 1}}
    """
    enough = np.array([one for one in counts if one is not None])
    error = float(enough.std(ddof=1) / len(enough) ** 0.5) if len(enough) > 1 else None
    values, often = np.unique(enough, return_counts=True)
    return {
        "mean": float(enough.mean()) if len(enough) else None,
        "standard_error": error,
        "failed": len(counts) - len(enough),
        "counts": {str(int(v)): int(n) for v, n in zip(values, often, strict=True)},
    }


def table(result: Mapping[str, Any]) -> str:
    """Writes the result as a table for people."""
    protocols = ("steps", "demonstrations", "unused", "hindsight")
    lines = [f"{'':24}" + "".join(f"{name:>16}" for name in protocols)]
    for arm, of in result["arms"].items():
        cells = [_cell(of[name]["all"], result["orders"]) if name in of else "-" for name in protocols]
        lines.append(f"{arm:24}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(lines)


def _cell(of: Mapping[str, Any], orders: int) -> str:
    if of["mean"] is None:
        return "failed"
    text = f"{of['mean']:.2f} ± {of['standard_error'] or 0.0:.2f}"
    return text if not of["failed"] else f"{text} ({of['failed']}/{orders})"


def _read(experiment: SetTable) -> dict[str, tuple[AnnotatedDemonstration, ...]]:
    tasks: dict[str, tuple[AnnotatedDemonstration, ...]] = {}
    for source in (experiment.new, *experiment.past):
        if source.task in tasks:
            raise InputError(f"task {source.task!r} is named twice; a past task must differ from the new one")
        tasks[source.task] = read_demonstrations(source.path, source.task)
        call_graph(tasks[source.task])
    return tasks


@cache
def _prepare(experiment: SetTable) -> Prepared:
    return Prepared(_read(experiment), experiment.models, experiment.accuracy)


def _recall(kept: Path | None) -> dict[int, Counts]:
    measured: dict[int, Counts] = {}
    for line in kept.read_text(encoding="utf-8").splitlines() if kept is not None and kept.exists() else ():
        try:
            one = json.loads(line)
            measured[int(one["order"])] = {(arm, protocol, skill): n for arm, protocol, skill, n in one["needed"]}
        except (ValueError, KeyError, TypeError):
            continue  # the line that was being written when the run was killed
    return measured


def _keep(kept: Path | None, order: int, found: Counts) -> None:
    if kept is not None:
        with kept.open("a", encoding="utf-8") as file:
            file.write("\n" + json.dumps({"order": order, "needed": [[*key, n] for key, n in found.items()]}) + "\n")


def _measure(experiment: SetTable, order: int) -> Counts:
    """How many demonstrations were enough, by arm, protocol and skill (the empty name: all skills at once)."""
    prepared = _prepare(experiment)
    arrival = np.random.default_rng((experiment.seed, order)).permutation(prepared.number)
    found: dict[tuple[str, str, str], int | None] = {}
    for (arm, protocol), right in readings(prepared, arrival, 1000 * order).items():
        last = prepared.number - (protocol in ("unused", "hindsight"))
        found[arm, protocol, ""] = first_enough(right, list(prepared.steps), last)
        if protocol == "hindsight" or (protocol == "unused" and arm.startswith("rules")):
            for skill in prepared.steps:
                found[arm, protocol, skill] = first_enough(right, [skill], last)
    return found


def past_sources(given: Sequence[str]) -> tuple[Source, ...]:
    """Reads `NAME=PATH` words.

    Raises:
        InputError: a word has another form.
    """
    sources = []
    for word in given:
        task, sign, path = word.partition("=")
        if not (task and sign and path and Path(path).exists()):
            raise InputError(
                f"--past {word!r}: expected TASK=PATH with a path that exists, such as ClearTable=old_demos"
            )
        sources.append(Source(path=path, task=task))
    return tuple(sources)
