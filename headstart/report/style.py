"""One look for every figure: thin axes, direct labels, colours that the colour-blind can tell apart.

Figures are drawn once. On paper (PNG) they are dark on white; in the page (SVG) every colour below is replaced by a
CSS variable, so that the same figure follows the reader's light or dark theme.
"""

import html
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from headstart.report.methods import role
from headstart.report.records import RunContents

INK, MUTED, LINE, PAPER = "#1f2328", "#6b7280", "#d8dce2", "#fefefe"
# Okabe and Ito 2008, ordered so that neighbours differ in lightness too (readable in a grey print)
HUES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
SCRATCH, ORACLE = MUTED, INK
VARIABLES = {INK: "ink", MUTED: "muted", LINE: "line", PAPER: "paper"} | {h: f"hue{i}" for i, h in enumerate(HUES)}
MARKERS = ("o", "s", "D", "^", "v", "P")

RC: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9.5,
    "axes.linewidth": 0.6,
    "axes.spines.left": False,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "figure.facecolor": "none",
    "font.family": "DejaVu Sans",
    "font.size": 9.5,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "svg.fonttype": "none",
    "svg.hashsalt": "headstart",
    "text.color": INK,
    "text.parse_math": False,  # a name from a file is text, never a formula
    "xtick.color": MUTED,
    "xtick.major.size": 3,
    "xtick.major.width": 0.6,
    "ytick.color": MUTED,
    "ytick.major.size": 0,
}


class Look(NamedTuple):
    """How a method is drawn, the same in every figure of a run."""

    color: str
    marker: str
    dash: Any
    hollow: bool


def looks_of(runs: Sequence[RunContents]) -> dict[str, Look]:
    """Gives every method of some runs its look: a hue for each origin; scratch is grey, the oracle dark."""
    arms = [arm.method for run in runs for arm in run.arms]
    curves = [curve.method for run in runs for curve in run.curves]
    hues: dict[str, int] = {}
    found = {}
    for method in dict.fromkeys([*arms, *curves, *(curve.name for run in runs for curve in run.training)]):
        kind, origin = role(method)
        if kind == "scratch":
            found[method] = Look(SCRATCH, "X", (0, (4, 2)), False)
        elif kind == "oracle":
            found[method] = Look(ORACLE, "_", (0, (1, 2)), False)
        else:
            i = hues.setdefault(origin, len(hues))
            found[method] = Look(HUES[i % len(HUES)], MARKERS[i % len(MARKERS)], "solid", kind == "zero-shot")
    return found


def canvas(width: float, height: float, rows: int = 1, columns: int = 1, **grid: Any) -> tuple[Figure, Any]:
    """Makes an empty figure in inches, with its axes; call inside `style()`."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, **grid)


def style():
    """The context in which every figure is drawn and written."""
    return mpl.rc_context(RC)


def label_ends(axes: Axes, ends: list[tuple[float, float, str, str]], gap: float = 0.055) -> None:
    """Writes each line's name right of its end in its colour, moved apart just enough to be read.

    Args:
        axes: to write into; its limits must be final.
        ends: (x, y, name, colour) of each line.
        gap: least distance between two labels, as a part of the axes' height.
    """
    low, high = axes.get_ylim()
    places = [(y - low) / (high - low) for _, y, _, _ in ends]
    order = sorted(range(len(ends)), key=places.__getitem__)
    spread = _apart([places[i] for i in order], gap)
    for i, place in zip(order, spread, strict=True):
        x, y, name, color = ends[i]
        axes.annotate(
            name, (x, y), (1.015, place), textcoords="axes fraction", va="center", ha="left", fontsize=9, color=color,
            annotation_clip=False,
        )  # fmt: skip


def write_png(figure: Figure, path: Path) -> None:
    """Writes a figure for paper: white ground, 200 dots an inch."""
    with style():
        figure.savefig(path, dpi=200, facecolor="white", metadata={"Software": None})


def to_svg(figure: Figure, title: str) -> str:
    """Writes a figure as an SVG element that takes its colours from the page and refers to nothing outside."""
    out = io.StringIO()
    nothing = {"Date": None, "Creator": None, "Format": None, "Type": None}
    with style():
        figure.savefig(out, format="svg", metadata=nothing)
    text = out.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    text = text.replace("<svg", f'<svg role="img" aria-label="{html.escape(title)}"', 1)
    prefix = re.sub(r"\W+", "-", title.lower())  # several figures share one page, and ids must not meet there
    text = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{prefix}-", text)
    return re.sub(r"\b(fill|stroke): ?(#[0-9a-f]{6})", _themed, text)


def _themed(found: re.Match[str]) -> str:
    name = VARIABLES.get(found[2])
    return f"{found[1]}:var(--{name})" if name else found[0]


def _apart(places: list[float], gap: float) -> list[float]:
    """Moves ascending places at least `gap` apart with the least total shift (pools that collide share a centre)."""
    pools: list[list[float]] = []  # [sum of (place - own offset in the pool), count]
    for place in places:
        pools.append([place, 1])
        while len(pools) > 1 and _top(pools[-2], gap) + gap > _bottom(pools[-1], gap):
            upper = pools.pop()
            lower = pools[-1]
            lower[0] += upper[0] - upper[1] * lower[1] * gap
            lower[1] += upper[1]
    return [total / n + i * gap for total, n in pools for i in range(int(n))]


def _bottom(pool: list[float], gap: float) -> float:
    return pool[0] / pool[1]


def _top(pool: list[float], gap: float) -> float:
    return pool[0] / pool[1] + (pool[1] - 1) * gap
