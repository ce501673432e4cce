"""Reads the entries of a run's files one by one; what is not as it should be is left out and noted in a sentence."""

import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np

from headstart.maths.statistics import bootstrap_interval
from headstart.report.records import Arm, LearningCurve, Spread, TrainingCurve
from headstart.report.text import clean, finite


def whole(value: Any) -> tuple[int, ...]:
    """Reads a list of whole numbers; anything else is empty."""
    return tuple(int(v) for v in value if finite(v) is not None) if isinstance(value, list) else ()


def command_line(config: dict[str, Any]) -> str:
    """Writes the command that would do the run again, from the settings that it recorded."""
    command, settings = config.get("command"), config.get("settings")
    if not isinstance(command, str) or not isinstance(settings, dict):
        return clean(command, 2_000) if isinstance(command, str) else ""
    words = ["headstart", command]
    seeds = whole(settings.get("seeds"))
    if seeds:
        settings = settings | {"seeds": len(seeds), "seed": seeds[0]}
    for name, value in settings.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif isinstance(value, list) and not any(isinstance(item, dict | list) for item in value):
            words += [flag, ",".join(map(str, value))]
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            words += [flag, str(value)]
    return clean(shlex.join(words), 2_000)


def arms(summary: dict[str, Any], notes: dict[str, str]) -> tuple[Arm, ...]:
    """Reads the arms; one without a finite result is left out and noted."""
    extra = summary.get("extra")
    costs = extra.get("source_episodes") if isinstance(extra, dict) else None
    entries = summary.get("arms")
    found = []
    for entry in entries if isinstance(entries, list) else []:
        arm = _arm(entry, costs if isinstance(costs, dict) else {})
        if arm is None:
            notes["arms"] = "Some arms have no finite result and are left out."
        else:
            found.append(arm)
    if not found:
        notes.setdefault("arms", "No arm has finished in this run yet, so there is nothing to compare.")
    return tuple(found)


def _arm(entry: Any, costs: dict[str, Any]) -> Arm | None:
    if not isinstance(entry, dict):
        return None
    fields: dict[str, Any] = {name: finite(entry.get(name)) for name in Arm._fields}
    if any(fields[name] is None for name in ("shots", "iqm", "low", "high")):
        return None
    method, per_seed = entry.get("method", "?"), entry.get("per_seed")
    fields["method"], fields["shots"] = clean(method, 60), int(fields["shots"])
    fields["per_seed"] = tuple(v for v in map(finite, per_seed) if v is not None) if isinstance(per_seed, list) else ()
    if fields["source_episodes"] is None and isinstance(method, str):
        fields["source_episodes"] = finite(costs.get(method))
    return Arm(**fields)


def curves(entries: Any, notes: dict[str, str]) -> tuple[LearningCurve, ...]:
    """Reads the learning curves, of seeds (`per_seed`) or summed up (`mean`, `low`, `high`)."""
    found = []
    for entry in entries if isinstance(entries, list) else []:
        try:
            curve = _curve(entry)
            usable = curve.episodes.size > 0 and all(np.isfinite(part).all() for part in curve[1:])
        except (KeyError, TypeError, ValueError):
            usable = False
        if usable:
            found.append(curve)
        else:
            notes["curves"] = "Some learning curves are damaged or not finite and are left out."
    return tuple(found)


def _curve(entry: Any) -> LearningCurve:
    if "per_seed" in entry:
        points = [bootstrap_interval(column, resamples=2_000) for column in np.asarray(entry["per_seed"], np.float64).T]
        middle, low, high = (np.array([point[i] for point in points]) for i in range(3))
    else:
        middle = np.asarray(entry["mean"], np.float64)
        low, high = (np.asarray(entry.get(name) or middle, np.float64) for name in ("low", "high"))
    episodes = np.asarray(entry["episodes"], np.float64)
    if not episodes.shape == middle.shape == low.shape == high.shape or episodes.ndim != 1:
        raise ValueError("one value is needed for each number of episodes")
    return LearningCurve(clean(entry.get("method", "?"), 60), episodes, middle, low, high)


def training(path: Path, notes: dict[str, str]) -> tuple[TrainingCurve, ...]:
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


def dynamics(entry: dict[str, Any], notes: dict[str, str]) -> tuple[Spread, ...]:
    """Reads the spread of each parameter in the source, and the target's value where it was revealed."""
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
