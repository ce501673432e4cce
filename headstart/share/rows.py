"""The rows of one node of a rule: their inputs and weights, and everything about them that no target changes.

The arguments of one call are decided at the same steps. What depends on the inputs alone (which tests there are, the
monomials and their factorization) is worked out once for all of them.
"""

from itertools import combinations
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from headstart.share.rule import monomials

MOST_BORDERS = 16  # of an input or a difference are tried as thresholds


class Test(NamedTuple):
    """A candidate split of a node's rows: which branch each row takes.

    Attributes:
        kind: see `headstart.share.rule.Split`.
        inputs: one or two.
        values: see `Split`.
        branch: of each row.
        nats: what naming the test costs.
        branches: how many there are.
    """

    kind: str
    inputs: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]
    branch: Int[np.ndarray, " row"]
    nats: float
    branches: int


class Basis(NamedTuple):
    """Monomials of some inputs, scaled to [-1, 1], and the singular value decomposition of the weighted rows.

    Attributes:
        features: of each row.
        center: of each input.
        scale: of each input.
        left: left singular vectors of the rows times the roots of their weights.
        back: from coordinates along `left` to coefficients.
    """

    features: Float[np.ndarray, "row monomial"]
    center: Float[np.ndarray, " input"]
    scale: Float[np.ndarray, " input"]
    left: Float[np.ndarray, "row monomial"]
    back: Float[np.ndarray, "monomial monomial"]


