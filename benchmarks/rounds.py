"""Is it target episodes that later rounds of adaptation owe their return to, or training alone?

Beside a finished `headstart transfer --adapt posterior` with several k: one target episode, the same as in that run,
and after it as much training in the adapted simulator as the run had in all of its rounds; and for each k an
oracle that learnt on the target for as long as the rounds up to that k.

    headstart transfer --adapt posterior --shots 0,1,3,10 --randomize mild --seeds 10 --out RUN
    python benchmarks/rounds.py RUN --out results/adaptation_rounds.json
"""

import argparse
import dataclasses
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from headstart.commands.transfer import Plan
from headstart.experiments.finding import Scored
from headstart.experiments.head_start import HeadStart
from headstart.experiments.sources import recalled
from headstart.maths.statistics import bootstrap_interval, paired_difference
from headstart.run.fan_out import fan_out
from headstart.run.record import read_config, versions
from headstart.run.summary import read_summary

WORKERS = 4


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of the finished run")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    settings, began = read_config(options.run)["settings"], time.monotonic()
    there = {(arm.method, arm.shots): arm.per_seed for arm in read_summary(options.run / "summary.json").arms}
    arms = {k: per_seed for (method, k), per_seed in sorted(there.items()) if method == "adapted"}
    seeds = settings["seeds"]
    with tempfile.TemporaryDirectory() as folder:
        study = Plan.of(settings, Path(folder)).study
        shots = [k for k in study.shots if k]
        longest = len(shots) * study.scale.adapted_steps
        again = once(study, longest, Path(folder) / "longer")
        jobs = [partial(scored, "longer", again.adapted, seed, source_of(study, options.run, seed)) for seed in seeds]
        for turn, k in enumerate(shots[:-1], start=1):  # the run has its own beside all rounds
            # an oracle beside one round learns for twice as long as that
            again = once(study, turn * study.scale.adapted_steps // 2, Path(folder) / f"oracle-{k}")
            jobs += [partial(scored, k, again.oracle, seed, source_of(study, options.run, seed)) for seed in seeds]
        found = dict(fan_out(jobs, WORKERS, first_alone=True))
        found |= {(shots[-1], seed): worth for seed, worth in zip(seeds, there["oracle", shots[-1]], strict=True)}
    longer = [found["longer", seed] for seed in seeds]
    result: dict[str, Any] = {
        "command": f"python benchmarks/rounds.py RUN --out results/{options.out.name if options.out else 'NAME.json'}",
        "run": settings,
        "versions": versions(),
        "seconds": round(time.monotonic() - began, 1),
        "shots": min(shots),
        "steps": longest,
        "longer": summed(longer),
        "oracles": {str(k): summed([found[k, seed] for seed in seeds]) for k in shots},
        "arms": {str(k): summed(per_seed) for k, per_seed in arms.items()},
        "above_longer": {
            str(k): paired_difference(np.array(per_seed), np.array(longer))._asdict()
            for k, per_seed in arms.items()
            if k
        },
    }
    print(json.dumps({name: value for name, value in result.items() if name != "run"}, indent=1))
    if options.out:
        options.out.write_text(json.dumps(result, indent=1) + "\n")
    return 0


def once(study: HeadStart, steps: int, folder: Path) -> HeadStart:
    """Returns the same study with one round, of so many steps."""
    folder.mkdir()
    scale = dataclasses.replace(study.scale, adapted_steps=steps)
    return dataclasses.replace(study, scale=scale, shots=(min(k for k in study.shots if k),), folder=folder)


def source_of(study: HeadStart, run: Path, seed: int) -> Any:
    """Returns the state that the run's source ended in."""
    kind = study.job_of("adapted")
    learner = study.training(kind, study.source, study.kinds[kind].tasks, study.source_steps).learner
    state = recalled(run / "sources" / f"{kind}-{seed}", learner.init)
    if state is None:
        raise SystemExit(f"{run}: keeps no source of seed {seed}; give the folder of a finished run")
    return state


def scored(name: Any, work: Callable[[int, Any], Iterator[Any]], seed: int, state: Any) -> Iterator[tuple[Any, float]]:
    """Does a piece of work and yields what its policy is worth on the target."""
    for found in work(seed, state):
        if isinstance(found, Scored):
            yield (name, seed), float(found.shot.returns.mean())


def summed(per_seed: Any) -> dict[str, Any]:
    """Sums up over seeds."""
    values = [float(value) for value in per_seed]
    return {**bootstrap_interval(np.array(values)[:, None])._asdict(), "per_seed": values}


if __name__ == "__main__":
    sys.exit(main())
