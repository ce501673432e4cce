"""The command line: words to options, options to the command that runs them. Nothing heavy is imported before that."""

import contextlib
import importlib
import io
import itertools
import re
from collections.abc import Sequence
from typing import Any

import tyro

from headstart.errors import InputError, unknown
from headstart.options import Command

MODULES = {"list": "listing"}
NAMES = ("transfer", "train", "evaluate", "resume", "report", "imitate", "reproduce", "list", "doctor", "check")


def run(options: Any) -> int:
    """Runs a command and returns the exit status: the module of the command's name knows how."""
    name = type(options).__name__.lower()
    return importlib.import_module(f"headstart.commands.{MODULES.get(name, name)}").run(options)


def parse(words: Sequence[str]):
    """Reads a command line.

    Raises:
        InputError: where the words make no command; one line that says why.
        SystemExit: after `--help`.
    """
    if words and not words[0].startswith("-") and words[0] not in NAMES:
        raise unknown("command", words[0], NAMES)
    complaint = io.StringIO()
    try:
        with contextlib.redirect_stderr(complaint):
            return tyro.cli(
                Command,  # pyright: ignore[reportArgumentType]
                prog="headstart",
                description="Give a reinforcement-learning task a head start.",
                args=list(words) or ["--help"],
                config=(tyro.conf.OmitSubcommandPrefixes,),
            )
    except SystemExit as leaving:
        if leaving.code in (0, None):
            raise
        raise InputError(unboxed(complaint.getvalue())) from None


def unboxed(complaint: str) -> str:
    """Takes the frame, the title and the hint at `--help` off the parser's complaint and folds it into one line."""
    complaint = re.sub("\x1b\\[[0-9;]*m", "", complaint)  # colours
    lines = [line.strip().strip("│").strip() for line in complaint.splitlines() if not line.startswith(("╭", "╰"))]
    if not any(line.startswith("╭") for line in complaint.splitlines()):
        lines = lines[1:]  # where the terminal has no frames the title is a line of its own
    kept = itertools.takewhile(lambda line: not line.startswith("For full helptext"), lines)
    parts = " ".join(line if set(line) - set("─-") else "\n" for line in kept).split("\n")
    return "; ".join(" ".join(part.split()).rstrip(".:") for part in parts if part.strip())
