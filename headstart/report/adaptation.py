"""The page's part on adaptation: what was believed of the simulator before and after the target's episodes."""

from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from headstart.report.damaged import DAMAGE, read_small
from headstart.report.numbers import number
from headstart.report.records import Adaptation, RunContents, Spread
from headstart.report.style import HUES, INK, LINE, MUTED, PAPER, canvas, style
from headstart.report.text import clean, finite

MOST_BYTES = 4 << 20


class _Band(NamedTuple):
    low: np.ndarray
    high: np.ndarray


def read_adaptation(path: Path, notes: dict[str, str]) -> Adaptation | None:
    """Reads the record of the first seed; what is damaged is noted in a sentence and left out."""
    for file in sorted(path.glob("adaptation-*.json"))[:1]:
        try:
            return _record(read_small(file, MOST_BYTES), file.stem.partition("-")[2])
        except DAMAGE as error:
            notes["adaptation"] = f"{file.name} could not be read ({clean(error, 120)})."
    return None


def _record(value: Any, seed: str) -> Adaptation:
    names = tuple(clean(name, 60) for name in value["parameters"])
    after = [(int(part["shots"]), _intervals(part["intervals"], len(names)), part) for part in value["posteriors"]]
    shown = value.get("trajectory") or {}
    replay = (
        {k: np.array(shown[k], np.float64) for k in ("channels", "measured", "prior", "posterior")} if shown else None
    )
    return Adaptation(
        method=clean(value["method"], 40),
        seed=clean(seed, 20),
        names=names,
        units=tuple(clean(unit, 60) for unit in value["units"]),
        prior=_intervals(value["prior"], len(names)),
        posteriors=tuple((shots, intervals) for shots, intervals, _ in after),
        told=tuple((shots, {k: v for k, v in part.items() if finite(v) is not None}) for shots, _, part in after),
        unidentified=tuple(clean(name, 60) for name in value.get("unidentified", ())),
        remaining={clean(k, 60): float(v) for k, v in value.get("remaining", {}).items() if finite(v) is not None},
        excitement={clean(k, 60): float(v) for k, v in value.get("excitement", {}).items() if finite(v) is not None},
        played=_played(value),
        left=tuple(
            (shots, tuple(clean(name, 60) for name in part["unidentified"]))
            for shots, _, part in after
            if "unidentified" in part
        ),
        replay=replay,
        replay_way=clean(shown.get("way", "actions"), 20),
        replay_noise=shown.get("noise") is True,
        rounds=value.get("rounds") is True,
    )


def _played(value: Any) -> str:
    """How the target was played; where each round chose anew, up to which k each way."""
    rounds = [(clean(part["played"], 60), int(part["shots"])) for part in value["posteriors"] if "played" in part]
    return ", ".join(f"{way} up to k = {shots}" for way, shots in rounds) or clean(value.get("played", ""), 60)


def _intervals(rows: Any, n: int) -> np.ndarray:
    intervals = np.array(rows, np.float64)
    if intervals.shape != (n, 3) or not np.isfinite(intervals).all():
        raise ValueError("an interval is not three finite numbers for each parameter")
    return intervals


def posterior(run: RunContents) -> Figure | None:
    """Draws each parameter on its own axis: the prior, the posterior after each k, the target where revealed."""
    found = run.adaptation
    if found is None or not found.posteriors:
        return None
    revealed = {spread.name: spread for spread in run.dynamics}
    with style():
        rows = len(found.names)
        figure, grid = canvas(7.6, 0.5 * rows + 0.6, rows=rows, squeeze=False)
        for i, axes in enumerate(grid[:, 0]):
            _strip(axes, found, i, revealed.get(found.names[i]))
        handles = [
            Line2D([], [], color=LINE, lw=6, label="prior, 90 %"),
            *(Line2D([], [], color=HUES[j % len(HUES)], lw=2, marker="o", ms=4, label=f"after k = {shots}, 90 %")
              for j, (shots, _) in enumerate(found.posteriors)),
            Line2D([], [], ls="", marker="D", ms=6, mfc=INK, mec=PAPER, label="target, revealed after the run"),
        ]  # fmt: skip
        figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9, labelcolor=MUTED)
    return figure


def _strip(axes: Any, found: Adaptation, i: int, spread: Spread | None) -> None:
    axes.plot(found.prior[i, [0, 2]], [0, 0], color=LINE, lw=9, solid_capstyle="butt", zorder=1)
    count = len(found.posteriors)
    for j, (_, intervals) in enumerate(found.posteriors):
        height, color = 0.28 - 0.56 * (j + 0.5) / count, HUES[j % len(HUES)]
        axes.plot(intervals[i, [0, 2]], [height] * 2, color=color, lw=1.6, zorder=3)
        axes.plot(intervals[i, 1], height, "o", ms=3.5, color=color, zorder=4)
    if spread is not None and spread.target is not None:
        axes.plot(spread.target, 0, "D", ms=5.5, mfc=INK, mec=PAPER, mew=0.8, zorder=5)
    axes.set_ylim(-0.5, 0.5)
    axes.margins(x=0.06)
    axes.set_yticks([0], [found.names[i]])
    grey = found.left[-1][1] if found.left else found.unidentified
    axes.tick_params(axis="y", labelcolor=MUTED if found.names[i] in grey else INK)
    axes.tick_params(axis="x", labelsize=7.5, pad=1, length=2)
    axes.locator_params(axis="x", nbins=5)
    axes.xaxis.set_major_formatter(lambda value, _: number(value))
    axes.grid(False)


