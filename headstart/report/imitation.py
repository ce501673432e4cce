"""The page of `headstart imitate`: what to share, why, and how many demonstrations that saves."""

import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from headstart.errors import InputError
from headstart.report.call_graph import call_graph_svg
from headstart.report.numbers import listed
from headstart.report.page import document, missing, section, write_whole
from headstart.report.text import clean

CLASSES = {"share": "shared", "share partly": "partly", "keep apart": "apart"}
MODES = {"share": "share: old data only", "union": "union: one for both", "independent": "independent: new data only"}
LARGEST = 64 << 20
SHEET = """
.graph{display:block;width:100%;margin:.4rem 0 0}
.graph text{font-size:12.5px;text-anchor:middle;fill:var(--ink)}
.graph rect{fill:var(--paper);stroke:var(--line);stroke-width:1.2}
.graph .action rect{stroke-dasharray:3 3;stroke:var(--muted);stroke-opacity:.6} .graph .action text{fill:var(--muted)}
.graph .shared rect{stroke:var(--hue2);fill:color-mix(in srgb,var(--hue2) 14%,var(--paper))}
.graph .partly rect{stroke:var(--hue4);fill:color-mix(in srgb,var(--hue4) 16%,var(--paper))}
.graph .apart rect{stroke:var(--hue0);fill:color-mix(in srgb,var(--hue0) 12%,var(--paper))}
.edge{fill:none;stroke:var(--muted);stroke-width:1.1;opacity:.45}
.chip{display:inline-block;white-space:nowrap;border-radius:999px;padding:.08rem .6rem;font-size:.84rem;font-weight:600}
.chip.shared{background:color-mix(in srgb,var(--hue2) 18%,var(--paper));color:var(--good)}
.chip.partly{background:color-mix(in srgb,var(--hue4) 24%,var(--paper));color:var(--ink)}
.chip.apart{background:color-mix(in srgb,var(--hue0) 16%,var(--paper));color:var(--hue0)}
.skills{width:100%;font-size:.93rem}
.skills thead th{color:var(--muted);font-size:.85rem;border-bottom:1px solid var(--muted);padding:.3rem .8rem .4rem}
.skills tbody th,.skills td{padding:.55rem .8rem;border-bottom:1px solid var(--line);vertical-align:top}
.skills th:first-child{padding-left:0} .skills tbody th{font-weight:600;white-space:nowrap}
.skills .number{text-align:right;white-space:nowrap}
.skills small{display:block;color:var(--muted);font-size:.8rem;line-height:1.4;overflow-wrap:anywhere;max-width:17rem}
.yes{color:var(--good);font-weight:600} .no{color:var(--bad);font-weight:600}
.curve{display:block;width:100%;max-width:46rem} .curve text{font-size:12px;fill:var(--muted)}
.curve .grid{stroke:var(--line);stroke-width:.8} .curve polyline{fill:none;stroke-width:2.2;stroke-linejoin:round}
.curve polyline.with{stroke:var(--hue0)} .curve polyline.without{stroke:var(--muted);stroke-dasharray:5 4}
.curve circle.with{fill:var(--hue0)} .curve circle.without{fill:var(--muted)}
.curve text.with{fill:var(--hue0);font-weight:600}
.legend{display:flex;gap:1.2rem;flex-wrap:wrap;margin:.8rem 0 0;font-size:.88rem;color:var(--muted)}
"""


def write_imitation_report(run: Path) -> Path:
    """Writes `report.html` into the folder of a run of `headstart imitate`.

    Args:
        run: the folder, which holds `summary.json`.

    Returns:
        The page.

    Raises:
        InputError: there is no such summary, or it is damaged.
        Fault: the disk does not take the page.
    """
    summary = read_summary(run)
    try:
        text = render_imitation(summary)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(
            f"{run}/summary.json: is damaged ({type(error).__name__}); run `headstart imitate` again"
        ) from None
    page = run / "report.html"
    write_whole(page, lambda path: path.write_text(text, encoding="utf-8"))
    return page


def is_imitation(run: Path) -> bool:
    """Whether a folder holds a run of `headstart imitate`."""
    try:
        return "selector" in read_summary(run)
    except InputError:
        return False


def read_summary(run: Path) -> dict[str, Any]:
    """Reads `summary.json`. Raises `InputError` where it is missing or no JSON object."""
    path = run / "summary.json"
    try:
        if path.stat().st_size > LARGEST:
            raise ValueError("too large")
        summary = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read ({clean(error, 80)}); give the folder of a run") from None
    if not isinstance(summary, dict):
        raise InputError(f"{path}: holds no JSON object; give the folder of a run")
    return summary


