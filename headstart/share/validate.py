"""Is a skill learned? Folds over steps, or over whole demonstrations; exact calls, arguments within an accuracy."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Float

from headstart.share.skill_models import Prediction, SkillModel, SkillParams
from headstart.share.skill_steps import SkillSteps, Weights


class Verdict(NamedTuple):
    """Whether a model is right, and if not why.

    Attributes:
        right: every call is right and the RMSE of every argument of every call is within the accuracy.
        reason: why not, for people; empty where it is right.
        first_wrong: index of the first distinct step that it gets wrong; -1 where there is none.
    """

    right: bool
    reason: str = ""
    first_wrong: int = -1


class Validator(Protocol):
    """Splits the demonstrations of the new task into folds."""

    def folds(
        self, seed: int, steps: SkillSteps, demonstrations: np.ndarray
    ) -> Float[np.ndarray, "fold step"] | None: ...


@dataclass(frozen=True, kw_only=True)
class OverSteps:
    """Validator A, the paper's: folds over single steps, which may belong to the same demonstration.

    Satisfied long before a skill generalises to new demonstrations.

    Attributes:
        most: folds at most; fewer where there are fewer steps.

    Source: Fox et al. 2019 (HIL-MT), released code: K = min(n, 20), at least two steps.
    """

    most: int = 20

    def folds(self, seed: int, steps: SkillSteps, demonstrations: np.ndarray) -> Float[np.ndarray, "fold step"] | None:
        counts = steps.weights(demonstrations).astype(int)
        occurrences = np.repeat(np.arange(len(counts)), counts)
        if len(occurrences) < 2:
            return None
        folds = min(len(occurrences), self.most)
        order = np.random.default_rng(seed).permutation(len(occurrences))
        split = np.zeros((folds, len(counts)))
        np.add.at(split, (order % folds, occurrences), 1.0)
        return split


@dataclass(frozen=True, kw_only=True)
class OverDemonstrations:
    """Validator B: folds over whole demonstrations, at least two. What a user means by "it generalises".

    Attributes:
        most: folds at most; fewer where there are fewer demonstrations.
    """

    most: int = 20

    def folds(self, seed: int, steps: SkillSteps, demonstrations: np.ndarray) -> Float[np.ndarray, "fold step"] | None:
        counts = steps.counts[demonstrations]
        counts = counts[counts.any(axis=1)]
        if len(counts) < 2:
            return None
        folds = min(len(counts), self.most)
        order = np.random.default_rng(seed).permutation(len(counts))
        return np.stack([counts[order % folds == fold].sum(axis=0) for fold in range(folds)])


def judge(steps: SkillSteps, rows: np.ndarray, weights: Weights, predicted: Prediction, accuracy: float) -> Verdict:
    """Compares predictions with what the teacher did.

    Args:
        steps: of the skill.
        rows: the distinct steps predicted.
        weights: how often each of `rows` occurs.
        predicted: for `rows`.
        accuracy: limit of the root-mean-square error of each argument of each call, in the argument's unit.

    Returns:
        The verdict.
    """
    if not rows.size:
        return Verdict(True)
    call = steps.call[rows]
    error = np.abs(predicted.arguments - steps.arguments[rows]) / steps.unit[call]
    wrong = predicted.call != call
    beyond = (error > accuracy).any(axis=1)
    first = rows[wrong | beyond].min() if (wrong | beyond).any() else -1
    if wrong.any():
        return Verdict(False, f"{int(weights[wrong].sum())} of {int(weights.sum())} calls are wrong", int(first))
    if not beyond.any():
        return Verdict(True)
    for kind in np.unique(call).tolist():
        chosen = call == kind
        mean_square = (weights[chosen, None] * error[chosen] ** 2).sum(axis=0) / weights[chosen].sum()
        worst = int(mean_square.argmax())
        if mean_square[worst] > accuracy**2:
            name = steps.layout.calls[kind]
            where = f"argument {worst} of {name!r}" if name is not None else f"returned number {worst}"
            off = mean_square[worst] ** 0.5 * steps.unit[kind, worst]
            return Verdict(False, f"{where} is off by {off:.2g} (RMSE)", int(first))
    return Verdict(True)


def held_out(model: SkillModel, params: SkillParams, steps: SkillSteps, weights: Weights, accuracy: float) -> Verdict:
    """Judges a fitted model on steps that occur `weights` times."""
    rows = np.flatnonzero(weights > 0)
    return judge(steps, rows, weights[rows], model.predict(params, steps.layout, steps.inputs[rows]), accuracy)


def cross_validate(
    model: SkillModel,
    steps: SkillSteps,
    folds: Float[np.ndarray, "fold step"] | None,
    always: Weights,
    accuracy: float,
) -> Verdict:
    """Judges a class of models on folds of the new task's data.

    Args:
        model: the class.
        steps: of the skill.
        folds: of the new task; None where there is too little to split.
        always: data of past tasks that belongs to every training part.
        accuracy: see `judge`.

    Returns:
        The verdict over all folds together. A class that cannot reproduce its own training data is refused at once:
        what is left out is never predicted better. A fold whose training part still has every distinct step is right
        by the same argument, and is not fitted again.
    """
    if folds is None:
        return Verdict(False, "too little data to validate on")
    total = folds.sum(axis=0)
    params = model.fit(steps, total + always)
    verdict = held_out(model, params, steps, total, accuracy)
    if not verdict.right:
        return verdict._replace(reason=f"even in training, {verdict.reason}")
    known = total + always > 0
    for fold in folds:
        training = total - fold + always
        if not training.any():
            return Verdict(False, "too little data to validate on")
        if ((training > 0) == known).all():
            continue
        verdict = held_out(model, model.fit(steps, training), steps, fold, accuracy)
        if not verdict.right:
            return verdict
    return Verdict(True)
