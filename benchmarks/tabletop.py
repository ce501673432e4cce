"""The table top: how fast its physics is, and how many demonstrations a task needs there.

    python benchmarks/tabletop.py speed
    python benchmarks/tabletop.py set-table pyramid3 pyramid4 noise slips
    python benchmarks/tabletop.py film

`speed` steps worlds on one core with `mujoco.rollout`, one call for a whole motion, since a call of `mj_step` for each
step from Python costs as much as the step; the goal is 20 times real time per core. Each study writes
`results/tabletop_NAME.json` after every order and goes on where it was stopped. `film` writes a learned controller
laying the table.
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

import mujoco  # noqa: E402
import numpy as np  # noqa: E402

from headstart.experiments.tabletop_demonstrations import Teaching  # noqa: E402
from headstart.experiments.tabletop_film import film  # noqa: E402
from headstart.experiments.tabletop_study import TabletopStudy, check_lost, measure  # noqa: E402
from headstart.experiments.tabletop_teacher import Teacher  # noqa: E402
from headstart.share.hierarchical import Interpreter  # noqa: E402
from headstart.tasks.tabletop import ClearTable, Pyramid, SetTable, Standing, TableTop  # noqa: E402

TREMBLING = Teaching(metres=0.01, degrees=1.0)
STUDIES = {
    "set-table": TabletopStudy(new=SetTable(), past=(ClearTable(),)),
    "pyramid3": TabletopStudy(new=Pyramid(levels=3), number=12),
    # the dearest executions, so fewer tables: 38 of 40 are 95 %
    "pyramid4": TabletopStudy(
        new=Pyramid(levels=4), past=(Pyramid(levels=3),), number=8, past_number=6, tables=40
    ),
    # nothing that trembles agrees with the teacher to the last millionth: every execution is run
    "noise": TabletopStudy(
        new=SetTable(), past=(ClearTable(),), orders=5, tables=20, number=10, past_number=8, accuracy=0.02,
        teaching=TREMBLING, arms=("independent", "selection", "rules, independent", "rules, per decision"),
    ),
    "slips": TabletopStudy(
        new=SetTable(), past=(ClearTable(),), tables=40, number=20, past_number=15, teaching=Teaching(slips=0.05)
    ),
}  # fmt: skip
KEPT = ("claim", "demonstrations", "past_demonstrations", "tables", "accuracy", "teaching")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="+", choices=["speed", "film", *STUDIES])
    parser.add_argument("--out", default="results")
    options = parser.parse_args()
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    for what in options.what:
        if what == "speed":
            write(out / "tabletop_speed.json", what, speed())
        elif what == "film":
            print(film(out / "tabletop_set_table.mp4"))
        else:
            study(what, out / f"tabletop_{what.replace('-', '_')}.json")


def study(name: str, path: Path) -> None:
    began, settings = time.process_time(), STUDIES[name]
    prepared = settings.prepare()
    known = json.loads(path.read_text()) if path.exists() else {}
    fresh = next(iter(measure(settings, prepared, {"outcomes": {"none": [[None, 0, 0, 0]] * settings.orders}})))
    if any(known.get(key) != fresh[key] for key in KEPT):  # another study: begin anew
        known = {}
    for result in measure(settings, prepared, known):
        shown = {arm: (of["mean"], of["failed"]) for arm, of in result["arms"].items()}
        print(f"{name} {result['orders']}/{settings.orders} {time.process_time() - began:.0f} s {shown}", flush=True)
        write(path, name, result)
    if prepared.lost:
        write(path, name, {**result, "counted_as_lost": check_lost(prepared)})


def speed(worlds: int = 16) -> dict:
    """Simulated seconds for each second of one core, for one table at a time and for many."""
    measured = {}
    for task in (SetTable(), ClearTable(), Pyramid(levels=3), Pyramid(levels=4)):
        family, teacher, rates = TableTop(task=task), Teacher(task=task), []
        for seed in range(2):
            world = Standing(family, seed)
            began = time.process_time()
            Interpreter().run(teacher, world, teacher.root, teacher.root_args)
            rates.append(float(family.seconds(world.state)[0]) / (time.process_time() - began))
        measured[f"{task.name}: the teacher at one table"] = {"median": float(np.median(rates)), "rounds": rates}
    family = TableTop(task=SetTable())
    state = family.reset(range(worlds))
    calls = [("MoveBaseAbs", (0.3, 0.1 * (row % 3), 0.0, 1.0, 2.0)) for row in range(worlds)]
    rates = []
    for _ in range(5):
        began, clock = time.process_time(), family.seconds(state).sum()
        for call in (
            calls,
            [("MoveArm", (0.5, -1.57, 0.0, -1.57, -1.57))] * worlds,
            [("MoveGripper", (1.0,))] * worlds,
        ):
            state, _ = family.act(state, call)
        rates.append(float(family.seconds(state).sum() - clock) / (time.process_time() - began))
    measured[f"SetTable: a batch of {worlds}"] = {"median": float(np.median(rates)), "rounds": rates}
    return {"unit": "simulated seconds a second of processor time", "goal": 20.0, "measured": measured}


def write(path: Path, what: str, content: dict) -> None:
    versions = {"python": sys.version.split()[0], "numpy": np.__version__, "mujoco": mujoco.__version__}
    command = f"python benchmarks/tabletop.py {what}"
    content = {"command": command, "versions": versions, "machine": platform.machine(), **content}
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
    partial.replace(path)


if __name__ == "__main__":
    main()
