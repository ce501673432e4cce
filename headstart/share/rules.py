"""Short rules for one decision of a skill, found by description length.

A decision is which call to make, or one argument of one call. Teachers of robots write programs, so most decisions are
short: a constant, a copy of an input, a table over one or two inputs, a test of what came back, a polynomial of a
measured position. The rule with the shortest description wins: its parameters and its tests, plus the price of naming
every step that it gets wrong. A rare but consistent branch is then worth a test, one wrong annotation is not believed
against the rest, and the lengths can be compared between pooled and separate data (`share/pooling.py`).

What a hand steers is never exact. A number that is off by r costs r² / 2a² nats, a being the accuracy that is asked for
(the log-likelihood of normal noise of that size), and never more than naming it anew: noise is then not explained by
ever more tests, and where there is none the cost is that of counting mistakes.

Source: Rissanen 1978 (two-part minimum description length); Quinlan and Rivest 1989 (decision trees by it).
"""

from dataclasses import dataclass
from math import comb
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from headstart.maths.tolerance import cluster, trimmed_least_squares
from headstart.share.rows import Rows, Test
from headstart.share.rule import Leaf, Rule, Split

NEVER = 12.0  # nats for a slip of a teacher who was never seen to slip: one in 160,000
MOST_LABELS = 64  # of a decision are weighed when tests are compared; more only slow the ranking down
FEW = 4  # different numbers are told apart by tests; more, where something is measured, by a formula
WITHIN = 3.0  # accuracies: what a hand does is within three standard deviations of what was meant


class Found(NamedTuple):
    """A rule and how many nats it takes to describe it and its mistakes."""

    rule: Rule
    nats: float


@dataclass(frozen=True, kw_only=True)
class Search:
    """Looks for the shortest rule by growing trees of tests, a few at a time, and keeping what pays.

    Attributes:
        slip: nats for a step that the rule gets wrong (`headstart.share.slips`); what is right there is named besides,
            and both together never cost more than `never`.
        never: nats for a slip of a teacher who was never seen to slip.
        parameter: nats for one number in the rule.
        depth: of nested tests.
        beam: how many tests are followed up at each depth; 1 beyond the last.
        most_values: an input with more distinct values than this is measured, not listed.
        most_nodes: of trees that are grown for one decision; data without any rule must not cost hours.
    """

    slip: float = NEVER
    never: float = NEVER
    parameter: float = 3.0
    depth: int = 5
    beam: tuple[int, ...] = (3, 2)
    most_values: int = 24
    most_nodes: int = 400

    def find(self, rows: Rows, target: Float[np.ndarray, " row"], accuracy: float | None) -> Found:
        """Finds the shortest rule for a decision.

        Args:
            rows: the distinct steps at which it is decided.
            target: what was decided there: a number, or an index of a call.
            accuracy: a number this near is right; None where the target is an index, and only the same one is.

        Returns:
            The rule and its length. The search is deterministic.
        """
        return self._grow(_Problem(rows, target, accuracy, [self.most_nodes], {}), 0)

    def price(self, accuracy: float | None) -> float:
        """Nats for a step that a rule gets wrong: a slip, and a call (one nat) or a number named besides."""
        return min(self.never, self.slip + (1.0 if accuracy is None else self.parameter))

    def mistakes(self, off: Float[np.ndarray, " row"], accuracy: float | None) -> Float[np.ndarray, " row"]:
        """Nats for what is decided instead of the target.

        Args:
            off: the absolute difference at each step.
            accuracy: see `find`.

        Returns:
            The nats of each step, to be weighted.
        """
        if accuracy is None:
            return np.where(off > 0, self.price(None), 0.0)
        with np.errstate(over="ignore"):
            return np.minimum((off / accuracy) ** 2 / 2, self.price(accuracy))

    def _grow(self, problem: "_Problem", depth: int, limit: float = np.inf) -> Found:
        """The shortest rule that was found for a node; not looked for beyond `limit` nats, where it is of no use."""
        best = self._leaf(problem)
        rows = problem.rows
        floor = 2 * self.parameter + min(rows.prior, default=0.0)
        if min(best.nats, limit) <= floor or depth >= self.depth or problem.spent[0] <= 0:
            return best
        problem.spent[0] -= 1
        for test in self._rank(problem)[: self.beam[depth] if depth < len(self.beam) else 1]:
            branches, nats, bound = [], test.nats, min(best.nats, limit)
            for branch in range(test.branches):
                rest = self.parameter * (test.branches - branch - 1)  # every branch takes a number at least
                if nats + self.parameter + rest >= bound:
                    break
                grown = self._grow(problem.at(test.branch == branch), depth + 1, bound - nats - rest)
                branches.append(grown.rule)
                nats += grown.nats
            else:
                if nats < best.nats:
                    heaviest = int(np.bincount(test.branch, weights=rows.weight).argmax())
                    best = Found(Split(test.kind, test.inputs, test.values, tuple(branches), heaviest), nats)
        return best

    def _leaf(self, problem: "_Problem") -> Found:
        """The shortest formula without a test."""
        if problem.key in problem.leaves:
            return problem.leaves[problem.key]
        rows, target = problem.rows, problem.target
        best = Found(Leaf(-1, (), 0, (float(target[rows.weight.argmax()]),), (), (), 0.0), np.inf)
        for copied, labels, values in problem.views:
            counts = np.bincount(labels, weights=rows.weight)
            nats = self.parameter + (rows.prior[copied] if copied >= 0 else 0.0)
            if nats < best.nats:
                best = min(best, self._constant(problem, copied, float(values[counts.argmax()]), nats), key=_length)
        if problem.accuracy is not None and best.nats > 2 * self.parameter:
            for chosen, degree in rows.polynomials():
                nats = self.parameter * comb(len(chosen) + degree, degree) + sum(rows.prior[i] for i in chosen)
                if nats < best.nats and (found := self._polynomial(problem, chosen, degree, nats)) is not None:
                    best = min(best, found, key=_length)
        problem.leaves[problem.key] = best
        return best

    def _constant(self, problem: "_Problem", copied: int, value: float, nats: float) -> Found:
        """A constant near a value, to which an input may be added."""
        rows, rest = problem.rows, problem.target
        if copied >= 0:
            rest = rest - rows.inputs[:, copied]
        off = np.abs(rest - value)
        near = off <= WITHIN * (problem.accuracy or 0.0)
        if problem.accuracy is not None and off[near].any():
            value = float(np.average(rest[near], weights=rows.weight[near]))
            off = np.abs(rest - value)
        nats += float(rows.weight @ self.mistakes(off, problem.accuracy))
        return Found(Leaf(copied, (), 0, (value,), (), (), _support(problem, off)), nats)

    def _polynomial(self, problem: "_Problem", chosen: tuple[int, ...], degree: int, nats: float) -> Found | None:
        """The polynomial that gets most steps right, or None where there are too few steps to know it."""
        rows, accuracy = problem.rows, problem.accuracy or 0.0
        if (basis := rows.basis(chosen, degree)) is None:
            return None
        features, center, scale, left, back = basis
        solution = trimmed_least_squares(features, left, back, problem.target, rows.weight, WITHIN * accuracy)
        off = np.abs(features @ solution - problem.target)
        coefficients, middle, width = (tuple(one.tolist()) for one in (solution, center, scale))
        nats += float(rows.weight @ self.mistakes(off, problem.accuracy))
        return Found(Leaf(-1, chosen, degree, coefficients, middle, width, _support(problem, off)), nats)

    def _rank(self, problem: "_Problem") -> list[Test]:
        """Tests in the order of how short the rule becomes with the simplest formula in each branch."""
        tests = problem.rows.tests(problem.smooth)
        if not tests:
            return []
        nats = np.array([test.nats for test in tests])
        if problem.smooth:  # constants say nothing about it: compare the formulas of the branches
            for index, test in enumerate(tests):
                nats[index] += sum(self._leaf(problem.at(test.branch == k)).nats for k in range(test.branches))
        else:
            two = np.array([test.branches == 2 for test in tests])
            if two.any():
                taken = np.stack([test.branch for test, binary in zip(tests, two, strict=True) if binary]).astype(float)
                nats[two] += self._quick(problem, taken) + self._quick(problem, 1 - taken)
            for index in np.flatnonzero(~two):
                branch = tests[index].branch
                taken = (branch[None, :] == np.arange(tests[index].branches)[:, None]).astype(float)
                nats[index] += self._quick(problem, taken).sum()
        return [tests[index] for index in np.argsort(nats, kind="stable")]

    def _quick(self, problem: "_Problem", taken: Float[np.ndarray, "branch row"]) -> Float[np.ndarray, " branch"]:
        """The length of the simplest formula in each branch."""
        rows = problem.rows
        totals = taken @ rows.weight
        best = np.full(len(taken), np.inf)
        for copied, labels, values in problem.views:
            counts = np.bincount(labels, weights=rows.weight, minlength=len(values))
            heavy = np.argsort(-counts)[:MOST_LABELS]
            ones = (labels[:, None] == heavy[None, :]) * rows.weight[:, None]
            nats = self.price(problem.accuracy) * (totals - (taken @ ones).max(axis=1))
            best = np.minimum(best, nats + self.parameter + (rows.prior[copied] if copied >= 0 else 0.0))
        return best


