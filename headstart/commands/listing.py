"""`headstart list`: every name that the command line understands."""

import inspect
from collections.abc import Iterator
from fnmatch import fnmatchcase

from rich.console import Console
from rich.markup import escape
from rich.table import Table

import headstart.learn as learn
import headstart.nets as nets
from headstart.adapt.randomize import ABSOLUTE, PRESETS
from headstart.experiments.claims import CLAIMS
from headstart.options import List
from headstart.tasks import targets
from headstart.tasks.catalogue import FAMILIES, builder, family
from headstart.types import TaskFamily


def run(options: List) -> int:
    """Prints the names, each with the first line of its documentation."""
    console = Console()
    if options.family is not None:
        for table in varied(family(options.family)):
            console.print(table)
            console.print()
        return 0
    sections = {
        "families (--source); what varies in one: headstart list FAMILY": {
            name: first_line(builder(entry)) for name, entry in FAMILIES.items()
        },
        "targets (--target)": {
            **{f"{name}:SEED": "Gymnasium's own, with other dynamics" for name in targets.names()},
            "gym:ID": "any registered Gymnasium environment",
            "package.module:function": "any function that returns one",
        },
        "learners": {it.__name__: first_line(it) for it in learn.ALL},
        "policies": {it.__name__: first_line(it) for it in nets.ALL},
        "claims (reproduce)": {name: it.says for name, it in CLAIMS.items()},
    }
    for title, entries in sections.items():
        table = Table(
            box=None, show_header=False, padding=(0, 1), title=title, title_justify="left", title_style="bold"
        )
        for name, line in entries.items():
            table.add_row(escape(name), escape(line), style="")
        console.print(table)
        console.print()
    return 0


def varied(world: TaskFamily) -> Iterator[Table]:
    """Says what can be varied in a family, and how far presets go: all else than what is absolute × nominal."""
    space = world.dynamics
    table = titled(f"dynamics of {world.name} (--randomize)", "parameter", "nominal", "legal", "unit")
    for parameter in space.values():
        legal = between(parameter.low, parameter.high)
        table.add_row(escape(parameter.name), f"{parameter.nominal:g}", legal, escape(parameter.unit))
    yield table
    table = titled("presets, × nominal; abs: as they stand", "parameters", *PRESETS)
    for pattern in dict.fromkeys(pattern for ranges in PRESETS.values() for pattern in ranges):
        if any(fnmatchcase(name, pattern) for name in space):
            spread = [between(*ranges[pattern]) if pattern in ranges else "" for ranges in PRESETS.values()]
            table.add_row(escape(pattern) + " (abs)" * (pattern in ABSOLUTE), *spread)
    yield table


def titled(title: str, *heads: str) -> Table:
    """Returns an empty table; its first column holds names, which are not broken."""
    table = Table(box=None, padding=(0, 1), title=title, title_justify="left", title_style="bold")
    for head in heads:
        table.add_column(head, no_wrap=head != "unit")
    return table


def between(low: float, high: float) -> str:
    """Writes a range, or its one value."""
    return f"{low:.3g}" if low == high else f"{low:.3g} to {high:.3g}"


def first_line(thing: object) -> str:
    """Returns the first line of a docstring."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]
