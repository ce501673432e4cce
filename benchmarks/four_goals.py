"""Which of four equally good goals a policy visits: soft Q-learning beside SAC, over seeds, in the paper's own world.

    python benchmarks/four_goals.py --out results/four_goals.json

The claim: soft Q-learning visits every goal in at least 10 % of its episodes, in every seed; SAC, whose policy is one
bump at each state, does not. Seeds are learnt one after the other in one dispatch, so time is that of all of them.
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

from headstart.experiments.four_goals import FourWays, Visits
from headstart.maths.statistics import summarize, wilson_interval

LEAST = 0.1  # of the episodes, for a goal to count as visited
ARMS = {
    "soft Q-learning": FourWays(method="soft_q"),
    "SAC, automatic temperature": FourWays(method="sac"),
    "SAC, the same temperature": FourWays(method="sac_fixed"),
}


def summary(study: FourWays, visits: Visits, seconds: float) -> dict:
    """Returns what goes into the result file for one arm."""
    shares = np.asarray(visits.goals) / study.episodes
    first = np.asarray(visits.first) / study.episodes
    least = [wilson_interval(int(goals.min()), study.episodes) for goals in np.asarray(visits.goals)]
    return {
        "settings": {**dataclasses.asdict(study), "learner": repr(study.learner())},
        "share_of_episodes_by_goal": shares.tolist(),
        "least_visited": [interval._asdict() for interval in least],
        "seeds_that_visit_all": int((shares >= LEAST).all(axis=1).sum()),
        "seeds_with_all_four_ways_at_the_origin": int((first >= LEAST).all(axis=1).sum()),
        "share_of_first_actions_by_goal": first.tolist(),
        "episodes_that_reach_a_goal": summarize(shares.sum(axis=1)),
        "return": summarize(np.asarray(visits.returns)),
        "seconds": seconds,
    }


def main() -> None:
    """Runs every arm, prints and stores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--out", type=Path, help="where to store the figures, as JSON")
    arguments = parser.parse_args()
    result = {
        "command": shlex.join(["python", *sys.argv]),
        "seeds": arguments.seeds,
        "least_share": LEAST,
        "arms": {},
        "machine": {"cores": os.cpu_count(), "load": os.getloadavg()},
        "versions": {"python": platform.python_version(), "jax": jax.__version__},
    }
    for name, study in ARMS.items():
        began = time.perf_counter()
        visits = study.run(arguments.seeds)
        arm = summary(study, visits, time.perf_counter() - began)
        result["arms"][name] = arm
        print(f"{name}: {arm['seeds_that_visit_all']} of {arguments.seeds} seeds visit all, {arm['seconds']:.0f} s")
        for shares in arm["share_of_episodes_by_goal"]:
            print("   " + "  ".join(f"{share:5.1%}" for share in shares), flush=True)
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
