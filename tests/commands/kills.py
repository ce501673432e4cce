"""Training runs that are killed at random moments and taken up again, until they have reached their end."""

import hashlib
import random
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from headstart.run import checkpoint, sealed
from headstart.run.record import RunFolder
from tests.run.children import ENVIRONMENT

POLL_SECONDS = 0.003
IN_START_UP = 0.25  # of the kills: in imports, compilation and loading, before the first line of metrics
IN_END = 0.15  # of the others: after the last line, where the last checkpoint and the policy are written
PPO = ("--learner", "ppo", "--envs", "8")
QUICK = (*PPO, "--steps", "131072", "--checkpoint-every", "16384")  # in a world that takes no time
OFF_POLICY = ("--learner", "sac", "--envs", "4", "--steps", "1280", "--checkpoint-every", "64")
CONFIGURATIONS = {
    "pendulum by PPO": ("pendulum", *QUICK),
    "point maze by PPO": ("point_maze", *QUICK),
    "hopper by PPO": ("hopper", *PPO, "--steps", "8192", "--checkpoint-every", "1024", "--randomize", "mild"),
    "pendulum by SAC": ("pendulum", *OFF_POLICY),
    "hopper by SAC": ("hopper", *OFF_POLICY),
}


class Ended(NamedTuple):
    """What must not depend on how often a run was killed.

    Attributes:
        state: SHA-256 of the arrays of the last checkpoint.
        step: of that checkpoint.
        metrics: SHA-256 of `metrics.jsonl`.
        policy: SHA-256 of the arrays of the policy bundle.
    """

    state: str
    step: int
    metrics: str
    policy: str


class Reference(NamedTuple):
    """An uninterrupted run.

    Attributes:
        words: what follows `headstart train`.
        ended: how it ended.
        start_seconds: until its first line of metrics.
        line_seconds: from one line to the next.
        end_seconds: from the last line to the end of the process.
        lines: of metrics, by which others tell how far they are.
    """

    words: tuple[str, ...]
    ended: Ended
    start_seconds: float
    line_seconds: float
    end_seconds: float
    lines: int

    @property
    def work_seconds(self) -> float:
        """From the first line of metrics to the end."""
        return self.line_seconds * (self.lines - 1) + self.end_seconds


def headstart(*words: object) -> list[str]:
    """Returns the command line of a child."""
    return [sys.executable, "-m", "headstart", *map(str, words)]


def start(*words: object) -> subprocess.Popen:
    """Starts `headstart` with what it says on one pipe."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(headstart(*words), env=ENVIRONMENT, **pipes)


def go_on(folder: Path, words: tuple[str, ...]) -> subprocess.Popen:
    """Begins a run, or goes on with it if it got as far as having a `config.json`."""
    if RunFolder(path=folder).config.exists():
        return start("resume", folder)
    return start("train", *words, "--deterministic", "--out", folder)


def finish(child: subprocess.Popen) -> str:
    """Waits for a good end and returns what was said."""
    said, _ = child.communicate(timeout=600)
    assert child.returncode == 0, said
    return said


def ended(folder: Path) -> Ended:
    """Reads how a run ended."""
    run = RunFolder(path=folder)
    step = checkpoint.steps(run.checkpoints)[-1]
    state, policy = run.checkpoints / f"step_{step}" / sealed.STATE, folder / "policy" / sealed.STATE
    return Ended(digest(state), step, digest(run.metrics), digest(policy))


def digest(path: Path) -> str:
    """Returns the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def size(path: Path) -> int:
    """Returns the size of a file, 0 if there is none."""
    return path.stat().st_size if path.exists() else 0


def lines(path: Path) -> int:
    """Returns how many lines a file has, 0 if there is none."""
    return path.read_bytes().count(b"\n") if path.exists() else 0


def pause(seconds: float, child: subprocess.Popen) -> None:
    """Waits so long, or until the child has ended."""
    deadline = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= deadline, child)


def wait_until(holds: Callable[[], bool], child: subprocess.Popen) -> None:
    """Waits until something holds or the child has ended."""
    while child.poll() is None and not holds():
        time.sleep(POLL_SECONDS)


def reference(folder: Path, words: tuple[str, ...]) -> Reference:
    """Plays a run from beginning to end, twice: the first compiles, the second is measured and must end alike."""
    finish(go_on(folder / "cold", words))
    began, metrics = time.monotonic(), RunFolder(path=folder / "warm").metrics
    child = go_on(folder / "warm", words)
    wait_until(lambda: size(metrics) > 0, child)
    working, whole = time.monotonic(), lines(RunFolder(path=folder / "cold").metrics)
    wait_until(lambda: lines(metrics) >= whole, child)
    done = time.monotonic()
    finish(child)
    finished = time.monotonic()
    assert ended(folder / "warm") == ended(folder / "cold")
    return Reference(
        words, ended(folder / "warm"), working - began, (done - working) / (whole - 1), finished - done, whole
    )


def kill_at_random(folder: Path, aim: Reference, chance: random.Random) -> float | None:
    """Starts a run or goes on with it, and kills it at a random moment.

    Where it is to work first, the moment is drawn from a whole run, whatever is left to do; who is beyond it is left
    alone. Drawn from what is left, a run that is nearly done would be killed at its end again and again.

    Returns:
        How far the run was, as a share of its metrics; 0 where it had written none; None where it had ended by then.
    """
    metrics = RunFolder(path=folder).metrics
    before, child = size(metrics), go_on(folder, aim.words)
    if chance.random() < IN_START_UP:
        pause(chance.random() * aim.start_seconds, child)
    else:
        # a run that is taken up first cuts its metrics back, then adds to them
        written = metrics.stat().st_mtime_ns if before else 0
        wait_until(lambda: size(metrics) > 0 and metrics.stat().st_mtime_ns != written, child)
        line = aim.lines if chance.random() < IN_END else chance.randint(1, aim.lines)
        seconds = aim.line_seconds if line < aim.lines else aim.end_seconds
        if lines(metrics) <= line:
            wait_until(lambda: lines(metrics) >= line, child)
            pause(chance.random() * seconds, child)
        else:
            finish(child)
            return None
    child.kill()
    said, _ = child.communicate()
    assert child.returncode in (0, -9), said
    return None if child.returncode == 0 else min(lines(metrics) / aim.lines, 1.0)


class Survived(NamedTuple):
    """What became of killed runs.

    Attributes:
        ends: how each run ended, the last one without a further kill.
        moments: how far a run was when it was killed, as a share of its metrics, of each kill.
    """

    ends: list[Ended]
    moments: list[float]


def survive(folder: Path, aim: Reference, kills: int, seed: int) -> Survived:
    """Kills runs until `kills` kills have met a living one, and lets the last run end."""
    chance, ends, moments = random.Random(seed), [], []
    folder.mkdir()
    while len(moments) < kills:
        path = folder / f"run-{len(ends)}"
        moment = kill_at_random(path, aim, chance)
        if moment is None:
            ends.append(ended(path))
        else:
            moments.append(moment)
    path = folder / f"run-{len(ends)}"
    finish(go_on(path, aim.words))
    return Survived([*ends, ended(path)], moments)


def side_by_side(work: Callable[[Any], Any], given: list[Any], workers: int = 2) -> list[Any]:
    """Does several things at once: most of a child's life is spent on one core."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, given))
