"""Turns taken by us and by a peer in its own process and environment, and what to make of the times."""

import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import jax

REST = 0.25  # s


@contextmanager
def peer(python: str, algorithm: str, size: int) -> Iterator[Callable[[int], float]]:
    """Starts the peer; yields a function that lets it make n calls and returns the seconds of each."""
    script = Path(__file__).with_name("sbx_peer.py")
    command = [python, str(script), algorithm, str(size)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin and child.stdout

    def turn(calls: int) -> float:
        child.stdin.write(f"{calls}\n")
        child.stdin.flush()
        return float(child.stdout.readline())

    try:
        while child.stdout.readline().strip() != "ready":
            if child.poll() is not None:
                raise SystemExit(f"the peer did not start: {' '.join(command)}")
        yield turn
    finally:
        child.stdin.close()
        child.wait()


def timed(call: Callable[[], object]) -> Callable[[int], float]:
    """Makes a function that makes n calls, waits for the last result and returns the seconds of each."""

    def turn(calls: int) -> float:
        begin = time.perf_counter()
        for _ in range(calls):
            result = call()
        jax.block_until_ready(result)
        return (time.perf_counter() - begin) / calls

    jax.block_until_ready(call())
    return turn


def interleaved(turns: dict[str, tuple[Callable[[int], float], int]], rounds: int) -> dict[str, list[float]]:
    """Lets all take turns, round after round, so that whatever else the machine does hits all alike.

    Args:
        turns: for each name, the function to call and how many calls make one turn.
        rounds: turns of each.

    Returns:
        The seconds of one call, in every round.
    """
    seconds = {name: [] for name in turns}
    for _ in range(rounds):
        for name, (turn, calls) in turns.items():
            time.sleep(REST)  # threads of a library go on spinning for a while after the turn before
            seconds[name].append(turn(calls))
    return seconds


def ratio(slow: list[float], fast: list[float]) -> float:
    """Returns how many times as fast the second is: the median over rounds of the ratio within a round."""
    return statistics.median(a / b for a, b in zip(slow, fast, strict=True))


def report(result: dict, limits: dict[str, float], out: Path | None) -> None:
    """Prints every ratio beside its limit, and stores all of it with the machine and the versions."""
    for name, limit in limits.items():
        verdict = "ok" if result[name] >= limit else "BELOW"
        print(f"{name:40s} {result[name]:6.2f}   limit {limit:.2f}   {verdict}", flush=True)
    if out:
        versions = {"python": platform.python_version(), "jax": jax.__version__}
        machine = {"cores": os.cpu_count(), "processor": platform.processor(), "load": os.getloadavg()}
        out.parent.mkdir(parents=True, exist_ok=True)
        made = {"command": shlex.join(["python", *sys.argv]), **result}
        out.write_text(json.dumps({**made, "limits": limits, "machine": machine, "versions": versions}, indent=1))
