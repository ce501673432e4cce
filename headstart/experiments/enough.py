"""When are demonstrations enough? For every selector, and in every reading of "enough", skill by skill.

What does not depend on the order of the demonstrations is done once, and nothing is fitted twice on the same data.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from headstart.data.demonstrations import AnnotatedDemonstration
from headstart.share.pooling import PastRules, ShortestDescription
from headstart.share.rule_model import Rules
from headstart.share.select import MODES, Choice, Mode, Selection, subsets
from headstart.share.skill_models import Prediction, SkillModel, SkillParams
from headstart.share.skill_steps import Layout, SkillSteps, Weights, tabulate
from headstart.share.validate import OverDemonstrations, OverSteps, Validator, held_out, judge

Right = Callable[[str, int], bool]  # whether a skill counts after so many demonstrations
ALONE: tuple[Mode, ...] = ("independent",)


@dataclass(frozen=True)
class Remembering:
    """A model class that fits the same data once: arms and folds ask for it again and again.

    Attributes:
        model: which fits.
        memory: what was fitted, by skill and weights.
    """

    model: SkillModel
    memory: dict[tuple[str, bytes], SkillParams] = field(default_factory=dict, compare=False, repr=False)

    def fit(self, steps: SkillSteps, weights: Weights) -> SkillParams:
        key = steps.layout.procedure, weights.tobytes()
        if key not in self.memory:
            self.memory[key] = self.model.fit(steps, weights)
        return self.memory[key]

    def predict(self, params: SkillParams, layout: Layout, inputs: Float[np.ndarray, "step input"]) -> Prediction:
        return self.model.predict(params, layout, inputs)


class Prepared(NamedTuple):
    """What does not depend on the order.

    Attributes:
        steps: of every skill of the new task, in all tasks.
        number: of demonstrations of the new task.
        models: the classes that the paper's selector chooses from.
        accuracy: within which an argument is right.
        shared: each class fitted on each subset of past tasks, and what it says at every step.
        rules: fitted rules are remembered across orders: the first demonstrations recur.
        ours: our selector.
        known: the past tasks' own rules.
        choices: of our selector, by skill and weights.
    """

    steps: dict[str, SkillSteps]
    number: int
    models: tuple[SkillModel, ...]
    accuracy: float
    shared: dict[str, list[Prediction]]
    rules: Remembering
    ours: ShortestDescription
    known: dict[str, PastRules]
    choices: dict[tuple[str, bytes], Choice]


def prepare(
    tasks: Mapping[str, Sequence[AnnotatedDemonstration]], models: tuple[SkillModel, ...], accuracy: float
) -> Prepared:
    """Does once what every order needs.

    Args:
        tasks: the demonstrations of the new task, then of past ones.
        models: the classes that the paper's selector chooses from.
        accuracy: within which an argument is right.

    Returns:
        What `readings` takes.
    """
    steps = tabulate(tasks)
    ours = ShortestDescription(rules=Rules(accuracy=accuracy))
    shared: dict[str, list[Prediction]] = {skill: [] for skill in steps}
    for skill, of in steps.items():
        for past in subsets(of):
            weights = of.weights(np.isin(of.task, past))
            for model in models if weights.any() else ():
                shared[skill].append(model.predict(model.fit(of, weights), of.layout, of.inputs))
    known = {skill: ours.study(of) for skill, of in steps.items()}
    number = len(next(iter(tasks.values())))
    return Prepared(steps, number, models, accuracy, shared, Remembering(ours.rules), ours, known, {})


def readings(prepared: Prepared, arrival: np.ndarray, seed: int) -> dict[tuple[str, str], Right]:
    """For every arm and protocol, whether a skill counts after n demonstrations.

    Args:
        prepared: from `prepare`.
        arrival: the order of the demonstrations.
        seed: of the folds.

    Returns:
        The answers, worked out when asked and remembered, by arm and protocol.
    """
    order = _Order(prepared, arrival, seed, tuple(Remembering(model) for model in prepared.models))
    answers: dict[tuple[str, str], Right] = {}
    single: dict[str, tuple[Mode, ...]] = {mode: (mode,) for mode in MODES}
    for name, modes in (single | {"selection": MODES}).items():
        answers[name, "steps"] = order.validated(order.models, modes, OverSteps())
        answers[name, "demonstrations"] = (
            answers[name, "steps"]  # the past alone is judged on all new data, without folds
            if modes == ("share",)
            else order.validated(order.models, modes, OverDemonstrations())
        )
        answers[name, "hindsight"] = order.some_right(order.models, modes)
        answers[name, "unused"] = order.chosen_right(modes, answers[name, "hindsight"])
    rules = (prepared.rules,)
    answers["rules, independent", "demonstrations"] = order.validated(rules, ALONE, OverDemonstrations())
    answers["rules, independent", "unused"] = order.some_right(rules, ALONE)
    answers["rules, per decision", "demonstrations"] = order.ours_validated()
    answers["rules, per decision", "unused"] = order.ours_right()
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


class _Order(NamedTuple):
    """One random order, and what is asked of it."""

    prepared: Prepared
    arrival: np.ndarray
    seed: int
    models: tuple[SkillModel, ...]

    def validated(self, models: tuple[SkillModel, ...], modes: tuple[Mode, ...], validator: Validator) -> Right:
        """Whether some mode validates on the first demonstrations."""
        selection = Selection(models=models, validator=validator, modes=modes, accuracy=self.prepared.accuracy)

        @cache
        def right(skill: str, n: int) -> bool:
            return selection.choose(self.seed + n, self.prepared.steps[skill], self.arrival[:n]).mode is not None

        return right

    def chosen_right(self, modes: tuple[Mode, ...], some: Right) -> Right:
        """Whether what validator A lets pass is right on every unused demonstration."""
        selection = Selection(
            models=self.models, validator=OverSteps(), modes=modes, accuracy=self.prepared.accuracy
        )  # fmt: skip

        @cache
        def right(skill: str, n: int) -> bool:
            if not some(skill, n):  # then what is chosen is wrong too, and need not be chosen
                return False
            choice = selection.choose(self.seed + n, self.prepared.steps[skill], self.arrival[:n])
            return choice.mode is not None and self._right_on_unused(choice.model, choice.params, skill, n)

        return right

    def some_right(self, models: tuple[SkillModel, ...], modes: tuple[Mode, ...]) -> Right:
        """Whether any model class in any of the modes is right on every unused demonstration."""

        @cache
        def right(skill: str, n: int) -> bool:
            steps = self.prepared.steps[skill]
            if "share" in modes and self._share_right(skill, n):
                return True
            new = steps.weights(self.arrival[:n])
            trainings = [new] if "independent" in modes else []
            if "union" in modes:
                trainings += [steps.weights(np.isin(steps.task, past)) + new for past in subsets(steps)]
            return any(
                self._right_on_unused(model, model.fit(steps, training), skill, n)
                for training in trainings
                if training.any()
                for model in models
            )

        return right

    def ours_right(self) -> Right:
        """Whether our selector's choice is right on every unused demonstration."""

        @cache
        def right(skill: str, n: int) -> bool:
            choice = self._ours(skill, self.prepared.steps[skill].weights(self.arrival[:n]))
            return self._right_on_unused(choice.model, choice.params, skill, n)

        return right

    def ours_validated(self) -> Right:
        """Whether our selector, with each demonstration left out in turn, is right on it."""

        @cache
        def right(skill: str, n: int) -> bool:
            steps = self.prepared.steps[skill]
            folds = OverDemonstrations().folds(self.seed + n, steps, self.arrival[:n])
            if folds is None:
                return False
            total = folds.sum(axis=0)
            for fold in folds:
                choice = self._ours(skill, total - fold)
                if not held_out(choice.model, choice.params, steps, fold, self.prepared.accuracy).right:
                    return False
            return True

        return right

    def _ours(self, skill: str, weights: Weights) -> Choice:
        key, prepared = (skill, weights.tobytes()), self.prepared
        if key not in prepared.choices:
            prepared.choices[key] = prepared.ours.choose(prepared.steps[skill], weights, prepared.known[skill])
        return prepared.choices[key]

    def _right_on_unused(self, model: SkillModel, params: SkillParams, skill: str, n: int) -> bool:
        steps = self.prepared.steps[skill]
        return held_out(model, params, steps, steps.weights(self.arrival[n:]), self.prepared.accuracy).right

    def _share_right(self, skill: str, n: int) -> bool:
        steps = self.prepared.steps[skill]
        unused = steps.weights(self.arrival[n:])
        rows = np.flatnonzero(unused)
        return any(
            judge(
                steps, rows, unused[rows], Prediction(*(part[rows] for part in predicted)), self.prepared.accuracy
            ).right
            for predicted in self.prepared.shared[skill]
        )
