"""Reads a run's folder for the report: what is there, in one record; what is missing or damaged, in plain sentences.

A report is most needed for a run that went wrong, so a missing, torn or damaged part never stops it: the part is left
out and a sentence says so. Nothing from a file is executed; text is cleaned of control characters here and escaped
where it is shown.
"""

import json
import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from headstart.errors import InputError

FILM_BYTES = 1_000_000
TEXT_BYTES = 64 << 20  # nothing that a run writes as text is larger
FILMS = {"video.mp4": "video/mp4", "video.gif": "image/gif"}
PARTS = ("summary.json", "metrics.jsonl", "config.json", "ledger.json", "dynamics.json", *FILMS)


class Arm(NamedTuple):
    """One method at one number of target episodes: an entry of `arms` in `summary.json`.

    Attributes:
        method: such as `"scratch"` or `"fine-tune randomized"`.
        shots: k, the target episodes that the method could adapt with.
        iqm: interquartile mean of the return over seeds.
        low: lower end of its 95 % interval.
        high: upper end.
        per_seed: the return of each seed.
        adaptation_episodes: target episodes used to adapt, of all seeds together; likewise the next two.
        selection_episodes: used to choose between checkpoints.
        evaluation_episodes: used to measure.
        target_steps: control steps on the target.
        source_episodes: episodes on the source; None where the run did not say.
        wall_seconds: time taken.
    """

    method: str
    shots: int
    iqm: float
    low: float
    high: float
    per_seed: tuple[float, ...] = ()
    adaptation_episodes: float | None = None
    selection_episodes: float | None = None
    evaluation_episodes: float | None = None
    target_steps: float | None = None
    source_episodes: float | None = None
    wall_seconds: float | None = None


class LearningCurve(NamedTuple):
    """Return against target episodes, an entry of the optional `curves` in `summary.json`."""

    method: str
    episodes: Float[np.ndarray, " point"]
    per_seed: Float[np.ndarray, "seed point"]


class TrainingCurve(NamedTuple):
    """Return during training on the source against environment steps, of one arm and seed, from `metrics.jsonl`."""

    name: str
    seed: str
    steps: Float[np.ndarray, " point"]
    values: Float[np.ndarray, " point"]


