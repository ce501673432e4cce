"""The report: one page that opens offline, with everything in it, and its figures as PNG files beside it."""

import base64
import os
import tempfile
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path

from headstart.errors import Fault
from headstart.report import adaptation, diagnosis
from headstart.report.claim import caution, claim
from headstart.report.diverged import diverged_part, read_broken, read_diverged
from headstart.report.folder import read_run
from headstart.report.numbers import interval, number, seconds
from headstart.report.plots import FIGURES
from headstart.report.records import RunContents
from headstart.report.sheet import SHEET
from headstart.report.splits import read_reasons, read_splits, splits_table
from headstart.report.style import to_svg, write_png
from headstart.report.table import LEGEND, html_table
from headstart.report.worth import worth

# what each figure shows, and the sentence that stands in its place where the run does not hold it
CAPTIONS = {
    "few_shot": (
        "Return after k target episodes",
        "Interquartile mean and 95 % interval over seeds; faint dots are the seeds, hollow marks are zero-shot.",
        "No arm has finished yet, so there is nothing to draw.",
    ),
    "learning": (
        "Learning on the target",
        "Return against episodes of the target that were spent; bands are 95 % intervals over seeds.",
        "This run recorded no learning curves on the target.",
    ),
    "training": (
        "Learning on the source",
        "Return against environment steps on the source, one line a seed.",
        "This run recorded no training on the source (a policy may have come from an earlier run).",
    ),
    "dynamics": (
        "What the source varied, and what the target is",
        "Each line is one physical parameter on its own axis. Parameters that never vary are left out.",
        "This run recorded no dynamics.",
    ),
    "ledger": (
        "What was spent on the target",
        "Target episodes of each arm and seed, as the ledger counted them. From evaluation nothing is learned.",
        "This run recorded no use of the target.",
    ),
    **diagnosis.CAPTIONS,
    **adaptation.CAPTIONS,
}


def write_report(run: Path) -> Path:
    """Writes `report.html` into a run's folder, and each figure as a PNG file beside it.

    Args:
        run: the run's folder.

    Returns:
        The page.

    Raises:
        InputError: if there is no such folder, or nothing in it comes from a run.
        Fault: if the disk does not take the page.
    """
    folder = read_run(run)
    figures = {}
    for name, draw in (FIGURES | diagnosis.FIGURES | adaptation.FIGURES).items():
        figure = draw(folder)
        if figure is not None:
            figures[name] = to_svg(figure, CAPTIONS[name][0])
            write_whole(folder.path / f"{name}.png", lambda path, figure=figure: write_png(figure, path))
    page = folder.path / "report.html"
    text = render_page(folder, figures)
    write_whole(page, lambda path: path.write_text(text, encoding="utf-8"))
    return page


def render_page(run: RunContents, figures: dict[str, str]) -> str:
    """Renders the whole page from what was read and the figures' SVG texts."""
    parts = [
        _head(run),
        _results(run, figures),
        _film(run),
        _figure("learning", figures),
        _worth(run),
        _splits(run),
        _diagnosis(run, figures),
        _adaptation(run, figures),
        _figure("dynamics", figures, run.notes.get("target", "")),
        _figure("training", figures, run.notes.get("metrics.jsonl", "")),
        _diverged(run),
        _ledger(run, figures),
        _about(run),
    ]
    return document(f"{run.source} → {run.target}", "".join(parts))


def document(title: str, body: str) -> str:
    """Wraps a body as a document that may load nothing and run nothing."""
    policy = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; media-src data:"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{SHEET}</style></head>\n<body><main>{body}</main></body></html>\n"
    )


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """Renders (name, value) rows as a table, escaped."""
    lines = "".join(f'<tr><th scope="row">{escape(k)}</th><td>{escape(v)}</td></tr>' for k, v in rows)
    return f'<table class="pairs"><tbody>{lines}</tbody></table>'


def missing(sentence: str) -> str:
    """Renders the sentence that stands where a part is missing."""
    return f'<p class="missing">{escape(sentence)}</p>'


def _head(run: RunContents) -> str:
    seeds = max((len(arm.per_seed) for arm in run.arms), default=len(run.seeds))
    facts = [f"{seeds} seed{'s' if seeds != 1 else ''}" if seeds else "", f"size {run.size}" if run.size else ""]
    wall = [arm.wall_seconds for arm in run.arms if arm.wall_seconds is not None]
    facts += [f"{seconds(sum(wall))} of work in all arms" if wall else ""]
    warning = caution(run)
    return (
        f'<header><p class="kind">headstart · transfer</p>'
        f'<h1><span>{escape(run.source)}</span> <span class="arrow">→</span> <span>{escape(run.target)}</span></h1>'
        f'<p class="facts">{escape(" · ".join(filter(None, facts)))}</p>'
        f'<p class="claim">{escape(claim(run))}</p>'
        + (f'<p class="caution">{escape(warning)}</p>' if warning else "")
        + "</header>"
    )


def _results(run: RunContents, figures: dict[str, str]) -> str:
    if not run.arms:
        return section("Results", missing(" ".join(v for k, v in run.notes.items() if k in ("summary.json", "arms"))))
    legend = f"Interquartile mean of the return with its 95 % interval, and where that lies. {LEGEND}."
    table = f'<div class="wide">{html_table(run.arms, shots=run.shots)}</div><p class="note">{escape(legend)}</p>'
    table += missing(run.notes["arms"]) if "arms" in run.notes else ""
    return section("Results", table + _figure("few_shot", figures, heading=False))


