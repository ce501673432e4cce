"""When are demonstrations enough? For every selector, and in every reading of "enough", skill by skill.

Nothing is worked out twice: what depends on no order once for all orders, the rules of a decision once for each set of
its steps (the first demonstrations recur), a verdict once for all arms that ask for it. And no more than is asked: the
first part of a model that is wrong settles it (`headstart.share.exam`). The answers are those of the selectors called
one after the other, which a test does.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from hashlib import blake2b
from typing import NamedTuple

import numpy as np

from headstart.data.demonstrations import AnnotatedDemonstration
from headstart.share.exam import Exam, rules_pass
from headstart.share.pooling import PastRules, ShortestDescription
from headstart.share.remembering import Remembering as Remembering  # for studies that call selectors themselves
from headstart.share.rule import Rule
from headstart.share.rule_model import Decision, KnownRows, Rules
from headstart.share.rules import Search
from headstart.share.select import MODES, Mode, subsets
from headstart.share.skill_models import Prediction, SkillModel
from headstart.share.skill_steps import Weights, tabulate
from headstart.share.slips import surprise
from headstart.share.validate import OverDemonstrations, OverSteps, Validator, judge

Right = Callable[[str, int], bool]  # whether a skill counts after so many demonstrations
Attempt = tuple[Mode, tuple[int, ...], int]  # a mode with past tasks, and which class of models


class Priced(NamedTuple):
    """Our selector for teachers who slip so often, and the past tasks' own rules."""

    selector: ShortestDescription
    known: dict[str, PastRules]


class Prepared:
    """What does not depend on the order.

    Args:
        tasks: the demonstrations of the new task, then of past ones; a task named `JUDGE` is only judged on.
        models: the classes that the paper's selector chooses from.
        accuracy: within which an argument is right.
        units: see `tabulate`.
        search: the prices of our rules; that of a slip is read off the demonstrations.
    """

    JUDGE = "\0judge"

    def __init__(
        self,
        tasks: Mapping[str, Sequence[AnnotatedDemonstration]],
        models: tuple[SkillModel, ...],
        accuracy: float,
        units: Mapping[str, Sequence[float]] | None = None,
        search: Search = Search(),  # noqa: B008  (frozen)
    ) -> None:
        self.models, self.accuracy, self.search = models, accuracy, search
        self.number = len(next(iter(tasks.values())))
        known = len(tasks) - (self.JUDGE in tasks)
        whole = tabulate(tasks, units)
        self.judged = {skill: of.weights(of.task == known) for skill, of in whole.items()} if known < len(tasks) else {}
        self.steps = {
            skill: of._replace(task=of.task[of.task < known], counts=of.counts[of.task < known])
            for skill, of in whole.items()
        }
        self.exams = {skill: Exam(of, accuracy) for skill, of in self.steps.items()}
        self.subsets = subsets(next(iter(self.steps.values())))
        self.past = {
            (skill, past): of.weights(np.isin(of.task, past))
            for skill, of in self.steps.items()
            for past in self.subsets
        }
        self.shared = {
            (skill, past, index): model.predict(model.fit(self.steps[skill], weights), of.layout, of.inputs)
            for (skill, past), weights in self.past.items()
            for index, model in enumerate(models)
            if weights.any() and (of := self.steps[skill])
        }
        self._rules: dict[tuple[str, str, float, bytes], Rule | None] = {}
        self._rows: dict[str, KnownRows] = {}
        self._priced: dict[float, Priced] = {}

    def forget(self) -> None:
        """Drops what only one order needs."""
        self._rows.clear()
        for exam in self.exams.values():
            exam.forget()

    def priced(self, slip: float) -> Priced:
        """Our selector at the price of a slip."""
        if slip not in self._priced:
            ours = ShortestDescription(rules=Rules(search=replace(self.search, slip=slip), accuracy=self.accuracy))
            self._priced[slip] = Priced(ours, {skill: ours.study(of) for skill, of in self.steps.items()})
        return self._priced[slip]

    def rule(self, skill: str, decision: Decision, slip: float, new: Weights, with_past: bool) -> Rule | None:
        """The rule of one decision, from the new task's steps alone or by our selector."""
        own, steps = new[decision.rows], self.steps[skill]
        if not with_past and not own.any():
            return None
        data = blake2b(own.tobytes(), digest_size=16).digest()
        key = skill, decision.key + ("+" if with_past else ""), slip, data
        if key not in self._rules:
            selector, known = self.priced(slip)
            if with_past:
                self._rules[key] = selector.rule(steps, decision, new, known[skill], self._rows.setdefault(skill, {}))
            else:
                rows = self._rows.setdefault(skill, {})
                self._rules[key] = selector.rules.find(steps, decision, [new], known=rows).rule
        return self._rules[key]


