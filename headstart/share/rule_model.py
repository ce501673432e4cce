"""Rules as a skill model: one short rule for the call, one for each argument of each call."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from headstart.errors import InputError
from headstart.share.rows import Rows
from headstart.share.rule import Leaf, Rule, Split, decide, describe
from headstart.share.rules import Found, Search
from headstart.share.skill_models import Prediction, SkillParams
from headstart.share.skill_steps import Layout, SkillSteps, Weights

KnownRows = dict[tuple[int, bool, bytes], Rows]


class Decision(NamedTuple):
    """One thing to be decided at a step: the call (`argument` is None), or one argument of a call.

    Attributes:
        call: index of the call whose argument it is; -1 where the call itself is decided.
        argument: which argument.
        rows: the distinct steps at which it is decided.
        target: what was decided there.
    """

    call: int
    argument: int | None
    rows: np.ndarray
    target: np.ndarray

    @property
    def key(self) -> str:
        """The name under which its rule is stored."""
        return "call" if self.argument is None else f"{self.call}.{self.argument}"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The shortest rules that explain the steps. Exact from few demonstrations where the teacher followed a program.

    Attributes:
        search: how rules are looked for and what they cost.
        accuracy: an argument this near is right.
    """

    search: Search = field(default_factory=Search)
    accuracy: float = 1e-6

    def fit(self, steps: SkillSteps, weights: Weights) -> SkillParams:
        rules, known = {}, {}
        for decision in decisions(steps):
            if weights[decision.rows].any():
                rules[decision.key] = encode(self.find(steps, decision, [weights], known=known).rule)
        return {"rules": rules}

    def find(
        self,
        steps: SkillSteps,
        decision: Decision,
        weights: list[Weights],
        *,
        by_task: bool = False,
        known: KnownRows | None = None,
    ) -> Found:
        """Finds the shortest rule for one decision, on the steps of one or more tasks.

        Args:
            steps: of the skill.
            decision: what is decided.
            weights: for each task, how often each distinct step occurs; the first is the new task.
            by_task: let the rule look at which task it is, as one more input, after all others.
            known: rows that were prepared before, for the arguments of one call; this fills it.

        Returns:
            The rule and its length. At least one step at which it is decided has a weight above 0.
        """
        parts = [(task, np.flatnonzero(given[decision.rows] > 0)) for task, given in enumerate(weights)]
        weight = np.concatenate([weights[index][decision.rows[rows]] for index, rows in parts])
        known = {} if known is None else known
        key = decision.call, by_task, weight.tobytes() + b"|".join(rows.tobytes() for _, rows in parts)
        if key not in known:
            inputs = np.concatenate([steps.inputs[decision.rows[rows]] for _, rows in parts])
            prior = _prior(steps.layout)
            if by_task:
                task = np.concatenate([np.full(len(rows), float(index)) for index, rows in parts])
                inputs, prior = np.column_stack([inputs, task]), (*prior, 1.0)
            categories = steps.layout.counter + 1, steps.layout.inputs  # what returned, and the task
            known[key] = Rows(inputs, weight, prior, categories, self.search.most_values)
        target = np.concatenate([decision.target[rows] for _, rows in parts])
        return self.search.find(known[key], target, self.limit(steps, decision))

    def limit(self, steps: SkillSteps, decision: Decision) -> float | None:
        """Within which an argument is right; None for calls, of which only the same is."""
        return (
            None if decision.argument is None else self.accuracy * float(steps.unit[decision.call, decision.argument])
        )

    def predict(self, params: SkillParams, layout: Layout, inputs: Float[np.ndarray, "step input"]) -> Prediction:
        rules = {key: decode(one, layout.inputs + 1) for key, one in params["rules"].items()}
        inputs = np.column_stack([inputs, np.zeros(len(inputs))])  # the new task is task 0
        if "call" not in rules:
            return Prediction(np.full(len(inputs), -1), np.zeros((len(inputs), _width(layout))), np.zeros(len(inputs)))
        chosen, confidence = decide(rules["call"], inputs)
        call = chosen.astype(int)
        arguments = np.zeros((len(inputs), _width(layout)))
        for kind in np.unique(call).tolist():
            rows = np.flatnonzero(call == kind)
            for argument in range(layout.call_args[kind]):
                if (rule := rules.get(f"{kind}.{argument}")) is None:
                    confidence[rows] = 0.0
                else:
                    arguments[rows, argument], sure = decide(rule, inputs[rows])
                    confidence[rows] = np.minimum(confidence[rows], sure)
        return Prediction(call, arguments, confidence)


