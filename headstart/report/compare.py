"""Several runs side by side: `headstart report RUN RUN ...`."""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from matplotlib.figure import Figure
from rich import box
from rich.table import Table
from rich.text import Text

from headstart.errors import InputError
from headstart.report.claim import caution, claim
from headstart.report.folder import read_run
from headstart.report.numbers import interval, number
from headstart.report.page import document, missing, pairs, section, write_whole
from headstart.report.plots import WIDTH, draw_few_shot
from headstart.report.records import Arm, RunContents
from headstart.report.style import canvas, looks_of, style, to_svg
from headstart.report.table import html_table

MOST_RUNS = 12


def read_runs(paths: Sequence[Path]) -> list[RunContents]:
    """Reads the folders to compare.

    Raises:
        InputError: if there are fewer than two, too many, one twice, or one is no run folder.
    """
    if not 2 <= len(paths) <= MOST_RUNS:
        raise InputError(f"a comparison takes 2 to {MOST_RUNS} run folders, not {len(paths)}")
    seen: set[Path] = set()
    for path in map(Path, paths):
        if path.resolve() in seen:
            raise InputError(f"{path}: named twice; a run cannot be compared with itself")
        seen.add(path.resolve())
    return [read_run(Path(path)) for path in paths]


def comparison_table(runs: Sequence[RunContents]) -> Table:
    """Makes the terminal's table: a row for each method and k, a column for each run."""
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("method")
    table.add_column("k", justify="right")
    for name in names(runs):
        table.add_column(Text(name), justify="right")
    for method, k, cells in _rows(runs):
        table.add_row(Text(method), str(k), *(_cell(arm) for arm in cells))
    return table


def comparison_figure(runs: Sequence[RunContents]) -> Figure | None:
    """Draws every run's return after k target episodes on one scale, a panel a run, one colour an origin."""
    shown = [(name, run) for name, run in zip(names(runs), runs, strict=True) if run.arms]
    if not shown:
        return None
    columns = min(len(shown), 3)
    lines = -(-len(shown) // columns)
    with style():
        figure, grid = canvas(WIDTH, 2.7 * lines + 0.5, lines, columns, sharey=True, squeeze=False)
        look = looks_of([run for _, run in shown])
        handles = {}
        for axes, (name, run) in zip(grid.flat, shown, strict=False):
            draw_few_shot(axes, run, look)
            axes.set_title(name, fontsize=9.5)
            axes.set_xlabel("target episodes, k")
            handles |= {method: look[method] for method in dict.fromkeys(arm.method for arm in run.arms)}
        for axes in grid.flat[len(shown) :]:
            axes.remove()
        marks = [
            axes.plot([], [], ls="", marker=o.marker, color=o.color, mfc="none" if o.hollow else o.color, label=method)[
                0
            ]
            for axes, (method, o) in ((grid.flat[0], item) for item in handles.items())
        ]
        figure.legend(handles=marks, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def write_comparison(paths: Sequence[Path], page: Path | None = None) -> Path:
    """Writes one page that holds several runs against each other.

    Args:
        paths: the run folders, at least two.
        page: the HTML file to write; `comparison.html` beside the first run where it is not said.

    Returns:
        The page.

    Raises:
        InputError: if a folder is not a run, or there are fewer than two.
        Fault: if the disk does not take the page.
    """
    runs = read_runs(paths)
    figure = comparison_figure(runs)
    drawn = f"<figure>{to_svg(figure, 'Return after k target episodes')}</figure>" if figure else ""
    body = [
        '<header><p class="kind">headstart · comparison</p>',
        f"<h1>{escape(' · '.join(names(runs)))}</h1></header>",
        section("What each run shows", f'<div class="side">{"".join(map(_said, names(runs), runs))}</div>'),
        section("Return after k target episodes", drawn or missing("None of these runs has a finished arm.")),
        section("Results", "".join(map(_results, names(runs), runs))),
        section("Configuration that differs", _differences(runs)),
    ]
    text = document("headstart: " + " · ".join(names(runs)), "".join(body))
    page = runs[0].path.resolve().parent / "comparison.html" if page is None else Path(page)
    write_whole(page, lambda path: path.write_text(text, encoding="utf-8"))
    return page


def names(runs: Sequence[RunContents]) -> list[str]:
    """Gives each run a name that the others do not have: the folder's, with its parent's where two are equal."""
    short = [run.name for run in runs]
    return [
        name if short.count(name) == 1 else f"{run.path.resolve().parent.name}/{name}"
        for name, run in zip(short, runs, strict=True)
    ]


def _rows(runs: Sequence[RunContents]) -> list[tuple[str, int, list[Arm | None]]]:
    found = [{(arm.method, arm.shots): arm for arm in run.arms} for run in runs]
    keys = dict.fromkeys(key for arms in found for key in arms)
    order = {method: i for i, method in enumerate(dict.fromkeys(method for method, _ in keys))}
    return [
        (m, k, [arms.get((m, k)) for arms in found]) for m, k in sorted(keys, key=lambda key: (order[key[0]], key[1]))
    ]


def _cell(arm: Arm | None) -> Text:
    return Text.assemble(f"{number(arm.iqm)} ", (interval(arm.low, arm.high), "dim")) if arm else Text("—", style="dim")


def _said(name: str, run: RunContents) -> str:
    facts = f"{run.source} → {run.target}"
    return (
        f'<div><h3>{escape(name)}</h3><p class="facts">{escape(facts)}</p><p class="claim">{escape(claim(run))}</p>'
        f'<p class="caution">{escape(caution(run))}</p></div>'
    )


def _results(name: str, run: RunContents) -> str:
    table = (
        html_table(run.arms, shots=run.shots) if run.arms else missing(run.notes.get("arms", "No arm has finished."))
    )
    return f'<h3>{escape(name)}</h3><div class="wide">{table}</div>'


def _differences(runs: Sequence[RunContents]) -> str:
    settings = [dict(run.config) for run in runs]
    keys = dict.fromkeys(key for setting in settings for key in setting)
    rows = [
        (key, " | ".join(setting.get(key, "—") for setting in settings))
        for key in keys
        if len({setting.get(key) for setting in settings}) > 1
    ]
    return pairs(rows) if rows else missing("No recorded setting differs between these runs.")
