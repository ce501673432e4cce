"""The page of soft pretraining: directions by temperature, curves of fine-tuning, trajectories drawn in the maze."""

from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from headstart.maths.statistics import summarize
from headstart.report.numbers import interval, number
from headstart.report.page import document, section, write_whole
from headstart.report.style import HUES, INK, LINE, MUTED, canvas, label_ends, style, to_svg
from headstart.tasks import catalogue

WIDTH = 7.6  # inches
MOST_EPISODES = 30  # of each seed, drawn as directions


def write_page(result: dict[str, Any], folder: Path) -> Path:
    """Writes `report.html`, with everything in it, from what a study found.

    Args:
        result: as `headstart reproduce soft-pretraining` keeps it.
        folder: of the run.

    Returns:
        The page.

    Raises:
        Fault: the disk does not take the page.
    """
    page = folder / "report.html"
    text = render(result)
    write_whole(page, lambda path: path.write_text(text, encoding="utf-8"))
    return page


def render(result: dict[str, Any]) -> str:
    """Renders the whole page."""
    name = f"{result['source']} → {result['target']}"
    head = (
        '<header><p class="kind">headstart · soft pretraining</p>'
        f'<h1><span>{escape(result["source"])}</span> <span class="arrow">→</span> '
        f"<span>{escape(result['target'])}</span></h1>"
        f'<p class="facts">{escape(facts(result))}</p><p class="claim">{escape(result["said"])}</p></header>'
    )
    captions = {
        "Where pretraining leads": (
            directions,
            "Where the source's episodes end, seen from their start, by temperature of pretraining; a colour a "
            "seed. The number is the entropy of the directions: 1 is every direction alike, 0 always the same.",
        ),
        "Fine-tuning": (
            curves,
            "Return of the greedy policy against target episodes; interquartile mean and 95 % interval over seeds. "
            "Solid: the temperature is annealed; dashed: it stays. The dotted line is the threshold.",
        ),
        "Ways through the target": (
            ways,
            "The first target episodes that each arm learns from, grey, and the greedy policy at the end, in "
            "colour; a few seeds, annealed arms. The ring is the start, the dot the goal.",
        ),
    }
    parts = [section("Results", results(result))]
    for title, (draw, caption) in captions.items():
        figure = draw(result)
        if figure is not None:
            svg = to_svg(figure, title)
            parts.append(section(title, f"<figure>{svg}<figcaption>{escape(caption)}</figcaption></figure>"))
    return document(name, head + "".join(parts))


def facts(result: dict[str, Any]) -> str:
    """Says how much was done."""
    return f"{len(result['seeds'])} seeds · {result['episodes'][-1]} target episodes · {result.get('command', '')}"


def results(result: dict[str, Any]) -> str:
    """Renders the arms and the sources as tables."""
    names = {
        "time": f"target episodes to {number(result['threshold'])}",
        "final": "final return",
        "area": "area, an episode",
        "jump_start": "jump-start",
        "practice": "return while learning",
    }
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names.values())
    rows = []
    for name, arm in result["arms"].items():
        cells = "".join(
            f'<td><span class="value">{number(arm[key]["iqm"])}</span>'
            f'<span class="interval">{interval(arm[key]["low"], arm[key]["high"])}</span></td>'
            for key in names
        )
        reached = f"{arm['reached']} of {arm['seeds']} got there, {arm['stayed']} stayed"
        rows.append(f'<tr><th scope="row">{escape(name)}<br><span class="interval">{reached}</span></th>{cells}</tr>')
    table = (
        f'<div class="wide"><table class="shots"><thead><tr><th></th>{head}</tr></thead>{"".join(rows)}</table></div>'
    )
    return table + sources(result)


def sources(result: dict[str, Any]) -> str:
    """Renders what the sources still have left to try."""
    names = {"coverage": "coverage", "range_left": "action range left", "deterministic": "deterministic states"}
    head = "".join(f"<th>{escape(n)}</th>" for n in ("temperature", "return", *names.values(), "effective rank"))
    rows = []
    for name, source in result["sources"].items():
        seen = source["diagnosis"]
        shares = "".join("<td>—</td>" if seen[key] is None else f"<td>{seen[key]:.0%}</td>" for key in names)
        rank = "—" if seen["effective_rank"] is None else f"{seen['effective_rank']:.1f} of {seen['features']:.0f}"
        rows.append(
            f'<tr><th scope="row">{escape(name)}</th><td>{source["temperature"]:g}</td>'
            f"<td>{number(source['returns']['iqm'])}</td>{shares}<td>{rank}</td></tr>"
        )
    return (
        f'<h3>The sources</h3><div class="wide"><table class="worth"><thead><tr><th></th>{head}</tr></thead>'
        f"{''.join(rows)}</table></div>"
    )


