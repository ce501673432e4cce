"""Which of four equally good goals a policy visits: soft Q-learning beside SAC, over seeds, in the paper's own world.

    python benchmarks/four_goals.py --out results/four_goals.json

The claim: soft Q-learning visits every goal in at least 10 % of its episodes, in every seed; SAC, whose policy is one
bump at each state, does not. A seed is one dispatch; the file is written after each, and the command goes on from it.
"""

import argparse
import dataclasses
import json
import os
import platform
import shlex
import sys
import time
from pathlib import Path

import jax
import numpy as np

from headstart.commands.compiled import keep_compiled
from headstart.experiments.four_goals import FourWays
from headstart.maths.statistics import summarize, wilson_interval

LEAST = 0.1  # of the episodes, for a goal to count as visited
ARMS = {
    "soft Q-learning": FourWays(method="soft_q"),
    "SAC, automatic temperature": FourWays(method="sac"),
    "SAC, the same temperature": FourWays(method="sac_fixed"),
}


def settings(study: FourWays) -> dict:
    """Returns all that decides what a seed gives."""
    return {**dataclasses.asdict(study), "learner": repr(study.learner())}


def one(study: FourWays, seed: int) -> dict:
    """Returns what one seed gives."""
    began = time.perf_counter()
    visits = study.run([seed])
    return {
        "share_of_episodes_by_goal": (visits.goals[0] / study.episodes).tolist(),
        "share_of_first_actions_by_goal": (visits.first[0] / study.episodes).tolist(),
        "return": float(visits.returns[0]),
        "seconds": time.perf_counter() - began,  # the first of an arm compiles
    }


def summary(study: FourWays, seeds: list[dict]) -> dict:
    """Returns what can be said of all seeds of one arm."""
    shares = np.array([seed["share_of_episodes_by_goal"] for seed in seeds])
    first = np.array([seed["share_of_first_actions_by_goal"] for seed in seeds])
    least = [wilson_interval(round(study.episodes * share), study.episodes) for share in shares.min(axis=1)]
    return {
        "settings": settings(study),
        "seeds_that_visit_all": int((shares >= LEAST).all(axis=1).sum()),
        "seeds_with_all_four_ways_at_the_origin": int((first >= LEAST).all(axis=1).sum()),
        "least_visited_goal": [interval._asdict() for interval in least],
        "share_of_least_visited_goal": summarize(shares.min(axis=1)),
        "share_of_episodes_that_reach_a_goal": summarize(shares.sum(axis=1)),
        "return": summarize(np.array([seed["return"] for seed in seeds])),
        "seeds": seeds,
    }


def main() -> None:
    """Runs every arm, prints and stores; what the file already holds of the same settings is not run again."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--at-most", type=int, default=1000, help="seeds to run in this call; the next goes on")
    parser.add_argument("--out", type=Path, required=True, help="where to store the figures, as JSON")
    arguments = parser.parse_args()
    keep_compiled()
    before = json.loads(arguments.out.read_text())["arms"] if arguments.out.exists() else {}
    result = {
        "command": shlex.join(["python", *sys.argv]),
        "least_share": LEAST,
        "arms": {},
        "machine": {"cores": os.cpu_count(), "load": os.getloadavg()},
        "versions": {"python": platform.python_version(), "jax": jax.__version__},
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    left = arguments.at_most
    for name, study in ARMS.items():
        known = before.get(name, {})
        same = known.get("settings") == json.loads(json.dumps(settings(study)))
        seeds = known["seeds"][: arguments.seeds] if same else []
        while len(seeds) < arguments.seeds and left > 0:
            left -= 1
            seeds.append(one(study, len(seeds)))
            shares = "  ".join(f"{share:5.1%}" for share in seeds[-1]["share_of_episodes_by_goal"])
            print(f"{name}, seed {len(seeds) - 1}: {shares}   {seeds[-1]['seconds']:.0f} s", flush=True)
            result["arms"][name] = summary(study, seeds)
            arguments.out.write_text(json.dumps({**result, "arms": {**before, **result["arms"]}}, indent=1) + "\n")
        if seeds:
            result["arms"][name] = summary(study, seeds)
            print(f"{name}: {result['arms'][name]['seeds_that_visit_all']} of {len(seeds)} seeds visit all", flush=True)
    arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
