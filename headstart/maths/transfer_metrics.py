"""How much did transfer help? The five classic answers, with and without what the source cost.

A curve is performance against episodes of the *target*; the first point is performance before any adaptation
(zero-shot). All areas are trapezoids over target episodes.

Source: Taylor and Stone 2009, "Transfer Learning for Reinforcement Learning Domains: A Survey", section 3.1.
"""

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from headstart.errors import InputError


class Curve(NamedTuple):
    """Performance against episodes spent on the target.

    Attributes:
        episodes: strictly increasing, beginning at 0.
        values: performance measured after so many episodes.
    """

    episodes: Float[np.ndarray, " point"]
    values: Float[np.ndarray, " point"]


class TransferMetrics(NamedTuple):
    """What the source was worth on the target, for one pair of curves.

    Attributes:
        jump_start: performance before the first target episode, minus that of scratch.
        area: under the transfer curve, in performance × episodes.
        scratch_area: under the scratch curve.
        transfer_ratio: (area - scratch_area) / |scratch_area|; below 0 is negative transfer.
        time_to_threshold: target episodes until the threshold; inf where it was never reached.
        scratch_time_to_threshold: likewise from scratch.
        asymptote: final performance.
        asymptote_gain: final performance, minus that of scratch.
        source_cost: what the source cost, in episodes as dear as the target's.
        total_time_to_threshold: `time_to_threshold` plus the source's cost.
        total_transfer_ratio: the transfer ratio when the source's cost is on the clock (see `total_curves`).
        price_of_saved_episode: source cost divided by the target episodes that it saved up to the threshold: transfer
            pays where a target episode is dearer than this many source episodes. nan where nothing is known to be
            saved, inf where none was.
    """

    jump_start: float
    area: float
    scratch_area: float
    transfer_ratio: float
    time_to_threshold: float
    scratch_time_to_threshold: float
    asymptote: float
    asymptote_gain: float
    source_cost: float
    total_time_to_threshold: float
    total_transfer_ratio: float
    price_of_saved_episode: float


def transfer_metrics(
    transfer: Curve, scratch: Curve, *, threshold: float, source_cost: float = 0.0, window: int = 1
) -> TransferMetrics:
    """Computes all of `TransferMetrics` for one pair of curves.

    Args:
        transfer: the curve with a head start.
        scratch: the curve without one, over the same number of target episodes.
        threshold: the performance that counts as solved.
        source_cost: of the source, in units of target episodes (0: the source is free, the "target time" scenario).
        window: how many final points the asymptote averages.

    Returns:
        The metrics.

    Raises:
        InputError: if a curve is malformed, the curves end at different budgets, or the cost is negative.
    """
    transfer, scratch = check_curve(transfer), check_curve(scratch)
    if transfer.episodes[-1] != scratch.episodes[-1]:
        raise InputError(
            f"curves must end at the same budget to be compared; these end after {transfer.episodes[-1]:g} and "
            f"{scratch.episodes[-1]:g} target episodes"
        )
    if not (math.isfinite(source_cost) and source_cost >= 0):
        raise InputError(f"the source's cost must be finite and not negative, not {source_cost}")
    ours, theirs = time_to_threshold(transfer, threshold), time_to_threshold(scratch, threshold)
    total = total_curves(transfer, scratch, source_cost)
    return TransferMetrics(
        jump_start=jump_start(transfer, scratch),
        area=area_under_curve(transfer),
        scratch_area=area_under_curve(scratch),
        transfer_ratio=transfer_ratio(area_under_curve(transfer), area_under_curve(scratch)),
        time_to_threshold=ours,
        scratch_time_to_threshold=theirs,
        asymptote=asymptote(transfer, window),
        asymptote_gain=asymptote(transfer, window) - asymptote(scratch, window),
        source_cost=float(source_cost),
        total_time_to_threshold=ours + source_cost,
        total_transfer_ratio=transfer_ratio(area_under_curve(total[0]), area_under_curve(total[1])),
        price_of_saved_episode=price_of_saved_episode(ours, theirs, source_cost),
    )


