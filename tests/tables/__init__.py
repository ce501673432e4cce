"""The tables of the README and of the pages under docs/: each is made from files in results/ and from nothing else."""

import json
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def result(name):
    """Reads a result file."""
    return json.loads((ROOT / "results" / name).read_text())


def number(value):
    """Writes a number with two digits, or whole."""
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2g}"


def spread(of):
    """Writes an interquartile mean with its interval."""
    return f"{number(of['iqm'])} [{number(of['low'])}, {number(of['high'])}]"


def change(value, low, high):
    """Writes a difference, whose sign counts, with its interval: three digits, or whole."""
    digits = [f"{v:,.0f}" if abs(v) >= 100 else f"{v:.3g}" for v in (value, low, high)]
    return f"{'+' * (value >= 0)}{digits[0]} [{digits[1]}, {digits[2]}]"
