"""Speed of hierarchical imitation, and the result file of the lecture's table.

    python benchmarks/imitation.py --demonstrations ../shared/data/hil_mt --orders 100

Runs every mode and both validators on every random order, in two processes, against the limit of 60 s for 100 orders;
then fits one controller, against the limit of one second. Writes `results/imitation_speed.json` and, for each
direction, `results/set_table_<new>.json`, each with the command beside it.
"""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # tiny matrices: threads only wait for each other

import numpy as np  # noqa: E402

from headstart.data.demonstrations import read_demonstrations  # noqa: E402
from headstart.experiments.set_table import SetTable, Source, table  # noqa: E402
from headstart.share.rule_model import Rules  # noqa: E402
from headstart.share.skill_steps import tabulate  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demonstrations", default="../shared/data/hil_mt")
    parser.add_argument("--orders", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--task", default=None, help="only this one as the new task; default: each in turn")
    parser.add_argument("--out", default="results")
    options = parser.parse_args()
    command = "python " + " ".join([sys.argv[0], *sys.argv[1:]])
    path = options.demonstrations
    tasks = sorted({one.task for one in read_demonstrations(path)})
    speed = {"command": command, "machine": platform.machine(), "cores": os.cpu_count(), "load": os.getloadavg()[0]}
    for new in tasks if options.task is None else [options.task]:
        past = tuple(Source(path=path, task=task) for task in tasks if task != new)
        experiment = SetTable(
            new=Source(path=path, task=new), past=past, orders=options.orders, workers=options.workers
        )
        began = time.perf_counter()
        result = experiment.run()
        seconds = time.perf_counter() - began
        print(f"{new} after {', '.join(result['past'])}: {seconds:.1f} s (limit {0.6 * options.orders:.0f} s)")
        print(table(result), flush=True)
        speed[f"{new}: seconds for {options.orders} orders"] = round(seconds, 1)
        write(Path(options.out) / f"set_table_{new}.json", {"command": command, **result})
        steps = tabulate({new: read_demonstrations(path, new)})
        began = time.perf_counter()
        for of in steps.values():
            Rules().fit(of, of.weights(np.arange(len(of.counts))))
        speed[f"{new}: seconds for one controller"] = round(time.perf_counter() - began, 3)
        print(f"one controller: {speed[f'{new}: seconds for one controller']} s (limit 1 s)")
    name = "imitation_speed" if options.task is None else f"imitation_speed_{options.task}"
    write(Path(options.out) / f"{name}.json", speed)


def write(path: Path, content: dict) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