def check_curve(curve: Curve) -> Curve:
    """Returns the curve as float64 arrays, or raises `InputError` where it is malformed."""
    episodes, values = (np.asarray(a, np.float64) for a in curve)
    if episodes.ndim != 1 or episodes.shape != values.shape or episodes.size == 0:
        raise InputError(f"a curve needs one value for each episode count, not {values.shape} for {episodes.shape}")
    if not (np.isfinite(episodes).all() and np.isfinite(values).all()):
        raise InputError("a curve must be finite; leave out what was not measured")
    if episodes[0] != 0 or (np.diff(episodes) <= 0).any():
        raise InputError(f"a curve must begin at 0 episodes and go up, not {episodes.tolist()}")
    return Curve(episodes, values)


def jump_start(transfer: Curve, scratch: Curve) -> float:
    """Performance before the first target episode, minus that of scratch."""
    return float(transfer.values[0] - scratch.values[0])


def area_under_curve(curve: Curve) -> float:
    """Area by trapezoids over target episodes, in performance × episodes; 0 for a single point."""
    return float(np.trapezoid(curve.values, curve.episodes))


def time_to_threshold(curve: Curve, threshold: float) -> float:
    """Target episodes at the first *measured* point at or above the threshold; inf where there is none.

    Nothing is interpolated: between two measurements nothing is known, so this errs against the curve.
    """
    reached = np.flatnonzero(np.asarray(curve.values) >= threshold)
    return float(curve.episodes[reached[0]]) if reached.size else math.inf


def transfer_ratio(area: float, scratch_area: float) -> float:
    """(area - scratch_area) / |scratch_area|.

    The modulus keeps "above 0 is better" where returns are negative (a pendulum's costs). Where scratch has no area at
    all the ratio is inf or -inf by the sign of the gain, and nan if there is no gain either.
    """
    gain = area - scratch_area
    if scratch_area == 0:
        return math.nan if gain == 0 else math.copysign(math.inf, gain)
    return gain / abs(scratch_area)


def asymptote(curve: Curve, window: int = 1) -> float:
    """Mean of the last `window` measured values (of all, where there are fewer)."""
    if window < 1:
        raise InputError(f"an asymptote averages at least one point, not {window}")
    return float(np.mean(np.asarray(curve.values, np.float64)[-window:]))


def total_curves(transfer: Curve, scratch: Curve, source_cost: float) -> tuple[Curve, Curve]:
    """Puts the source's cost on the clock: both curves over [0, source_cost + budget].

    While the source is learned, transfer performs as scratch does at its start. Scratch, which spends nothing on a
    source, learns on the target at once; after its budget, where nothing was measured, it keeps its final performance,
    which understates it unless it had converged.

    Args:
        transfer: the curve with a head start.
        scratch: the curve without one.
        source_cost: in units of target episodes.

    Returns:
        Transfer and scratch over the whole time.
    """
    if source_cost == 0:
        return transfer, scratch
    before = Curve(np.array([0.0, source_cost]), np.full(2, float(scratch.values[0])))
    late = Curve(
        np.concatenate([before.episodes, source_cost + transfer.episodes]),
        np.concatenate([before.values, transfer.values]),
    )
    held = Curve(
        np.append(scratch.episodes, source_cost + scratch.episodes[-1]), np.append(scratch.values, scratch.values[-1])
    )
    return late, held


def price_of_saved_episode(time: float, scratch_time: float, source_cost: float) -> float:
    """Source cost divided by the target episodes saved; inf where none was, nan where scratch never got there."""
    if not math.isfinite(time):
        return math.inf
    saved = scratch_time - time
    if not math.isfinite(saved):
        return math.nan
    return source_cost / saved if saved > 0 else math.inf
