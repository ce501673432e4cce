"""Progress of a long study: a table that fills and bars beneath it, or plain lines where the output is no terminal."""

import time
from collections.abc import Sequence

import numpy as np
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from headstart.experiments.finding import Foretold, Learning, Scored
from headstart.report.records import Arm
from headstart.report.table import terminal_table

QUIET_SECONDS = 5.0  # between two plain lines about one piece of learning


class Display:
    """Shows what a study finds while it finds it. A context manager.

    Args:
        console: where to.
        title: of the table.
        shots: its columns.
        methods: its rows.
    """

    def __init__(self, console: Console, title: str, shots: Sequence[int], methods: Sequence[str]):
        self.console, self.title, self.shots, self.methods = console, title, shots, methods
        self.arms: list[Arm] = []
        self.bars = Progress(
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            console=console,
        )
        self.live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None
        self.running: dict[str, TaskID] = {}
        self.spoken: dict[str, float] = {}

    def __enter__(self) -> "Display":
        """Takes the terminal."""
        if self.live:
            self.live.__enter__()
            self._draw()
        return self

    def __exit__(self, *reason) -> None:
        """Gives the terminal back, with the table as it stands."""
        if self.live:
            self.live.__exit__(*reason)
        if self.arms:
            self.console.print(self._table(planned=reason[0] is not None))

    def learning(self, found: Learning) -> None:
        """Moves a bar."""
        name = f"{found.name}, seed {found.seed}"
        note = f"return {found.mean_return:,.0f} · {found.steps_per_second:,.0f} steps/s"
        finished = found.env_steps >= found.total
        if self.live is None:
            now = time.monotonic()
            if finished or now - self.spoken.get(name, -QUIET_SECONDS) >= QUIET_SECONDS:
                self.spoken[name] = now
                self.console.print(f"{name}: {found.env_steps:,} of {found.total:,} steps, {note}", highlight=False)
            return
        if name not in self.running:
            self.running[name] = self.bars.add_task(name, total=found.total, note="")
        self.bars.update(self.running[name], completed=found.env_steps, note=note)
        if finished:
            self.bars.remove_task(self.running.pop(name))
        self._draw()

    def foretold(self, found: Foretold) -> None:
        """Says what the target's episodes are not expected to tell, above the table and to stay."""
        episodes = f"{found.shots} target episode{'s' if found.shots > 1 else ''}"
        says = "every parameter is expected to be identified"
        if found.unidentified:
            says = f"not expected to be identified: {', '.join(found.unidentified)}"
        line = f"adapted, seed {found.seed}: by {episodes}, if the simulator can be like the target, {says}"
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def scored(self, arms: list[Arm], found: Scored) -> None:
        """Fills the table."""
        self.arms = arms
        if self.live is None:
            mean = float(np.mean(found.shot.returns))
            self.console.print(
                f"{found.method}, k = {found.shots}, seed {found.seed}: return {mean:,.0f}", highlight=False
            )
        else:
            self._draw()

    def _table(self, planned: bool):
        methods = self.methods if planned else ()
        return terminal_table(self.arms, shots=self.shots, methods=methods, title=self.title)

    def _draw(self) -> None:
        if self.live:
            self.live.update(Group(self._table(planned=True), self.bars))
