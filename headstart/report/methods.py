"""What the methods of a run are to each other: who starts where, who is the rival, who beat whom."""

from typing import Literal, NamedTuple

from headstart.maths.statistics import Interval
from headstart.report.records import Arm, RunContents

Verdict = Literal["better", "worse", "open"]
LEAST_SEEDS = 3  # to decide anything


class Role(NamedTuple):
    """What a method's name says of it.

    Attributes:
        kind: how the target's episodes were used.
        origin: the pretraining that it started from, such as `"randomized"`; empty where the name says none.
    """

    kind: Literal["scratch", "oracle", "zero-shot", "fine-tune", "other"]
    origin: str


def role(method: str) -> Role:
    """Reads a method's name; both `"fine-tune randomized"` and `"randomized/fine_tune"` are understood."""
    words = [w for w in method.lower().replace("_", "-").replace("/", " ").replace(":", " ").split() if w != "from"]
    for kind, names in {
        "scratch": ("scratch", "from-scratch"),
        "oracle": ("oracle",),
        "zero-shot": ("zero-shot", "zeroshot"),
        "fine-tune": ("fine-tune", "finetune", "fine-tuned", "few-shot"),
    }.items():
        if any(w in names for w in words):
            return Role(kind, " ".join(w for w in words if w not in names))  # type: ignore[arg-type]
    return Role("other", " ".join(words))


def arms_of(run: RunContents, kind: str) -> list[Arm]:
    """Lists the arms of one kind, by k."""
    return sorted((arm for arm in run.arms if role(arm.method).kind == kind), key=lambda arm: arm.shots)


def scratch_at(run: RunContents, shots: int) -> Arm | None:
    """Finds the from-scratch arm with the same number of target episodes."""
    return next((arm for arm in arms_of(run, "scratch") if arm.shots == shots), None)


def verdict(arm: Arm, rival: Arm | None) -> Verdict:
    """Judges an arm against a rival: better or worse only where the intervals do not touch.

    Below three seeds nothing is decided: one seed has no interval, and the ranges of two miss each other by chance
    alone in one case of three.
    """
    if (
        rival is None
        or too_few_seeds(arm, rival)
        or Interval(arm.iqm, arm.low, arm.high).overlaps(Interval(rival.iqm, rival.low, rival.high))
    ):
        return "open"
    return "better" if arm.low > rival.high else "worse"


def too_few_seeds(*arms: Arm) -> bool:
    """Tells whether an arm is known to have fewer than three seeds."""
    return any(0 < len(arm.per_seed) < LEAST_SEEDS for arm in arms)


def transfer_lines(run: RunContents) -> dict[str, list[Arm]]:
    """Joins each adapted method's arms to one line over k, beginning at its own origin's zero-shot result."""
    zero = {role(arm.method).origin: arm for arm in arms_of(run, "zero-shot") if arm.shots == 0}
    lines: dict[str, list[Arm]] = {}
    for arm in sorted(run.arms, key=lambda arm: arm.shots):
        kind, origin = role(arm.method)
        if kind in ("fine-tune", "other"):
            start = [zero[origin]] if origin in zero and arm.shots > 0 else []
            lines.setdefault(arm.method, start).append(arm)
    return lines