def decisions(steps: SkillSteps) -> list[Decision]:
    """Everything that a skill decides."""
    everything = np.arange(len(steps.call))
    found = [Decision(-1, None, everything, steps.call.astype(np.float64))]
    for call, args in enumerate(steps.layout.call_args):
        rows = np.flatnonzero(steps.call == call)
        found += [Decision(call, argument, rows, steps.arguments[rows, argument]) for argument in range(args)]
    return found


def explain(params: SkillParams, layout: Layout) -> dict[str, str]:
    """Writes every rule of a skill for people, by decision."""
    names = (*layout.names, "task")

    def called(index: float) -> str:
        name = layout.calls[int(index)]
        return "return" if name is None else name

    text = {}
    for key, encoded in params["rules"].items():
        rule = decode(encoded, layout.inputs + 1)
        if key == "call":
            text[key] = describe(rule, names, called)
        else:
            call, _, argument = key.partition(".")
            text[f"{called(float(call))}[{argument}]"] = describe(rule, names)
    return text


def encode(rule: Rule) -> dict[str, Any]:
    """A rule as JSON can hold it."""
    if isinstance(rule, Leaf):
        return rule._asdict()
    return rule._asdict() | {"branches": [encode(one) for one in rule.branches]}


def decode(encoded: Any, inputs: int, depth: int = 32) -> Rule:
    """A rule from what JSON held; refuses whatever could not have been written by `encode`.

    Args:
        encoded: from a file, so anything.
        inputs: how many inputs a step has.
        depth: how many tests may be nested.

    Returns:
        The rule.

    Raises:
        InputError: it is no rule.
    """
    try:
        rule = Split(**encoded) if "branches" in encoded else Leaf(**encoded)
        if isinstance(rule, Split):
            branches = tuple(decode(one, inputs, depth - 1) for one in rule.branches)
            values = tuple(tuple(float(v) for v in value) for value in rule.values)
            rule = Split(rule.kind, tuple(rule.inputs), values, branches, rule.default)
            needed = len(values) if rule.kind == "which" else 2
            wide = all(len(value) == len(rule.inputs) for value in values) if rule.kind == "which" else len(values) == 1
            known = rule.kind in ("which", "equals", "above") and 1 <= len(rule.inputs) <= 2 and depth > 0
            sound = known and wide and len(branches) == needed and 0 <= rule.default < needed
            used = rule.inputs
        else:
            numbers = (rule.coefficients, rule.center, rule.scale)
            rule = rule._replace(
                inputs=tuple(rule.inputs),
                coefficients=tuple(float(v) for v in numbers[0]),
                center=tuple(float(v) for v in numbers[1]),
                scale=tuple(float(v) for v in numbers[2]),
                support=float(rule.support),
            )
            shape = len(rule.inputs) == len(rule.center) == len(rule.scale) <= 8 and rule.degree in range(4)
            sound = shape and len(rule.coefficients) == _monomial_count(len(rule.inputs), rule.degree)
            used = (*rule.inputs, *((rule.copied,) if rule.copied != -1 else ()))
        if not sound or not all(type(i) is int and 0 <= i < inputs for i in used):
            raise ValueError
    except (TypeError, ValueError, AttributeError, OverflowError, KeyError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError("a rule in the bundle is not one that was written by this program") from None
    return rule


def _monomial_count(inputs: int, degree: int) -> int:
    count = 1
    for order in range(1, degree + 1):
        count = count * (inputs + order) // order
    return count if inputs else 1


def _width(layout: Layout) -> int:
    return max(layout.call_args)


def _prior(layout: Layout) -> tuple[float, ...]:
    """What came back is what a program branches on first, then its arguments, its counter last."""
    return (*(1.2,) * layout.args, 1.6, 1.0, *(1.1,) * (layout.value + layout.observation))
