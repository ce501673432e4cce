"""Share, pool or keep apart: the choice of a multi-task mode for each skill.

For every non-empty subset of past tasks, largest first: `share` trains on the past data alone and validates on all
new data; `union` trains on both and cross-validates on the new data; at last `independent` uses the new data only. The
first that validates is taken.

Source: Fox, Berenstein, Stoica, Goldberg 2019 (HIL-MT), per-skill selection.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np

from headstart.share.skill_models import PerCounter, Polynomial, SkillModel, SkillParams, Table
from headstart.share.skill_steps import SkillSteps, Weights
from headstart.share.validate import OverDemonstrations, Validator, Verdict, cross_validate, held_out

Mode = Literal["share", "union", "independent", "partly"]
MODES: tuple[Mode, ...] = ("share", "union", "independent")
PAPER_CLASSES: tuple[SkillModel, ...] = (Polynomial(degree=2), PerCounter(), Table())


class Refusal(NamedTuple):
    """Why a mode was not taken.

    Attributes:
        mode: which.
        past: the past tasks, by index from 1.
        reason: for people.
        first_wrong: the first step that it gets wrong, written out; empty where no step is to blame.
    """

    mode: Mode
    past: tuple[int, ...]
    reason: str
    first_wrong: str


class Choice(NamedTuple):
    """What was chosen for a skill.

    Attributes:
        mode: how data of past tasks is used; None where nothing validated.
        past: the past tasks used, by index from 1.
        model: the class of models.
        params: what was fitted on all data that the mode uses.
        refused: the modes that were tried before, and why not.
        detail: for `partly`, each decision and its own mode.
    """

    mode: Mode | None
    past: tuple[int, ...]
    model: SkillModel
    params: SkillParams
    refused: tuple[Refusal, ...]
    detail: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The paper's selector, with the modes that it may use.

    Attributes:
        models: classes of models, tried in this order: the first that validates is taken.
        validator: how the new data is split.
        modes: which may be used; one mode alone is that mode for every skill.
        accuracy: within which an argument is right.
    """

    models: tuple[SkillModel, ...] = PAPER_CLASSES
    validator: Validator = field(default_factory=OverDemonstrations)
    modes: tuple[Mode, ...] = MODES
    accuracy: float = 1e-6

    def choose(self, seed: int, steps: SkillSteps, demonstrations: np.ndarray) -> Choice:
        """Chooses the mode of one skill.

        Args:
            seed: of the split into folds.
            steps: of the skill, in all tasks.
            demonstrations: indices of the new task's demonstrations that may be used.

        Returns:
            The choice. If nothing validates its mode is None, and it holds the first class of models fitted in the
            last mode that has data.
        """
        new = steps.weights(demonstrations)
        folds = self.validator.folds(seed, steps, demonstrations)
        refused: list[Refusal] = []
        fallback = new
        for mode, past, weights in self._attempts(steps):
            for model in self.models:
                if not weights.any() and mode != "independent":
                    refused.append(Refusal(mode, past, "the past tasks have no such skill", ""))
                    break
                verdict = self._verdict(mode, model, steps, folds, weights, new)
                training = weights if mode == "share" else weights + new
                if verdict.right:
                    return Choice(mode, past, model, model.fit(steps, training), tuple(refused))
                refused.append(Refusal(mode, past, f"{_name(model)}: {verdict.reason}", written(steps, verdict)))
                fallback = training
        model = self.models[0]
        return Choice(None, (), model, model.fit(steps, fallback), tuple(refused))

    def _attempts(self, steps: SkillSteps) -> Sequence[tuple[Mode, tuple[int, ...], Weights]]:
        attempts: list[tuple[Mode, tuple[int, ...], Weights]] = []
        for past in subsets(steps):
            weights = steps.weights(np.isin(steps.task, past))
            for mode in MODES[:2]:
                if mode in self.modes:
                    attempts.append((mode, past, weights))
        if "independent" in self.modes:
            attempts.append(("independent", (), np.zeros(steps.counts.shape[1])))
        return attempts

    def _verdict(
        self,
        mode: Mode,
        model: SkillModel,
        steps: SkillSteps,
        folds: np.ndarray | None,
        weights: Weights,
        new: Weights,
    ) -> Verdict:
        if mode == "share":
            return held_out(model, model.fit(steps, weights), steps, new, self.accuracy)
        return cross_validate(model, steps, folds, weights, self.accuracy)


def subsets(steps: SkillSteps, most: int = 5) -> tuple[tuple[int, ...], ...]:
    """Every non-empty subset of the past tasks, largest first.

    Args:
        steps: of a skill.
        most: with more past tasks than this, only all of them and each alone: the subsets double with every task.

    Returns:
        Subsets of the indices of past tasks, which count from 1.
    """
    past = tuple(range(1, int(steps.task.max(initial=0)) + 1))
    sizes = range(len(past), 0, -1) if len(past) <= most else (len(past), 1)
    return tuple(chosen for size in sizes for chosen in combinations(past, size))


def written(steps: SkillSteps, verdict: Verdict) -> str:
    """The first step that a verdict blames, with what the teacher did there."""
    if verdict.first_wrong < 0:
        return ""
    source, step = steps.example[verdict.first_wrong]
    came = f" after {step.returned}{_listed(step.value)}" if step.returned else ""
    did = f"called {step.call}" if step.call is not None else "returned "
    return (f"{source}: {step.procedure}{_listed(step.args)} at {step.counter}{came}: the teacher "
            f"{did}{_listed(step.call_args)}")  # fmt: skip


def _listed(numbers: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{number:.6g}" for number in numbers) + ")"


def _name(model: SkillModel) -> str:
    return repr(model)
