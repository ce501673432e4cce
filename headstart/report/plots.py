"""The figures of a report, one function each; every function returns None where there is nothing to draw."""

from collections.abc import Sequence
from functools import reduce

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from headstart.maths.statistics import bootstrap_interval
from headstart.report.methods import arms_of, role, transfer_lines
from headstart.report.numbers import number
from headstart.report.records import Arm, LearningCurve, RunContents, Spread, TrainingCurve
from headstart.report.style import HUES, INK, LINE, MUTED, PAPER, Look, canvas, label_ends, looks_of, style

WIDTH = 7.6  # inches: the column of the page, and a page of paper less its margins
MOST_PARAMETERS = 16


def few_shot(run: RunContents) -> Figure | None:
    """Draws the return after k target episodes, every method with its interval, the seeds as faint dots behind."""
    if not run.arms:
        return None
    with style():
        figure, axes = canvas(WIDTH, 3.7)
        label_ends(axes, draw_few_shot(axes, run, looks_of([run])))
    return figure


def draw_few_shot(axes: Axes, run: RunContents, look: dict[str, Look]) -> list[tuple[float, float, str, str]]:
    """Draws the lines of `few_shot` into given axes and returns their ends for `label_ends`."""
    shots = sorted({arm.shots for arm in run.arms if role(arm.method).kind != "oracle"}) or [0]
    lines = few_shot_lines(run)
    offsets = np.linspace(-0.22, 0.22, len(lines)) if len(lines) > 1 else np.zeros(len(lines))
    ends = []
    for (name, line), offset in zip(lines.items(), offsets, strict=True):
        at = [shots.index(arm.shots) + float(offset) for arm in line]
        _line_of_arms(axes, at, line, look)
        ends.append((at[-1], line[-1].iqm, name, look[name].color))
    for arm in arms_of(run, "oracle")[-1:]:
        axes.axhspan(arm.low, arm.high, color=LINE, alpha=0.5, lw=0)
        axes.axhline(arm.iqm, color=INK, lw=0.9, ls=(0, (1, 2)))
        ends.append((len(shots) - 0.6, arm.iqm, arm.method, look[arm.method].color))
    axes.set_xlim(-0.45, len(shots) - 0.55)
    axes.set_xticks(range(len(shots)), [str(k) for k in shots])
    _returns(axes, "target episodes to adapt with, k")
    return ends


def few_shot_lines(run: RunContents) -> dict[str, list[Arm]]:
    """Lists the lines of `few_shot`: scratch, the adapted methods from their zero-shot on, and what starts no line."""
    lines: dict[str, list[Arm]] = {}
    for arm in arms_of(run, "scratch"):
        lines.setdefault(arm.method, []).append(arm)
    lines |= transfer_lines(run)
    joined = {id(arm) for line in lines.values() for arm in line}
    for arm in arms_of(run, "zero-shot"):
        if id(arm) not in joined:
            lines.setdefault(arm.method, []).append(arm)
    return lines


def learning(run: RunContents) -> Figure | None:
    """Draws return against target episodes, with bands over seeds, through the measured points only."""
    if not run.curves:
        return None
    look = looks_of([run])
    with style():
        figure, axes = canvas(WIDTH, 3.5)
        ends = [
            (*_band(axes, curve, look[curve.method]), curve.method, look[curve.method].color) for curve in run.curves
        ]
        axes.set_xlim(0, max(float(curve.episodes[-1]) for curve in run.curves) or 1.0)
        axes.xaxis.get_major_locator().set_params(integer=True)
        _returns(axes, "episodes spent on the target")
        label_ends(axes, ends)
    return figure


def training(run: RunContents) -> Figure | None:
    """Draws return against environment steps on the source: a thin line a seed, one colour an arm.

    Seeds that were looked at after the same steps get the line of their interquartile mean, and its band.
    """
    curves = [curve for curve in run.training if curve.steps.size > 1]
    if not curves:
        return None
    look = looks_of([run])
    with style():
        figure, axes = canvas(WIDTH, 3.0)
        last: dict[str, TrainingCurve] = {}
        for curve in curves:
            axes.plot(curve.steps, curve.values, color=look[curve.name].color, lw=1.0, alpha=0.75)
            last[curve.name] = curve
        for name in last:
            mine = [curve for curve in curves if curve.name == name]
            if len(mine) > 2 and (band := band_of(mine)):
                _band(axes, band, look[name])
                last[name] = TrainingCurve(name, "", band.episodes, band.middle)
        axes.set_xlim(left=0, right=max(float(curve.steps[-1]) for curve in curves))
        axes.xaxis.set_major_formatter(lambda value, _: number(value))
        _returns(axes, "environment steps on the source")
        ends = [
            (float(curve.steps[-1]), float(curve.values[-1]), name, look[name].color) for name, curve in last.items()
        ]
        label_ends(axes, ends, gap=0.07)
    return figure