def readings(prepared: Prepared, arrival: np.ndarray, seed: int) -> dict[tuple[str, str], Right]:
    """For every arm and protocol, whether a skill counts after n demonstrations.

    Args:
        prepared: see there.
        arrival: the order of the demonstrations.
        seed: of the folds.

    Returns:
        The answers, worked out when asked and remembered, by arm and protocol.
    """
    order = _Order(prepared, arrival, seed)
    answers: dict[tuple[str, str], Right] = {}
    single: dict[str, tuple[Mode, ...]] = {mode: (mode,) for mode in MODES}
    for name, modes in (single | {"selection": MODES}).items():
        answers[name, "steps"] = order.validated(modes, OverSteps())
        answers[name, "demonstrations"] = order.validated(modes, OverDemonstrations())
        answers[name, "unused"] = order.chosen_right(modes)
        answers[name, "hindsight"] = order.some_right(modes)
    for name, with_past in (("rules, independent", False), ("rules, per decision", True)):
        answers[name, "demonstrations"] = order.rules_validated(with_past)
        answers[name, "unused"] = order.rules_right(with_past)
    return answers


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


@contextmanager
def single_threaded() -> Iterator[None]:
    """Has processes that are started here do linear algebra in one thread: tiny matrices only wait for each other."""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class _Order:
    """One random order, and what is asked of it."""

    def __init__(self, prepared: Prepared, arrival: np.ndarray, seed: int) -> None:
        self.prepared, self.arrival, self.seed = prepared, arrival, seed
        prepared.forget()
        self.new = cache(self._new)
        self.judged = cache(self._judged)
        self.folds = cache(self._folds)
        self.passed = cache(self._passed)
        self.reproduced = cache(self._reproduced)
        self.fits_unused = cache(self._fits_unused)
        self.slip = cache(self._slip)

    def attempts(self, modes: tuple[Mode, ...]) -> Iterator[Attempt]:
        """What the paper's selector tries, in its order."""
        models = range(len(self.prepared.models))
        for past in self.prepared.subsets:
            for mode in MODES[:2]:
                if mode in modes:
                    for model in models:
                        yield mode, past, model
        if "independent" in modes:
            for model in models:
                yield "independent", (), model

    def validated(self, modes: tuple[Mode, ...], validator: Validator) -> Right:
        """Whether some mode validates on the first demonstrations."""
        return lambda skill, n: any(self.passed(skill, n, validator, one) for one in self.attempts(modes))

    def chosen_right(self, modes: tuple[Mode, ...]) -> Right:
        """Whether what validator A lets pass first is right on every unused demonstration."""

        @cache
        def right(skill: str, n: int) -> bool:
            chosen = (one for one in self.attempts(modes) if self.passed(skill, n, OverSteps(), one))
            first = next(chosen, None)
            return first is not None and self.fits_unused(skill, n, first)

        return right

    def some_right(self, modes: tuple[Mode, ...]) -> Right:
        """Whether any class of models in any of the modes is right on every unused demonstration."""
        return lambda skill, n: any(self.fits_unused(skill, n, one) for one in self.attempts(modes))

    def rules_right(self, with_past: bool) -> Right:
        """Whether rules are right on every unused demonstration."""

        @cache
        def right(skill: str, n: int) -> bool:
            return self._rules_pass(skill, n, self.new(skill, n), self.judged(skill, n), with_past)

        return right

    def rules_validated(self, with_past: bool) -> Right:
        """Whether rules found without each demonstration in turn are right on it."""

        @cache
        def right(skill: str, n: int) -> bool:
            folds = self.folds(skill, n, OverDemonstrations())
            if folds is None:
                return False
            total = folds.sum(axis=0)
            return all(self._rules_pass(skill, n, total - fold, fold, with_past) for fold in folds)

        return right

    def _rules_pass(self, skill: str, n: int, new: Weights, judged: Weights, with_past: bool) -> bool:
        prepared, slip = self.prepared, self.slip(n, with_past)
        return rules_pass(
            prepared.steps[skill],
            lambda decision: prepared.rule(skill, decision, slip, new, with_past),
            judged,
            prepared.accuracy,
        )

    def _new(self, skill: str, n: int) -> Weights:
        return self.prepared.steps[skill].weights(self.arrival[:n])

    def _judged(self, skill: str, n: int) -> Weights:
        if self.prepared.judged:
            return self.prepared.judged[skill]
        return self.prepared.steps[skill].weights(self.arrival[n:])

    def _slip(self, n: int, with_past: bool) -> float:
        some = next(iter(self.prepared.steps.values()))
        used = some.task > 0 if with_past else np.zeros(len(some.task), bool)
        used[self.arrival[:n]] = True
        return surprise(self.prepared.steps, used, self.prepared.search.never)

    def _folds(self, skill: str, n: int, validator: Validator) -> np.ndarray | None:
        return validator.folds(self.seed + n, self.prepared.steps[skill], self.arrival[:n])

    def _passed(self, skill: str, n: int, validator: Validator, attempt: Attempt) -> bool:
        """Whether one class in one mode validates: `Selection` with nothing but the answer."""
        mode, past, index = attempt
        if mode == "share":
            return self._share_right(skill, past, index, self.new(skill, n))
        prepared, model = self.prepared, self.prepared.models[index]
        always = prepared.past[skill, past] if past else np.zeros(len(self.new(skill, n)))
        if (past and not always.any()) or (folds := self.folds(skill, n, validator)) is None:
            return False
        total = self.new(skill, n)
        if not self.reproduced(skill, n, attempt):
            return False
        known = total + always > 0
        for fold in folds:
            training = total - fold + always
            if not training.any():
                return False
            if ((training > 0) != known).any() and not prepared.exams[skill].passes(model, training, fold):
                return False
        return True

    def _reproduced(self, skill: str, n: int, attempt: Attempt) -> bool:
        """Whether a class reproduces the new data that it was fitted on."""
        _, past, index = attempt
        total = self.new(skill, n)
        if not total.any():
            return False
        training = total + self.prepared.past[skill, past] if past else total
        return self.prepared.exams[skill].passes(self.prepared.models[index], training, total)

    def _fits_unused(self, skill: str, n: int, attempt: Attempt) -> bool:
        mode, past, index = attempt
        judged, prepared = self.judged(skill, n), self.prepared
        if mode == "share":
            return self._share_right(skill, past, index, judged)
        training = self.new(skill, n) + prepared.past[skill, past] if past else self.new(skill, n)
        return bool(training.any()) and prepared.exams[skill].passes(prepared.models[index], training, judged)

    def _share_right(self, skill: str, past: tuple[int, ...], index: int, judged: Weights) -> bool:
        prepared = self.prepared
        if (said := prepared.shared.get((skill, past, index))) is None:
            return False
        rows = np.flatnonzero(judged)
        answers = Prediction(*(part[rows] for part in said))
        return judge(prepared.steps[skill], rows, judged[rows], answers, prepared.accuracy).right
