"""What do 20 episodes of the shifted hopper give, learnt from on-policy or off-policy?

    python benchmarks/fine_tune.py --seeds 5 --out results/fine_tune.json

For every seed a source is learnt on the hopper (nominal, randomized) as `headstart transfer` does it, and each way of
fine-tuning meets `shifted-hopper:0` through a ledger of its own. Sources are kept in `--sources`; what is in the file
is not computed again.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np

from headstart.adapt.randomize import preset
from headstart.data.collect import begin, collect, play
from headstart.experiments.head_start import HeadStart
from headstart.experiments.scales import SCALES
from headstart.experiments.sources import key_of
from headstart.maths.statistics import bootstrap_interval, paired_difference
from headstart.run import sealed
from headstart.run.ledger import Ledger
from headstart.run.record import versions
from headstart.run.target import Target
from headstart.tasks.catalogue import family
from headstart.tasks.fixed import Fixed
from headstart.tasks.targets import target
from headstart.transfer.off_policy import Experienced, OffPolicy, heir
from headstart.transfer.protocol import FewShot

SHOTS = (0, 5, 20)
KINDS = ("nominal", "randomized")


def study_of(folder: Path) -> HeadStart:
    """Returns the main job's own study."""
    source, there = family("hopper"), target("shifted-hopper:0")
    return HeadStart(
        source=source,
        build_target=lambda: there,
        nominal=Fixed(task=source.task()),
        randomized=preset(source, "moderate"),
        shots=SHOTS,
        scale=SCALES["small"],
        folder=folder,
    )


def source_of(study: HeadStart, seed: int, kind: str, kept: Path) -> Any:
    """Returns the state that a source ended in; learns it only once."""
    place = kept / f"{kind}-{seed}"
    learner = study.learner(kind)
    like = jax.eval_shape(learner.init, jax.random.key(0))
    if place.exists():
        return sealed.read(place, "source", like)[1]
    training = study.training(kind, study.source, study.kinds[kind].tasks, study.scale.source_steps)
    learning = study.learn(seed, kind, training, study.scale.source_steps)
    try:
        while True:
            next(learning)
    except StopIteration as ended:
        state = ended.value[0].learner
    kept.mkdir(parents=True, exist_ok=True)
    sealed.write(place, "source", study.scale.source_steps, state, {})
    return state


def steps_of(study: HeadStart, seed: int, kind: str, state: Any, steps: int):
    """Returns what the source sees where it has learnt, acting as it learnt to."""
    distribution = study.kinds[kind].tasks
    key_tasks, key_begin, key_act = jax.random.split(key_of(seed, "experience"), 3)
    pool = distribution.sample(key_tasks, distribution.init(key_tasks), study.envs)
    policy = study.policy(kind)
    carry = begin(key_begin, study.source, policy, state.params, pool, study.envs)
    return collect(key_act, study.source, policy, state.params, carry, pool, steps)[0]


def ways(study: HeadStart, seed: int, kind: str, state: Any):
    """Returns each way of fine-tuning with the source that it begins from."""
    learner, bare = heir(study.policy(kind)), Experienced(state.params)
    known = Experienced(state.params, steps_of(study, seed, kind, state, 256))
    return {
        "on-policy": (study.tuning(f"fine-tune {kind}"), state),
        "off-policy": (OffPolicy(learner=learner), bare),
        "off-policy, 8 updates a step": (OffPolicy(learner=learner, updates_per_step=8.0), bare),
        "off-policy, the source's steps": (OffPolicy(learner=learner), known),
        "off-policy, the source's steps, 8 updates a step": (OffPolicy(learner=learner, updates_per_step=8.0), known),
    }


def main() -> None:
    """Goes through what is not in the file yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first", type=int, default=0, help="seed")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--only", help="ways, with semicolons between")
    parser.add_argument("--sources", type=Path, default=Path("runs/fine-tune-sources"))
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    found = json.loads(options.out.read_text())["rows"] if options.out.exists() else []
    for seed in range(options.first, options.first + options.seeds):
        for kind in options.kinds.split(","):
            with tempfile.TemporaryDirectory() as folder:
                study = study_of(Path(folder))
                state = source_of(study, seed, kind, options.sources)
                for name, (tuning, source) in ways(study, seed, kind, state).items():
                    left_out = options.only and name not in options.only.split(";")
                    if left_out or any((r["seed"], r["kind"], r["way"]) == (seed, kind, name) for r in found):
                        continue
                    found += met(study, seed, kind, name, tuning, source)
                    write(options.out, found)


def met(study: HeadStart, seed: int, kind: str, name: str, tuning: Any, source: Any) -> list[dict[str, Any]]:
    """Lets one way meet the target; the same keys for every way."""
    ledger = Ledger(path=study.folder / f"{len(list(study.folder.iterdir()))}.json", budget=max(SHOTS))
    handle, begun = Target(study.build_target, ledger, play), time.monotonic()
    protocol, rows = FewShot(shots=SHOTS, evaluation_episodes=study.scale.evaluation_episodes), []
    for shot in protocol.meet(key_of(seed, f"tune {kind}"), handle, tuning, source, key_of(seed, "evaluation")):
        value = float(np.mean(shot.returns))
        row = {"seed": seed, "kind": kind, "way": name, "shots": shot.shots, "mean_return": value}
        rows.append({**row, "target_steps": ledger.counts().target_steps, "wall_seconds": time.monotonic() - begun})
        print(json.dumps(rows[-1]), flush=True)
    return rows


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    """Writes what there is, summed up over seeds, with each way's gain over on-policy seed by seed."""
    at = {(row["seed"], row["kind"], row["way"], row["shots"]): row["mean_return"] for row in rows}
    summary = []
    for kind, way, shots in dict.fromkeys((row["kind"], row["way"], row["shots"]) for row in rows):
        values = {seed: value for (seed, *which), value in at.items() if tuple(which) == (kind, way, shots)}
        entry: dict[str, Any] = {"kind": kind, "way": way, "shots": shots, "per_seed": list(values.values())}
        entry["return"] = list(map(float, bootstrap_interval(np.array(list(values.values()))[:, None])))
        pairs = [(v, at[s, kind, "on-policy", shots]) for s, v in values.items() if (s, kind, "on-policy", shots) in at]
        if pairs and way != "on-policy":
            ours, theirs = np.array(pairs).T
            entry["over_on_policy"] = list(map(float, paired_difference(ours, theirs)))
        summary.append(entry)
    content = {"command": " ".join(["python", *sys.argv]), "versions": versions(), "summary": summary, "rows": rows}
    path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
