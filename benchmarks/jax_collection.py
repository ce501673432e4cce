"""How fast the seam plays JAX worlds with a small policy: environment steps per second, by batch size.

python benchmarks/jax_collection.py --out results/jax_collection.json
"""

import argparse
import json
import os
import platform
import shlex
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp

from headstart.data.scan import begin_scan, rollout_scan
from headstart.tasks.pendulum import Pendulum
from headstart.tasks.point_maze import PointMaze
from headstart.tasks.point_navigation import PointNavigation

FAMILIES = (PointMaze(), Pendulum(), PointNavigation())
BATCHES = (64, 256, 1024, 4096)  # environments
TRANSITIONS = 131_072  # in each rollout, whatever the batch
LIMIT = 1e6  # environment steps/s on two cores, on point_maze


@dataclass(frozen=True, kw_only=True)
class SmallPolicy:
    """A tanh network with two hidden layers and Gaussian exploration."""

    obs_size: int
    action_size: int
    hidden: int = 32

    def init(self, key):
        sizes = (self.obs_size, self.hidden, self.hidden, self.action_size)
        return [
            (jax.random.normal(k, (a, b)) / a**0.5, jnp.zeros(b))
            for k, a, b in zip(jax.random.split(key, 3), sizes[:-1], sizes[1:], strict=True)
        ]

    def start(self, params, n):
        return ()

    def apply(self, key, params, carry, obs):
        for weight, bias in params[:-1]:
            obs = jnp.tanh(obs @ weight + bias[None])
        mean = obs @ params[-1][0] + params[-1][1][None]
        return mean + 0.3 * jax.random.normal(key, mean.shape), carry


def steps_per_second(family, envs: int, steps: int, repeats: int) -> float:
    """Plays `repeats` rollouts after one that compiles; returns the median rate."""
    key = jax.random.key(0)
    policy = SmallPolicy(obs_size=family.observation.shape[0], action_size=family.action.shape[0])
    params, tasks = policy.init(key), family.sample(key, 1024)
    carry = begin_scan(key, family, policy, params, tasks, envs)
    rates = []
    for i in range(repeats + 1):
        begin = time.perf_counter()
        _, carry = jax.block_until_ready(rollout_scan(jax.random.key(i), family, policy, params, carry, tasks, steps))
        rates.append(envs * steps / (time.perf_counter() - begin))
    return statistics.median(rates[1:])


def main() -> None:
    """Measures, prints a table and stores it."""
    parser = argparse.ArgumentParser(description="Environment steps/s of the seam on JAX worlds, by batch size.")
    parser.add_argument("--out", type=Path, help="where to store the figures, as JSON")
    parser.add_argument("--repeats", type=int, default=7, help="rollouts in each median")
    arguments = parser.parse_args()
    rows, before = [], os.getloadavg()[0]
    for family in FAMILIES:
        for envs in BATCHES:
            rate = steps_per_second(family, envs, TRANSITIONS // envs, arguments.repeats)
            rows.append({"family": family.name, "envs": envs, "steps": TRANSITIONS // envs, "steps_per_second": rate})
            print(f"{family.name:18s} {envs:5d} environments  {rate / 1e6:6.2f} M steps/s", flush=True)
    best = max(row["steps_per_second"] for row in rows if row["family"] == "point_maze")
    met = "met" if best >= LIMIT else "MISSED"
    print(f"point_maze: best {best / 1e6:.2f} M steps/s, limit {LIMIT / 1e6:.0f} M, {met}")
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        versions = {"python": platform.python_version(), "jax": jax.__version__}
        load = {
            "before": before,
            "after": os.getloadavg()[0],
        }  # of the last minute; above the cores, others were at work
        machine = {"cores": os.cpu_count(), "device": jax.devices()[0].device_kind, "load": load}
        result = {
            "command": shlex.join(["python", *sys.argv]),
            "limit": LIMIT,
            "best": best,
            "rows": rows,
            "versions": versions,
            "machine": machine,
        }
        arguments.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