class Spread(NamedTuple):
    """One physical parameter: what the source was sampled from and, where it was revealed, what the target has."""

    name: str
    unit: str
    nominal: float | None
    source: Float[np.ndarray, " sample"]
    target: float | None


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """All that a report can show of a run. Parts that are missing are empty; `notes` says which and why."""

    path: Path
    source: str = "an unnamed source"
    target: str = "an unnamed target"
    size: str = ""
    shots: tuple[int, ...] = ()
    seeds: tuple[int, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    command: str = ""
    arms: tuple[Arm, ...] = ()
    curves: tuple[LearningCurve, ...] = ()
    training: tuple[TrainingCurve, ...] = ()
    dynamics: tuple[Spread, ...] = ()
    config: tuple[tuple[str, str], ...] = ()
    ledger: tuple[tuple[str, str], ...] = ()
    film: bytes = b""
    film_kind: str = ""
    notes: Mapping[str, str]

    @property
    def name(self) -> str:
        """The folder's own name."""
        return clean(self.path.resolve().name)


def read_run(path: Path) -> RunFolder:
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
    return RunFolder(
        path=path,
        source=clean(summary.get("source") or config.get("source") or "an unnamed source"),
        target=clean(summary.get("target") or config.get("target") or "an unnamed target"),
        size=clean(summary.get("size") or ""),
        shots=_whole(summary.get("shots")),
        seeds=_seeds(summary.get("seeds")),
        versions=tuple(flatten(summary.get("versions") or config.get("versions") or {})),
        command=_command(summary.get("command") or config.get("command") or config.get("argv") or ""),
        arms=_arms(summary.get("arms"), notes),
        curves=_curves(summary.get("curves"), notes),
        training=_training(path / "metrics.jsonl", notes),
        dynamics=_dynamics(_object(path / "dynamics.json", notes), notes),
        config=tuple(flatten(config)),
        ledger=tuple(flatten(_object(path / "ledger.json", notes))),
        film=film,
        film_kind=film_kind,
        notes=notes,
    )


def clean(text: Any, limit: int = 400) -> str:
    """Makes any value one line of harmless text: no control or direction characters, not endless."""
    text = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in str(text)[: 2 * limit])
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def flatten(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Lists a nested JSON object as (dotted name, text), in its own order; long lists of numbers are shortened."""
    if isinstance(value, dict) and value:
        return [row for key, inner in value.items() for row in flatten(inner, f"{prefix}.{key}" if prefix else str(key))]
    if isinstance(value, list) and value and any(isinstance(item, dict) for item in value):
        return [row for i, inner in enumerate(value) for row in flatten(inner, f"{prefix}.{i}")]
    if isinstance(value, list):
        value = ", ".join(str(item) for item in value[:12]) + (", …" if len(value) > 12 else "")
    return [(clean(prefix), clean(value))] if prefix else []


def finite(value: Any) -> float | None:
    """Returns a finite number as a float, anything else as None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        value = float(value)
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def _object(path: Path, notes: dict[str, str]) -> dict[str, Any]:
    try:
        if path.stat().st_size > TEXT_BYTES:
            raise ValueError("it is too large to be ours")
        value = json.loads(path.read_text(encoding="utf-8"))
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


def _whole(value: Any) -> tuple[int, ...]:
    return tuple(int(v) for v in value if finite(v) is not None) if isinstance(value, list) else ()


def _seeds(value: Any) -> tuple[int, ...]:  # a list of seeds, or how many there were
    return tuple(range(min(value, 10_000))) if isinstance(value, int) else _whole(value)


def _command(value: Any) -> str:
    return clean(" ".join(map(str, value)) if isinstance(value, list) else value, 2_000)


def _arms(entries: Any, notes: dict[str, str]) -> tuple[Arm, ...]:
    arms = []
    for entry in entries if isinstance(entries, list) else []:
        numbers = {name: finite(entry.get(name)) for name in Arm._fields} if isinstance(entry, dict) else {}
        if any(numbers.get(name) is None for name in ("shots", "iqm", "low", "high")):
            notes["arms"] = "Some arms have no finite result and are left out."
            continue
        per_seed = entry.get("per_seed")
        seeds = tuple(v for v in map(finite, per_seed) if v is not None) if isinstance(per_seed, list) else ()
        numbers |= {"method": clean(entry.get("method", "?"), 60), "shots": int(numbers["shots"]), "per_seed": seeds}
        arms.append(Arm(**numbers))
    if not arms:
        notes.setdefault("arms", "No arm has finished in this run yet, so there is nothing to compare.")
    return tuple(arms)


def _curves(entries: Any, notes: dict[str, str]) -> tuple[LearningCurve, ...]:
    curves = []
    for entry in entries if isinstance(entries, list) else []:
        try:
            episodes = np.asarray(entry["episodes"], np.float64)
            values = np.atleast_2d(np.asarray(entry["per_seed"], np.float64))
            usable = values.shape[1:] == episodes.shape and episodes.size > 0 and bool(np.isfinite(values).all())
        except (KeyError, TypeError, ValueError):
            usable = False
        if usable:
            curves.append(LearningCurve(clean(entry.get("method", "?"), 60), episodes, values))
        else:
            notes["curves"] = "Some learning curves are damaged or not finite and are left out."
    return tuple(curves)


def _training(path: Path, notes: dict[str, str]) -> tuple[TrainingCurve, ...]:
    """Collects the source's training return; a torn last line, as a kill leaves it, is expected and skipped."""
    series: dict[tuple[str, str], list[tuple[float, float]]] = {}
    damaged = 0
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                try:
                    row = json.loads(line)
                except (ValueError, RecursionError):
                    damaged += 1
                    continue
                _add_row(series, row)
    except OSError:
        notes["metrics.jsonl"] = "There is no metrics.jsonl in this run, so there is no training curve."
        return ()
    if damaged:
        notes["metrics.jsonl"] = f"{damaged} line{'s' if damaged > 1 else ''} of metrics.jsonl could not be read."
    curves = []
    for (name, seed), points in series.items():
        steps, values = np.array(sorted(points)).T
        curves.append(TrainingCurve(name, seed, steps, values))
    return tuple(curves)


def _add_row(series: dict[tuple[str, str], list[tuple[float, float]]], row: Any) -> None:
    if not isinstance(row, dict) or row.get("phase", "source") not in ("source", "train", "pretrain"):
        return
    steps = (finite(row.get(name)) for name in ("time/total_timesteps", "step", "steps"))
    step = next((s for s in steps if s is not None), None)
    values = (finite(row.get(name)) for name in ("rollout/ep_rew_mean", "eval/mean_reward"))
    value = next((v for v in values if v is not None), None)
    if step is not None and value is not None:
        name = clean(row.get("arm") or row.get("method") or row.get("source") or "source", 60)
        series.setdefault((name, clean(row.get("seed", 0), 20)), []).append((step, value))


def _dynamics(entry: dict[str, Any], notes: dict[str, str]) -> tuple[Spread, ...]:
    source, target, nominal, units = (
        part if isinstance(part := entry.get(name), dict) else {} for name in ("source", "target", "nominal", "units")
    )
    spreads = []
    for name in {**source, **target}:
        samples = source.get(name, [])
        values = [v for v in map(finite, samples if isinstance(samples, list) else [samples]) if v is not None]
        spread = Spread(
            clean(name, 60), clean(units.get(name, ""), 24), finite(nominal.get(name)), np.array(values, np.float64),
            finite(target.get(name)),
        )  # fmt: skip
        if spread.source.size or spread.target is not None:
            spreads.append(spread)
    if spreads and not target:
        notes["target"] = "The target's own dynamics are not known, as on a real robot; only the source is shown."
    return tuple(spreads)
