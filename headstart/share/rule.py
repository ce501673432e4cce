"""What a rule is: a formula, or a test with a rule for each result; how it decides, and how it reads."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float


class Leaf(NamedTuple):
    """A formula: a polynomial of some inputs, or a constant, to which one input may be added.

    Attributes:
        copied: the input that is added, or -1.
        inputs: the inputs of the polynomial.
        degree: of the polynomial; 0 for a constant.
        coefficients: of the monomials, the constant first.
        center: of each input of the polynomial.
        scale: of each input of the polynomial.
        support: the share of the training weight in this leaf that the formula gets right.
    """

    copied: int
    inputs: tuple[int, ...]
    degree: int
    coefficients: tuple[float, ...]
    center: tuple[float, ...]
    scale: tuple[float, ...]
    support: float


class Split(NamedTuple):
    """A test of one or two inputs, with one branch for each result.

    Attributes:
        kind: `"which"`: the values of the inputs, one branch for each row of `values`; `"equals"`: first input is
            `values[0][0]` (branch 1) or not (branch 0); `"above"`: first input minus the second, if there is one, is
            above `values[0][0]` (branch 1) or not (branch 0).
        inputs: one or two.
        values: see `kind`.
        branches: the rules of each branch.
        default: the branch for a value that was never seen.
    """

    kind: str
    inputs: tuple[int, ...]
    values: tuple[tuple[float, ...], ...]
    branches: tuple["Rule", ...]
    default: int


Rule = Leaf | Split


def monomials(inputs: Float[np.ndarray, "step input"], degree: int) -> Float[np.ndarray, "step monomial"]:
    """All monomials up to a degree of at most 3, the constant first."""
    columns = [np.ones(len(inputs))]
    width = range(inputs.shape[1])
    if degree >= 1:
        columns += [inputs[:, i] for i in width]
    if degree >= 2:
        columns += [inputs[:, i] * inputs[:, j] for i in width for j in width[i:]]
    if degree >= 3:
        columns += [inputs[:, i] * inputs[:, j] * inputs[:, k] for i in width for j in width[i:] for k in width[j:]]
    return np.stack(columns, axis=1)


def decide(
    rule: Rule, inputs: Float[np.ndarray, "step input"]
) -> tuple[Float[np.ndarray, " step"], Float[np.ndarray, " step"]]:
    """Applies a rule.

    Args:
        rule: what was found.
        inputs: of each step.

    Returns:
        What is decided at each step, and with which confidence: the share of training steps that agreed in the leaf,
        and 0 where a value was never seen.
    """
    if isinstance(rule, Leaf):
        decided = np.full(len(inputs), rule.coefficients[0])
        if rule.inputs:
            scaled = (inputs[:, list(rule.inputs)] - np.asarray(rule.center)) * np.asarray(rule.scale)
            decided = monomials(scaled, rule.degree) @ np.asarray(rule.coefficients)
        if rule.copied >= 0:
            decided = decided + inputs[:, rule.copied]
        return decided, np.full(len(inputs), rule.support)
    branch, seen = _take(rule, inputs)
    decided, confidence = np.empty(len(inputs)), np.empty(len(inputs))
    for index, below in enumerate(rule.branches):
        rows = np.flatnonzero(branch == index)
        if rows.size:
            decided[rows], confidence[rows] = decide(below, inputs[rows])
    return decided, np.where(seen, confidence, 0.0)


def describe(rule: Rule, names: tuple[str, ...], meaning: Any = None) -> str:
    """Writes a rule for people. `meaning` turns a decided number into a word, for calls."""
    if isinstance(rule, Leaf):
        if rule.inputs:
            return f"polynomial of degree {rule.degree} in " + ", ".join(names[i] for i in rule.inputs)
        constant = rule.coefficients[0]
        if rule.copied < 0:
            return str(meaning(constant)) if meaning else f"{constant:.6g}"
        return names[rule.copied] + (f" {constant:+.6g}" if abs(constant) > 1e-12 else "")
    tested = " - ".join(names[i] for i in rule.inputs) if rule.kind == "above" else ", ".join(
        names[i] for i in rule.inputs)  # fmt: skip
    below = [describe(one, names, meaning) for one in rule.branches]
    if rule.kind == "which":
        cases = (", ".join(f"{v:g}" for v in value) for value in rule.values)
        return f"by {tested} {{" + "; ".join(f"{c}: {b}" for c, b in zip(cases, below, strict=True)) + "}"
    sign = "=" if rule.kind == "equals" else ">"
    return f"if {tested} {sign} {rule.values[0][0]:g} {{{below[1]}}} else {{{below[0]}}}"


def mentions(rule: Rule, index: int) -> bool:
    """Whether a rule looks at an input."""
    if isinstance(rule, Leaf):
        return rule.copied == index or index in rule.inputs
    return index in rule.inputs or any(mentions(one, index) for one in rule.branches)


def _take(rule: Split, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The branch of each step, and whether it was ever taken with this value."""
    everywhere = np.ones(len(inputs), bool)
    tested = inputs[:, rule.inputs[0]]
    if rule.kind == "equals":
        return (tested == rule.values[0][0]).astype(int), everywhere
    if rule.kind == "above":
        if len(rule.inputs) > 1:
            tested = tested - inputs[:, rule.inputs[1]]
        return (tested > rule.values[0][0]).astype(int), everywhere
    same = (inputs[:, None, list(rule.inputs)] == np.asarray(rule.values)[None, :, :]).all(axis=2)
    seen = same.any(axis=1)
    return np.where(seen, same.argmax(axis=1), rule.default), seen
