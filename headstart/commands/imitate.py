"""`headstart imitate`: a controller from annotated demonstrations, and what each skill took from past tasks."""

from collections.abc import Sequence
from pathlib import Path

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
from headstart.report.imitation import write_imitation_report
from headstart.share.advice import advise
from headstart.share.select import MODES


def run(options: Imitate) -> int:
    """Learns, writes the controller, and prints a line for each skill."""
    arithmetic()
    modes = tuple(mode.strip() for mode in options.modes.split(","))
    for mode in modes:
        if mode not in MODES:
            raise unknown("mode", mode, MODES)
    out = options.out or new_folder("imitate", options.task)
    study = Study(
        task=options.task,
        demonstrations=str(options.demonstrations),
        past=options.past,
        selector=options.selector,
        modes=modes,  # pyright: ignore[reportArgumentType]
        orders=options.orders,
        accuracy=options.accuracy,
        accuracies=options.accuracies,
        seed=options.seed,
        out=str(out),
    )
    found = imitate(study)
    console = Console()
    past = [one.partition("=")[0] for one in options.past]
    console.print(skills(found, options.task, past))
    for line in reasons(found, past):
        console.print(line, highlight=False, soft_wrap=True, markup=False)
    for note in found.notes:
        console.print(f"note: {note}", highlight=False, soft_wrap=True, markup=False)
    console.print(f"\n{write_imitation_report(Path(out))}", highlight=False, soft_wrap=True, markup=False)
    return 0


def reasons(found: Imitated, past: Sequence[str]) -> list[str]:
    """Says why each skill is not simply shared, with the first step at which that would be wrong."""
    lines = []
    for skill, choice in found.choices.items():
        word, because = advise(choice, past)
        if past and word != "share":
            lines.append(f"{skill}: {because}")
            lines += [f"  first wrong: {one.first_wrong}" for one in choice.refused[:1] if one.first_wrong]
    return lines


def skills(found: Imitated, task: str, past: Sequence[str]) -> Table:
    """Draws a row for each skill: what to take from past tasks, and how many demonstrations it needed."""
    table = Table(box=box.SIMPLE_HEAD, title=f"{task}: what each skill was learnt from", title_justify="left")
    table.add_column("skill")
    if past:
        table.add_column("advice")
    table.add_column("demonstrations needed", justify="right")
    for skill, choice in found.choices.items():
        word, _ = advise(choice, past)
        needed = found.enough.get(skill)
        count = f"{needed:.1f}" if needed is not None else "never" if found.curve else ""
        table.add_row(escape(skill), *([word] if past else []), count)
    return table
