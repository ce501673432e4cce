"""`headstart check`: an environment of the user's held against every law, in a process of its own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from typing import Any

import gymnasium
import numpy as np

from headstart.errors import InputError, in_a_line
from headstart.tasks.findings import GOOD, PROBLEM, Finding, problem
from headstart.tasks.gymnasium_batch import gather
from headstart.tasks.gymnasium_board import board_on, board_size
from headstart.tasks.gymnasium_building import build, describe
from headstart.tasks.gymnasium_stepping import Misbehaved
from headstart.tasks.laws import GATES, LAWS

ANSWER = "headstart-findings:"


def check(source: str, steps: int = 1000, *, timeout: float = 300.0, isolate: bool = True) -> list[Finding]:
    """Holds an environment against the laws of `laws.LAWS`.

    Args:
        source: `gym:ID`, or `package.module:function`.
        steps: random steps that each law may spend.
        timeout: seconds for everything.
        isolate: False checks in this process, where a hanging environment hangs it.

    Returns:
        What was found, the worst first; a law that is kept says so in one `"good"` finding.

    Raises:
        InputError: where there is no such environment.
    """
    if steps < 1:
        raise InputError(f"check {source!r}: {steps} steps are too few; at least 1 is needed")
    if not isolate:
        return judged(source, steps)
    code = "from headstart.tasks.check import answer; answer()"
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", code, source, str(steps)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([entry for entry in sys.path if entry] + [os.getcwd()])},
        start_new_session=True,
    )
    try:
        printed = process.communicate(timeout=timeout)[0].decode(errors="replace")
    except subprocess.TimeoutExpired:
        return [
            problem(f"it did not finish within {timeout:g} s", "any call", "find what hangs, or give fewer --steps")
        ]
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # and whatever it has started
        process.communicate()
    return reported(printed, process.returncode)


def reported(printed: str, status: int) -> list[Finding]:
    """Reads what the child found; says so where it died instead."""
    for line in printed.splitlines():
        if line.startswith(ANSWER):
            said = json.loads(line.removeprefix(ANSWER))
            if isinstance(said, str):
                raise InputError(said)
            return [Finding(*finding) for finding in said]
    how = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"exited with status {status}"
    last = next((line.strip() for line in reversed(printed.splitlines()) if line.strip()), "nothing")
    words = "".join(c for c in last if c.isprintable())[:200]
    return [
        problem(f"the process {how}; it last said: {words}", "any call", "it must not end the process that uses it")
    ]


def answer() -> None:
    """Checks in the child and prints the findings as one line of JSON."""
    try:
        said: object = judged(sys.argv[1], int(sys.argv[2]))
    except InputError as error:
        said = str(error)
    print("\n" + ANSWER + json.dumps(said), flush=True)


def judged(source: str, steps: int) -> list[Finding]:
    """Holds the environment against every law, in this process."""
    try:
        first = build(source, {})
    except InputError:
        raise
    except Exception as error:
        return [problem(f"building it {in_a_line(error)}", "construction", "call the function yourself and mend it")]
    if isinstance(first, gymnasium.vector.VectorEnv):
        return judged_batch(first, steps)
    first.close()
    findings: list[Finding] = []
    for name, law in LAWS.items():
        found = []
        try:
            found.extend(law(lambda: build(source, {}), steps))  # pyright: ignore[reportArgumentType]
        except Exception as error:
            found.append(problem(f"it {in_a_line(error)}", f"while checking that {name}", "see the message"))
        findings += found or [Finding(GOOD, name)]
        if name in GATES and any(finding.severity == PROBLEM for finding in found):
            break  # the laws that follow would only say it again
    return sorted(findings, key=lambda finding: ("problem", "warning", "good").index(finding.severity))


def judged_batch(env: gymnasium.vector.VectorEnv, steps: int) -> list[Finding]:
    """Plays a batched environment as a family would: its autoreset, shapes and numbers."""
    description = describe(env)
    board = board_on(bytearray(board_size(description, env.num_envs, 1)), description, env.num_envs, 1)
    batch, generator = gather([env], board, 0, 0), np.random.default_rng(0)
    board.where[:], board.seed[:] = True, np.arange(env.num_envs)
    part: Any = batch.parts[0]
    broken = 0
    env.single_action_space.seed(0)
    try:
        batch.reset()
        for _ in range(max(1, steps // env.num_envs)):
            board.where[:] = True
            low, high = getattr(env.single_action_space, "low", 0), getattr(env.single_action_space, "high", 1)
            board.action[...] = generator.uniform(np.maximum(low, -1), np.minimum(high, 1), board.action.shape)
            resets = part.ended.copy()  # where this step is none
            batch.step()
            ended = board.terminated | board.truncated
            broken += int((~board.valid & ~resets).sum())
            board.where[:] = ended
            batch.reset()
    except Misbehaved as wrong:
        return [problem(f"environment {wrong.row} {wrong.what}", "step", "follow Gymnasium's page on autoreset modes")]
    except Exception as error:
        return [problem(f"it {in_a_line(error)}", "reset and step", "see the message")]
    if broken:
        return [problem(f"{broken} of {steps} steps were not finite", "step", "find what blows up")]
    return [Finding(GOOD, f"{env.num_envs} environments in a batch were stepped {steps} times")]
