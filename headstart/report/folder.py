"""Reads a run's folder for the report: what is there, in one record; what is missing or damaged, in plain sentences.

A report is most needed for a run that went wrong, so a missing, torn or damaged part never stops it: the part is left
out and a sentence says so. Nothing from a file is executed; text is cleaned of control characters here and escaped
where it is shown.
"""

from pathlib import Path
from typing import Any

from headstart.errors import InputError
from headstart.report.adaptation import read_adaptation
from headstart.report.damaged import read_small
from headstart.report.entries import arms, command_line, curves, dynamics, training, whole
from headstart.report.records import Arm, LearningCurve, RunContents, Spread, TrainingCurve
from headstart.report.text import clean, flatten

__all__ = ["Arm", "LearningCurve", "RunContents", "Spread", "TrainingCurve", "read_run"]

FILM_BYTES = 1_000_000
TEXT_BYTES = 64 << 20  # nothing that a run writes as text is larger
FILMS = {"video.mp4": "video/mp4", "video.gif": "image/gif"}
PARTS = ("summary.json", "metrics.jsonl", "config.json", "dynamics.json", *FILMS)


def read_run(path: Path) -> RunContents:
    """Reads a run's folder.

    Args:
        path: of the folder.

    Returns:
        Everything that could be read, with a sentence in `notes` for each part that could not.

    Raises:
        InputError: if there is no such folder, or nothing in it comes from a run.
    """
    path = Path(path)
    if not path.is_dir():
        raise InputError(f"{path}: no such run folder; give the folder that holds summary.json")
    if not any((path / part).is_file() for part in PARTS):
        raise InputError(f"{path}: not a run folder: it holds none of {', '.join(PARTS[:3])}")
    notes: dict[str, str] = {}
    summary = _object(path / "summary.json", notes)
    config = _object(path / "config.json", notes)
    film, film_kind = _film(path, notes)
    return RunContents(
        path=path,
        source=clean(summary.get("source") or config.get("source") or "an unnamed source"),
        target=clean(summary.get("target") or config.get("target") or "an unnamed target"),
        size=clean(summary.get("size") or ""),
        shots=whole(summary.get("shots")),
        seeds=whole(summary.get("seeds")),
        versions=tuple(flatten(summary.get("versions") or config.get("versions") or {})),
        command=command_line(config),
        arms=arms(summary, notes),
        curves=curves(summary.get("curves"), notes),
        training=training(path / "metrics.jsonl", notes),
        dynamics=dynamics(_object(path / "dynamics.json", notes), notes),
        config=tuple(flatten(config)),
        ledger=_ledgers(path, notes),
        adaptation=read_adaptation(path, notes),
        film=film,
        film_kind=film_kind,
        notes=notes,
    )


def _object(path: Path, notes: dict[str, str]) -> dict[str, Any]:
    try:
        value = read_small(path, TEXT_BYTES)
        if not isinstance(value, dict):
            raise ValueError("it holds no JSON object")
    except FileNotFoundError:
        notes[path.name] = f"There is no {path.name} in this run."
        return {}
    except (OSError, ValueError, RecursionError) as error:
        notes[path.name] = f"{path.name} could not be read ({clean(error, 120)})."
        return {}
    return value


def _film(path: Path, notes: dict[str, str]) -> tuple[bytes, str]:
    for name, kind in FILMS.items():
        film = path / name
        if film.is_file():
            if film.stat().st_size <= FILM_BYTES:
                return film.read_bytes(), kind
            notes["film"] = f"{name} is larger than {FILM_BYTES // 1_000_000} MB and lies beside this page."
            return b"", ""
    notes["film"] = "No film was made in this run."
    return b"", ""


def _ledgers(path: Path, notes: dict[str, str]) -> tuple[tuple[str, str], ...]:
    rows = []
    for ledger in sorted(path.glob("ledger*.json"))[:200]:
        entry = {name: value for name, value in _object(ledger, notes).items() if name != "format"}
        rows += flatten({ledger.stem.removeprefix("ledger-"): entry})
    return tuple(rows)
