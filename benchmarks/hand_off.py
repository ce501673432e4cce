"""Does a policy survive being handed to another learner? Three worlds, four ways, several seeds.

    python benchmarks/hand_off.py --seeds 5 --out results/hand_off.json

Each world's policy is learnt at home, meets the same world with other dynamics, and is handed on there for 1,000 steps.
A hand-off is kept if the return afterwards is not below the zero-shot return by more than its interval. What is in the
file already is not computed again, so the study may be interrupted. Exit status 1 if one hand-off was not kept.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from headstart.experiments.hand_off import HOME_STEPS, SHIFTS, HandOff
from headstart.maths.statistics import bootstrap_interval, paired_difference
from headstart.run.record import versions


def main() -> int:
    """Goes through what is not in the file yet, then sums up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--worlds", default=",".join(SHIFTS), help="with commas between")
    parser.add_argument("--first", type=int, default=0, help="seed")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--merge", type=Path, nargs="*", default=[], help="files of other seeds, to be taken in")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    found = json.loads(options.out.read_text())["hand_offs"] if options.out.exists() else []
    found += [row for part in options.merge for row in json.loads(part.read_text())["hand_offs"]]
    for world in options.worlds.split(","):
        for seed in range(options.first, options.first + options.seeds):
            over = {row["way"] for row in found if (row["world"], row["seed"]) == (world, seed)}
            found += rows_of(world, seed, over)
            write(options.out, found)
    return int(write(options.out, found))


def rows_of(world: str, seed: int, over: set[str]) -> list[dict[str, Any]]:
    """Learns one policy and hands it on in every way that is not in the file yet."""
    study = HandOff(world=world, seed=seed, home_steps=HOME_STEPS[world])
    ways = {way: hand for way, hand in study.ways().items() if way not in over}
    if not ways:
        return []
    source, rows = study.learnt(), []
    for way, hand in ways.items():
        handed = hand(source)
        before = bootstrap_interval(handed.zero_shot[:, None])
        rows.append(
            {
                "world": world,
                "seed": seed,
                "way": way,
                "zero_shot": float(before.value),
                "zero_shot_interval": [float(before.low), float(before.high)],
                "after": float(bootstrap_interval(handed.after[:, None]).value),
                "target_steps": handed.steps,
                "kept": handed.kept,
            }
        )
        print(json.dumps(rows[-1]), flush=True)
    return rows


def write(path: Path, rows: list[dict[str, Any]]) -> bool:
    """Writes what there is, and tells whether one way in one world lost more than the interval of its zero-shot."""
    summary = []
    for world, way in dict.fromkeys((row["world"], row["way"]) for row in rows):
        mine = [row for row in rows if (row["world"], row["way"]) == (world, way)]
        before, after = (np.array([row[name] for row in mine]) for name in ("zero_shot", "after"))
        zero_shot, gain = bootstrap_interval(before[:, None]), paired_difference(after, before)
        summary.append(
            {
                "world": world,
                "way": way,
                "seeds": len(mine),
                "zero_shot": list(map(float, zero_shot)),
                "after": list(map(float, bootstrap_interval(after[:, None]))),
                "gain": list(map(float, gain)),
                "seeds_kept": sum(row["kept"] for row in mine),
                "kept": bool(bootstrap_interval(after[:, None]).value >= zero_shot.low),
            }
        )
    settings = {world: {"home_steps": HOME_STEPS[world], "target": SHIFTS[world]} for world in SHIFTS}
    content = {
        "command": f"python benchmarks/hand_off.py --seeds {1 + max(row['seed'] for row in rows)} --out {path}",
        "versions": versions(),
        "settings": settings,
        "summary": summary,
        "hand_offs": rows,
    }
    path.write_text(json.dumps(content, indent=1) + "\n")
    return any(not row["kept"] for row in summary)


if __name__ == "__main__":
    sys.exit(main())