def replay(run: RunContents) -> Figure | None:
    """Draws a measured target episode beside replays of its actions in simulators of the prior and the posterior."""
    found = run.adaptation
    if found is None or found.replay is None:
        return None
    parts = found.replay
    with style():
        count = len(parts["channels"])
        figure, grid = canvas(7.6, 1.7 * ((count + 2) // 3) + 0.5, rows=(count + 2) // 3, columns=3, squeeze=False)
        for i, axes in enumerate(grid.flat):
            if i >= count:
                axes.set_visible(False)
                continue
            steps = np.arange(parts["measured"].shape[1])
            for name, color, alpha in (("prior", MUTED, 0.2), ("posterior", HUES[0], 0.35)):
                axes.fill_between(steps, parts[name][0][i], parts[name][1][i], color=color, alpha=alpha, lw=0)
            axes.plot(steps, parts["measured"][i], color=INK, lw=1.0)
            axes.set_title(f"channel {int(parts['channels'][i])}", fontsize=9, color=MUTED)
        handles = [
            Line2D([], [], color=INK, lw=1.0, label="measured"),
            Line2D([], [], color=MUTED, alpha=0.4, lw=6, label="simulated, prior, 90 %"),
            Line2D([], [], color=HUES[0], alpha=0.5, lw=6, label="simulated, posterior, 90 %"),
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9, labelcolor=MUTED)
    return figure


def sentences(found: Adaptation) -> str:
    """Says in words what could not be identified, what was not explained, and how the target was played."""
    said = [f"Seed {found.seed}, method {found.method}."]
    if found.rounds and len(found.posteriors) > 1:
        said.append("The policy that had been adapted to the episodes before played the next ones.")
    fewest = f" by the smallest k, {found.posteriors[0][0]}" if found.posteriors else " by the smallest k"
    if found.remaining and not found.unidentified:
        said.append(f"Before the first target episode, every parameter was expected to be identified{fewest}.")
    if found.unidentified:
        missing = ", ".join(found.unidentified)
        said.append(f"Expected, before the first target episode, not to be identified{fewest}: {missing}.")
    if found.remaining:
        said.append("A forecast takes the simulator to be able to be the target; where it is not, less is identified.")
    said += _left(found)
    for shots, told in found.told:
        if told.get("unexplained", 0.0) > 0.0:
            share, power = number(100 * told["unexplained"]), number(told["trust"])
            said.append(
                f"At k = {shots}, {share} % of a typical step is neither noise nor explained by any value of the "
                f"parameters: the likelihood counts to the power {power}, and the intervals are wider for it."
            )
        if told.get("diverged", 0.0) > 0.0:
            said.append(
                f"At k = {shots}, {number(told['diverged'])} sampled simulators diverged and were given no weight."
            )
    if found.excitement:
        ways = ", ".join(f"{name}: {number(value)} nats" for name, value in found.excitement.items())
        said.append(f"The target was played {found.played}; before the first, of {ways} an episode.")
    return f'<p class="note">{escape(" ".join(said))}</p>'


def _left(found: Adaptation) -> list[str]:
    """Says of what most of the doubt was left after each number of episodes."""
    said = [
        f"Not identified after k = {shots}: {', '.join(names)}."
        if names
        else f"After k = {shots}, every parameter was narrowed down."
        for shots, names in found.left
    ]
    if not said:
        return ["Which parameters were as uncertain after the target's episodes as before was not recorded."]
    said.append(
        "Not identified is what keeps more than 80 % of the width of its 90 % interval or, of a whole number, of the "
        "doubt about its most probable value."
    )
    if found.method == "simopt":
        said.append(
            "SimOpt has no forecast of this, and where simulators differ by chance alone its distribution narrows too: "
            "that an interval is narrow does not say that it is right."
        )
    return said


def grey(found: Adaptation) -> str:
    """Says what a name in grey means."""
    if found.left:
        return f"Names in grey were not identified after k = {found.left[-1][0]}."
    if found.remaining:
        return "Names in grey were not expected to be identified before the first episode."
    return ""


def bands(found: Adaptation) -> str:
    """Says what the bands of simulated trajectories are."""
    if found.replay is None:
        return ""
    if found.replay_way == "policy":
        return (
            "The policy that played the last target episodes, played in simulators of both distributions, each from a "
            "beginning of its own and with the noise that its parameters say; measured is the first of these episodes. "
            "Shown is how much a channel changed since its episode began, which is what the method compares; who fell "
            "stands still."
        )
    seen = (
        "Both bands are what sensors would show: the prior's with the noise that the ranges say, the posterior's with "
        "the noise that was estimated, in the first observation too. What no parameter explains is in neither."
        if found.replay_noise
        else "The bands are of the dynamics alone, without the sensors' noise, which the measured line has."
    )
    return (
        "The first target episode, and its actions replayed from its first observation in simulators of both "
        f"distributions. {seen}"
    )


FIGURES = {"posterior": posterior, "replay": replay}
CAPTIONS = {
    "posterior": (
        "What the target's episodes said about the simulator",
        "Each line is one parameter on its own axis.",
        "This run adapted no simulator, or broke before it had.",
    ),
    "replay": (
        "Simulated and measured",
        "The channels in which both distributions differ most.",
        "No simulated trajectory was recorded.",
    ),
}
