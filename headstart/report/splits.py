"""The page's table of what each source is worth on other dynamics, in simulation."""

import json
from html import escape
from pathlib import Path

import numpy as np

from headstart.maths.statistics import summarize
from headstart.report.numbers import number
from headstart.report.text import clean, finite

NAMES = {"default": "plain", "interpolation": "inside the ranges", "extrapolation": "outside the ranges"}
MOST_BYTES = 1 << 20


def read_splits(path: Path) -> dict[str, dict[str, list[float]]]:
    """Reads the mean return of each seed, by source and split; what is damaged is left out."""
    found: dict[str, dict[str, list[float]]] = {}
    for file in sorted(path.glob("splits-*.json"))[:200]:
        try:
            if file.stat().st_size > MOST_BYTES:
                continue
            value = json.loads(file.read_text(encoding="utf-8"))
            kind, parts = clean(value["source"], 40), {name: value["returns"][name] for name in NAMES}
            means = {name: [v for v in map(finite, part) if v is not None] for name, part in parts.items()}
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
        if all(means.values()):
            for name, part in means.items():
                found.setdefault(kind, {}).setdefault(name, []).append(float(np.mean(part)))
    return found


def splits_table(found: dict[str, dict[str, list[float]]]) -> str:
    """Renders interquartile means over seeds with their intervals."""
    head = "".join(f"<th>{escape(name)}</th>" for name in NAMES.values())
    lines = []
    for kind, parts in found.items():
        cells = []
        for name in NAMES:
            spread = summarize(np.array(parts[name]))
            cells.append(f"<td>{number(spread['iqm'])} [{number(spread['low'])}, {number(spread['high'])}]</td>")
        lines.append(f'<tr><th scope="row">{escape(kind)}</th>{"".join(cells)}</tr>')
    note = (
        "Return in the source's own simulator, of which nothing is spent: on its plain dynamics, on dynamics from the "
        "ranges that the randomized source trained on, and on dynamics beside every one of these ranges, half as wide."
    )
    table = f'<table class="worth"><thead><tr><th></th>{head}</tr></thead><tbody>{"".join(lines)}</tbody></table>'
    return f'<div class="wide">{table}</div><p class="note">{escape(note)}</p>'
