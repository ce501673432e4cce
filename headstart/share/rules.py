"""Short rules for one decision of a skill, found by description length.

A decision is which call to make, or one argument of one call. Teachers of robots write programs, so most decisions are
short: a constant, a copy of an input, a table over one or two inputs, a test of what came back, a polynomial of a
measured position. The rule with the shortest description wins: its parameters and its tests, plus the price of naming
every step that it gets wrong. A rare but consistent branch is then worth a test, one wrong annotation is not believed
against the rest, and the lengths can be compared between pooled and separate data (`share/select.py`).

Source: Rissanen 1978 (two-part minimum description length); Quinlan and Rivest 1989 (decision trees by it).
"""

import math
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from headstart.maths.tolerance import cluster, trimmed_least_squares
from headstart.share.rule import Leaf, Rule, Split, monomials

MOST_LABELS = 64  # of a decision are weighed when tests are compared; more only slow the ranking down


class Found(NamedTuple):
    """A rule and how many nats it takes to describe it and its mistakes."""

    rule: Rule
    nats: float


class _Test(NamedTuple):
    """A candidate split of a node's rows: which branch each row takes."""

    kind: str
    inputs: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]
    branch: np.ndarray
    nats: float


@dataclass(frozen=True, kw_only=True)
class Search:
    """Looks for the shortest rule by growing trees of tests, a few at a time, and keeping what pays.

    Attributes:
        wrong: nats to name one step that the rule gets wrong, with what is right there.
        parameter: nats for one number in the rule.
        depth: of nested tests.
        beam: how many tests are followed up at each depth; 1 beyond the last.
        most_values: an input with more distinct values than this is measured, not listed.
    """

    wrong: float = 12.0
    parameter: float = 3.0
    depth: int = 5
    beam: tuple[int, ...] = (3, 2)
    most_values: int = 24

    def find(
        self,
        inputs: Float[np.ndarray, "step input"],
        target: Float[np.ndarray, " step"],
        weight: Float[np.ndarray, " step"],
        *,
        prior: tuple[float, ...],
        accuracy: float | None,
        categories: tuple[int, ...] = (),
    ) -> Found:
        """Finds the shortest rule for a decision.

        Args:
            inputs: of each distinct step.
            target: what was decided there: a number, or an index of a call.
            weight: how often each step occurred; above 0.
            prior: nats for naming each input: what is cheap is preferred.
            accuracy: a number this near is right; None where the target is an index, and only the same one is.
            categories: inputs that are names, not amounts: they are told apart, but not reckoned with.

        Returns:
            The rule and its length. The search is deterministic.
        """
        return self._grow(_Problem(inputs, target, weight, prior, accuracy, categories), 0)

    def _grow(self, problem: "_Problem", depth: int) -> Found:
        best = self._leaf(problem)
        floor = 2 * self.parameter + min(problem.prior, default=0.0)
        if best.nats <= floor or depth >= self.depth:
            return best
        tests = self._rank(problem)
        for test in tests[: self.beam[depth] if depth < len(self.beam) else 1]:
            branches, nats = [], test.nats
            for branch in range(int(test.branch.max()) + 1):
                grown = self._grow(problem.at(test.branch == branch), depth + 1)
                branches.append(grown.rule)
                nats += grown.nats
                if nats >= best.nats:
                    break
            else:
                heaviest = int(np.bincount(test.branch, weights=problem.weight).argmax())
                best = Found(Split(test.kind, test.inputs, test.values, tuple(branches), heaviest), nats)
        return best

    def _leaf(self, problem: "_Problem") -> Found:
        """The shortest formula without a test."""
        best = Found(_constant(problem), np.inf)
        for copied, labels, values in problem.views:
            counts = np.bincount(labels, weights=problem.weight)
            mode = int(counts.argmax())
            nats = self.parameter + self.wrong * (problem.total - counts[mode])
            nats += problem.prior[copied] if copied >= 0 else 0.0
            if nats < best.nats:
                leaf = Leaf(copied, (), 0, (float(values[mode]),), (), (), float(counts[mode] / problem.total))
                best = Found(leaf, float(nats))
        if problem.accuracy is None or best.nats <= 2 * self.parameter:
            return best
        for chosen, degree in problem.bases(self.most_values):
            nats = self.parameter * math.comb(len(chosen) + degree, degree) + sum(problem.prior[i] for i in chosen)
            if nats >= best.nats or (fitted := _polynomial(problem, chosen, degree)) is None:
                continue
            nats += self.wrong * problem.total * (1 - fitted.support)
            if nats < best.nats - 1e-9:
                best = Found(fitted, float(nats))
        return best

    def _rank(self, problem: "_Problem") -> list[_Test]:
        """Tests in the order of how short the rule becomes with the simplest formula in each branch."""
        tests = self._tests(problem)
        if not tests:
            return []
        if problem.smooth:  # constants say nothing about it: compare the formulas of the branches
            branches = [[problem.at(test.branch == k) for k in range(test.branch.max() + 1)] for test in tests]
            lengths = [sum(self._leaf(one).nats for one in each) for each in branches]
            order = np.argsort([test.nats + length for test, length in zip(tests, lengths, strict=True)], kind="stable")
            return [tests[index] for index in order]
        nats = np.array([test.nats for test in tests])
        two = np.array([test.branch.max() == 1 for test in tests])
        if two.any():
            taken = np.stack([test.branch for test, binary in zip(tests, two, strict=True) if binary]).astype(float)
            nats[two] += self._quick(problem, taken) + self._quick(problem, 1 - taken)
        for index in np.flatnonzero(~two):
            branch = tests[index].branch
            taken = (branch[None, :] == np.arange(branch.max() + 1)[:, None]).astype(float)
            nats[index] += self._quick(problem, taken).sum()
        return [tests[index] for index in np.argsort(nats, kind="stable")]

    def _quick(self, problem: "_Problem", taken: Float[np.ndarray, "branch step"]) -> Float[np.ndarray, " branch"]:
        """The length of the simplest formula in each branch."""
        totals = taken @ problem.weight
        best = np.full(len(taken), np.inf)
        for copied, labels, values in problem.views:
            counts = np.bincount(labels, weights=problem.weight, minlength=len(values))
            heavy = np.argsort(-counts)[:MOST_LABELS]
            ones = (labels[:, None] == heavy[None, :]) * problem.weight[:, None]
            nats = self.wrong * (totals - (taken @ ones).max(axis=1))
            best = np.minimum(best, nats + self.parameter + (problem.prior[copied] if copied >= 0 else 0.0))
        return best

    def _tests(self, problem: "_Problem") -> list[_Test]:
        tests: list[_Test] = []
        listed: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        for i in problem.varying:
            values, branch = np.unique(problem.inputs[:, i], return_inverse=True)
            prior = problem.prior[i]
            if len(values) <= self.most_values and (values == np.round(values)).all():
                listed[i] = values, branch
                tests.append(_Test("which", (i,), tuple((float(v),) for v in values), branch, prior))
                if len(values) > 2 and not problem.smooth:
                    choice = np.log(len(values))
                    tests += [
                        _Test("equals", (i,), ((float(v),),), (branch == k).astype(int), prior + choice)
                        for k, v in enumerate(values)
                    ]
            if len(values) > 2 and i in problem.amounts and not problem.smooth:
                tests += _above(problem.inputs[:, i], (i,), prior)
        for i, j in combinations(listed, 2):
            values, branch = _pair(listed[i], listed[j])
            prior = problem.prior[i] + problem.prior[j]
            if len(values) <= self.most_values:
                tests.append(_Test("which", (i, j), values, branch, prior))
            if i in problem.amounts and j in problem.amounts and not problem.smooth:
                tests += _above(problem.inputs[:, i] - problem.inputs[:, j], (i, j), prior + 1.0)
        return tests