def directions(result: dict[str, Any]) -> Figure | None:
    """Draws where each source's episodes end, one panel a temperature, all at one scale."""
    found = {name: source for name, source in result["sources"].items() if source.get("displacement")}
    if not found:
        return None
    reach = 1.08 * max(np.abs(np.array(source["displacement"])).max() for source in found.values())
    with style():
        figure, grid = canvas(WIDTH, WIDTH / len(found) + 0.5, columns=len(found), squeeze=False)
        for axes, (name, source) in zip(grid[0], found.items(), strict=True):
            for seed, ends in enumerate(np.array(source["displacement"])[:, :MOST_EPISODES]):
                for x, y in ends:
                    axes.plot([0, x], [0, y], color=HUES[seed % len(HUES)], lw=0.5, alpha=0.5)
                axes.plot(*ends.T, ls="", marker="o", ms=1.8, color=HUES[seed % len(HUES)])
            axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xticks=[], yticks=[])
            axes.set_title(f"{name}\nα = {source['temperature']:g}   {source['directions']['iqm']:.2f}", fontsize=8.5)
    return figure


def curves(result: dict[str, Any]) -> Figure | None:
    """Draws greedy return against target episodes for every arm."""
    at, look = np.array(result["episodes"]), colours(result)
    with style():
        figure, axes = canvas(WIDTH, 4.2)
        ends = []
        for name, arm in result["arms"].items():
            source, _, how = name.rpartition(", ")
            points = [summarize(column) for column in np.array(arm["evaluated"]).T]
            middle, low, high = (np.array([point[key] for point in points]) for key in ("iqm", "low", "high"))
            annealed = how == "annealed"
            axes.plot(
                at, middle, color=look[source], ls="solid" if annealed else (0, (3, 2)), lw=1.8 if annealed else 1.0
            )
            if annealed:
                axes.fill_between(at, low, high, color=look[source], alpha=0.13, lw=0)
                ends.append((float(at[-1]), float(middle[-1]), source, look[source]))
        axes.axhline(result["threshold"], color=INK, lw=0.9, ls=(0, (1, 2)))
        axes.set_xlim(0, at[-1])
        axes.set_xlabel("target episodes")
        axes.set_ylabel("greedy return")
        label_ends(axes, ends)
    return figure


def ways(result: dict[str, Any]) -> Figure | None:
    """Draws trajectories in the target's walls, one panel an annealed arm; None where the target has no walls."""
    walls = walls_of(result["target"])
    arms = {name: arm for name, arm in result["arms"].items() if name.endswith("annealed") and arm.get("path")}
    if walls is None or not arms:
        return None
    columns = 3
    rows = -(-len(arms) // columns)
    with style():
        figure, grid = canvas(WIDTH, rows * 2.7, rows=rows, columns=columns, squeeze=False)
        for axes, name in zip(grid.flat, [*arms, *[""] * (rows * columns - len(arms))], strict=True):
            if not name:
                axes.set_axis_off()
                continue
            walls(axes)
            for seed, episodes in enumerate(arms[name]["path"]):
                for path in episodes:
                    axes.plot(*np.array(path).T, color=MUTED, lw=0.5, alpha=0.5)
                axes.plot(*np.array(arms[name]["greedy_path"][seed]).T, color=HUES[seed % len(HUES)], lw=1.2, alpha=0.9)
            axes.set_title(name.rpartition(", ")[0], fontsize=9)
    return figure


def walls_of(target: str) -> Callable[[Axes], None] | None:
    """Returns what draws a target's walls, start and goal, with the start at the origin; None where it has none."""
    if target not in catalogue.names():
        return None  # the user's own
    world: Any = catalogue.family(target)
    if getattr(world, "layout", "plane") == "plane" or not hasattr(world, "walls"):
        return None
    number_ = int(world.dynamics["layout:walls"].nominal)
    wall, start = world.walls.wall[number_], world.walls.start[number_] + 0.5
    goal = world.walls.goal[number_] - start
    free = np.argwhere(~wall)
    (low_y, low_x), (high_y, high_x) = free.min(axis=0) - 1, free.max(axis=0) + 2

    def draw(axes: Axes) -> None:
        for y, x in np.argwhere(wall[low_y:high_y, low_x:high_x]):
            corner = (x + low_x - start[0], y + low_y - start[1])
            axes.add_patch(Rectangle(corner, 1.0, 1.0, facecolor=LINE, edgecolor="none"))
        axes.plot(0, 0, marker="o", ms=6, mfc="none", mec=INK, ls="")
        axes.plot(*goal, marker="o", ms=6, color=INK, ls="")
        axes.set(xlim=(low_x - start[0], high_x - start[0]), ylim=(low_y - start[1], high_y - start[1]))
        axes.set(aspect="equal", xticks=[], yticks=[])
        axes.grid(visible=False)

    return draw


def colours(result: dict[str, Any]) -> dict[str, str]:
    """Gives each source its colour, the same in every figure; scratch is grey."""
    return {"scratch": MUTED} | {name: HUES[i % len(HUES)] for i, name in enumerate(result["sources"])}
