"""How soon `headstart transfer` says something, and how much memory it takes with all of its processes.

    python benchmarks/footprint.py --out results/footprint.json -- --size small --seeds 1

Runs the command as a user does, in a new process, with the words after `--`, and looks at it four times a second: when
the first line is in `metrics.jsonl`, and how much memory the process and those that it has started hold together (the
proportional set size, so that what they share counts once; the resident size of the process alone beside it).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from headstart.run.record import versions

LIMITS = {"first_line_seconds": 20.0, "peak_bytes": 2 * 2**30}
LOOKS_A_SECOND = 4


def main() -> int:
    """Measures, prints and stores; exit status 1 where a limit is not kept."""
    parser = argparse.ArgumentParser(description="Time to the first metric, and memory, of `headstart transfer`.")
    parser.add_argument("--out", type=Path)
    parser.add_argument("words", nargs="*", help="of `headstart transfer`, after --")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = watched(options.words, Path(folder))
    found |= {"command": " ".join(["python", *sys.argv]), "versions": versions(), "limits": LIMITS}
    found["load"] = os.getloadavg()[0]
    print(json.dumps(found, indent=1))
    if options.out:
        options.out.write_text(json.dumps(found, indent=1) + "\n")
    return int(any(found[name] is None or found[name] > limit for name, limit in LIMITS.items()))


def watched(words: list[str], folder: Path) -> dict[str, Any]:
    """Runs the command and returns what was seen of it. `folder` also takes its compiled programs: nothing is kept."""
    run, began, first = folder / "run", time.monotonic(), None
    command = [sys.executable, "-m", "headstart", "transfer", *words, "--out", str(run)]
    peak, alone, at_peak = 0, 0, Counter[str]()
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / "cache")}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment) as child:
        while child.poll() is None:
            if first is None and (run / "metrics.jsonl").exists() and (run / "metrics.jsonl").stat().st_size:
                first = time.monotonic() - began
            held = [(kind(process), memory(process, "smaps_rollup", "Pss:")) for process in family(child.pid)]
            if (now := sum(size for _, size in held)) > peak:
                peak, at_peak = now, Counter(what for what, size in held if size)
            alone = max(alone, memory(child.pid, "status", "VmHWM:"))
            time.sleep(1.0 / LOOKS_A_SECOND)
    return {
        "first_line_seconds": first,
        "peak_bytes": peak,
        "processes_at_peak": dict(at_peak),
        "peak_bytes_of_the_process_alone": alone,
        "seconds": time.monotonic() - began,
        "status": child.returncode,
    }


def family(process: int) -> list[int]:
    """Returns a process and all that descend from it."""
    found = [process]
    for one in found:
        try:
            for thread in os.listdir(f"/proc/{one}/task"):
                found += map(int, Path(f"/proc/{one}/task/{thread}/children").read_text().split())
        except OSError:
            continue  # it has ended
    return found


def kind(process: int) -> str:
    """Says which of our modules a process runs; nothing where it has ended."""
    try:
        words = Path(f"/proc/{process}/cmdline").read_text().split("\0")
    except OSError:
        return ""
    return next((word for word in words if word.partition(".")[0] == "headstart"), "other")


def memory(process: int, file: str, field: str) -> int:
    """Reads bytes from a process's file in /proc; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{process}/{file}").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))
    except (OSError, StopIteration):
        return 0


if __name__ == "__main__":
    sys.exit(main())
