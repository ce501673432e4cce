"""Simulator steps/s while a posterior is fitted, beside bare `mujoco.rollout` of as many steps: hopper.

The bare engine is given the states, controls and models of the same predictions in calls of the same size. Fit and bare
physics take turns; processor time is compared, which other work on the machine changes less, and rates by the clock
are given too. `predict` is the simulator's part of a fit; the rest is the filter and the linear algebra.

    python benchmarks/fitting.py --out results/adaptation_fitting.json
"""

import argparse
import json
import os
import time
from pathlib import Path

import jax
import mujoco
import numpy as np
from mujoco.rollout import Rollout

from headstart.adapt.posterior import Posterior
from headstart.adapt.randomize import preset_ranges
from headstart.experiments.recovery import Case, Recovery
from headstart.run.record import versions

LIMIT = 0.80


class Timed:
    """The hopper's predictions, timed; everything else is the family's own."""

    def __init__(self, family):
        self._family, self.seconds, self.calls = family, np.zeros(2), []

    def __getattr__(self, name):
        return getattr(self._family, name)

    def predict(self, dynamics, obs, queue):
        begin = clocks()
        found = self._family.predict(dynamics, obs, queue)
        self.seconds += clocks() - begin
        self.calls.append((len(np.atleast_1d(next(iter(dynamics.values())))), len(obs)))
        return found


def clocks():
    """Seconds on the wall, and of the processor in all threads of this process."""
    return np.array([time.perf_counter(), time.process_time()])


def bare_seconds(family, given, calls):
    """What `mujoco.rollout` alone takes for as many steps from the same states, in calls of the same sizes."""
    model = family.models(family.start(1))[0]
    frames, width = family.robot.about.frame_skip, mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_FULLPHYSICS)
    pool, scratch = Rollout(nthread=family.threads), [mujoco.MjData(model) for _ in range(max(1, family.threads))]
    state = np.zeros((len(given.obs), width))
    state[:, 2:] = given.obs
    total = np.zeros(2)
    for particles, rows in calls:
        n = min(4096, particles * rows)
        for first in range(0, particles * rows, n):
            m = min(n, particles * rows - first)
            at = np.arange(first, first + m) % len(state)
            control, out = np.repeat(given.queue[at, :1], frames, axis=1), np.empty((m, frames, width))
            begin = clocks()
            pool.rollout([model] * m, scratch, state[at], control, skip_checks=True, nstep=frames, state=out)
            total += clocks() - begin
    return total


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    asked, study, rows = parser.parse_args(), Recovery(), []
    for number in range(asked.rounds):
        given = study.show(number, Case("3 episodes", 1e-3))
        timed = Timed(study.world)
        ranges = {k: r for k, r in preset_ranges(study.world.dynamics, "wide").items() if not k.startswith("delay")}
        posterior = Posterior(family=timed, ranges=ranges, base=study.world.task())
        begin = clocks()
        _, found = posterior.explain(jax.random.key(number), given)
        whole = clocks() - begin
        bare = bare_seconds(study.world, given, timed.calls)
        steps = sum(a * b for a, b in timed.calls)
        rows.append({
            "simulator_steps": steps, "target_steps": found.used, "bare_steps_per_second": steps / bare[0],
            "predict_steps_per_second": steps / timed.seconds[0], "fit_steps_per_second": steps / whole[0],
            "predict_of_bare": bare[1] / timed.seconds[1], "fit_of_bare": bare[1] / whole[1],
        })  # fmt: skip
        rows[-1] = {name: float(value) for name, value in rows[-1].items()}
        print(rows[-1], flush=True)
    content = {
        "command": f"python benchmarks/fitting.py --out {asked.out} --rounds {asked.rounds}",
        "versions": versions(), "cpus": os.cpu_count(), "limit": LIMIT, "rows": rows,
        "fit_of_bare": float(np.median([row["fit_of_bare"] for row in rows])),
        "predict_of_bare": float(np.median([row["predict_of_bare"] for row in rows])),
    }  # fmt: skip
    asked.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