def render_imitation(summary: Mapping[str, Any]) -> str:
    """Renders the whole page."""
    skills, past = summary["skills"], [clean(one) for one in summary["past"]]
    title = f"{', '.join(past)} → {clean(summary['task'])}" if past else clean(summary["task"])
    head = (
        '<header><p class="kind">headstart · hierarchical imitation</p>'
        f'<h1>{escape(title)}</h1><p class="facts">{escape(_facts(summary))}</p>'
        f'<p class="claim">{escape(_claim(summary, past))}</p></header>'
    )
    parts = [
        head,
        section("Demonstrations needed", _curve(summary)),
        section("Who calls whom", _graph(summary)),
        section("What to share", _advice(skills)),
        section("Every mode for whole skills", _modes(skills, past)),
        section("What was learned", _rules(skills)),
        section("Notes on the demonstrations", _notes(summary["notes"])),
        section("Reproduce", f"<pre><code>{escape(clean(summary.get('command', ''), 2000))}</code></pre>"),
    ]
    return document(title, f"<style>{SHEET}</style>" + "".join(parts))


def _facts(summary: Mapping[str, Any]) -> str:
    given = summary.get("demonstrations", {})
    counted = [f"{count} demonstrations of {clean(task)}" for task, count in given.items()]
    orders = summary.get("orders", 0)
    return " · ".join([*counted, f"{orders} random orders" if orders else "no random orders"])


def _claim(summary: Mapping[str, Any], past: Sequence[str]) -> str:
    words = [of["advice"]["word"] for of in summary["skills"].values()]
    if past:
        counted = {word: words.count(word) for word in CLASSES if word in words}
        said = listed([f"{word} {count}" for word, count in counted.items()])
        sentence = f"Of {len(words)} skills that {clean(summary['task'])} needs: {said}."
    else:
        sentence = f"{clean(summary['task'])} is made of {len(words)} skills; there is no past task to share with."
    curve, alone, total = summary["curve"], summary["alone"], len(words)
    if curve:
        beside = f" (learned alone: {alone[0][1]:.1f})" if alone else ""
        sentence += f" After one demonstration {curve[0][1]:.1f} of them are right on every unused one{beside}"
        ends = [_mastered(of, total) for of in (curve, alone)]
        sentence += (
            f"; all {total}, in every order, after {ends[0]}" if ends[0] else f"; never all {total} in every order"
        )
        if alone:
            sentence += f" ({ends[1]})" if ends[1] else " (never)"
        sentence += "."
    return sentence


def _mastered(curve: Sequence[Sequence[float]], total: int) -> int | None:
    """The number of demonstrations from which every skill is right in every order, if it is reached."""
    return next((int(n) for n, mean in curve if mean >= total), None)


