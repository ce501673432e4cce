"""Share partly: for every single decision of a skill, the data of which tasks makes its rule shortest.

A skill as a whole is often neither the same in two tasks nor different: the branch "nothing was found, give up" is
shared while the order of the objects is not. So the choice is made for each decision alone, by how many more nats the
new demonstrations cost when they are described

- with the past tasks' rule (`share`): the price of the steps that it gets wrong;
- with one rule for both (`union`), or one that may test which task it is (`partly`): what that rule is longer than
  the past tasks' own;
- with a rule of their own (`independent`).

The description of the new data given the past is shortest for what should be believed, with no folds and from one
demonstration on. Source: Rissanen 1978; conditional description length as marginal likelihood, Grünwald 2007, ch. 14.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from headstart.share.rule import Rule, decide, mentions
from headstart.share.rule_model import Decision, Rules, decisions, encode
from headstart.share.rules import Found
from headstart.share.select import Choice, Mode, Refusal, subsets, written
from headstart.share.skill_steps import SkillSteps, Weights
from headstart.share.validate import Verdict

PastRules = Mapping[tuple[str, tuple[int, ...]], Found]


class _Option(NamedTuple):
    nats: float
    rank: int
    mode: Mode
    past: tuple[int, ...]
    rule: Rule
    wrong: np.ndarray


@dataclass(frozen=True, kw_only=True)
class ShortestDescription:
    """Our selector: per decision, by description length.

    Attributes:
        rules: the model class.
    """

    rules: Rules = field(default_factory=Rules)

    def study(self, steps: SkillSteps) -> PastRules:
        """Finds the past tasks' own rules, which do not change as new demonstrations arrive."""
        known = {}
        for past in subsets(steps):
            weights = steps.weights(np.isin(steps.task, past))
            for decision in decisions(steps):
                if weights[decision.rows].any():
                    known[decision.key, past] = self.rules.find(steps, decision, [weights])
        return known

    def choose(self, steps: SkillSteps, new: Weights, known: PastRules) -> Choice:
        """Chooses for one skill.

        Args:
            steps: of the skill, in all tasks.
            new: how often each distinct step occurs in the new task's demonstrations that may be used.
            known: from `study`.

        Returns:
            The choice. Its mode is that of all decisions, or `partly` where they differ; `refused` says why the past
            rules were not simply taken, for every decision where they were not.
        """
        past = {one: steps.weights(np.isin(steps.task, one)) for one in subsets(steps)}
        rules, detail, refused = {}, [], []
        used: set[int] = set()
        for decision in decisions(steps):
            options = self._options(steps, decision, new, past, known)
            if not options:
                continue
            best = min(options, key=lambda one: (round(one.nats, 6), one.rank))
            rules[decision.key] = encode(best.rule)
            detail.append((_title(steps, decision), best.mode))
            used |= set(best.past)
            refused += [
                Refusal(one.mode, one.past, _why(steps, decision, one, best), _first(steps, one.wrong))
                for one in options
                if one is not best and one.mode == "share"
            ]
        modes = {mode for _, mode in detail}
        mode: Mode = modes.pop() if len(modes) == 1 else "partly"
        return Choice(mode, tuple(sorted(used)), self.rules, {"rules": rules}, tuple(refused), tuple(detail))

    def _options(
        self,
        steps: SkillSteps,
        decision: Decision,
        new: Weights,
        past: dict[tuple[int, ...], Weights],
        known: PastRules,
    ) -> list[_Option]:
        options: list[_Option] = []
        there = new[decision.rows] > 0
        for subset, weights in past.items():
            if (old := known.get((decision.key, subset))) is None:
                continue
            wrong = self._wrong(steps, decision, old.rule, there)
            nats = self.rules.search.wrong * float(new[wrong].sum())
            options.append(_Option(nats, len(options), "share", subset, old.rule, wrong))
            if not there.any() or nats == 0:
                return [*options[-1:]] if nats == 0 and len(options) == 1 else options
            for by_task in (False, True):
                pooled = self.rules.find(steps, decision, [new, weights], by_task=by_task)
                mode: Mode = "partly" if by_task and mentions(pooled.rule, steps.layout.inputs) else "union"
                missed = self._wrong(steps, decision, pooled.rule, there)
                options.append(_Option(pooled.nats - old.nats, len(options), mode, subset, pooled.rule, missed))
        if there.any():
            own = self.rules.find(steps, decision, [new])
            missed = self._wrong(steps, decision, own.rule, there)
            options.append(_Option(own.nats, len(options), "independent", (), own.rule, missed))
        return options

    def _wrong(self, steps: SkillSteps, decision: Decision, rule: Rule, there: np.ndarray) -> np.ndarray:
        """The distinct new steps that a rule gets wrong, or about which it knows nothing."""
        rows = decision.rows[there]
        if not rows.size:
            return rows
        inputs = np.column_stack([steps.inputs[rows], np.zeros(len(rows))])
        decided, confidence = decide(rule, inputs)
        limit = self.rules.limit(steps, decision) or 0.0
        return rows[(np.abs(decided - decision.target[there]) > limit) | (confidence == 0)]


def _title(steps: SkillSteps, decision: Decision) -> str:
    if decision.argument is None:
        return "call"
    return f"{steps.layout.calls[decision.call] or 'return'}[{decision.argument}]"


def _why(steps: SkillSteps, decision: Decision, refused: _Option, best: _Option) -> str:
    return (f"{_title(steps, decision)}: the past rule is wrong at {len(refused.wrong)} distinct steps "
            f"({refused.nats:.0f} nats; {best.mode} takes {best.nats:.0f})")  # fmt: skip


def _first(steps: SkillSteps, wrong: np.ndarray) -> str:
    return written(steps, Verdict(False, "", int(wrong.min()))) if wrong.size else ""
