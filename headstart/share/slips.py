"""How often a teacher slips, read off the demonstrations: the same situation, annotated with different calls.

What a step costs that a rule gets wrong should be the surprise at a slip. A teacher who never contradicts himself
follows a program, and is believed in every rare case; of one who contradicts himself in five of a hundred repeated
situations, a single odd step is more likely another slip than a branch of its own. No rule is needed to count this:
procedures are functions of what they are given, so equal inputs with different calls are slips by themselves.
"""

from collections.abc import Mapping
from math import log

import numpy as np

from headstart.share.rules import NEVER
from headstart.share.skill_steps import SkillSteps, Weights


def surprise(skills: Mapping[str, SkillSteps], demonstrations: np.ndarray, never: float = NEVER) -> float:
    """Nats for one slip of the teacher.

    Args:
        skills: of the task.
        demonstrations: which may be used (indices, or a mask).
        never: the answer where no slip is seen; what is believed of teachers beforehand.

    Returns:
        The log-odds against a slip, by the Krichevsky-Trofimov estimate of its rate from repeated situations; in
        whole nats, so that rules found before stay good while demonstrations arrive.
    """
    slips = repeated = 0.0
    for steps in skills.values():
        missed, tried = contradictions(steps, steps.weights(demonstrations))
        slips, repeated = slips + missed, repeated + tried
    if not slips:
        return never
    rate = (slips + 0.5) / (repeated + 1.0)
    return min(never, max(1.0, round(log(max(1.0 - rate, 0.5) / min(rate, 0.5)))))


def contradictions(steps: SkillSteps, weights: Weights) -> tuple[float, float]:
    """Counts repeated situations.

    Args:
        steps: of a skill.
        weights: how often each distinct step occurs.

    Returns:
        How many steps contradict the majority in their situation, and how many could have.
    """
    rows = np.flatnonzero(weights > 0)
    if not rows.size:
        return 0.0, 0.0
    _, situation = np.unique(steps.inputs[rows], axis=0, return_inverse=True)
    situation = situation.reshape(-1)
    calls = len(steps.layout.calls)
    cell, size = situation * calls + steps.call[rows], (situation.max() + 1) * calls
    by_call = np.bincount(cell, weights=weights[rows], minlength=size).reshape(-1, calls)
    total, most = by_call.sum(axis=1), by_call.max(axis=1)
    return float((total - most).sum()), float((total - 1.0).sum())
