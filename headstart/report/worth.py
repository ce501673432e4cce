"""What a source was worth on the target: the transfer metrics of every method that scratch can be held against."""

from typing import NamedTuple

import numpy as np

from headstart.errors import InputError
from headstart.maths.statistics import Interval, paired_difference
from headstart.maths.transfer_metrics import Curve, TransferMetrics, asymptote, transfer_metrics
from headstart.report.methods import scratch_at, too_few_seeds, transfer_lines
from headstart.report.records import Arm, RunContents


class Worth(NamedTuple):
    """What one origin's pretraining was worth on the target.

    Attributes:
        method: the fine-tuned (or other) method.
        metrics: of the curves of interquartile means.
        threshold: the performance that scratch reached with the whole budget, within the time of `metrics`.
        difference: from scratch at the largest common k, paired by seed; None where seeds do not match or are too few.
        shots: that k.
    """

    method: str
    metrics: TransferMetrics
    threshold: float
    difference: Interval | None
    shots: int


def worth(run: RunContents) -> list[Worth]:
    """Computes the transfer metrics of every method that has a from-scratch curve to be held against."""
    found = []
    for method, arms in transfer_lines(run).items():
        shared = [(arm, rival) for arm in arms if (rival := scratch_at(run, arm.shots))]
        if len(shared) < 2 or shared[0][0].shots != 0:
            continue
        curves = [
            Curve(np.array([a.shots for a in side], np.float64), np.array([a.iqm for a in side]))
            for side in zip(*shared, strict=True)
        ]
        threshold = asymptote(curves[1])
        metrics = transfer_metrics(*curves, threshold=threshold, source_cost=shared[-1][0].source_episodes or 0.0)
        found.append(Worth(method, metrics, threshold, _paired(*shared[-1]), shared[-1][0].shots))
    return found


def _paired(arm: Arm, rival: Arm) -> Interval | None:
    if too_few_seeds(arm, rival):
        return None
    try:
        return paired_difference(np.array(arm.per_seed), np.array(rival.per_seed))
    except InputError:
        return None
