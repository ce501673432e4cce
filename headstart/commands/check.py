"""`headstart check`: an environment held against the laws that transfer needs."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from headstart.errors import InputError
from headstart.options import Check
from headstart.tasks.check import check


def run(options: Check) -> int:
    """Prints what was found; returns 1 where a law is broken."""
    if options.steps < 1:
        raise InputError(f"--steps {options.steps}: at least 1 step is needed")
    findings = check(options.source, steps=options.steps)
    console = Console()
    table = Table(box=None, show_header=False, padding=(0, 1))
    for finding in findings:
        color = {"problem": "red", "warning": "yellow"}.get(finding.severity, "green")
        table.add_row(f"[{color}]{finding.severity}[/]", escape(finding.what), escape(finding.change))
    console.print(table)
    return int(any(finding.severity == "problem" for finding in findings))
