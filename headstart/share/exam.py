"""Would a class of models be right? Asked many times, so answered by what is cheapest to refute.

A verdict needs every call and every argument to be right, and one that is wrong settles it. So parts of a model are
fitted one by one, those of the fewest steps first, and the rest only while nothing is wrong. The answer is that of
`headstart.share.validate.held_out` for the model fitted as a whole.
"""

from collections.abc import Callable, Iterator

import numpy as np

from headstart.share.rule import Rule, decide
from headstart.share.rule_model import Decision, decisions
from headstart.share.skill_models import PerCounter, Polynomial, Prediction, Regression, SkillModel, Table
from headstart.share.skill_steps import SkillSteps, Weights
from headstart.share.validate import held_out, judge


class Exam:
    """Examines model classes on one skill. What was fitted is kept until `forget`.

    Args:
        steps: of the skill.
        accuracy: see `judge`.
    """

    def __init__(self, steps: SkillSteps, accuracy: float) -> None:
        self.steps, self.accuracy = steps, accuracy
        self._regressions: dict[tuple[int, bytes], Regression] = {}
        self._same: dict[int, np.ndarray] = {}

    def forget(self) -> None:
        """Drops what was fitted: the next order asks about other data."""
        self._regressions.clear()

    def passes(self, model: SkillModel, training: Weights, judged: Weights) -> bool:
        """Whether a class, fitted on some steps, is right on others.

        Args:
            model: the class.
            training: how often each distinct step occurs in what it is fitted on; at least one above 0.
            judged: how often each occurs in what it is judged on.
        """
        if isinstance(model, Polynomial):
            return self._regress([(model.degree, training, judged)], judged)
        if isinstance(model, PerCounter):
            return self._regress(self._by_counter(model, training, judged), judged)
        if isinstance(model, Table):
            return self._look_up(model, training, judged)
        return held_out(model, model.fit(self.steps, training), self.steps, judged, self.accuracy).right

    def _by_counter(
        self, model: PerCounter, training: Weights, judged: Weights
    ) -> Iterator[tuple[int, Weights, Weights]]:
        counter = self.steps.inputs[:, self.steps.layout.counter]
        for value in np.unique(counter[judged > 0]).tolist():
            at = counter == value
            yield model.model.degree, np.where(at, training, 0.0), np.where(at, judged, 0.0)

    def _regress(self, pieces, judged: Weights) -> bool:
        """Judges regressions, each on its own steps: first the arguments of each call, then which call it is."""
        steps = self.steps
        limit = {
            kind: self.accuracy**2 * float(judged[steps.call == kind].sum())
            for kind in np.unique(steps.call[judged > 0]).tolist()
        }
        square = {kind: np.zeros(steps.arguments.shape[1]) for kind in limit}
        waiting: list[tuple[Regression, np.ndarray]] = []
        for degree, training, own in pieces:
            if not training.any():
                return False  # nothing is known about these
            regression, rows = self._regression(degree, training), np.flatnonzero(own > 0)
            called = np.unique(steps.call[rows])
            if not np.isin(called, regression.kinds).all():
                return False
            for kind in sorted(called.tolist(), key=regression.size):
                width = steps.layout.call_args[kind]
                if width:
                    chosen = rows[steps.call[rows] == kind]
                    said = regression.features(steps.inputs[chosen]) @ regression.arguments(kind)
                    error = (said - steps.arguments[chosen, :width]) / steps.unit[kind, :width]
                    square[kind][:width] += own[chosen] @ error**2
                    if (square[kind] > limit[kind]).any():
                        return False
            waiting.append((regression, rows))
        return all(
            (one.kinds[(one.features(steps.inputs[rows]) @ one.classifier).argmax(axis=1)] == steps.call[rows]).all()
            for one, rows in waiting
        )

    def _regression(self, degree: int, training: Weights) -> Regression:
        key = degree, training.tobytes()
        if key not in self._regressions:
            self._regressions[key] = Regression(degree, self.steps, training)
        return self._regressions[key]

    def _look_up(self, model: Table, training: Weights, judged: Weights) -> bool:
        steps = self.steps
        if model.decimals not in self._same:
            rounded = np.round(steps.inputs, model.decimals) + 0.0
            self._same[model.decimals] = np.unique(rounded, axis=0, return_inverse=True)[1].reshape(-1)
        same = self._same[model.decimals]
        rows = np.flatnonzero(training > 0)
        rows = rows[np.argsort(-training[rows], kind="stable")]
        answer = np.full(int(same.max()) + 1, -1)
        answer[same[rows[::-1]]] = rows[::-1]  # the heaviest is written last
        asked = np.flatnonzero(judged > 0)
        found = answer[same[asked]]
        if (found < 0).any():
            return False
        said = Prediction(steps.call[found], steps.arguments[found], np.ones(len(found)))
        return judge(steps, asked, judged[asked], said, self.accuracy).right


def rules_pass(steps: SkillSteps, rule_of: Callable[[Decision], Rule | None], judged: Weights, accuracy: float) -> bool:
    """Whether rules are right on some steps; each is asked for only while those before it are right.

    Args:
        steps: of the skill.
        rule_of: finds the rule of a decision; None where nothing is known about it.
        judged: how often each distinct step occurs.
        accuracy: see `judge`.
    """
    inputs = np.column_stack([steps.inputs, np.zeros(len(steps.inputs))])  # the new task is task 0
    for decision in decisions(steps):
        rows = np.flatnonzero(judged[decision.rows] > 0)
        if not rows.size:
            continue
        rule, target, weight = rule_of(decision), decision.target[rows], judged[decision.rows[rows]]
        if decision.argument is None:
            if rule is None or (decide(rule, inputs[decision.rows[rows]])[0].astype(int) != target).any():
                return False
            continue
        said = np.zeros(len(rows)) if rule is None else decide(rule, inputs[decision.rows[rows]])[0]
        error = (said - target) / steps.unit[decision.call, decision.argument]
        if weight @ error**2 > accuracy**2 * weight.sum():
            return False
    return True