class _Problem:
    """What is decided at the rows of one node.

    Attributes:
        rows: of the node.
        target: what was decided at each.
        accuracy: a number this near is the same; None for calls.
        spent: how many more nodes may be grown, shared by all nodes of a search.
        leaves: the shortest formula of each set of rows that was asked for, shared likewise.
        key: names the set of rows.
        views: the target itself, and what is left of it when an input is taken off: groups, and the middle of each.
        smooth: the target takes many values, as formulas do: constants say nothing about it.
    """

    def __init__(
        self,
        rows: Rows,
        target: np.ndarray,
        accuracy: float | None,
        spent: list[int],
        leaves: dict[bytes, Found],
        index: np.ndarray | None = None,
    ) -> None:
        self.rows, self.target, self.accuracy, self.spent, self.leaves = rows, target, accuracy, spent, leaves
        self.index = np.arange(len(target)) if index is None else index
        self.key = self.index.tobytes()
        self.views: list[tuple[int, np.ndarray, np.ndarray]] = [(-1, *cluster(target, accuracy or 0.0))]
        distinct = len(self.views[0][2])
        many = 2 * distinct > len(target) or (distinct > FEW and not all(map(rows.listed, rows.amounts)))
        self.smooth = accuracy is not None and len(target) >= 4 and many
        if accuracy is not None and distinct > 1:
            for i in rows.amounts:
                labels, values = cluster(target - rows.inputs[:, i], accuracy)
                if len(values) < len(target):
                    self.views.append((i, labels, values))

    def at(self, where: np.ndarray) -> "_Problem":
        """The problem on some of the rows."""
        return _Problem(
            self.rows.at(where), self.target[where], self.accuracy, self.spent, self.leaves, self.index[where]
        )


def _length(found: Found) -> float:
    return round(found.nats, 6)  # of equally long ones the first, whatever the last bits of a sum are


def _support(problem: _Problem, off: Float[np.ndarray, " row"]) -> float:
    right = off <= WITHIN * (problem.accuracy or 0.0)
    return float(problem.rows.weight[right].sum() / problem.rows.total)
