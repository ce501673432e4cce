"""Stable-Baselines3 trains on our families through Gymnasium, in an environment that has both installed.

python benchmarks/stable_baselines.py --steps 30000 --out results/stable_baselines.json

Prints, for each id, the mean return of ten episodes before and after; a world that can be learnt gets better.
"""

import argparse
import json
import shlex
import sys
import time
from pathlib import Path

import gymnasium
import stable_baselines3
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy

import headstart  # noqa: F401 (makes the ids known)

IDS = ("headstart/Hopper-v0", "headstart/PointNavigation-v0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=30_000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for id in IDS:
        env = gymnasium.make(id)
        learner = PPO("MlpPolicy", env, n_steps=1000, batch_size=100, seed=0, device="cpu")
        before, _ = evaluate_policy(learner, env, n_eval_episodes=10)
        start = time.perf_counter()
        learner.learn(options.steps)
        rate = options.steps / (time.perf_counter() - start)
        after, _ = evaluate_policy(learner, env, n_eval_episodes=10)
        rows.append({"id": id, "before": float(before), "after": float(after), "steps_per_second": rate})
        print(f"{id}: return {before:.1f} before, {after:.1f} after {options.steps:,} steps, {rate:,.0f} steps/s")
    if options.out:
        report = {
            "command": shlex.join(["python", *sys.argv]),
            "stable_baselines3": stable_baselines3.__version__,
            "steps": options.steps,
            "rows": rows,
        }
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
