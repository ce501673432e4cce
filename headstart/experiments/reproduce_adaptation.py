"""Domain adaptation: hidden parameters of a target are found from a few steps of it, and what is claimed is true.

Source: lecture slide "Domain adaptation"; `recovery.py` says what is done.
"""

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from headstart.experiments.claims import Reproduced, Request, Step, Work
from headstart.experiments.recovery import CASES, Case, Recovered, Recovery
from headstart.maths.statistics import wilson_interval

TARGETS = {"tiny": 1, "small": 20, "full": 100}


def reproduce(request: Request) -> Work:
    """Asks the posterior about every target in every case.

    Args:
        request: `seeds` is the number of targets.

    Yields:
        How far it is.

    Returns:
        For each case: error, coverage of the 90 % intervals, and what it cost.
    """
    targets = TARGETS[request.size] if request.seeds is None else request.seeds
    study, kept = Recovery(request.seed), request.folder / "rows.jsonl"
    rows = read_rows(kept)
    over = {(row["target"], tuple(row["case"])) for row in rows}
    wanted = [(number, case) for number in range(targets) for case in CASES]
    for before, (number, case) in enumerate(wanted):
        if (number, tuple(case)) not in over:
            begun = time.perf_counter()
            rows.append(row_of("posterior", number, case, study.recover(number, case), begun))
            with kept.open("a", encoding="utf-8") as file:
                file.write(json.dumps(rows[-1]) + "\n")
        yield Step((before + 1) / len(wanted), f"target {number}, {case.shown}, noise {case.noise:g}")
    found = summary(rows, ("posterior",))
    return Reproduced(table(found), {"targets": targets, "cases": found, "rows": rows})


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Reads what an interrupted study has found; a line that was cut is measured again."""
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


def row_of(method: str, number: int, case: Case, found: Recovered, begun: float) -> dict[str, Any]:
    """Says what was found about one target in plain JSON."""
    plain = {k: v.tolist() if isinstance(v, np.ndarray) else v for k, v in found._asdict().items()}
    plain["more"] = {k: float(v) for k, v in found.more.items()}
    return {"method": method, "target": number, "case": list(case), **plain, "seconds": time.perf_counter() - begun}


def summary(rows: Sequence[dict[str, Any]], methods: Iterable[str]) -> list[dict[str, Any]]:
    """Sums up each method in each case; where two methods were asked, on the targets that both were asked about too."""
    lines = []
    for case in CASES:
        mine = {m: [r for r in rows if r["method"] == m and r["case"] == list(case)] for m in methods}
        shared = set.intersection(*({r["target"] for r in found} for found in mine.values()))
        lines += [_line(case, method, found, shared) for method, found in mine.items() if found]
    return lines


def _line(case: Case, method: str, rows: list[dict[str, Any]], shared: set[int]) -> dict[str, Any]:
    covered = np.concatenate([row["covered"] for row in rows])
    _, low, high = wilson_interval(int(covered.sum()), len(covered))
    both = [row["error"] for row in rows if row["target"] in shared]
    return {
        "case": case._asdict(),
        "method": method,
        "targets": len(rows),
        "median_error": float(np.median([row["error"] for row in rows])),
        "shared_targets": sorted(shared),
        "median_error_shared": float(np.median(both)) if both else None,
        "mean_error_shared": float(np.mean(both)) if both else None,
        "coverage_90": float(covered.mean()),
        "coverage_low": low,
        "coverage_high": high,
        "median_width": float(np.median([row["width"] for row in rows])),
        "target_steps": float(np.mean([row["steps"] for row in rows])),
        "simulator_steps_per_target_step": float(np.mean([row["simulator_steps"] / row["steps"] for row in rows])),
        "simulator_steps": float(np.mean([row["simulator_steps"] for row in rows])),
        "seconds": float(np.mean([row["seconds"] for row in rows])),
        "unexplained": float(np.mean([row["more"].get("unexplained", 0.0) for row in rows])),
    }


def table(lines: Sequence[dict[str, Any]]) -> str:
    """Writes the summary for people."""
    head = ("shown", "noise", "method", "targets", "median error", "in the 90 % interval", "simulator steps, each")
    text = []
    for line in lines:
        case = line["case"]
        shown = case["shown"] + (", unmodelled" if case["unmodelled"] else "")
        text.append((
            shown, f"{case['noise']:g}", line["method"], str(line["targets"]), f"{100 * line['median_error']:.3g} %",
            f"{100 * line['coverage_90']:.0f} % [{100 * line['coverage_low']:.0f}, {100 * line['coverage_high']:.0f}]",
            f"{line['simulator_steps_per_target_step']:.0f}",
        ))  # fmt: skip
    widths = [max(len(row[i]) for row in [head, *text]) for i in range(len(head))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in [head, *text])
