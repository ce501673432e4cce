"""The k-shot table: for the terminal, where it can be drawn again whenever an arm finishes, and for the page."""

import html
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from headstart.report.folder import Arm
from headstart.report.methods import Verdict, role, verdict
from headstart.report.numbers import interval, number

SIGNS: dict[Verdict, str] = {"better": "▲", "worse": "▼", "open": " "}
COLORS: dict[Verdict, str] = {"better": "bold green", "worse": "red", "open": ""}
LEGEND = "▲ better, ▼ worse than scratch at the same k: the intervals do not touch"


def columns(arms: Sequence[Arm], shots: Sequence[int] = ()) -> list[int]:
    """Lists the numbers of target episodes that make the table's columns: those planned, and those that came."""
    return sorted({*shots, *(arm.shots for arm in arms)})


def terminal_table(
    arms: Sequence[Arm], *, shots: Sequence[int] = (), methods: Sequence[str] = (), title: str = ""
) -> Table:
    """Makes the table for the terminal; give it to `rich.live.Live.update` after every arm.

    Args:
        arms: those that have finished.
        shots: the columns that are planned.
        methods: the rows that are planned; arms of other methods follow.
        title: above the table.

    Returns:
        The table. A cell that is still to come shows an ellipsis; a cell that no plan holds stays empty.
    """
    table = Table(box=box.SIMPLE_HEAD, title=Text(title) if title else None, title_justify="left", caption_justify="left")
    table.caption = LEGEND
    table.add_column("method")
    for k in columns(arms, shots):
        table.add_column(f"k = {k}", justify="right", no_wrap=True)
    for method in dict.fromkeys([*methods, *(arm.method for arm in arms)]):
        table.add_row(Text(method), *(_cell(arms, method, k, method in methods) for k in columns(arms, shots)))
    return table


def html_table(arms: Sequence[Arm], *, shots: Sequence[int] = ()) -> str:
    """Makes the table for the page, all text escaped; under each number a small mark of where its interval lies."""
    low, high = min(arm.low for arm in arms), max(arm.high for arm in arms)
    head = "".join(f'<th scope="col">k&nbsp;=&nbsp;{k}</th>' for k in columns(arms, shots))
    rows = []
    for method in dict.fromkeys(arm.method for arm in arms):
        cells = "".join(_html_cell(arms, method, k, (low, high)) for k in columns(arms, shots))
        rows.append(f'<tr><th scope="row">{html.escape(method)}</th>{cells}</tr>')
    return (
        '<table class="shots"><thead><tr><th scope="col">method</th>'
        f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def judged(arms: Sequence[Arm], arm: Arm) -> Verdict:
    """Judges an arm against scratch at the same k; scratch itself and the oracle are not judged."""
    if role(arm.method).kind in ("scratch", "oracle"):
        return "open"
    rivals = (a for a in arms if role(a.method).kind == "scratch" and a.shots == arm.shots)
    return verdict(arm, next(rivals, None))


def _find(arms: Sequence[Arm], method: str, shots: int) -> Arm | None:
    return next((arm for arm in arms if arm.method == method and arm.shots == shots), None)


def _cell(arms: Sequence[Arm], method: str, shots: int, planned: bool) -> Text:
    arm = _find(arms, method, shots)
    if arm is None:
        return Text("…" if planned else "", style="dim")
    judgement = judged(arms, arm)
    return Text.assemble(
        (f"{SIGNS[judgement]} {number(arm.iqm)}\n", COLORS[judgement]), (interval(arm.low, arm.high), "dim")
    )


def _html_cell(arms: Sequence[Arm], method: str, shots: int, scale: tuple[float, float]) -> str:
    arm = _find(arms, method, shots)
    if arm is None:
        return "<td></td>"
    judgement = judged(arms, arm)
    width = (scale[1] - scale[0]) or 1.0
    left, right, dot = (100 * (v - scale[0]) / width for v in (arm.low, arm.high, arm.iqm))
    sign = f'<span class="sign" title="{judgement} than scratch">{SIGNS[judgement]}</span>' if judgement != "open" else ""
    return (
        f'<td class="{judgement}"><span class="value">{sign}{number(arm.iqm)}</span>'
        f'<span class="interval">{interval(arm.low, arm.high)}</span>'
        f'<span class="strip"><i style="left:{left:.1f}%;width:{max(right - left, 0.5):.1f}%"></i>'
        f'<b style="left:{min(max(dot, 0), 100):.1f}%"></b></span></td>'
    )
