"""Hidden masses of a hopper from few steps: the posterior against DROPO as published, in the same targets.

DROPO takes 1000 evaluations × 100 samples of every step, so it is run on the first targets only; the posterior on all.
Every finished row is kept in a file beside the result, and the command goes on where it was cut; where there is no such
file it goes on from the result.

    python benchmarks/recovery.py --out results/adaptation_recovery.json --targets 40 --baseline 3 --unmodelled 10
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
from headstart.experiments.reproduce_adaptation import read_rows, row_of, summary, table
from headstart.run import strict_json
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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--targets", type=int, default=20)
    parser.add_argument("--baseline", type=int, default=3, help="targets that DROPO is run on")
    parser.add_argument("--unmodelled", type=int, help="likewise, with an effect that is not modelled; else as many")
    parser.add_argument("--method", choices=[*METHODS, "both"], default="both", help="what to run now, of all of it")
    parser.add_argument("--noise", type=float, help="run cases of this noise only, now")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after the row that passes this; go on later")
    asked, began = parser.parse_args(), time.monotonic()
    study, kept = Recovery(), asked.out.with_suffix(".rows.jsonl")
    if asked.out.exists() and not kept.exists():
        kept.write_text("".join(json.dumps(row) + "\n" for row in json.loads(asked.out.read_text())["rows"]))
    rows = read_rows(kept)
    over = {(r["method"], r["target"], tuple(r["case"])) for r in rows}
    wanted = [("posterior", number, case) for number in range(asked.targets) for case in CASES]
    wanted.sort(key=lambda one: one[2].noise == 0.0)  # without noise there is least to learn
    wanted += [("dropo", number, case) for number in range(asked.baseline) for case in CASES]
    further = range(asked.baseline, asked.unmodelled or 0)
    wanted += [("dropo", number, case) for number in further for case in CASES if case.unmodelled]
    for method, number, case in wanted:
        if (
            asked.method not in (method, "both")
            or asked.noise not in (None, case.noise)
            or (method, number, tuple(case)) in over
            or time.monotonic() - began > asked.seconds
        ):
            continue
        begun = time.perf_counter()
        rows.append(row_of(method, number, case, METHODS[method](study, number, case), begun))
        with kept.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
        print(method, number, case, np.round(rows[-1]["error"], 5), rows[-1]["covered"], flush=True)
    rows = read_rows(kept)  # another process may have added some
    rows = [r for r in rows if tuple(r["case"]) in {tuple(c) for c in CASES}]
    content = {
        "command": f"python benchmarks/recovery.py --out {asked.out} --targets {asked.targets} "
        f"--baseline {asked.baseline}" + (f" --unmodelled {asked.unmodelled}" if asked.unmodelled else ""),
        "seed": study.seed, "versions": versions(), "cpus": os.cpu_count(),
        "complete": len(rows) == len(wanted), "summary": summary(rows, METHODS), "rows": rows,
    }  # fmt: skip
    asked.out.write_text(strict_json.readable(content) + "\n")
    print(table(content["summary"]))


if __name__ == "__main__":
    main()