def dynamics(run: RunContents) -> Figure | None:
    """Draws each parameter on its own axis: the source's spread, its nominal value, and the target where revealed."""
    spreads = _most_telling(run.dynamics)
    if not spreads:
        return None
    with style():
        figure, grid = canvas(WIDTH, 0.42 * len(spreads) + 0.55, rows=len(spreads), squeeze=False)
        for axes, spread in zip(grid[:, 0], spreads, strict=True):
            _strip(axes, spread)
        handles = [
            Line2D([], [], ls="", marker="o", ms=4, mfc=HUES[5], mec="none", label="sampled in the source"),
            Line2D([], [], ls="", marker="|", ms=10, color=INK, mew=1.1, label="nominal"),
            Line2D([], [], ls="", marker="D", ms=6, mfc=HUES[1], mec=PAPER, label="target, revealed after the run"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9, labelcolor=MUTED)
    return figure


def ledger(run: RunContents) -> Figure | None:
    """Draws what every arm spent on the target: episodes to adapt, to select and to evaluate."""
    metered = (arm for arm in run.arms if role(arm.method).kind != "oracle")  # the oracle has no budget
    arms = [arm for arm in metered if arm.adaptation_episodes is not None]
    if not arms:
        return None
    fields = ("adaptation_episodes", "selection_episodes", "evaluation_episodes")
    names = [f"{arm.method}, k = {arm.shots}" for arm in arms]
    look = looks_of([run])
    with style():
        figure, grid = canvas(WIDTH, 0.24 * len(arms) + 0.9, columns=3, sharey=True)
        for axes, field in zip(grid, fields, strict=True):
            spent = [getattr(arm, field) or 0.0 for arm in arms]
            axes.barh(range(len(arms)), spent, height=0.62, color=[look[arm.method].color for arm in arms])
            for row, value in enumerate(spent):
                axes.annotate(
                    number(value),
                    (value, row),
                    (4, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8.5,
                    color=MUTED,
                )
            axes.set_title(field.replace("_", " "), fontsize=9.5, color=INK)
            axes.set_xlim(0, 1.25 * max([*spent, 1.0]))
            axes.set_xticks([])
            axes.spines["bottom"].set_visible(False)
            axes.spines["left"].set_visible(True)
            axes.grid(False)
        grid[0].set_yticks(range(len(arms)), names)
        grid[0].invert_yaxis()
    return figure


FIGURES = {"few_shot": few_shot, "learning": learning, "training": training, "dynamics": dynamics, "ledger": ledger}


def _line_of_arms(axes: Axes, at: Sequence[float], line: Sequence[Arm], look: dict[str, Look]) -> None:
    own = look[line[-1].method]
    axes.plot(at, [arm.iqm for arm in line], color=own.color, ls=own.dash, lw=1.0, alpha=0.7, zorder=2)
    for x, arm in zip(at, line, strict=True):
        face = PAPER if look[arm.method].hollow else own.color
        axes.scatter([x] * len(arm.per_seed), arm.per_seed, s=7, color=own.color, alpha=0.35, lw=0, zorder=2)
        axes.plot([x, x], [arm.low, arm.high], color=own.color, lw=1.8, zorder=3)
        axes.plot(x, arm.iqm, own.marker, ms=6.5, mfc=face, mec=own.color, mew=1.4, zorder=4)


def band_of(curves: Sequence[TrainingCurve], points: int = 100) -> LearningCurve | None:
    """Sums up seeds at the steps that all of them have; None where there are fewer than two such steps."""
    common = reduce(np.intersect1d, (curve.steps for curve in curves))
    common = common[np.unique(np.linspace(0, len(common) - 1, min(points, len(common))).astype(int))]
    if len(common) < 2:
        return None
    rows = np.stack([curve.values[np.searchsorted(curve.steps, common)] for curve in curves])
    spread = np.array([bootstrap_interval(column[:, None], resamples=1_000) for column in rows.T])
    return LearningCurve(curves[0].name, common, *spread.T)


def _band(axes: Axes, curve: LearningCurve, look: Look) -> tuple[float, float]:
    axes.fill_between(curve.episodes, curve.low, curve.high, color=look.color, alpha=0.15, lw=0)
    axes.plot(curve.episodes, curve.middle, color=look.color, ls=look.dash)
    if len(curve.episodes) == 1:  # neither a line nor a band can be seen
        axes.plot([curve.episodes[0]] * 2, [curve.low[0], curve.high[0]], color=look.color, lw=1.8)
        axes.plot(curve.episodes, curve.middle, look.marker, color=look.color, ms=6.5, clip_on=False)
    return float(curve.episodes[-1]), float(curve.middle[-1])


def _returns(axes: Axes, x: str) -> None:
    axes.set_xlabel(x)
    axes.set_title("return of an episode", fontsize=9.5, color=MUTED, pad=8)
    axes.yaxis.set_major_formatter(lambda value, _: number(value))
    axes.margins(y=0.08)


def _most_telling(spreads: Sequence[Spread]) -> list[Spread]:
    """Keeps the parameters that vary or that the target shifts; of too many, those of the largest shift."""

    def shift(spread: Spread) -> float:
        values = np.append(spread.source, [v for v in (spread.nominal, spread.target) if v is not None])
        return float(np.ptp(values) / (np.abs(values).max() or 1.0))

    telling = [spread for spread in spreads if shift(spread) > 0]
    kept = {spread.name for spread in sorted(telling, key=shift, reverse=True)[:MOST_PARAMETERS]}
    return [spread for spread in telling if spread.name in kept]


def _strip(axes: Axes, spread: Spread) -> None:
    jitter = np.random.default_rng(0).uniform(-0.28, 0.28, spread.source.size)
    axes.scatter(spread.source, jitter, s=9, color=HUES[5], alpha=0.55, lw=0, zorder=2)
    if spread.nominal is not None:
        axes.plot([spread.nominal] * 2, [-0.42, 0.42], color=INK, lw=1.1, zorder=3)
    if spread.target is not None:
        axes.plot(spread.target, 0, "D", ms=6, mfc=HUES[1], mec=PAPER, mew=0.8, zorder=4)
    axes.set_ylim(-0.5, 0.5)
    axes.margins(x=0.04)
    axes.set_yticks([0], [f"{spread.name} ({spread.unit})" if spread.unit else spread.name])
    axes.tick_params(axis="y", labelcolor=INK)
    axes.tick_params(axis="x", labelsize=7.5, pad=1, length=2)
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(lambda value, _: number(value))
    axes.grid(False)
