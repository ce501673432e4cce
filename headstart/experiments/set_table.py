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

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from headstart.data.call_graph import call_graph
from headstart.data.demonstrations import AnnotatedDemonstration, read_demonstrations
from headstart.errors import InputError
from headstart.share.pooling import PastRules, ShortestDescription
from headstart.share.rule_model import Rules
from headstart.share.select import MODES, PAPER_CLASSES, Mode, Selection, subsets
from headstart.share.skill_models import Prediction, SkillModel
from headstart.share.skill_steps import SkillSteps, tabulate
from headstart.share.validate import OverDemonstrations, OverSteps, Validator, held_out, judge

SLIDE = {"share": None, "union": None, "independent": (19.0, 0.3), "selection": (11.6, 0.25)}
Right = Callable[[str, int], bool]


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
        """Runs every arm on every order.

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
        orders = range(self.orders)
        measured = [_measure(self, order) for order in orders] if self.workers == 1 else self._fan_out()
        arms: dict[str, Any] = {}
        for arm, protocol, skill in dict.fromkeys(key for one in measured for key in one):
            counts = [one[arm, protocol, skill] for one in measured]
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

    def _fan_out(self) -> list[dict[tuple[str, str, str], int | None]]:
        threads = {name: os.environ.get(name) for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")}
        os.environ.update(dict.fromkeys(threads, "1"))  # tiny matrices: threads only wait for each other
        try:
            with ProcessPoolExecutor(self.workers, mp_context=get_context("spawn")) as pool:
                jobs = [pool.submit(_measure, self, order) for order in range(self.orders)]
                return [job.result() for job in jobs]
        finally:
            for name, value in threads.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


class _Prepared(NamedTuple):
    """What does not depend on the order."""

    steps: dict[str, SkillSteps]
    number: int
    known: dict[str, PastRules]
    shared: dict[str, list[Prediction]]  # of each model class fitted on each subset of past tasks, at every step


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
def _prepare(experiment: SetTable) -> _Prepared:
    tasks = _read(experiment)
    steps = tabulate(tasks)
    ours = ShortestDescription(rules=Rules(accuracy=experiment.accuracy))
    known = {skill: ours.study(of) for skill, of in steps.items()}
    shared = {skill: [*_shared(of, experiment.models)] for skill, of in steps.items()}
    return _Prepared(steps, len(tasks[experiment.new.task]), known, shared)


def _shared(steps: SkillSteps, models: tuple[SkillModel, ...]) -> Iterator[Prediction]:
    for past in subsets(steps):
        weights = steps.weights(np.isin(steps.task, past))
        for model in models if weights.any() else ():
            yield model.predict(model.fit(steps, weights), steps.layout, steps.inputs)


def _measure(experiment: SetTable, order: int) -> dict[tuple[str, str, str], int | None]:
    """How many demonstrations were enough, by arm, protocol and skill (the empty name: all skills at once)."""
    prepared = _prepare(experiment)
    arrival = np.random.default_rng((experiment.seed, order)).permutation(prepared.number)
    found: dict[tuple[str, str, str], int | None] = {}
    for (arm, protocol), right in _arms(experiment, prepared, arrival, order).items():
        last = prepared.number - (protocol in ("unused", "hindsight"))
        found[arm, protocol, ""] = first_enough(right, list(prepared.steps), last)
        if protocol == "hindsight" or (protocol == "unused" and arm.startswith("rules")):
            for skill in prepared.steps:
                found[arm, protocol, skill] = first_enough(right, [skill], last)
    return found


def first_enough(right: Right, skills: Sequence[str], last: int) -> int | None:
    """The first number of demonstrations with which all skills are right; None if `last` is not enough either.

    The skill that failed last is asked first: mostly one skill holds up all others.
    """
    waiting = list(skills)
    for n in range(1, last + 1):
        wrong = next((skill for skill in waiting if not right(skill, n)), None)
        if wrong is None:
            return n
        waiting.remove(wrong)
        waiting.insert(0, wrong)
    return None


def _arms(experiment: SetTable, prepared: _Prepared, arrival: np.ndarray, order: int) -> dict[tuple[str, str], Right]:
    """For every arm and protocol, whether a skill counts after n demonstrations."""
    arms: dict[tuple[str, str], Right] = {}
    single: dict[str, tuple[Mode, ...]] = {mode: (mode,) for mode in MODES}
    for name, modes in (single | {"selection": MODES}).items():
        for protocol, validator in (("steps", OverSteps()), ("demonstrations", OverDemonstrations())):
            arms[name, protocol] = _validated(experiment, prepared, arrival, order, experiment.models, modes, validator)
        some = _some_right(experiment, prepared, arrival, experiment.models, modes)
        arms[name, "hindsight"] = some
        arms[name, "unused"] = _chosen_right(experiment, prepared, arrival, order, modes, some)
    rules = (Rules(accuracy=experiment.accuracy),)
    alone: tuple[Mode, ...] = ("independent",)
    folds = OverDemonstrations()
    arms["rules, independent", "demonstrations"] = _validated(
        experiment, prepared, arrival, order, rules, alone, folds)  # fmt: skip
    arms["rules, independent", "unused"] = _some_right(experiment, prepared, arrival, rules, alone)
    arms["rules, per decision", "demonstrations"] = _ours_validated(experiment, prepared, arrival, order, folds)
    arms["rules, per decision", "unused"] = _ours_right(experiment, prepared, arrival)
    return arms


def _validated(
    experiment: SetTable,
    prepared: _Prepared,
    arrival: np.ndarray,
    order: int,
    models: tuple[SkillModel, ...],
    modes: tuple[Mode, ...],
    validator: Validator,
) -> Right:
    selection = Selection(models=models, validator=validator, modes=modes, accuracy=experiment.accuracy)

    @cache
    def right(skill: str, n: int) -> bool:
        return selection.choose(order * 1000 + n, prepared.steps[skill], arrival[:n]).mode is not None

    return right


def _chosen_right(
    experiment: SetTable,
    prepared: _Prepared,
    arrival: np.ndarray,
    order: int,
    modes: tuple[Mode, ...],
    some: Right,
) -> Right:
    selection = Selection(models=experiment.models, validator=OverSteps(), modes=modes, accuracy=experiment.accuracy)

    @cache
    def right(skill: str, n: int) -> bool:
        if not some(skill, n):  # then what is chosen is wrong too, and need not be chosen
            return False
        steps = prepared.steps[skill]
        choice = selection.choose(order * 1000 + n, steps, arrival[:n])
        unused = steps.weights(arrival[n:])
        return choice.mode is not None and held_out(
            choice.model, choice.params, steps, unused, experiment.accuracy).right  # fmt: skip

    return right


def _some_right(
    experiment: SetTable,
    prepared: _Prepared,
    arrival: np.ndarray,
    models: tuple[SkillModel, ...],
    modes: tuple[Mode, ...],
) -> Right:
    @cache
    def right(skill: str, n: int) -> bool:
        steps = prepared.steps[skill]
        new, unused = steps.weights(arrival[:n]), steps.weights(arrival[n:])
        rows = np.flatnonzero(unused)
        if "share" in modes and any(
            judge(steps, rows, unused[rows], Prediction(*(part[rows] for part in one)), experiment.accuracy).right
            for one in prepared.shared[skill]
        ):
            return True
        trainings = [new] if "independent" in modes else []
        if "union" in modes:
            trainings += [steps.weights(np.isin(steps.task, past)) + new for past in subsets(steps)]
        return any(
            held_out(model, model.fit(steps, training), steps, unused, experiment.accuracy).right
            for training in trainings
            if training.any()
            for model in models
        )

    return right


def _ours_right(experiment: SetTable, prepared: _Prepared, arrival: np.ndarray) -> Right:
    ours = ShortestDescription(rules=Rules(accuracy=experiment.accuracy))

    @cache
    def right(skill: str, n: int) -> bool:
        steps = prepared.steps[skill]
        choice = ours.choose(steps, steps.weights(arrival[:n]), prepared.known[skill])
        unused = steps.weights(arrival[n:])
        return held_out(choice.model, choice.params, steps, unused, experiment.accuracy).right

    return right


def _ours_validated(
    experiment: SetTable, prepared: _Prepared, arrival: np.ndarray, order: int, validator: Validator
) -> Right:
    ours = ShortestDescription(rules=Rules(accuracy=experiment.accuracy))

    @cache
    def right(skill: str, n: int) -> bool:
        steps = prepared.steps[skill]
        folds = validator.folds(order * 1000 + n, steps, arrival[:n])
        if folds is None:
            return False
        total = folds.sum(axis=0)
        for fold in folds:
            if (total - fold).any():
                choice = ours.choose(steps, total - fold, prepared.known[skill])
                if held_out(choice.model, choice.params, steps, fold, experiment.accuracy).right:
                    continue
            return False
        return True

    return right


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
