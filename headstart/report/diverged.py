"""The sentences on where a simulator diverged while somebody learnt in it, and on episodes that broke.

For the page and for the terminal.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from headstart.report.damaged import undamaged
from headstart.report.splits import NAMES
from headstart.report.text import clean, finite
from headstart.run.diverged import MOST, Away, phrase

FILES = "diverged*.json"
NOTE = (
    "A step that diverged ends its episode and is not learnt from. Named is what is farthest from nominal, in widths "
    "of its range; the dynamics of the first cases are in diverged*.json beside this page."
)


class Told(NamedTuple):
    """What one training wrote.

    Attributes:
        source: who learnt, where there are several.
        diverged: steps in which the simulator diverged.
        steps: in all.
        cases: the first of them, each with what is farthest from nominal.
        varied: whether the simulator has dynamics that could be another's.
    """

    source: str
    diverged: int
    steps: int
    cases: tuple[tuple[Away, ...], ...]
    varied: bool


def read_diverged(path: Path) -> list[Told]:
    """Reads what every training in a folder wrote; what is damaged is left out."""
    return [told for told in undamaged(path, FILES, _told) if 0 < told.diverged <= told.steps]


def _told(value: Any) -> Told:
    cases = value["cases"][:MOST]
    found = tuple(tuple(map(_away, case["farthest"])) for case in cases)
    varied = any(case["dynamics"] for case in cases)
    return Told(clean(value["source"], 40), int(value["diverged"]), int(value["steps"]), found, varied)


def _away(value: Any) -> Away:
    numbers = [finite(value[name]) for name in ("value", "nominal", "away")]
    if any(number is None for number in numbers):
        raise ValueError("not a number")
    at, nominal, away = map(float, numbers)  # pyright: ignore[reportArgumentType]
    return Away(clean(value["name"], 60), at, nominal, clean(value["unit"], 20), away)


def sentence(told: Sequence[Told]) -> str:
    """Says how often the simulator diverged in all, who learnt in it, and where the first case was."""
    diverged, steps = sum(one.diverged for one in told), sum(one.steps for one in told)
    names = list(dict.fromkeys(one.source for one in told if one.source))
    who = f" of the arm{'s' if len(names) > 1 else ''} {' and '.join(names)}" if names else ""
    return f"the simulator diverged in {diverged:,} of {steps:,} steps{who}{_where(told)}"


def _where(told: Sequence[Told]) -> str:
    cases = [case for one in told for case in one.cases]
    varied = [case for case in cases if case]
    if varied:
        return f", at e.g. {phrase(varied[0])}"
    return ", at nominal dynamics" if any(one.varied for one in told) else ""


class Broken(NamedTuple):
    """Episodes that ended since the world broke in them: where, how many, of how many, and if they were learnt from."""

    where: str
    broken: int
    episodes: int
    learnt: bool = False


def read_broken(path: Path) -> list[Broken]:
    """Reads which episodes broke, on the target and on other dynamics; of a damaged file nothing is said."""
    on_target = [one for some in undamaged(path, "summary.json", _on_target) for one in some]
    on_splits = [one for some in undamaged(path, "splits-*.json", _on_splits) for one in some]
    whole: dict[tuple[str, bool], Broken] = {}
    for one in (*on_target, *on_splits):  # of all seeds together
        before = whole.get((one.where, one.learnt), one._replace(broken=0, episodes=0))
        both = one._replace(broken=before.broken + one.broken, episodes=before.episodes + one.episodes)
        whole[one.where, one.learnt] = both
    return list(whole.values())


def _on_target(value: Any) -> list[Broken]:
    return [
        Broken(f"{clean(row['method'], 40)}, k = {int(row['shots'])}", int(row["broken"]), int(row["episodes"]), learnt)
        for name, learnt in (("broken", False), ("broken_practice", True))
        for row in value["extra"].get(name, [])
    ]


def _on_splits(value: Any) -> list[Broken]:
    return [
        Broken(f"{clean(value['source'], 40)}, {NAMES[split]} in simulation", int(count), len(value["returns"][split]))
        for split, count in value.get("broken", {}).items()
    ]


def broken_sentences(found: Sequence[Broken]) -> list[str]:
    """Says which evaluation episodes broke, whose returns are part of the means, and which of those learnt from."""
    said = {
        False: "evaluation episodes in which the world broke, whose returns are those of the steps before",
        True: "target episodes in which the world broke, of which the steps before were learnt from",
    }
    return [
        f"{words}: {'; '.join(f'{one.where}: {one.broken} of {one.episodes}' for one in mine)}"
        for learnt, words in said.items()
        if (mine := [one for one in found if one.learnt == learnt])
    ]


def lines(path: Path) -> list[str]:
    """Returns what there is to say on the terminal: nothing where nothing diverged and nothing broke."""
    said, told, broken = [], read_diverged(path), read_broken(path)
    if told:
        files = sorted(path.glob(FILES))
        said.append(f"{sentence(told)}; see {files[0] if len(files) == 1 else path / FILES}")
    return [*said, *broken_sentences(broken)]


def diverged_part(told: Sequence[Told], broken: Sequence[Broken]) -> str:
    """Renders a sentence for each arm with its cases, and one each on evaluation and on what was learnt from."""
    parts = []
    for source in dict.fromkeys(one.source for one in told):
        mine = [one for one in told if one.source == source]
        parts.append(f"<p>{escape(_begun(sentence(mine)))}</p>")
        cases = list(dict.fromkeys(phrase(case) for one in mine for case in one.cases if case))[:MOST]
        parts.append("<ul>" + "".join(f"<li>{escape(case)}</li>" for case in cases) + "</ul>" if cases else "")
    if told:
        parts.append(f'<p class="note">{escape(NOTE)}</p>')
    parts += [f"<p>{escape(_begun(said))}</p>" for said in broken_sentences(broken)]
    return "".join(parts)


def _begun(said: str) -> str:
    return f"{said[0].upper()}{said[1:]}."
