"""What the arms of soft pretraining come to: the classic answers about transfer, and a verdict with its intervals."""

import math
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from headstart.maths.statistics import Interval, bootstrap_interval, paired_difference, ratio_interval, summarize
from headstart.maths.transfer_metrics import Curve, area_under_curve, asymptote, jump_start, time_to_threshold

WINDOW = 3  # evaluations that the final return averages
WANTED = 1.5  # times fewer episodes, at the lower end of the interval


class Measured(NamedTuple):
    """One arm against scratch, seed by seed.

    Attributes:
        jump_start: greedy return before the first target episode, minus that of scratch.
        area: under the curve of greedy returns, per target episode.
        time: target episodes until the threshold; the whole budget where it was not reached.
        reached: how many seeds reached it.
        stayed: how many were still there at the end.
        final: mean greedy return of the last evaluations.
        practice: mean return of the target episodes that were learnt from, what learning itself cost.
    """

    jump_start: Float[np.ndarray, " seed"]
    area: Float[np.ndarray, " seed"]
    time: Float[np.ndarray, " seed"]
    reached: int
    stayed: int
    final: Float[np.ndarray, " seed"]
    practice: Float[np.ndarray, " seed"]


def threshold_of(curves: dict[str, Float[np.ndarray, "seed point"]], scratch: str) -> float:
    """Returns the performance that counts as solved: midway between a fresh policy and the best arm's end.

    No arm is favoured: what is best at the end is the same number for all.
    """
    begun = float(np.mean(curves[scratch][:, 0]))
    best = max(bootstrap_interval(curve[:, -WINDOW:].mean(axis=1)).value for curve in curves.values())
    return (begun + best) / 2.0


def measure(
    episodes: list[int],
    curve: Float[np.ndarray, "seed point"],
    practised: Float[np.ndarray, "seed episode"],
    scratch: Float[np.ndarray, "seed point"],
    threshold: float,
) -> Measured:
    """Computes an arm's answers from its curves and those of scratch with the same seeds."""
    at = np.asarray(episodes, np.float64)
    pairs = [(Curve(at, ours), Curve(at, theirs)) for ours, theirs in zip(curve, scratch, strict=True)]
    times = np.array([time_to_threshold(ours, threshold) for ours, _ in pairs])
    first = max(1.0, float(at[1]))  # an arm that needs no episode is held to have needed the first few
    final = np.array([asymptote(ours, WINDOW) for ours, _ in pairs])
    return Measured(
        jump_start=np.array([jump_start(ours, theirs) for ours, theirs in pairs]),
        area=np.array([area_under_curve(ours) / at[-1] for ours, _ in pairs]),
        time=np.maximum(np.where(np.isfinite(times), times, at[-1]), first),
        reached=int(np.isfinite(times).sum()),
        stayed=int((final >= threshold).sum()),
        final=final,
        practice=practised.mean(axis=1),
    )


def row(measured: Measured) -> dict[str, Any]:
    """Gives an arm's answers with 95 % intervals, as plain JSON."""
    kept = {name: summarize(value) for name, value in measured._asdict().items() if name not in ("reached", "stayed")}
    return {"reached": measured.reached, "stayed": measured.stayed, "seeds": len(measured.time), **kept}


def verdict(arms: dict[str, Measured], soft: tuple[str, ...], hard: tuple[str, ...], scratch: tuple[str, ...]) -> Any:
    """Holds the best soft arm against the best deterministic one and the best from scratch.

    Args:
        arms: by name.
        soft: names of the soft arms; the best is the one that needs the fewest target episodes.
        hard: names of the deterministic ones, likewise.
        scratch: names of those from scratch, likewise.

    Returns:
        For each opponent: how many times fewer episodes, with its interval, and the difference at the end, paired by
        seed; and whether the goal of the issue is met.
    """
    best, found = fastest(arms, soft), {}
    for kind, names in (("deterministic", hard), ("scratch", scratch)):
        other = fastest(arms, names)
        fewer = ratio_interval(arms[other].time, arms[best].time)
        at_the_end = paired_difference(arms[best].final, arms[other].final)
        found[kind] = {
            "arm": other,
            "times_fewer_episodes": spelled(fewer),
            "final_difference": spelled(at_the_end),
            "met": fewer.low > WANTED and fewer.value >= 2.0 and at_the_end.high >= 0.0,
        }
    return {"best": best, **found, "met": all(found[kind]["met"] for kind in found)}


