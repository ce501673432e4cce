"""Kills training runs at random moments, takes them up again, and compares every end with the uninterrupted one.

    python -m benchmarks.thousand_kills --kills 1000 --out results/kills.json

The kills are spread evenly over the configurations of `tests/commands/kills.py`. Exit status 1 if one end differs.
"""

import argparse
import json
import random
import shlex
import signal
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from headstart.run.record import RunFolder, versions
from tests.commands import kills

LIMIT_SECONDS = 10.0  # from a request to stop to the end of the process
QUARTERS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of a run, by its metrics


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--stops", type=int, default=0, help="also SIGTERM at so many random moments, timed")
    parser.add_argument("--only", choices=kills.CONFIGURATIONS, help="one configuration")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    names = [options.only] if options.only else list(kills.CONFIGURATIONS)
    shares = [len(range(i, options.kills, len(names))) for i in range(len(names))]
    with tempfile.TemporaryDirectory() as folder:

        def play(given):
            return outcome(Path(folder), *given, options)

        found = kills.side_by_side(play, list(zip(names, shares, strict=True)), options.workers)
    for row in found:
        print(json.dumps(row))
    if options.out:
        command = shlex.join(["python", "-m", "benchmarks.thousand_kills", *sys.argv[1:]])
        result = {"command": command, "versions": versions(), "configurations": found}
        options.out.write_text(json.dumps(result, indent=1) + "\n")
    return int(any(row["differing"] or row["slowest_stop_seconds"] > LIMIT_SECONDS for row in found))


def outcome(folder, name, count, options) -> dict:
    place = folder / name.replace(" ", "-")
    aim = kills.reference(place / "reference", kills.CONFIGURATIONS[name])
    ends, moments = kills.survive(place / "killed", aim, count, seed=options.seed)
    differing = sum(end != aim.ended for end in ends)
    quarters, _ = np.histogram(moments, bins=QUARTERS)
    stops = [stop(place / f"stopped-{i}", aim, random.Random(i)) for i in range(options.stops)]
    return {
        "configuration": name,
        "kills": count,
        "runs": len(ends),
        "differing": differing,
        "kills_by_quarter_of_a_run": quarters.tolist(),
        "stops": options.stops,
        "slowest_stop_seconds": max(stops, default=0.0),
    }


def stop(folder, aim, chance) -> float:
    """Asks a run to stop at a random moment of its work; returns how long it took to leave."""
    child = kills.go_on(folder, aim.words)
    kills.wait_until(lambda: kills.size(RunFolder(path=folder).metrics) > 0, child)
    moment = time.monotonic() + chance.random() * aim.work_seconds
    kills.wait_until(lambda: time.monotonic() >= moment, child)
    asked = time.monotonic()
    child.send_signal(signal.SIGTERM)
    said, _ = child.communicate()
    took = time.monotonic() - asked
    assert child.returncode in (0, 143), said
    kills.finish(kills.go_on(folder, aim.words))
    assert kills.ended(folder) == aim.ended
    return took


if __name__ == "__main__":
    sys.exit(main())