class _Problem:
    """The rows of one node, with what is computed of them once."""

    def __init__(
        self,
        inputs: np.ndarray,
        target: np.ndarray,
        weight: np.ndarray,
        prior: tuple[float, ...],
        accuracy: float | None,
        categories: tuple[int, ...],
    ) -> None:
        self.inputs, self.target, self.weight = inputs, target, weight
        self.prior, self.accuracy, self.categories = prior, accuracy, categories
        self.total = float(weight.sum())
        self.varying = np.flatnonzero((inputs != inputs[:1]).any(axis=0)).tolist()
        self.amounts = [i for i in self.varying if i not in categories]
        self.views: list[tuple[int, np.ndarray, np.ndarray]] = [(-1, *cluster(target, accuracy or 0.0))]
        self.smooth = accuracy is not None and len(target) >= 4 and 2 * len(self.views[0][2]) > len(target)
        if accuracy is not None and len(self.views[0][2]) > 1:
            for i in self.amounts:
                labels, values = cluster(target - inputs[:, i], accuracy)
                if len(values) < len(target):
                    self.views.append((i, labels, values))

    def at(self, where: np.ndarray) -> "_Problem":
        """The problem on some of the rows."""
        return _Problem(
            self.inputs[where], self.target[where], self.weight[where], self.prior, self.accuracy, self.categories
        )

    def bases(self, most_values: int) -> list[tuple[tuple[int, ...], int]]:
        """Which polynomials to try: affine in one input, all degrees in the measured ones, affine in all."""
        varying = tuple(self.amounts)
        measured = tuple(
            i
            for i in varying
            if len(values := np.unique(self.inputs[:, i])) > most_values or (values != np.round(values)).any()
        )
        bases: dict[tuple[tuple[int, ...], int], None] = {}
        for i in varying:
            bases[(i,), 1] = None
        for chosen in (measured, varying):
            bases[chosen, 1] = None
        for degree in (2, 3):
            bases[measured, degree] = None
        bases[varying, 2] = None
        return [(chosen, degree) for chosen, degree in bases if chosen and len(chosen) <= 8]


