"""Hidden masses of a hopper from few steps: the posterior against DROPO as published, in the same targets.

DROPO takes 1000 evaluations × 100 samples of every step, so it is run on the first targets only; the posterior on all.
Every finished row is kept in a file beside the result, and the command goes on where it was cut.

    python benchmarks/recovery.py --out results/adaptation_recovery.json --targets 20 --baseline 3
"""

import argparse
import json
import os
import time
from pathlib import Path

import jax
import numpy as np
from scipy.stats import norm

from headstart.adapt.dropo import Dropo
from headstart.adapt.evidence import Meter
from headstart.experiments.recovery import CASES, Case, Recovered, Recovery, judged
from headstart.maths.statistics import wilson_interval
from headstart.run.record import versions


def dropo(study: Recovery, number: int, case: Case) -> Recovered:
    """DROPO's published algorithm; its interval is that of the fitted distribution."""
    given, truth, meter = study.show(number, case), study.truth(number), Meter()
    method = Dropo(
        family=study.world, ranges=study.ranges(), base=study.world.task(), epsilon=1e-3 if case.unmodelled else 1e-5
    )
    bell, height = method.fit(jax.random.key(number), given, meter)
    quantiles = [np.clip(bell.mean + norm.ppf(level) * bell.std, 0.0, 1.0) for level in (0.05, 0.5, 0.95)]
    more = {"log_likelihood": height}
    return judged(method.coordinates.values, truth, quantiles, given, meter.steps, more)


METHODS = {"posterior": Recovery.recover, "dropo": dropo}


def row(study: Recovery, method: str, number: int, case: Case) -> dict:
    """Runs one case on one target."""
    begin = time.perf_counter()
    found = METHODS[method](study, number, case)
    plain = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in found._asdict().items()}
    plain["more"] = {k: float(v) for k, v in found.more.items()}
    return {"method": method, "target": number, "case": list(case), **plain, "seconds": time.perf_counter() - begin}


def summary(rows: list[dict]) -> list[dict]:
    """Sums up each method in each case; where both ran, on the same targets."""
    lines = []
    for case in CASES:
        both = {r["target"] for r in rows if r["method"] == "dropo" and r["case"] == list(case)}
        for method in METHODS:
            mine = [r for r in rows if r["method"] == method and r["case"] == list(case)]
            if not mine:
                continue
            shared = [r for r in mine if r["target"] in both]
            covered = np.concatenate([r["covered"] for r in mine])
            _, low, high = wilson_interval(int(covered.sum()), len(covered))
            lines.append({
                "case": case._asdict(), "method": method, "targets": len(mine),
                "median_error": float(np.median([r["error"] for r in mine])),
                "largest_error": float(np.max([r["error"] for r in mine])),
                "shared_targets": sorted(both),
                "median_error_on_shared": float(np.median([r["error"] for r in shared])) if shared else None,
                "coverage_90": float(covered.mean()), "coverage_low": low, "coverage_high": high,
                "median_width": float(np.median([r["width"] for r in mine])),
                "target_steps": float(np.mean([r["steps"] for r in mine])),
                "simulator_steps": float(np.mean([r["simulator_steps"] for r in mine])),
                "seconds": float(np.mean([r["seconds"] for r in mine])),
                "unexplained": float(np.mean([r["more"].get("unexplained", np.nan) for r in mine]))
                if method == "posterior" else None,
            })  # fmt: skip
    return lines


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--targets", type=int, default=20)
    parser.add_argument("--baseline", type=int, default=3, help="targets that DROPO is run on, ten single steps")
    parser.add_argument("--method", choices=[*METHODS, "both"], default="both", help="what to run now, of all of it")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after the row that passes this; go on later")
    asked, began = parser.parse_args(), time.monotonic()
    study, kept = Recovery(), asked.out.with_suffix(".rows.jsonl")
    rows = [json.loads(line) for line in kept.read_text().splitlines()] if kept.exists() else []
    over = {(r["method"], r["target"], tuple(r["case"])) for r in rows}
    wanted = [("posterior", number, case) for number in range(asked.targets) for case in CASES]
    # a whole episode costs DROPO as many times more as it is longer
    wanted += [
        ("dropo", number, case) for number in range(asked.baseline) for case in CASES if case.shown == "10 steps"
    ]
    wanted += [("dropo", 0, case) for case in CASES if case.shown != "10 steps" and (case.noise == 1e-4)]
    for method, number, case in wanted:
        if (
            asked.method not in (method, "both")
            or (method, number, tuple(case)) in over
            or time.monotonic() - began > asked.seconds
        ):
            continue
        rows.append(row(study, method, number, case))
        with kept.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
        print(method, number, case, np.round(rows[-1]["error"], 5), rows[-1]["covered"], flush=True)
    rows = [json.loads(line) for line in kept.read_text().splitlines()]  # another process may have added some
    rows = [r for r in rows if tuple(r["case"]) in {tuple(c) for c in CASES}]
    content = {
        "command": f"python benchmarks/recovery.py --out {asked.out} --targets {asked.targets} "
        f"--baseline {asked.baseline}",
        "seed": study.seed, "versions": versions(), "cpus": os.cpu_count(),
        "complete": len(rows) == len(wanted), "summary": summary(rows), "rows": rows,
    }  # fmt: skip
    asked.out.write_text(json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
