"""Speed of hierarchical imitation: the lecture's table over 100 random orders, and one controller.

    python benchmarks/imitation.py --demonstrations ../shared/data/hil_mt --orders 100

Runs every mode and every reading on every random order, in two processes, against the limit of 60 s for 100 orders of
both directions together; then fits one controller, against the limit of one second. Time is told by the clock and by the
processor, since others may use the machine. Writes `results/imitation_speed.json` with its command; the table
itself is made by `headstart reproduce set-table`.
"""

import argparse
import json
import os
import platform
import resource
import sys
import time
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # tiny matrices: threads only wait for each other

import numpy as np  # noqa: E402

from headstart.data.demonstrations import read_demonstrations  # noqa: E402
from headstart.experiments.set_table import SetTable, Source  # noqa: E402
from headstart.share.pooling import ShortestDescription  # noqa: E402
from headstart.share.skill_steps import tabulate  # noqa: E402

LIMIT, CONTROLLER_LIMIT = 60.0, 1.0  # seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demonstrations", default="../shared/data/hil_mt")
    parser.add_argument("--orders", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--out", default="results/imitation_speed.json")
    options = parser.parse_args()
    path = options.demonstrations
    tasks = sorted({one.task for one in read_demonstrations(path)})
    found = {
        "command": "python " + " ".join(sys.argv),
        "orders": options.orders,
        "machine": {"cores": os.cpu_count(), "processor": platform.machine(), "load": os.getloadavg()},
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "limits": {"seconds": LIMIT, "controller_seconds": CONTROLLER_LIMIT},
        "directions": {new: direction(path, new, tasks, options) for new in tasks},
    }
    for name in ("seconds", "processor_seconds"):
        found[name] = round(sum(one[name] for one in found["directions"].values()), 1)
    found["processor_seconds_a_core"] = round(found["processor_seconds"] / options.workers, 1)
    print(json.dumps(found, indent=1))
    Path(options.out).parent.mkdir(parents=True, exist_ok=True)
    Path(options.out).write_text(json.dumps(found, indent=1) + "\n")


def direction(path: str, new: str, tasks: list[str], options: argparse.Namespace) -> dict:
    """Times one task after all others, and the fit of one controller to all of its demonstrations."""
    past = tuple(Source(path=path, task=task) for task in tasks if task != new)
    study = SetTable(new=Source(path=path, task=new), past=past, orders=options.orders, workers=options.workers)
    began, spent = time.perf_counter(), processor_seconds()
    study.run()
    seconds, processor = time.perf_counter() - began, processor_seconds() - spent
    skills = tabulate({task: read_demonstrations(path, task) for task in (new, *(one.task for one in past))})
    times = []
    for _ in range(5):
        began = time.process_time()
        for steps in skills.values():
            ours = ShortestDescription()
            ours.choose(steps, steps.weights(steps.task == 0), ours.study(steps))
        times.append(time.process_time() - began)
    return {
        "after": [one.task for one in past],
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor, 1),
        "controller_seconds": round(sorted(times)[2], 3),
    }


def processor_seconds() -> float:
    """Of this process and of those that it has waited for."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


if __name__ == "__main__":
    main()
