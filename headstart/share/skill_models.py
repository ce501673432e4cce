"""Model classes for one skill: from the inputs of a procedure step to a call and its arguments, with a confidence.

Strong supervision makes the log-likelihood of annotated demonstrations a sum over procedure steps (Fox et al. 2018),
so every skill is fitted alone; and a step's likelihood is that of its call times that of the arguments given the call,
so a model is one classifier and one regression for each call, in closed form where the class has one.
"""

import math
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import combinations_with_replacement
from typing import Any, NamedTuple, Protocol

import numpy as np
from jaxtyping import Float, Int

from headstart.share.skill_steps import Layout, SkillSteps, Weights

SkillParams = dict[str, Any]  # arrays, and what JSON can hold
MOST_FEATURES = 2000  # of a polynomial: a model with more is fitted in seconds, not milliseconds


class Prediction(NamedTuple):
    """What a skill model says about some steps.

    Attributes:
        call: index into the layout's calls; -1 where the model knows nothing.
        arguments: of the call, filled up with zeros.
        confidence: between 0 (a guess) and 1 (sure).
    """

    call: Int[np.ndarray, " step"]
    arguments: Float[np.ndarray, "step argument"]
    confidence: Float[np.ndarray, " step"]


class SkillModel(Protocol):
    """A class of models for one skill. Fields are hyper-parameters; what is fitted is a flat dict of arrays."""

    def fit(self, steps: SkillSteps, weights: Weights) -> SkillParams: ...
    def predict(self, params: SkillParams, layout: Layout, inputs: Float[np.ndarray, "step input"]) -> Prediction: ...


@dataclass(frozen=True, kw_only=True)
class Table:
    """Looks the step up among those seen. Knows nothing about any other.

    Attributes:
        decimals: inputs that agree after rounding to so many decimals are the same.
    """

    decimals: int = 6

    def fit(self, steps: SkillSteps, weights: Weights) -> SkillParams:
        rows = np.flatnonzero(weights > 0)
        rows = rows[np.argsort(-weights[rows], kind="stable")]  # where steps contradict each other, the majority wins
        _, first = np.unique(np.round(steps.inputs[rows], self.decimals), axis=0, return_index=True)
        rows = rows[np.sort(first)]
        return {
            "inputs": np.round(steps.inputs[rows], self.decimals),
            "call": steps.call[rows],
            "arguments": steps.arguments[rows],
        }

    def predict(self, params: SkillParams, layout: Layout, inputs: Float[np.ndarray, "step input"]) -> Prediction:
        known = {tuple(row): index for index, row in enumerate(params["inputs"].tolist())}
        found = np.array([known.get(tuple(row), -1) for row in (np.round(inputs, self.decimals) + 0.0).tolist()], int)
        hit = found >= 0
        arguments = np.where(hit[:, None], params["arguments"][found], 0.0)
        return Prediction(np.where(hit, params["call"][found], -1), arguments, hit.astype(np.float64))


@dataclass(frozen=True, kw_only=True)
class Polynomial:
    """Least squares on all monomials up to a degree, of inputs scaled to [-1, 1].

    Without the scaling the squares of pixels make the regression too ill-conditioned to be exact to 1e-6. The call is
    the largest of the least-squares fits to the indicators of the calls.

    Attributes:
        degree: 1 is the linear model.

    Source: Fox et al. 2019 (HIL-MT), model classes `log_lin` and `log_poly2`, there with a logistic classifier.
    """

    degree: int = 2

    def fit(self, steps: SkillSteps, weights: Weights) -> SkillParams:
        regression = Regression(self.degree, steps, weights)
        params: SkillParams = {
            "center": regression.center,
            "scale": regression.scale,
            "calls": regression.kinds,
            "degree": regression.degree,
            "classifier": regression.classifier,
        }
        for kind in regression.kinds.tolist():
            if steps.layout.call_args[kind]:
                params[f"arguments.{kind}"] = regression.arguments(kind)
        return params

    def predict(self, params: SkillParams, layout: Layout, inputs: Float[np.ndarray, "step input"]) -> Prediction:
        active = np.flatnonzero(params["scale"])
        scaled = ((one_hot(layout, inputs) - params["center"]) * params["scale"])[:, active]
        features = _monomials(scaled, params["degree"])
        scores = features @ params["classifier"]
        call = params["calls"][scores.argmax(axis=1)]
        arguments = np.zeros((len(inputs), max(layout.call_args)))
        for kind in params["calls"].tolist():
            if layout.call_args[kind]:
                chosen = call == kind
                arguments[chosen, : layout.call_args[kind]] = features[chosen] @ params[f"arguments.{kind}"]
        inside = 1 / np.maximum(np.abs(scaled).max(axis=1, initial=1.0), 1.0)  # extrapolation is less sure
        return Prediction(call, arguments, _margin(scores) * inside)


