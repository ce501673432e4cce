"""The page's figure and table of what each source still has left to try."""

from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from headstart.maths.statistics import summarize
from headstart.report.damaged import undamaged
from headstart.report.records import RunContents
from headstart.report.style import HUES, LINE, MARKERS, canvas, style
from headstart.report.text import clean, finite

NAMES = {
    "range_left": "action range left",
    "deterministic": "deterministic states",
    "coverage": "coverage",
    "entropy": "entropy, nats",
    "effective_rank": "effective rank of the features",
}
SHARES = ("range_left", "deterministic", "coverage")
CAPTIONS = {
    "diagnosis": (
        "What the sources have left to try",
        "Interquartile mean and 95 % interval over seeds; faint dots are the seeds.",
        "This run diagnosed no source.",
    )
}


def read_diagnoses(path: Path) -> dict[str, dict[str, list[float]]]:
    """Reads each number of each seed, by source; what is damaged or could not be told is left out."""
    found: dict[str, dict[str, list[float]]] = {}
    for kind, numbers in undamaged(path, "diagnosis-*.json", _numbers):
        for name, number in numbers.items():
            if number is not None:
                found.setdefault(kind, {}).setdefault(name, []).append(number)
    return found


def _numbers(value: Any) -> tuple[str, dict[str, float | None]]:
    return clean(value["source"], 40), {name: finite(value["diagnosis"][name]) for name in NAMES}


def diagnosis_table(found: dict[str, dict[str, list[float]]]) -> str:
    """Renders interquartile means over seeds with their intervals."""
    head = "".join(f"<th>{escape(name)}</th>" for name in NAMES.values())
    lines = []
    for kind, numbers in found.items():
        cells = "".join(f"<td>{cell(numbers.get(name, []), name in SHARES)}</td>" for name in NAMES)
        lines.append(f'<tr><th scope="row">{escape(kind)}</th>{cells}</tr>')
    note = (
        "What each source policy still does on the states that it visits at home, drawing its actions: one that has "
        "become certain everywhere has nothing left to try on the target. Coverage is over a grid that random actions "
        "and the policy span; a state is deterministic where less than 5 % of the action's range is left."
    )
    table = f'<table class="worth"><thead><tr><th></th>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    return f'<div class="wide">{table}</div><p class="note">{escape(note)}</p>'


def cell(values: list[float], share: bool) -> str:
    """Writes an interquartile mean with its interval; a dash where there is none."""
    if not values:
        return "–"
    spread, form = summarize(np.array(values)), ".0%" if share else ".2f"
    return f"{spread['iqm']:{form}} [{spread['low']:{form}}, {spread['high']:{form}}]"


def diagnosis(run: RunContents) -> Figure | None:
    """Draws the shares of each source, from nothing to all."""
    found = read_diagnoses(run.path)
    if not found:
        return None
    with style():
        figure, axes = canvas(7.6, 0.9 + 0.33 * len(SHARES) * max(1, len(found)) ** 0.5)
        offsets = np.linspace(-0.18, 0.18, len(found)) if len(found) > 1 else np.zeros(1)
        for i, (kind, numbers) in enumerate(found.items()):
            hue = HUES[i % len(HUES)]
            rows = [row for row, name in enumerate(SHARES) if numbers.get(name)]
            spreads = [summarize(np.array(numbers[SHARES[row]])) for row in rows]
            at = [row + offsets[i] for row in rows]
            axes.hlines(at, [one["low"] for one in spreads], [one["high"] for one in spreads], color=hue, lw=1.6)
            middles = [one["iqm"] for one in spreads]
            axes.plot(middles, at, MARKERS[i % len(MARKERS)], color=hue, ms=5, label=kind, ls="none")
            for row, y in zip(rows, at, strict=True):
                values = numbers[SHARES[row]]
                axes.scatter(values, [y] * len(values), s=7, color=hue, alpha=0.35, lw=0)
        axes.set_yticks(range(len(SHARES)), [NAMES[name] for name in SHARES])
        axes.set_ylim(len(SHARES) - 0.5, -0.5)
        axes.set_xlim(-0.02, 1.02)
        axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
        axes.grid(visible=False, axis="y")
        axes.grid(visible=True, axis="x", color=LINE)
        axes.legend(loc="upper left", bbox_to_anchor=(0.0, -0.12), ncols=4, frameon=False, fontsize=9)
    return figure


FIGURES = {"diagnosis": diagnosis}
