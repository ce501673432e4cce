"""The page's table of what each source still has left to try."""

import json
from html import escape
from pathlib import Path

import numpy as np

from headstart.maths.statistics import summarize
from headstart.report.text import clean, finite

NAMES = {
    "range_left": "action range left",
    "deterministic": "deterministic states",
    "coverage": "coverage",
    "entropy": "entropy, nats",
    "effective_rank": "effective rank of the features",
}
SHARES = ("range_left", "deterministic", "coverage")
MOST_BYTES = 1 << 16


def read_diagnoses(path: Path) -> dict[str, dict[str, list[float]]]:
    """Reads each number of each seed, by source; what is damaged or could not be told is left out."""
    found: dict[str, dict[str, list[float]]] = {}
    for file in sorted(path.glob("diagnosis-*.json"))[:200]:
        try:
            if file.stat().st_size > MOST_BYTES:
                continue
            value = json.loads(file.read_text(encoding="utf-8"))
            kind = clean(value["source"], 40)
            numbers = {name: finite(value["diagnosis"][name]) for name in NAMES}
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            continue
        for name, number in numbers.items():
            if number is not None:
                found.setdefault(kind, {}).setdefault(name, []).append(number)
    return found


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
