"""The call graph of a controller as one inline SVG: who calls whom, and what was shared."""

from collections.abc import Mapping, Sequence
from html import escape

from headstart.report.text import clean

WIDTH, HEIGHT, GAP, ROW = 128, 30, 44, 44  # of a box, between columns, between rows; in units of the drawing
LONGEST = 17  # characters of a name that fit a box


def call_graph_svg(root: str, calls: Mapping[str, Sequence[str]], kinds: Mapping[str, str]) -> str:
    """Draws procedures and actions from left to right, callers before what they call.

    Args:
        root: where it begins.
        calls: for every procedure, what it calls.
        kinds: for every procedure, the class of its box, such as `shared`; actions are what has none.

    Returns:
        An SVG element that takes its colours from the page's style sheet.
    """
    place = layout(root, calls)
    columns, rows = max(x for x, _ in place.values()) + 1, max(y for _, y in place.values()) + 1
    width, height = columns * (WIDTH + GAP) - GAP + 4, (rows - 1) * ROW + HEIGHT + 4
    lines = [_edge(place[one], place[other]) for one, called in calls.items() for other in called if one in place]
    boxes = [_box(name, at, kinds.get(name, "action")) for name, at in place.items()]
    return (
        f'<svg class="graph" role="img" aria-label="call graph" viewBox="-2 -2 {width:.0f} {height:.0f}" '
        f'style="max-width:{width:.0f}px">{"".join(lines)}{"".join(boxes)}</svg>'
    )


def layout(root: str, calls: Mapping[str, Sequence[str]]) -> dict[str, tuple[int, float]]:
    """Puts every name that the root reaches into a column, its longest way from the root, and a row.

    Args:
        root: in column 0.
        calls: without a circle.

    Returns:
        Column and row of each name. Rows follow the middle of the callers, so that few lines cross.
    """
    column: dict[str, int] = {root: 0}
    waiting = [root]
    for _ in range(10_000):  # a damaged file may hold a circle
        if not waiting:
            break
        name = waiting.pop(0)
        for called in calls.get(name, ()):
            if column.get(called, -1) <= column[name] < len(calls):
                column[called] = column[name] + 1
                waiting.append(called)
    callers: dict[str, list[str]] = {}
    for name, called in calls.items():
        for one in called:
            callers.setdefault(one, []).append(name)
    row: dict[str, float] = {root: 0.0}
    for at in range(max(column.values()) + 1):
        names = [name for name in column if column[name] == at]
        names.sort(key=lambda name: _middle([row[one] for one in callers.get(name, ()) if one in row]))
        row |= {name: float(index) for index, name in enumerate(names)}
    tallest = max(sum(at == of for at in column.values()) for of in column.values())
    shift = {of: (tallest - sum(at == of for at in column.values())) / 2 for of in set(column.values())}
    return {name: (column[name], row[name] + shift[column[name]]) for name in column}


def _middle(rows: list[float]) -> float:
    return sum(rows) / len(rows) if rows else 0.0


def _edge(start: tuple[int, float], end: tuple[int, float]) -> str:
    x0, y0 = start[0] * (WIDTH + GAP) + WIDTH, start[1] * ROW + HEIGHT / 2
    x1, y1 = end[0] * (WIDTH + GAP), end[1] * ROW + HEIGHT / 2
    bend = min(GAP * 0.9, (x1 - x0) / 2 + GAP / 2)
    way = f"M{x0:.1f} {y0:.1f}C{x0 + bend:.1f} {y0:.1f} {x1 - bend:.1f} {y1:.1f} {x1:.1f} {y1:.1f}"
    return f'<path class="edge" d="{way}"/>'


def _box(name: str, at: tuple[int, float], kind: str) -> str:
    x, y = at[0] * (WIDTH + GAP), at[1] * ROW
    shown = clean(name, LONGEST)
    return (
        f'<g class="{kind}"><title>{escape(clean(name))}</title>'
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{WIDTH}" height="{HEIGHT}" rx="7"/>'
        f'<text x="{x + WIDTH / 2:.1f}" y="{y + HEIGHT / 2 + 4.5:.1f}">{escape(shown)}</text></g>'
    )
