"""How fast a Gymnasium environment is stepped through worker processes, against two bare processes that only step it.

python benchmarks/gymnasium_worlds.py --out results/gymnasium_worlds.json

Both play Hopper-v5 with the same random actions and reset at every end (one step in 22, more often than any trained
policy). Rounds alternate, so that other load on the machine meets both; the median of the ratios is judged.
"""

import argparse
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path

import gymnasium
import mujoco
import numpy as np

from headstart.tasks.gymnasium_world import GymnasiumFamily

ID = "Hopper-v5"
PROCESSES = 2
LIMIT = 0.8  # of what the bare processes reach together
BARE = """
import sys, time, gymnasium, numpy as np
env, steps = gymnasium.make(sys.argv[1]), int(sys.argv[2])
actions = np.random.default_rng(0).uniform(-1, 1, (steps, 3)).astype(np.float32)
env.reset(seed=0)
print("ready", flush=True)
sys.stdin.readline()
for action in actions:
    _, _, terminated, truncated, _ = env.step(action)
    if terminated or truncated:
        env.reset()
"""


def bare(steps: int) -> float:
    """Steps one environment in each of two processes; returns their joint rate until the last is through."""
    command = [sys.executable, "-c", BARE, ID, str(steps // PROCESSES)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, **pipes) for _ in range(PROCESSES)]
    for process in processes:
        process.stdout.readline()
    start = time.perf_counter()
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.wait()
    return steps / (time.perf_counter() - start)


def ours(envs: int, steps: int) -> float:
    """Steps a batch through the family, resetting what ends; returns the rate."""
    world = GymnasiumFamily(source=f"gym:{ID}", workers=PROCESSES)
    seeds, everywhere = np.arange(envs), np.ones(envs, bool)
    state = world.reset(seeds, world.start(envs), world.task(), everywhere)
    actions = np.random.default_rng(0).uniform(-1, 1, (steps // envs, envs, 3)).astype(np.float32)
    start = time.perf_counter()
    for t, action in enumerate(actions):
        outcome = world.step(None, state, action, everywhere)
        ended = outcome.terminated | outcome.truncated
        state = world.reset(seeds + envs * (t + 1), outcome.state, world.task(), ended)
    rate = len(actions) * envs / (time.perf_counter() - start)
    world.close(state)
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=32_000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    rows = []
    for envs in (16, 32):
        pairs = [(bare(options.steps), ours(envs, options.steps)) for _ in range(options.rounds)]
        ratio = statistics.median(mine / theirs for theirs, mine in pairs)
        peer, mine = (statistics.median(column) for column in zip(*pairs, strict=True))
        rows.append({"envs": envs, "peer": peer, "ours": mine, "ratio": ratio, "limit": LIMIT})
        print(f"{envs} environments: bare {peer:,.0f}/s, ours {mine:,.0f}/s, ratio {ratio:.2f}, limit {LIMIT}")
    if options.out:
        versions = {
            "python": platform.python_version(),
            "gymnasium": gymnasium.__version__,
            "mujoco": mujoco.__version__,
        }
        report = {
            "command": shlex.join(["python", *sys.argv]),
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0],
            "versions": versions,
            "rows": rows,
        }
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
