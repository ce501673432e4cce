"""`headstart reproduce soft-pretraining`: sources by temperature, fine-tuned on a target, beside learning from scratch.

Each source and each arm is kept in the run's folder when it is finished, so an interrupted study goes on from there.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from headstart.errors import InputError
from headstart.experiments.claims import Reproduced, Request, Step, Work
from headstart.experiments.soft_pretraining import SCALES, SCRATCH, TEMPERATURES, Arm, SoftPretraining, Source
from headstart.experiments.soft_table import Measured, measure, rounded, row, said, table, threshold_of, verdict
from headstart.maths.statistics import summarize
from headstart.tasks.catalogue import family
from headstart.types import JaxFamily

SHOWN_SEEDS, SHOWN_EPISODES = 4, (0, 1, 2, 3)  # of each arm, drawn in the report


def reproduce(request: Request) -> Work:
    """Measures with which temperature of pretraining a policy fine-tunes best.

    Args:
        request: `source` and `target` name families; the open plane and the U where they are not given.

    Yields:
        How far it is.

    Returns:
        A table, and the result of every source and arm.

    Raises:
        InputError: a family does not exist, or no policy can be carried between the two.
    """
    study = study_of(request)
    parts, arms = request.folder / "parts", study.arms
    work = len(TEMPERATURES) + len(arms)
    taken, sources, tuned = 0, {}, {}
    for name in (SCRATCH, *TEMPERATURES):
        source: Source | None = None
        waiting = [arm for arm in arms if arm.source == name and not kept(parts, arm.name)]
        if name != SCRATCH:
            if waiting or not kept(parts, f"source {name}"):
                source = study.pretrain(name)
                keep(parts, f"source {name}", described(name, source))
            sources[name] = recall(parts, f"source {name}")
            taken += 1
            yield Step(taken / work, f"source {name}")
        for arm in (arm for arm in arms if arm.source == name):
            if arm in waiting:
                keep(parts, arm.name, lived(study, arm, source))
            tuned[arm.name] = recall(parts, arm.name)
            taken += 1
            yield Step(taken / work, arm.name)
    result = summed_up(study, sources, tuned)
    return Reproduced(table(result), result)


def study_of(request: Request) -> SoftPretraining:
    """Builds the study that was asked for."""
    source, target = (family(request.given.get(name, default)) for name, default in DEFAULTS.items())
    for name, world in (("source", source), ("target", target)):
        if world.kind != "jax":
            raise InputError(f"--{name} {world.name}: not a world inside JAX; see `headstart list`")
    scale = SCALES[request.size]
    scale = scale if request.seeds is None else dataclasses.replace(scale, seeds=request.seeds)
    return SoftPretraining(source=as_jax(source), target=as_jax(target), scale=scale, seed=request.seed)


DEFAULTS = {"source": "point_run", "target": "point_u_maze"}


def as_jax(world: Any) -> JaxFamily:
    """Says of a family that it is one inside JAX, which was seen to."""
    return world


def described(name: str, source: Source) -> dict[str, Any]:
    """Describes a source as plain JSON."""
    mean = {key: rounded(np.mean([one[key] for one in source.diagnosis]), 4) for key in source.diagnosis[0]}
    return {
        "temperature": TEMPERATURES[name],
        "returns": summarize(source.returns),
        "directions": summarize(source.directions),
        "diagnosis": mean,
        "displacement": rounded(source.displacement[:SHOWN_SEEDS]),
    }


def lived(study: SoftPretraining, arm: Arm, source: Source | None) -> dict[str, Any]:
    """Fine-tunes an arm and describes what happened as plain JSON."""
    tuned = jax.tree.map(np.asarray, study.tune(arm, source)._replace(learner=()))
    last = tuned.path.shape[1] - 1
    shown = sorted({min(episode, last) for episode in (*SHOWN_EPISODES, last)})
    return {
        "evaluated": rounded(tuned.evaluated, 2),
        "practised": rounded(tuned.practised, 2),
        "path": rounded(tuned.path[:SHOWN_SEEDS, shown, ::2]),
        "greedy_path": rounded(tuned.greedy_path[:SHOWN_SEEDS, ::2]),
    }


def summed_up(study: SoftPretraining, sources: dict[str, Any], tuned: dict[str, Any]) -> dict[str, Any]:
    """Computes what the arms come to, from their curves."""
    curves = {name: np.array(one["evaluated"]) for name, one in tuned.items()}
    names = {kind: tuple(arm.name for arm in study.arms if arm.source == kind) for kind in (SCRATCH, *TEMPERATURES)}
    threshold = threshold_of(curves, names[SCRATCH][0])
    measured: dict[str, Measured] = {}
    for arm in study.arms:
        scratch = curves[Arm(SCRATCH, arm.annealed).name]
        practised = np.array(tuned[arm.name]["practised"])
        measured[arm.name] = measure(study.points(), curves[arm.name], practised, scratch, threshold)
    soft = tuple(name for kind in TEMPERATURES if kind != "deterministic" for name in names[kind])
    judged = verdict(measured, soft, names["deterministic"], names[SCRATCH])
    return {
        "source": study.source.name,
        "target": study.target.name,
        "seeds": list(range(study.seed, study.seed + study.scale.seeds)),
        "scale": dataclasses.asdict(study.scale),
        "episodes": study.points(),
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
