"""Run as a program: forks children that save, kills them, and looks at what is left. Prints one JSON object.

`every` kills at every call that a save makes to the disk; `random` at random moments of a loop of saves. A program of
its own, because a process must not have started JAX's threads when it forks.
"""

import json
import os
import random
import shutil
import signal
import sys
import time
import warnings
from pathlib import Path

import numpy as np
from faulty_disk import Disk, Killer

from headstart.run import checkpoint, disk, sealed

warnings.simplefilter("error")
warnings.filterwarnings("ignore", message=r"os\.fork\(\) was called")  # no thread of JAX's has been started
SIZES = (0, 100_000)


def state(step: int, size: int) -> dict:
    return {"weights": np.full(size, step, np.float32), "step": np.asarray(step), "flag": np.asarray(True)}


def save(folder: Path, step: int, size: int) -> None:
    checkpoint.save(folder, step, state(step, size), {"step": step})


def prepare(folder: Path, size: int) -> None:
    """Puts checkpoints 1 and 2 there, and nothing else."""
    made = folder.parent / f"made-{size}"
    if not made.exists():
        for step in (1, 2):
            save(made, step, size)
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made, folder)


def in_child(disk_like: Disk, folder: Path, size: int) -> int:
    """Saves step 3 in a forked child and returns how the child ended, as `os.waitpid` says it."""
    child = os.fork()
    if child == 0:
        disk.os = disk_like
        save(folder, 3, size)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def problem(folder: Path, size: int, killed: bool) -> str | None:
    """Looks for the old state or the new one, bit for bit, and then goes on as a resumed run would."""
    try:
        found = checkpoint.load_newest(folder, state(0, size))
        if found.step not in ((2, 3) if killed else (3,)):
            return f"step {found.step}"
        for name, array in state(found.step, size).items():
            if found.state[name].tobytes() != array.tobytes():
                return f"{name} of step {found.step} differs"
        for step in checkpoint.steps(folder):  # whatever is called a checkpoint is a whole one
            sealed.read(folder / f"step_{step}", checkpoint.KIND, state(0, size))
        save(folder, 3, size)
        left = sorted(os.listdir(folder))
        return None if left == ["step_2", "step_3"] else f"left {left}"
    except Exception as error:
        return repr(error)


def kill_at_every_call(folder: Path) -> dict:
    """Kills before and after each call, and in the middle of each write, of a save of each size."""
    kills, problems, calls = 0, [], []
    for size in SIZES:
        prepare(folder, size)
        counter = Disk()
        disk.os = counter
        save(folder, 3, size)
        disk.os = os
        calls.append(counter.calls)
        for number, name in enumerate(counter.names):
            for moment in ("before", "during", "after") if name == "write" else ("before", "after"):
                prepare(folder, size)
                status = in_child(Killer(number, moment), folder, size)
                killed = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
                kills += killed
                found = problem(folder, size, killed) if killed else f"ended with {status}"
                if found:
                    problems.append(f"size {size}, call {number}, {moment}: {found}")
    return {"calls": calls, "kills": kills, "problems": problems}


def save_for_ever(folder: Path, step: int, pipe: int) -> None:
    while True:
        step += 1
        save(folder, step, SIZES[step % len(SIZES)])
        os.write(pipe, step.to_bytes(8, "little"))


def newest(folder: Path) -> int:
    step = checkpoint.steps(folder)[-1]
    found = checkpoint.load_newest(folder, state(0, SIZES[step % len(SIZES)]))
    expected = state(found.step, SIZES[found.step % len(SIZES)])
    assert all(found.state[name].tobytes() == array.tobytes() for name, array in expected.items())
    return found.step


def kill_at_random(folder: Path, rounds: int) -> dict:
    """Kills a saving process again and again; each next one goes on from what is found."""
    generator, problems, step = random.Random(0), [], 0
    for _ in range(rounds):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            save_for_ever(folder, step, writer)
        os.close(writer)
        said = os.read(reader, 8)  # at least one save, then any moment
        time.sleep(generator.uniform(0.0, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        while part := os.read(reader, 8):
            said = part
        os.close(reader)
        step = newest(folder)
        if step not in (saved := int.from_bytes(said, "little"), saved + 1):
            problems.append(f"{saved} was saved, {step} was found")
    return {"rounds": rounds, "saves": step, "problems": problems}


if __name__ == "__main__":
    if sys.argv[1] == "every":
        print(json.dumps(kill_at_every_call(Path(sys.argv[2]))))
    else:
        print(json.dumps(kill_at_random(Path(sys.argv[2]), int(sys.argv[3]))))
