"""Starts Python programs that find the package under test, wherever it was imported from."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import headstart

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(headstart.__file__).parents[1])}


def command(program: str | Path, *arguments: object) -> list[str]:
    """Returns the command line for a file, or for the text of a program."""
    words = [str(program)] if isinstance(program, Path) else ["-c", program]
    return [sys.executable, "-W", "error", *words, *map(str, arguments)]


def run(program: str | Path, *arguments: object, before: tuple[str, ...] = (), timeout: float = 300) -> str:
    """Runs a program to its end, which must be a good one, and returns what it printed."""
    words = [*before, *command(program, *arguments)]
    answer = subprocess.run(words, capture_output=True, text=True, timeout=timeout, env=ENVIRONMENT)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def start(program: str | Path, *arguments: object, **options: Any) -> subprocess.Popen:
    """Starts a program with its output on a pipe; use it as a context manager."""
    pipes = {"stdout": subprocess.PIPE, "text": True} | options
    return subprocess.Popen(command(program, *arguments), env=ENVIRONMENT, **pipes)