class Rows:
    """Inputs and weights of some rows. What is derived from them is kept.

    Args:
        inputs: of each row.
        weight: how often each occurs; above 0.
        prior: nats for naming each input.
        categories: inputs that are names, not amounts: they are told apart, but not reckoned with.
        most_values: an input with more distinct values than this is measured, not listed.
    """

    def __init__(
        self,
        inputs: Float[np.ndarray, "row input"],
        weight: Float[np.ndarray, " row"],
        prior: tuple[float, ...],
        categories: tuple[int, ...],
        most_values: int,
    ) -> None:
        self.inputs, self.weight, self.prior = inputs, weight, prior
        self.categories, self.most_values = categories, most_values
        self.root = np.sqrt(weight)
        self.total = float(weight.sum())
        self.varying: list[int] = np.flatnonzero((inputs != inputs[:1]).any(axis=0)).tolist()
        self.amounts = [i for i in self.varying if i not in categories]
        self._below: dict[bytes, Rows] = {}
        self._bases: dict[tuple[tuple[int, ...], int], Basis | None] = {}
        self._tests: dict[bool, list[Test]] = {}
        self._uniques: dict[int, tuple[np.ndarray, np.ndarray]] = {}
        self._polynomials: list[tuple[tuple[int, ...], int]] | None = None

    def at(self, where: np.ndarray) -> "Rows":
        """The rows where a mask is true."""
        key = where.tobytes()
        if key not in self._below:
            self._below[key] = Rows(
                self.inputs[where], self.weight[where], self.prior, self.categories, self.most_values
            )
        return self._below[key]

    def unique(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """The distinct values of an input, ascending, and which of them each row has."""
        if index not in self._uniques:
            self._uniques[index] = np.unique(self.inputs[:, index], return_inverse=True)
        return self._uniques[index]

    def listed(self, index: int) -> bool:
        """Whether an input takes few whole numbers: a kind, a colour, a counter."""
        values = self.unique(index)[0]
        return len(values) <= self.most_values and bool((values == np.round(values)).all())

    def tests(self, smooth: bool) -> list[Test]:
        """Every split that can be tried.

        Args:
            smooth: the target takes many values: only tables are tried, since thresholds cut what is one formula.
        """
        if smooth not in self._tests:
            self._tests[smooth] = self._list_tests(smooth)
        return self._tests[smooth]

    def _list_tests(self, smooth: bool) -> list[Test]:
        tests: list[Test] = []
        listed = [i for i in self.varying if self.listed(i)]
        for i in self.varying:
            values, branch = self.unique(i)
            prior = self.prior[i]
            if i in listed:
                tests.append(Test("which", (i,), tuple((float(v),) for v in values), branch, prior, len(values)))
                if len(values) > 2 and not smooth:
                    nats = prior + float(np.log(len(values)))
                    tests += [
                        Test("equals", (i,), ((float(v),),), (branch == k).astype(int), nats, 2)
                        for k, v in enumerate(values)
                    ]
            if len(values) > 2 and i in self.amounts and not smooth:
                tests += _above(self.inputs[:, i], (i,), prior)
        for i, j in combinations(listed, 2):
            values, branch = _pair(self.unique(i), self.unique(j))
            prior = self.prior[i] + self.prior[j]
            if len(values) <= self.most_values:
                tests.append(Test("which", (i, j), values, branch, prior, len(values)))
            if i in self.amounts and j in self.amounts and not smooth:
                tests += _above(self.inputs[:, i] - self.inputs[:, j], (i, j), prior + 1.0)
        return tests

    def polynomials(self) -> list[tuple[tuple[int, ...], int]]:
        """Which polynomials to try: affine in one input, all degrees in the measured ones, affine in all."""
        if self._polynomials is None:
            varying = tuple(self.amounts)
            measured = tuple(i for i in varying if not self.listed(i))
            bases: dict[tuple[tuple[int, ...], int], None] = {}
            for i in varying:
                bases[(i,), 1] = None
            for chosen in (measured, varying):
                bases[chosen, 1] = None
            for degree in (2, 3):
                bases[measured, degree] = None
            bases[varying, 2] = None
            self._polynomials = [(chosen, degree) for chosen, degree in bases if chosen and len(chosen) <= 8]
        return self._polynomials

    def basis(self, chosen: tuple[int, ...], degree: int) -> Basis | None:
        """The monomials of some inputs; None where there are too few different rows to know their coefficients by."""
        key = chosen, degree
        if key not in self._bases:
            self._bases[key] = self._factorize(chosen, degree)
        return self._bases[key]

    def _factorize(self, chosen: tuple[int, ...], degree: int) -> Basis | None:
        inputs = self.inputs[:, list(chosen)]
        low, high = inputs.min(axis=0), inputs.max(axis=0)
        scale = np.where(high > low, 2 / np.where(high > low, high - low, 1.0), 0.0)
        center = (high + low) / 2
        features = monomials((inputs - center) * scale, degree)
        if len(chosen) > 1:
            different = np.unique(inputs @ np.linspace(1.0, 2.0, inputs.shape[1])).size
        else:
            different = len(np.unique(inputs))
        if features.shape[1] >= min(different, len(inputs)):
            return None  # nothing is left to check it by; over a few values a table says the same and admits its limits
        left, singular, right = np.linalg.svd(features * self.root[:, None], full_matrices=False)
        if np.min(singular) <= 1e-10 * np.max(singular):
            return None
        return Basis(features, center, scale, left, right.T / singular)


def _above(tested: np.ndarray, inputs: tuple[int, ...], prior: float) -> list[Test]:
    values = np.unique(tested)
    if len(values) < 2:
        return []
    borders = (values[1:] + values[:-1]) / 2
    if len(borders) > MOST_BORDERS:
        borders = borders[np.linspace(0, len(borders) - 1, MOST_BORDERS).astype(int)]
    nats = prior + float(np.log(len(borders))) + 0.5
    return [Test("above", inputs, ((float(b),),), (tested > b).astype(int), nats, 2) for b in borders]


def _pair(
    one: tuple[np.ndarray, Int[np.ndarray, " row"]], other: tuple[np.ndarray, Int[np.ndarray, " row"]]
) -> tuple[tuple[tuple[float, ...], ...], np.ndarray]:
    width = len(other[0])
    codes, branch = np.unique(one[1] * width + other[1], return_inverse=True)
    return tuple((float(one[0][code // width]), float(other[0][code % width])) for code in codes), branch
