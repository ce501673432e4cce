"""Does the way of playing that is expected to tell most, tell most? Hoppers with hidden dynamics, one episode each.

Candidates are an untrained policy with four levels of noise. Before any target is met, their expected information is
measured in simulation; then every target is played once by each of them, and the posterior judged against the truth.

    python benchmarks/excitement.py --out results/adaptation_excitement.json --targets 10
"""

import argparse
import json
import os
from pathlib import Path

import jax
import numpy as np
from scipy.stats import spearmanr

from headstart.adapt.excite import Candidate, excitement, noisier
from headstart.adapt.identifiability import simulated_episodes
from headstart.adapt.posterior import Posterior
from headstart.adapt.transitions import transitions
from headstart.maths.statistics import bootstrap_interval
from headstart.nets.policies import GaussianPolicy
from headstart.run.record import versions
from headstart.tasks.catalogue import family

LEVELS = {"a tenth of the noise": 0.1, "half the noise": 0.5, "plain": 1.0, "twice the noise": 2.0}
NOISE = 0.005  # of the sensors, in typical sizes


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--targets", type=int, default=10)
    asked, world, key = parser.parse_args(), family("hopper"), jax.random.key(0)
    ranges = {n: (0.7, 1.4) for n in world.dynamics if n.partition(":")[0] in ("mass", "gear", "damping")}
    ranges |= {"friction:floor": (0.7, 1.4), "noise:observation": (NOISE, NOISE)}
    method = Posterior(family=world, ranges=ranges, base=world.task())
    policy = GaussianPolicy(observation=world.observation, action=world.action)
    params = policy.init(jax.random.key(1))
    ways = {name: Candidate(policy, noisier(params, level)) for name, level in LEVELS.items()}
    expected = excitement(key, method, method.init(key), ways)
    names, rows = method.real.names, []
    hidden = method.sample(jax.random.key(7), method.init(jax.random.key(8)), asked.targets)
    truth = method.coordinates.vector(hidden.dynamics)
    columns = [method.coordinates.names.index(name) for name in names]
    prior = method.prior(method.real)
    for name, way in ways.items():
        played = simulated_episodes(jax.random.key(9), world, policy, way.params, hidden, asked.targets)
        for number, episode in enumerate(played):
            cloud, _ = method.explain(jax.random.key(number), transitions((episode,), world.observation, world.action))
            points = np.asarray(cloud.points)[:, columns]
            spread = np.sqrt(np.diagonal(cloud.covariance()))[columns] / prior.std
            off = np.abs(cloud.mean()[columns] - truth[number, columns]) / prior.std
            rows.append({"way": name, "target": number, "steps": len(episode.reward), "particles": len(points),
                         "error": float(off.mean()), "remaining": float(np.exp(np.log(spread).mean()))})  # fmt: skip
    lines = []
    for name in ways:
        mine = [row for row in rows if row["way"] == name]
        error = bootstrap_interval(np.array([[row["error"]] for row in mine]))
        lines.append({
            "way": name, "expected_nats": expected[name], "error_iqm": error[0], "error_low": error[1],
            "error_high": error[2], "remaining": float(np.median([row["remaining"] for row in mine])),
            "steps": float(np.mean([row["steps"] for row in mine])),
        })  # fmt: skip
        print(lines[-1], flush=True)
    order = spearmanr([line["expected_nats"] for line in lines], [line["error_iqm"] for line in lines])
    content = {
        "command": f"python benchmarks/excitement.py --out {asked.out} --targets {asked.targets}",
        "versions": versions(), "cpus": os.cpu_count(), "units": "errors and spreads in deviations of the prior",
        "chosen": max(expected, key=expected.get), "rank_correlation_of_nats_and_error": float(order[0]),
        "ways": lines, "rows": rows,
    }  # fmt: skip
    asked.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