class Regression:
    """Least squares for one training set, part by part: what is not asked for is not computed.

    Args:
        degree: of the monomials; less where they would be too many.
        steps: of the skill.
        weights: how often each step occurs; at least one above 0.
    """

    def __init__(self, degree: int, steps: SkillSteps, weights: Weights) -> None:
        rows = np.flatnonzero(weights > 0)
        expanded = one_hot(steps.layout, steps.inputs[rows])
        low, high = expanded.min(axis=0), expanded.max(axis=0)
        half = (high - low) / 2
        self.center = (high + low) / 2
        self.scale = np.where(half > 0, 1 / np.where(half > 0, half, 1.0), 0.0)  # a constant input says nothing
        self._active = np.flatnonzero(self.scale)
        self.degree = _affordable(len(self._active), degree)
        self._steps, self._rows, self._weights = steps, rows, weights[rows]
        self._scaled = ((expanded - self.center) * self.scale)[:, self._active]
        self._calls = steps.call[rows]
        self.kinds = np.unique(self._calls)
        self._arguments: dict[int, np.ndarray] = {}

    def features(self, inputs: Float[np.ndarray, "step input"]) -> Float[np.ndarray, "step feature"]:
        """The monomials of any steps."""
        scaled = (one_hot(self._steps.layout, inputs) - self.center) * self.scale
        return _monomials(scaled[:, self._active], self.degree)

    @cached_property
    def classifier(self) -> Float[np.ndarray, "feature call"]:
        """Coefficients of the indicator of each call of `kinds`."""
        indicators = (self._calls[:, None] == self.kinds[None, :]).astype(np.float64)
        return _least_squares(_monomials(self._scaled, self.degree), indicators, self._weights)

    def size(self, kind: int) -> int:
        """How many different steps make a call."""
        return int((self._calls == kind).sum())

    def arguments(self, kind: int) -> Float[np.ndarray, "feature argument"]:
        """Coefficients of the arguments of one call of `kinds`."""
        if kind not in self._arguments:
            chosen = self._calls == kind
            arguments = self._steps.arguments[self._rows[chosen], : self._steps.layout.call_args[kind]]
            features = _monomials(self._scaled[chosen], self.degree)
            self._arguments[kind] = _least_squares(features, arguments, self._weights[chosen])
        return self._arguments[kind]


@dataclass(frozen=True, kw_only=True)
class PerCounter:
    """One model for each value of the program counter. Knows nothing about a counter that it has not seen.

    Attributes:
        model: the model for each value.

    Source: Fox et al. 2019 (HIL-MT), the prefix `t_` of a model class.
    """

    model: Polynomial = field(default_factory=Polynomial)

    def fit(self, steps: SkillSteps, weights: Weights) -> SkillParams:
        counter = steps.inputs[:, steps.layout.counter]
        values = np.unique(counter[weights > 0])
        params: SkillParams = {"counters": values}
        for index, value in enumerate(values.tolist()):
            fitted = self.model.fit(steps, np.where(counter == value, weights, 0.0))
            params.update({f"{index}.{name}": array for name, array in fitted.items()})
        return params

    def predict(self, params: SkillParams, layout: Layout, inputs: Float[np.ndarray, "step input"]) -> Prediction:
        call = np.full(len(inputs), -1)
        arguments, confidence = np.zeros((len(inputs), max(layout.call_args))), np.zeros(len(inputs))
        for index, value in enumerate(params["counters"].tolist()):
            rows = np.flatnonzero(inputs[:, layout.counter] == value)
            if rows.size:
                prefix = f"{index}."
                own = {name.removeprefix(prefix): one for name, one in params.items() if name.startswith(prefix)}
                predicted = self.model.predict(own, layout, inputs[rows])
                call[rows], arguments[rows], confidence[rows] = predicted
        return Prediction(call, arguments, confidence)


def one_hot(layout: Layout, inputs: Float[np.ndarray, "step input"]) -> Float[np.ndarray, "step feature"]:
    """Replaces the index of what returned by one indicator for each possibility."""
    index = layout.counter + 1
    returned = inputs[:, index : index + 1] == np.arange(len(layout.returned))[None, :]
    return np.concatenate([inputs[:, :index], returned, inputs[:, index + 1 :]], axis=1)


@cache
def _exponents(inputs: int, degree: int) -> tuple[np.ndarray, ...]:
    """For each degree from 2, which inputs are multiplied, as an array of shape (monomial, degree)."""
    orders = range(2, degree + 1)
    return tuple(
        np.asarray(list(combinations_with_replacement(range(inputs), order)), int).reshape(-1, order)
        for order in orders
    )


def _affordable(inputs: int, degree: int) -> int:
    """The degree, or the largest one that needs no more than `MOST_FEATURES` monomials."""
    while degree > 1 and math.comb(inputs + degree, degree) > MOST_FEATURES:
        degree -= 1
    return degree


def _monomials(scaled: Float[np.ndarray, "step input"], degree: int) -> Float[np.ndarray, "step feature"]:
    products = [scaled[:, index].prod(axis=2) for index in _exponents(scaled.shape[1], degree)]
    return np.concatenate([np.ones((len(scaled), 1)), scaled, *products], axis=1)


def _least_squares(
    features: Float[np.ndarray, "step feature"], targets: Float[np.ndarray, "step target"], weights: Weights
) -> Float[np.ndarray, "feature target"]:
    """The smallest of the weighted least-squares solutions."""
    root = np.sqrt(weights)[:, None]
    if (targets == targets[0]).all():  # a constant needs no regression
        solution = np.zeros((features.shape[1], targets.shape[1]))
        solution[0] = targets[0]
        return solution
    return np.linalg.lstsq(features * root, targets * root, rcond=1e-12)[0]


def _margin(scores: Float[np.ndarray, "step call"]) -> Float[np.ndarray, " step"]:
    """By how much the best call leads the second, between 0 and 1."""
    if scores.shape[1] == 1:
        return np.ones(len(scores))
    best = np.partition(scores, -2, axis=1)
    return np.clip(best[:, -1] - best[:, -2], 0.0, 1.0)
