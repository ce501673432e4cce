"""Do simulated robots stay whole at the corners of the ranges that they are randomized over?

    python benchmarks/corners.py --corners 10000 --out results/corners.json

For each robot and each preset, so many worlds at random corners of the box of ranges (every parameter at its lowest or
highest), each reset and stepped 50 times with random actions. A world that gives a number which is not finite, or at
which MuJoCo warns, counts as broken and its dynamics are written down. What is in the file is not run again, so the
study may be interrupted. Exit status 1 if one world broke.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from headstart.adapt.randomize import PRESETS, preset_ranges
from headstart.run.record import versions
from headstart.tasks.catalogue import family as family_of
from headstart.types import Task

ROBOTS = ("hopper", "walker2d", "swimmer", "half_cheetah", "reacher", "pusher")
BATCH, STEPS = 500, 50


def main() -> int:
    """Goes through robots and presets that are not in the file yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corners", type=int, default=10_000)
    parser.add_argument("--robots", default=",".join(ROBOTS), help="with commas between")
    parser.add_argument("--presets", default=",".join(PRESETS), help="with commas between")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    found = json.loads(options.out.read_text())["rows"] if options.out.exists() else []
    for robot in options.robots.split(","):
        for preset in options.presets.split(","):
            if not any((row["robot"], row["preset"]) == (robot, preset) for row in found):
                found.append(row_of(robot, preset, options.corners))
                print(json.dumps(found[-1]), flush=True)
                content = {"command": " ".join(["python", *sys.argv]), "versions": versions(), "rows": found}
                options.out.write_text(json.dumps(content, indent=1) + "\n")
    return int(any(row["broken"] for row in found))


def row_of(robot: str, preset: str, corners: int) -> dict[str, Any]:
    """Runs one robot at the corners of one preset."""
    family: Any = family_of(robot)
    ranges, generator = preset_ranges(family.dynamics, preset), np.random.default_rng(0)
    began, broken, culprits = time.monotonic(), 0, []
    for first in range(0, corners, BATCH):
        n = min(BATCH, corners - first)
        tasks, valid = corners_of(family, n, ranges, generator), np.ones(n, bool)
        everywhere = np.ones(n, bool)
        state = family.reset(generator.integers(2**63, size=n), family.start(n), tasks, everywhere)
        for action in generator.uniform(*family.action.bounds(), (STEPS, n, *family.action.shape)):
            outcome = family.step(generator.integers(2**63, size=n), state, action.astype(np.float32), everywhere)
            seen = family.observe(outcome.state)
            valid &= outcome.valid & np.isfinite(outcome.reward) & np.isfinite(seen).all(axis=1)
            state = outcome.state
        broken += int((~valid).sum())
        culprits += [{name: float(tasks.dynamics[name][row]) for name in ranges} for row in np.flatnonzero(~valid)[:3]]
    return {
        "robot": robot,
        "preset": preset,
        "corners": corners,
        "steps_each": STEPS,
        "parameters": len(ranges),
        "broken": broken,
        "first_broken": culprits[:3],
        "seconds": round(time.monotonic() - began, 1),
    }


def corners_of(family: Any, n: int, ranges: dict[str, tuple[float, float]], generator: np.random.Generator) -> Task:
    """Draws tasks whose every parameter is at one end of its range."""
    task = family.task()
    dynamics, reward = ({name: np.full(n, value, np.float32) for name, value in part.items()} for part in task[:2])
    for name, (low, high) in ranges.items():
        dynamics[name] = np.where(generator.random(n) < 0.5, low, high).astype(np.float32)
    return Task(dynamics, reward)


if __name__ == "__main__":
    sys.exit(main())