def _curve(summary: Mapping[str, Any]) -> str:
    lines = [("with", "with past tasks", summary["curve"]), ("without", "learned alone", summary["alone"])]
    lines = [one for one in lines if one[2]]
    if not lines:
        return missing("No random orders were measured; `--orders 20` measures them.")
    last, total = max(point[0] for _, _, of in lines for point in of), len(summary["skills"])
    width, height, left, top = 680.0, 250.0, 34.0, 12.0

    def at(n: float, mean: float) -> tuple[float, float]:
        return left + (n - 1) / max(last - 1, 1) * (width - left - 150), top + (1 - mean / total) * (height - top - 40)

    parts = []
    for mean in sorted({0, total // 2, total}):
        y = at(1, mean)[1]
        parts.append(f'<line class="grid" x1="{left}" x2="{width - 150:.0f}" y1="{y:.1f}" y2="{y:.1f}"/>'
                     f'<text x="{left - 8}" y="{y + 4:.1f}" text-anchor="end">{mean}</text>')  # fmt: skip
    for n in range(1, last + 1, max(1, -(-last // 12))):
        parts.append(f'<text x="{at(n, 0)[0]:.1f}" y="{height - 22}" text-anchor="middle">{n}</text>')
    parts.append(
        f'<text x="{(left + width - 150) / 2:.0f}" y="{height - 3}" text-anchor="middle">demonstrations</text>'
    )
    for index, (kind, name, of) in enumerate(lines):
        points = [at(n, mean) for n, mean in [*of, *([(last, of[-1][1])] if of[-1][0] < last else [])]]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        dots = "".join(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>' for x, y in points[: len(of)])
        y = points[-1][1] + 4 + (16 * index if len(lines) > 1 and abs(lines[0][2][-1][1] - of[-1][1]) < 0.5 else 0)
        parts.append(f'<polyline class="{kind}" points="{path}"/>{dots}'
                     f'<text class="{kind}" x="{points[-1][0] + 10:.1f}" y="{y:.1f}">{name}</text>')  # fmt: skip
    box = f'viewBox="0 0 {width:.0f} {height:.0f}"'
    svg = f'<svg class="curve" role="img" aria-label="skills mastered" {box}>{"".join(parts)}</svg>'
    caption = "Skills that are right on every demonstration that was not used, mean over random orders."
    return f"<figure>{svg}<figcaption>{caption}</figcaption></figure>"


def _graph(summary: Mapping[str, Any]) -> str:
    skills = summary["skills"]
    calls = {name: of["calls"] for name, of in skills.items()}
    kinds = {name: CLASSES[of["advice"]["word"]] for name, of in skills.items()}
    chips = "".join(
        f'<span class="chip {kind}">{word}</span>' for word, kind in CLASSES.items() if kind in kinds.values()
    )
    legend = f'<p class="legend">{chips}<span>dashed: actions of the robot</span></p>'
    return f'<div class="wide">{call_graph_svg(summary["root"], calls, kinds)}</div>{legend}'


def _advice(skills: Mapping[str, Any]) -> str:
    rows = []
    for name, of in skills.items():
        word, needed = of["advice"]["word"], of["demonstrations_needed"]
        kind = CLASSES[word]
        count = "—" if needed is None else f"{needed:.1f}"
        cells = (
            f'<td><span class="chip {kind}">{word}</span></td><td>{escape(clean(of["advice"]["because"], 300))}</td>'
        )
        title = escape(clean(name, 60))
        rows.append(f'<tr><th scope="row">{title}</th>{cells}<td class="number">{count}</td></tr>')
    head = '<th scope="col">skill</th><th scope="col">advice</th><th scope="col">because</th>'
    return (f'<div class="wide"><table class="skills"><thead><tr>{head}<th class="number" scope="col">demonstrations'
            f'</th></tr></thead><tbody>{"".join(rows)}</tbody></table></div>')  # fmt: skip


def _modes(skills: Mapping[str, Any], past: Sequence[str]) -> str:
    if not past:
        return missing("There is no past task, so there is nothing to choose between.")
    head = "".join(f'<th scope="col">{escape(title)}</th>' for title in MODES.values())
    rows = []
    for name, of in skills.items():
        cells = "".join(_mode(of["modes"].get(mode)) for mode in MODES)
        rows.append(f'<tr><th scope="row">{escape(clean(name, 60))}</th>{cells}</tr>')
    note = "A mode that does not hold is shown with the reason and the first step that it gets wrong."
    return (f'<div class="wide"><table class="skills"><thead><tr><th scope="col">skill</th>{head}</tr></thead>'
            f'<tbody>{"".join(rows)}</tbody></table></div><p class="note">{note}</p>')  # fmt: skip


def _mode(refusal: Mapping[str, Any] | None) -> str:
    if refusal is None:
        return "<td>—</td>"
    if not refusal["reason"]:
        return '<td><span class="yes">holds</span></td>'
    reason = clean(refusal["reason"]).rpartition(": ")[2]
    first = clean(refusal["first_wrong"], 200).rpartition("/")[2]
    told = f"<small>{escape(reason)}</small>" + (f"<small>first: {escape(first)}</small>" if first else "")
    return f'<td><span class="no">no</span>{told}</td>'


def _rules(skills: Mapping[str, Any]) -> str:
    parts = []
    for name, of in skills.items():
        modes = dict(of["decisions"])
        lines = "".join(
            f'<tr><th scope="row">{escape(clean(title, 60))}</th><td>{escape(clean(modes.get(title, "")))}</td>'
            f"<td>{escape(clean(rule, 600))}</td></tr>"
            for title, rule in of["rules"].items()
        )
        body = f'<table class="pairs"><tbody>{lines}</tbody></table>' if lines else missing(f"A {of['model']}.")
        parts.append(f"<details><summary>{escape(clean(name, 60))}</summary>{body}</details>")
    return "".join(parts)


def _notes(notes: Sequence[str]) -> str:
    if not notes:
        return missing("Nothing in them contradicts itself.")
    lines = "".join(f"<li>{escape(clean(note))}</li>" for note in notes[:50])
    return f"<ul>{lines}</ul>" + (missing(f"and {len(notes) - 50} more") if len(notes) > 50 else "")
