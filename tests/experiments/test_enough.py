"""The quick answers are those of the selectors, called one after the other on the same demonstrations."""

from pathlib import Path

import numpy as np
import pytest

from headstart.data.demonstrations import read_demonstrations
from headstart.experiments.enough import Prepared, readings
from headstart.experiments.table_twin import UNITS, corrupt, teach, tremble
from headstart.share.pooling import ShortestDescription
from headstart.share.rule_model import Rules
from headstart.share.rules import Search
from headstart.share.select import MODES, PAPER_CLASSES, Selection, subsets
from headstart.share.skill_steps import tabulate
from headstart.share.slips import surprise
from headstart.share.validate import OverDemonstrations, OverSteps, held_out

RECORDED = Path(__file__).parents[3] / "shared/data/hil_mt"


class Plainly:
    """Every answer worked out anew, by the library's own selectors."""

    def __init__(self, tasks, accuracy, units, arrival, seed):
        self.steps, self.accuracy, self.arrival, self.seed = tabulate(tasks, units), accuracy, arrival, seed

    def unused(self, model, params, skill, n):
        steps = self.steps[skill]
        return held_out(model, params, steps, steps.weights(self.arrival[n:]), self.accuracy).right

    def answer(self, arm, protocol, skill, n):
        if arm.startswith("rules"):
            return self.rules(arm, protocol, skill, n)
        modes = MODES if arm == "selection" else (arm,)
        steps = self.steps[skill]
        if protocol == "hindsight":
            new = steps.weights(self.arrival[:n])
            trainings = [steps.weights(np.isin(steps.task, past)) for past in subsets(steps) if "share" in modes]
            trainings += [new + steps.weights(np.isin(steps.task, p)) for p in subsets(steps) if "union" in modes]
            trainings += [new] if "independent" in modes else []
            return any(
                self.unused(one, one.fit(steps, t), skill, n) for t in trainings if t.any() for one in PAPER_CLASSES
            )
        validator = OverDemonstrations() if protocol == "demonstrations" else OverSteps()
        selection = Selection(validator=validator, modes=modes, accuracy=self.accuracy)
        choice = selection.choose(self.seed + n, steps, self.arrival[:n])
        if protocol == "unused":
            return choice.mode is not None and self.unused(choice.model, choice.params, skill, n)
        return choice.mode is not None

    def rules(self, arm, protocol, skill, n):
        steps, with_past = self.steps[skill], arm == "rules, per decision"
        used = steps.task > 0 if with_past else np.zeros(len(steps.task), bool)
        used[self.arrival[:n]] = True
        rules = Rules(search=Search(slip=surprise(self.steps, used)), accuracy=self.accuracy)
        ours = ShortestDescription(rules=rules)

        def params(weights):
            return ours.choose(steps, weights, ours.study(steps)).params if with_past else rules.fit(steps, weights)

        if protocol == "unused":
            return self.unused(rules, params(steps.weights(self.arrival[:n])), skill, n)
        folds = OverDemonstrations().folds(self.seed + n, steps, self.arrival[:n])
        if folds is None:
            return False
        total = folds.sum(axis=0)
        return all(held_out(rules, params(total - one), steps, one, self.accuracy).right for one in folds)


def tasks_of(kind):
    if kind == "recorded":
        if not RECORDED.is_dir():
            pytest.skip("the recorded demonstrations are not beside this repository")
        return {task: read_demonstrations(RECORDED, task)[:6] for task in ("SetTable", "ClearTable")}, 1e-6, {}
    new, past = teach("set", 5, seed=2), teach("clear", 5, seed=3)
    if kind == "trembling":
        new, past = (tremble(one, "approach", (0.01, 0.01, 1.0), seed=4) for one in (new, past))
        return {"set": new, "clear": past}, 1e-6, {"drive": tuple(1e4 * unit for unit in UNITS["drive"])}
    if kind == "slipping":
        new, past = (corrupt(one, 0.05, seed=4) for one in (new, past))
    return {"set": new, "clear": past}, 1e-6, {}


@pytest.mark.parametrize("kind", ["exact", "trembling", "slipping", "recorded"])
def test_the_short_cuts_change_no_answer(kind):
    tasks, accuracy, units = tasks_of(kind)
    prepared = Prepared(tasks, PAPER_CLASSES, accuracy, units)
    arrival = np.random.default_rng(1).permutation(prepared.number)
    plainly = Plainly(tasks, accuracy, units, arrival, 100)
    quick = readings(prepared, arrival, 100)
    given = {True: 0, False: 0}
    for (arm, protocol), right in quick.items():
        for skill in prepared.steps:
            for n in (1, 4):
                expected = plainly.answer(arm, protocol, skill, n)
                assert right(skill, n) == expected, (arm, protocol, skill, n)
                given[expected] += 1
    assert min(given.values()) > 10  # both answers occur