def _constant(problem: _Problem) -> Leaf:
    return Leaf(-1, (), 0, (float(problem.target[problem.weight.argmax()]),), (), (), 0.0)


def _polynomial(problem: _Problem, chosen: tuple[int, ...], degree: int) -> Leaf | None:
    """The polynomial that gets most steps right, or None where there are too few steps to know it."""
    inputs = problem.inputs[:, list(chosen)]
    low, high = inputs.min(axis=0), inputs.max(axis=0)
    scale = np.where(high > low, 2 / np.where(high > low, high - low, 1.0), 0.0)
    center = (high + low) / 2
    features = monomials((inputs - center) * scale, degree)
    mixed = inputs @ np.linspace(1.0, 2.0, inputs.shape[1]) if len(chosen) > 1 else inputs[:, 0]
    if features.shape[1] >= min(len(np.unique(mixed)), len(inputs)):
        return None  # nothing is left to check it by; over a few values a table says the same and admits its limits
    accuracy = problem.accuracy or 0.0
    solution = trimmed_least_squares(features, problem.target, problem.weight, accuracy)
    if solution is None:
        return None
    right = np.abs(features @ solution - problem.target) <= accuracy
    support = float(problem.weight[right].sum() / problem.total)
    return Leaf(-1, chosen, degree, tuple(solution.tolist()), tuple(center.tolist()), tuple(scale.tolist()), support)


def _above(tested: np.ndarray, inputs: tuple[int, ...], prior: float) -> list[_Test]:
    values = np.unique(tested)
    if len(values) < 2:
        return []
    borders = (values[1:] + values[:-1]) / 2
    if len(borders) > 16:
        borders = borders[np.linspace(0, len(borders) - 1, 16).astype(int)]
    nats = prior + float(np.log(len(borders))) + 0.5
    return [_Test("above", inputs, ((float(b),),), (tested > b).astype(int), nats) for b in borders]


def _pair(
    one: tuple[np.ndarray, Int[np.ndarray, " step"]], other: tuple[np.ndarray, Int[np.ndarray, " step"]]
) -> tuple[tuple[tuple[float, ...], ...], np.ndarray]:
    width = len(other[0])
    codes, branch = np.unique(one[1] * width + other[1], return_inverse=True)
    return tuple((float(one[0][code // width]), float(other[0][code % width])) for code in codes), branch
