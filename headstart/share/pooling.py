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
from headstart.share.rule_model import Decision, KnownRows, Rules, decisions, encode
from headstart.share.rules import WITHIN, Found
from headstart.share.select import Choice, Mode, Refusal, subsets, written
from headstart.share.skill_steps import SkillSteps, Weights
from headstart.share.validate import Verdict

NOTHING = 1e-3  # nats: rounding of exact data
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
        rules, detail, refused, rows = {}, [], [], {}
        used: set[int] = set()
        for decision in decisions(steps):
            options = self._options(steps, decision, new, past, known, rows)
            if not options:
                continue
            best = _shortest(options)
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

    def rule(
        self, steps: SkillSteps, decision: Decision, new: Weights, known: PastRules, rows: KnownRows | None = None
    ) -> Rule | None:
        """The rule that `choose` takes for one decision; None where no data is about it."""
        past = {one: steps.weights(np.isin(steps.task, one)) for one in subsets(steps)}
        options = self._options(steps, decision, new, past, known, rows)
        return _shortest(options).rule if options else None

    def _options(
        self,
        steps: SkillSteps,
        decision: Decision,
        new: Weights,
        past: dict[tuple[int, ...], Weights],
        known: PastRules,
        rows: KnownRows | None = None,
    ) -> list[_Option]:
        options: list[_Option] = []
        there = new[decision.rows] > 0
        for subset, weights in past.items():
            if (old := known.get((decision.key, subset))) is None:
                continue
            nats, wrong = self._mistakes(steps, decision, old.rule, new)
            options.append(_Option(nats, len(options), "share", subset, old.rule, wrong))
            if not there.any() or nats < NOTHING:
                return [*options[-1:]] if nats < NOTHING and len(options) == 1 else options
            for by_task in (False, True):
                pooled = self.rules.find(steps, decision, [new, weights], by_task=by_task, known=rows)
                mode: Mode = "partly" if by_task and mentions(pooled.rule, steps.layout.inputs) else "union"
                _, missed = self._mistakes(steps, decision, pooled.rule, new)
                options.append(_Option(pooled.nats - old.nats, len(options), mode, subset, pooled.rule, missed))
        if there.any():
            own = self.rules.find(steps, decision, [new], known=rows)
            _, missed = self._mistakes(steps, decision, own.rule, new)
            options.append(_Option(own.nats, len(options), "independent", (), own.rule, missed))
        return options

    def _mistakes(self, steps: SkillSteps, decision: Decision, rule: Rule, new: Weights) -> tuple[float, np.ndarray]:
        """What a rule's mistakes on the new steps cost, and at which distinct steps they are.

        A step about which the rule knows nothing is a mistake.
        """
        there = new[decision.rows] > 0
        rows = decision.rows[there]
        if not rows.size:
            return 0.0, rows
        decided, confidence = decide(rule, np.column_stack([steps.inputs[rows], np.zeros(len(rows))]))
        off = np.where(confidence > 0, np.abs(decided - decision.target[there]), np.inf)
        limit = self.rules.limit(steps, decision)
        nats = float(new[rows] @ self.rules.search.mistakes(off, limit))
        return nats, rows[off > WITHIN * (limit or 0.0)]


def _shortest(options: list[_Option]) -> _Option:
    return min(options, key=lambda one: (round(one.nats, 3), one.rank))


def _title(steps: SkillSteps, decision: Decision) -> str:
    if decision.argument is None:
        return "call"
    return f"{steps.layout.calls[decision.call] or 'return'}[{decision.argument}]"


def _why(steps: SkillSteps, decision: Decision, refused: _Option, best: _Option) -> str:
    return (f"{_title(steps, decision)}: the past rule is wrong at {len(refused.wrong)} distinct steps "
            f"({refused.nats:.0f} nats; {best.mode} takes {best.nats:.0f})")  # fmt: skip


def _first(steps: SkillSteps, wrong: np.ndarray) -> str:
    return written(steps, Verdict(False, "", int(wrong.min()))) if wrong.size else ""
