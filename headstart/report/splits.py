"""The page's table of what each source is worth on other dynamics, in simulation."""

from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from headstart.maths.statistics import summarize
from headstart.report.damaged import undamaged
from headstart.report.numbers import number
from headstart.report.text import clean, finite

NAMES = {"default": "plain", "interpolation": "inside the ranges", "extrapolation": "outside the ranges"}


def read_splits(path: Path) -> dict[str, dict[str, list[float]]]:
    """Reads the mean return of each seed, by source and split; what is damaged is left out."""
    found: dict[str, dict[str, list[float]]] = {}
    for kind, parts in undamaged(path, "splits-*.json", _returns):
        means = {name: [v for v in map(finite, part) if v is not None] for name, part in parts.items()}
        if all(means.values()):
            for name, part in means.items():
                found.setdefault(kind, {}).setdefault(name, []).append(float(np.mean(part)))
    return found


def _returns(value: Any) -> tuple[str, dict[str, list[Any]]]:
    there = [name for name in NAMES if name not in _without(value)]
    return clean(value["source"], 40), {name: list(value["returns"][name]) for name in there}


def _without(value: Any) -> dict[str, Any]:
    return dict(value["without"]) if "without" in value else {}


def read_reasons(path: Path) -> list[str]:
    """Says why a split is not there, a sentence each."""
    said: set[str] = set()
    for parts in undamaged(path, "splits-*.json", _without):
        said |= {f"Nothing {NAMES[name]}: {clean(why, 120)}." for name, why in parts.items() if name in NAMES}
    return sorted(said)


def splits_table(found: dict[str, dict[str, list[float]]], reasons: list[str]) -> str:
    """Renders interquartile means over seeds with their intervals, and why something is missing."""
    head = "".join(f"<th>{escape(name)}</th>" for name in NAMES.values())
    lines = []
    for kind, parts in found.items():
        cells = []
        for name in NAMES:
            if name not in parts:
                cells.append("<td>—</td>")
                continue
            spread = summarize(np.array(parts[name]))
            cells.append(f"<td>{number(spread['iqm'])} [{number(spread['low'])}, {number(spread['high'])}]</td>")
        lines.append(f'<tr><th scope="row">{escape(kind)}</th>{"".join(cells)}</tr>')
    note = (
        "Return in the source's own simulator, of which nothing is spent: on its plain dynamics, on dynamics from the "
        "ranges that the randomized source trained on, and on dynamics beside every one of these ranges, half as wide."
    )
    note = " ".join([note, *reasons])
    table = f'<table class="worth"><thead><tr><th></th>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    return f'<div class="wide">{table}</div><p class="note">{escape(note)}</p>'
