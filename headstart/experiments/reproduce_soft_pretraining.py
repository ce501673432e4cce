"""`headstart reproduce soft-pretraining`: sources by temperature, fine-tuned on a target, beside learning from scratch.

Each source and each arm is kept in the run's folder when it is finished, so an interrupted study goes on from there.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from headstart.experiments.claims import Reproduced, Request, Step, Work
from headstart.experiments.soft_arms import (
    DETERMINISTIC,
    POINT,
    ROBOT,
    ROBOT_SCALES,
    SCALES,
    SCRATCH,
    Arm,
    Design,
    Lived,
    Source,
)
from headstart.experiments.soft_host import SoftHost
from headstart.experiments.soft_pretraining import SoftPretraining
from headstart.experiments.soft_table import (
    Measured,
    held_out,
    measure,
    rounded,
    row,
    said,
    table,
    threshold_of,
    verdict,
)
from headstart.maths.diversity import direction_entropy
from headstart.maths.statistics import summarize
from headstart.tasks.catalogue import family
from headstart.tasks.targets import target as target_of
from headstart.types import TaskFamily

SHOWN_SEEDS, EVERY = 3, 3  # drawn in the report: of so many seeds every third place
DEFAULTS = {"source": "point_run", "target": "point_u_maze"}


def reproduce(request: Request) -> Work:
    """Measures with which temperature of pretraining a policy fine-tunes best.

    Args:
        request: `source` and `target` name families, or Gymnasium environments of the user's; the open plane and the U
            where they are not given.

    Yields:
        How far it is.

    Returns:
        A table, and the result of every source and arm.

    Raises:
        InputError: a family does not exist, or no policy can be carried between the two.
    """
    study = study_of(request)
    design, parts = study.design, request.folder / "parts"
    work, taken = len(design.temperatures) + len(design.arms), 0
    sources: dict[str, Any] = {}
    tuned: dict[str, Any] = {}
    for name in (SCRATCH, *design.temperatures):
        arms = [arm for arm in design.arms if arm.source == name]
        waiting = [arm for arm in arms if not kept(parts, arm.name)]
        source: Source | None = None
        if name != SCRATCH:
            if waiting or not kept(parts, f"source {name}"):
                source = study.pretrain(name)
                keep(parts, f"source {name}", described(design.temperatures[name], source))
            sources[name] = recall(parts, f"source {name}")
            taken += 1
            yield Step(taken / work, f"source {name}")
        for arm in arms:
            if arm in waiting:
                keep(parts, arm.name, plain(study.tune(arm, source)))
            tuned[arm.name] = recall(parts, arm.name)
            taken += 1
            yield Step(taken / work, arm.name)
    result = summed_up(design, sources, tuned)
    return Reproduced(table(result), result)


def study_of(request: Request) -> SoftPretraining | SoftHost:
    """Builds the study that was asked for: vectorised over seeds where both worlds are inside JAX."""
    source, target = (world_of(request.given.get(name, default)) for name, default in DEFAULTS.items())
    inside = source.kind == target.kind == "jax"
    scale = (SCALES if inside else ROBOT_SCALES)[request.size]
    scale = scale if request.seeds is None else dataclasses.replace(scale, seeds=request.seeds)
    design = Design(
        source=source,
        target=target,
        scale=scale,
        temperatures=POINT if inside else ROBOT,
        constant=inside or request.size == "full",  # outside JAX an arm takes minutes
        seed=request.seed,
    )
    return SoftPretraining(design=design) if inside else SoftHost(design=design)


def world_of(name: str) -> TaskFamily:
    """Finds a world: one of our families, or any Gymnasium environment as `gym:ID` or `package.module:function`."""
    return target_of(name) if ":" in name else family(name)


def described(temperature: float, source: Source) -> dict[str, Any]:
    """Describes a source as plain JSON."""
    found = {
        "temperature": temperature,
        "returns": summarize(source.returns),
        "diagnosis": {key: rounded(np.mean([one[key] for one in source.diagnosis]), 4) for key in source.diagnosis[0]},
    }
    if source.displacement is None:
        return found
    directions = np.array([direction_entropy(ends) for ends in source.displacement])
    return {**found, "directions": summarize(directions), "displacement": rounded(source.displacement[:SHOWN_SEEDS])}


def plain(lived: Lived) -> dict[str, Any]:
    """Describes what an arm lived through as plain JSON; of its paths a part, enough to draw."""
    curves = {"evaluated": rounded(lived.evaluated), "practised": rounded(lived.practised)}
    if lived.path is None or lived.greedy_path is None:
        return curves
    path, greedy_path = lived.path[:SHOWN_SEEDS, :, ::EVERY], lived.greedy_path[:SHOWN_SEEDS, ::EVERY]
    return {**curves, "path": rounded(path), "greedy_path": rounded(greedy_path)}


def summed_up(design: Design, sources: dict[str, Any], tuned: dict[str, Any]) -> dict[str, Any]:
    """Computes what the arms come to, from their curves."""
    curves = {name: np.array(one["evaluated"]) for name, one in tuned.items()}
    kinds = (SCRATCH, *design.temperatures)
    names = {kind: tuple(arm.name for arm in design.arms if arm.source == kind) for kind in kinds}
    solved = getattr(design.target, "solved", None)  # a world's own, where it says when it is solved
    threshold = threshold_of(curves, names[SCRATCH][0]) if solved is None else solved
    measured: dict[str, Measured] = {}
    for arm in design.arms:
        scratch = curves[Arm(SCRATCH, arm.annealed).name]
        practised = np.array(tuned[arm.name]["practised"])
        measured[arm.name] = measure(design.points, curves[arm.name], practised, scratch, threshold)
    soft = tuple(name for kind in design.temperatures if kind != DETERMINISTIC for name in names[kind])
    judged = verdict(measured, soft, names[DETERMINISTIC], names[SCRATCH])
    judged["held_out"] = held_out(measured, soft, names[DETERMINISTIC], names[SCRATCH])
    return {
        "source": design.source.name,
        "target": design.target.name,
        "seeds": design.seeds,
        "scale": dataclasses.asdict(design.scale),
        "annealing": design.annealing,
        "episodes": design.points,
        "threshold": threshold,
        "verdict": judged,
        "said": said(judged),
        "sources": sources,
        "arms": {name: row(one) | tuned[name] for name, one in measured.items()},
    }


def kept(parts: Path, name: str) -> bool:
    """Tells whether a piece of work is finished."""
    return place(parts, name).exists()


def keep(parts: Path, name: str, content: dict[str, Any]) -> None:
    """Writes a finished piece of work; half a file is never found under its name."""
    parts.mkdir(parents=True, exist_ok=True)
    half = place(parts, name).with_suffix(".half")
    half.write_text(json.dumps(content, allow_nan=False))
    half.replace(place(parts, name))


def recall(parts: Path, name: str) -> dict[str, Any]:
    """Reads a finished piece of work."""
    return json.loads(place(parts, name).read_text())


def place(parts: Path, name: str) -> Path:
    """Returns the file of a piece of work."""
    return parts / f"{name.replace(', ', '-').replace(' ', '-')}.json"
