"""The k-shot table: for the terminal, where it can be drawn again whenever an arm finishes, and for the page."""

import html
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from headstart.report.methods import Verdict, role, verdict
from headstart.report.numbers import interval, number
from headstart.report.records import Arm

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
    table = Table(
        box=box.SIMPLE_HEAD,
        title=Text(title) if title else None,
        title_justify="left",
        caption_justify="left",
        collapse_padding=True,
        pad_edge=False,
    )
    table.caption = LEGEND
    rows = dict.fromkeys([*methods, *(arm.method for arm in arms)])
    words = [word for method in rows for word in method.split()]
    table.add_column("method", min_width=max(map(len, words), default=0))  # names break between words, or not at all
    for k in columns(arms, shots):
        table.add_column(f"k = {k}", justify="right", no_wrap=True)
    for method in rows:
        table.add_row(Text(method), *(_cell(arms, method, k, method in methods) for k in columns(arms, shots)))
    return table


def html_table(arms: Sequence[Arm], *, shots: Sequence[int] = ()) -> str:
    """Makes the table for the page, all text escaped; under each number a small mark of where its interval lies."""
    low, high = min(arm.low for arm in arms), max(arm.high for arm in arms)
    head = "".join(f'<th scope="col">k&nbsp;=&nbsp;{k}</th>' for k in columns(arms, shots))
    rows = []
    for method in dict.fromkeys(arm.method for arm in arms):
        planned = columns(arms, shots)
        if role(method).kind == "oracle":
            cells = _oracle_cell(arms, method, (low, high), len(planned))
        else:
            cells = "".join(_html_cell(arms, method, k, (low, high)) for k in planned)
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
        return Text("…" if planned and _to_come(arms, method, shots) else "", style="dim")
    judgement = judged(arms, arm)
    return Text.assemble(
        (f"{SIGNS[judgement]} {number(arm.iqm)}\n", COLORS[judgement]), (interval(arm.low, arm.high), "dim")
    )


def _to_come(arms: Sequence[Arm], method: str, shots: int) -> bool:
    kind = role(method).kind
    if kind == "oracle":  # it has one result, wherever that stands
        return shots == 0 and not any(arm.method == method for arm in arms)
    return shots == 0 if kind == "zero-shot" else shots > 0 or kind != "fine-tune"


def _html_cell(arms: Sequence[Arm], method: str, shots: int, scale: tuple[float, float]) -> str:
    arm = _find(arms, method, shots)
    if arm is None:
        return "<td></td>"
    return _filled_cell(arm, judged(arms, arm), scale)


def _oracle_cell(arms: Sequence[Arm], method: str, scale: tuple[float, float], columns: int) -> str:
    """The oracle is of no k: it learned on the target as long as it liked, and stands in the last column for scale."""
    arm = [arm for arm in arms if arm.method == method][-1]
    note = '<span class="interval">trained freely on the target, for scale</span>'
    before = f'<td colspan="{columns - 1}">{note}</td>' if columns > 1 else ""
    return before + _filled_cell(arm, "open", scale)


def _filled_cell(arm: Arm, judgement: Verdict, scale: tuple[float, float]) -> str:
    width = (scale[1] - scale[0]) or 1.0
    left, right, dot = (100 * (v - scale[0]) / width for v in (arm.low, arm.high, arm.iqm))
    sign = (
        f'<span class="sign" title="{judgement} than scratch">{SIGNS[judgement]}</span>' if judgement != "open" else ""
    )
    return (
        f'<td class="{judgement}"><span class="value">{sign}{number(arm.iqm)}</span>'
        f'<span class="interval">{interval(arm.low, arm.high)}</span>'
        f'<span class="strip"><i style="left:{left:.1f}%;width:{max(right - left, 0.5):.1f}%"></i>'
        f'<b style="left:{min(max(dot, 0), 100):.1f}%"></b></span></td>'
    )
