"""`headstart imitate`: a controller from annotated demonstrations, and what each skill took from past tasks."""

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from headstart.commands.compiled import arithmetic
from headstart.commands.folders import new_folder
from headstart.errors import unknown
from headstart.experiments.imitate import Imitate as Study
from headstart.experiments.imitate import Imitated, imitate
from headstart.options import Imitate
from headstart.share.select import MODES


def run(options: Imitate) -> int:
    """Learns, writes the controller, and prints a line for each skill."""
    arithmetic()
    modes = tuple(mode.strip() for mode in options.modes.split(","))
    for mode in modes:
        if mode not in MODES:
            raise unknown("mode", mode, MODES)
    out = options.out or new_folder(f"imitate-{options.task}")
    study = Study(
        task=options.task,
        demonstrations=str(options.demonstrations),
        past=options.past,
        selector=options.selector,
        modes=modes,  # pyright: ignore[reportArgumentType]
        orders=options.orders,
        accuracy=options.accuracy,
        seed=options.seed,
        out=str(out),
    )
    found = imitate(study)
    console = Console()
    console.print(skills(found, options.task))
    for note in found.notes:
        console.print(f"note: {note}", highlight=False, soft_wrap=True, markup=False)
    console.print(f"\n{out}", highlight=False, soft_wrap=True, markup=False)
    return 0


def skills(found: Imitated, task: str) -> Table:
    """Draws a row for each skill: how past tasks were used, and how many demonstrations it needed."""
    table = Table(box=box.SIMPLE_HEAD, title=f"{task}: what each skill was learnt from", title_justify="left")
    table.add_column("skill")
    table.add_column("mode")
    table.add_column("demonstrations needed", justify="right")
    for skill, choice in found.choices.items():
        needed = found.enough.get(skill)
        table.add_row(
            escape(skill), escape(str(choice.mode or "none holds up")), "never" if needed is None else f"{needed:.1f}"
        )
    return table