def _figure(name: str, figures: dict[str, str], note: str = "", *, heading: bool = True) -> str:
    title, caption, absent = CAPTIONS[name]
    body = (
        f"<figure>{figures[name]}<figcaption>{escape(f'{caption} {note}'.strip())}</figcaption></figure>"
        if name in figures
        else missing(f"{absent} {note}".strip())
    )
    return section(title, body) if heading else body


def _worth(run: RunContents) -> str:
    found = worth(run)
    if not found:
        return section("What the source was worth", missing("No method here has a from-scratch curve to compare with."))
    names = [
        "at k = 0, more than scratch", "area under the curve, against scratch", "at the last k, more than scratch",
        "the same, paired by seed", "target episodes to reach scratch's last result",
        "source episodes spent", "source episodes for each target episode saved",
    ]  # fmt: skip
    rows = [
        (
            number(m.jump_start), _percent(m.transfer_ratio), number(m.asymptote_gain),
            f"{number(d.value)} {interval(d.low, d.high)}" if (d := w.difference) else "—",
            f"{number(m.time_to_threshold)} (scratch {number(m.scratch_time_to_threshold)})",
            number(m.source_cost or None), number(m.price_of_saved_episode if m.source_cost else None),
        )
        for w in found if (m := w.metrics)
    ]  # fmt: skip
    head = "".join(f'<th scope="col">{escape(w.method)}</th>' for w in found)
    lines = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{escape(row[i])}</td>" for row in rows)}</tr>'
        for i, name in enumerate(names)
    )
    note = (
        "Jump-start, transfer ratio, asymptotic gain and time to threshold (Taylor and Stone 2009), of interquartile "
        "means over the k of the table. Times count measured points only."
    )
    table = f'<table class="worth"><thead><tr><th></th>{head}</tr></thead><tbody>{lines}</tbody></table>'
    return section("What the source was worth", f'<div class="wide">{table}</div><p class="note">{note}</p>')


def _percent(ratio: float) -> str:
    text = number(100 * ratio)
    return f"{'+' if ratio > 0 else ''}{text} %" if text not in ("—", "∞", "−∞") else text


def _diagnosis(run: RunContents, figures: dict[str, str]) -> str:
    found = diagnosis.read_diagnoses(run.path)
    if not found:
        return ""
    figure = _figure("diagnosis", figures, heading=False)
    return section(CAPTIONS["diagnosis"][0], figure + diagnosis.diagnosis_table(found))


def _splits(run: RunContents) -> str:
    found = read_splits(run.path)
    return section("On other dynamics, in simulation", splits_table(found, read_reasons(run.path))) if found else ""


def _diverged(run: RunContents) -> str:
    told, broken = read_diverged(run.path), read_broken(run.path)
    return section("Where the simulator diverged", diverged_part(told, broken)) if told or broken else ""


def _adaptation(run: RunContents, figures: dict[str, str]) -> str:
    if run.adaptation is None:
        note = run.notes.get("adaptation")
        return section(CAPTIONS["posterior"][0], missing(note)) if note else ""
    found = run.adaptation
    body = adaptation.sentences(found) + _figure("posterior", figures, adaptation.grey(found), heading=False)
    return section(CAPTIONS["posterior"][0], body) + _figure("replay", figures, adaptation.bands(found))


def _film(run: RunContents) -> str:
    if not run.film:
        return section("Film", missing(run.notes.get("film", "No film was made in this run.")))
    source = f"data:{run.film_kind};base64,{base64.b64encode(run.film).decode('ascii')}"
    film = (
        f'<video controls loop muted autoplay playsinline src="{source}"></video>'
        if run.film_kind.startswith("video/")
        else f'<img alt="film of the behaviour on the target" src="{source}">'
    )
    caption = "The same start on the target, before and after adaptation."
    return section("Film", f"<figure>{film}<figcaption>{caption}</figcaption></figure>")


def _ledger(run: RunContents, figures: dict[str, str]) -> str:
    body = _figure("ledger", figures, heading=False)
    if run.ledger:
        body += f"<details><summary>The ledger, entry by entry</summary>{pairs(run.ledger)}</details>"
    return section(CAPTIONS["ledger"][0], body)


def _about(run: RunContents) -> str:
    command = run.command or f"headstart transfer --source {run.source} --target {run.target}"
    origin = (
        "" if run.command else missing("The run did not record its command; this one has the same source and target.")
    )
    parts = [
        section("Reproduce", f"<pre><code>{escape(command)}</code></pre>{origin}"),
        section("Versions", pairs(run.versions) if run.versions else missing("This run recorded no versions.")),
        section(
            "Configuration",
            f"<details><summary>{len(run.config)} settings</summary>{pairs(run.config)}</details>"
            if run.config
            else missing(run.notes.get("config.json", "This run recorded no configuration.")),
        ),
    ]
    return "".join(parts)


def section(title: str, body: str) -> str:
    """Renders a section."""
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Writes a file beside its place and renames it, so that a page is there in full or as it was."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        os.close(descriptor)
        try:
            write(Path(name))
            os.chmod(name, 0o644)
            os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise Fault(f"{path}: the report could not be written ({error.strerror or error}); free some space") from error