def held_out(arms: dict[str, Measured], soft: tuple[str, ...], hard: tuple[str, ...], scratch: tuple[str, ...]) -> Any:
    """Chooses the best of each kind on the first half of the seeds and holds them against each other on the other half.

    The best of several arms looks better than it is on the seeds that it was chosen by. None for fewer than 8 seeds.
    """
    half = len(arms[soft[0]].time) // 2
    if half < 4:
        return None
    first, second = ({name: part(arm, rows) for name, arm in arms.items()} for rows in (slice(half), slice(half, None)))
    chosen = ((fastest(first, names),) for names in (soft, hard, scratch))
    return verdict(second, *chosen)


def part(measured: Measured, rows: slice) -> Measured:
    """Returns an arm's answers on some seeds; how many got there is of all."""
    arrays: dict[str, Any] = {name: x[rows] for name, x in measured._asdict().items() if isinstance(x, np.ndarray)}
    return measured._replace(**arrays)


def fastest(arms: dict[str, Measured], names: tuple[str, ...]) -> str:
    """Returns the arm that needs the fewest target episodes."""
    return min(names, key=lambda name: (bootstrap_interval(arms[name].time).value, -arms[name].final.mean()))


def spelled(interval: Interval) -> dict[str, float]:
    """Writes an interval as JSON, under the names that result files use."""
    return {"iqm": interval.value, "low": interval.low, "high": interval.high}


def table(result: dict[str, Any]) -> str:
    """Writes a result as text: one line an arm, then the sources, then the verdict."""
    title = f"target episodes to {result['threshold']:,.0f}"
    lines = [f"{title:34s}  reached  stayed  final return      area  jump-start"]
    for name, arm in result["arms"].items():
        time, final, area, jump = (arm[key] for key in ("time", "final", "area", "jump_start"))
        lines.append(
            f"{name:24s} {time['iqm']:5.1f} [{time['low']:.0f}, {time['high']:.0f}]"
            f"  {arm['reached']:3d}/{arm['seeds']:<3d}  {arm['stayed']:3d}/{arm['seeds']:<3d}"
            f"  {final['iqm']:6.0f} [{final['low']:.0f}, {final['high']:.0f}]"
            f"  {area['iqm']:6.0f}  {jump['iqm']:+7.0f}"
        )
    lines += ["", "sources: return, entropy of directions (1: all alike), coverage, deterministic states, range left"]
    for name, source in result["sources"].items():
        seen = source["diagnosis"]
        directions = source.get("directions")
        lines.append(
            f"{name:16s} α {source['temperature']:<7g} {source['returns']['iqm']:7.1f}  "
            f"{'' if directions is None else format(directions['iqm'], '.2f'):>4s}  {seen['coverage']:.0%}  "
            f"{seen['deterministic']:.0%}  {seen['range_left']:.0%}"
        )
    return "\n".join([*lines, "", result["said"]])


def said(found: dict[str, Any]) -> str:
    """Says the verdict in words."""
    text = f"best soft arm: {compared(found)}"
    if found.get("held_out"):
        text += f" Chosen on the first half of the seeds and measured on the other: {compared(found['held_out'])}"
    return text


def compared(found: dict[str, Any]) -> str:
    """Says what one comparison came to."""
    parts = []
    for kind in ("deterministic", "scratch"):
        fewer, end = found[kind]["times_fewer_episodes"], found[kind]["final_difference"]
        parts.append(
            f"against {found[kind]['arm']!r} {fewer['iqm']:.2g} × fewer target episodes [{fewer['low']:.2g}, "
            f"{fewer['high']:.2g}], {end['iqm']:+.0f} [{end['low']:.0f}, {end['high']:.0f}] at the end"
        )
    goal = f"at least 2 × fewer than both, interval above {WANTED}, and no loss at the end"
    return f"{found['best']!r}; {'; '.join(parts)}. Goal ({goal}): {'met' if found['met'] else 'not met'}."


def rounded(values: Any, digits: int = 1) -> Any:
    """Rounds a nested list for a result file; what is no number becomes null."""
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if isinstance(values, list):
        return [rounded(value, digits) for value in values]
    return round(float(values), digits) if math.isfinite(values) else None
