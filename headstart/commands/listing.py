"""`headstart list`: every name that the command line understands."""

import inspect

from rich.console import Console
from rich.markup import escape
from rich.table import Table

import headstart.learn as learn
import headstart.nets as nets
from headstart.experiments.claims import CLAIMS
from headstart.options import List
from headstart.tasks import targets
from headstart.tasks.catalogue import FAMILIES, builder


def run(options: List) -> int:
    """Prints the names, each with the first line of its documentation."""
    del options
    console = Console()
    sections = {
        "families (--source)": {name: first_line(builder(entry)) for name, entry in FAMILIES.items()},
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


def first_line(thing: object) -> str:
    """Returns the first line of a docstring."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]
