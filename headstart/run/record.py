"""A run is a folder: what was asked for, what happened, where it stands, what came out.

config.json     everything resolved, versions, seed, git commit
metrics.jsonl   one JSON object a line, each with `step`; the truth, from which every plot is made
checkpoints/    see checkpoint.py
summary.json    see summary.py
lock            see lock.py
"""

import importlib.metadata
import os
import platform
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import headstart
from headstart.errors import Fault, InputError
from headstart.run import disk, strict_json

FORMAT = 1
CONFIG_LIMIT = 4 << 20
PACKAGES = ("gymnasium", "jax", "mujoco", "numpy", "safetensors")


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """Names of what is inside a run's folder.

    Attributes:
        path: of the folder.
    """

    path: Path

    @property
    def config(self) -> Path:
        """Returns the path of `config.json`."""
        return self.path / "config.json"

    @property
    def metrics(self) -> Path:
        """Returns the path of `metrics.jsonl`."""
        return self.path / "metrics.jsonl"

    @property
    def summary(self) -> Path:
        """Returns the path of `summary.json`."""
        return self.path / "summary.json"

    @property
    def checkpoints(self) -> Path:
        """Returns the folder of checkpoints."""
        return self.path / "checkpoints"


def create_run(path: Path, command: str, seed: int, settings: dict[str, Any]) -> RunFolder:
    """Makes a run's folder and writes its `config.json`, once.

    Args:
        path: of the folder; it may exist, empty of runs.
        command: the word of the command line, such as `"transfer"`.
        seed: of every random number in the run.
        settings: fully resolved, plain JSON.

    Returns:
        The folder.

    Raises:
        InputError: the folder has a run already, or cannot be a folder.
        Fault: the disk refused.
    """
    run = RunFolder(path=Path(path))
    config = {
        "format": FORMAT,
        "command": command,
        "seed": seed,
        "settings": settings,
        "versions": versions(),
        "git": git_commit(),
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    content = strict_json.encode(config)
    try:
        disk.make_folder(run.path)
        if os.path.lexists(run.config):
            raise InputError(f"{run.path}: holds a run already; `headstart resume {run.path}`, or choose another --out")
        disk.replace_file(run.config, content + b"\n")
    except (NotADirectoryError, FileExistsError):
        raise InputError(f"{run.path}: is not a folder; choose another --out") from None
    except OSError as error:
        raise Fault(f"{run.path}: cannot be written ({error.strerror}); make room, or choose another --out") from None
    return run


def read_config(path: Path) -> dict[str, Any]:
    """Reads a run's `config.json`.

    Args:
        path: of the run's folder.

    Returns:
        The fields that `create_run` wrote.

    Raises:
        InputError: the folder or the file is missing, empty, damaged, or from a newer version.
    """
    config = read_json(RunFolder(path=Path(path)).config, CONFIG_LIMIT, "config.json")
    check_format(config, RunFolder(path=Path(path)).config, FORMAT)
    kinds = {"command": str, "seed": int, "settings": dict, "versions": dict, "created": str}
    for field, kind in kinds.items():
        if type(config.get(field)) is not kind:
            raise InputError(f"{path}/config.json: {field!r} is missing or damaged; the run cannot be resumed")
    return config


def read_json(path: Path, limit: int, what: str) -> dict[str, Any]:
    """Reads a file of one JSON object. Raises `InputError` in one line for everything that may be wrong with it."""
    folder = path.parent
    if not os.path.isdir(folder):
        raise InputError(f"{folder}: there is no such run folder")
    try:
        content = disk.read_file(path, limit)
    except FileNotFoundError:
        raise InputError(
            f"{folder}: no {what} in it; it is not a run folder, or the run did not get that far"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    if not content.strip():
        raise InputError(f"{path}: is empty; the disk was full or lost power, and the file must be restored")
    value = strict_json.decode(content, str(path))
    if not isinstance(value, dict):
        raise InputError(f"{path}: is not one JSON object; the file is damaged or not ours")
    return value


def check_format(value: dict[str, Any], path: Path, known: int) -> None:
    """Raises `InputError` naming both versions for a file of a newer format, and for one without a format."""
    found = value.get("format")
    if type(found) is not int or found < 1:
        raise InputError(f"{path}: has no format number; the file is damaged or not ours")
    if found > known:
        written = value.get("versions")
        by = strict_json.printable(written.get("headstart"), 20) if isinstance(written, dict) else "newer"
        raise InputError(
            f"{path}: format {found}, written by headstart {by}; this is headstart {headstart.__version__}, which "
            f"reads formats up to {known}: install the newer one"
        )


def versions() -> dict[str, str]:
    """Returns the versions that a result depends on."""
    found = {"headstart": headstart.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def git_commit() -> str | None:
    """Returns the commit of the working directory, with `+` where files differ from it; None outside of git."""
    try:
        commit = _git("rev-parse", "HEAD")
        return commit + ("+" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(*words: str) -> str:
    answer = subprocess.run(["git", *words], capture_output=True, text=True, timeout=5, check=True)
    return answer.stdout.strip()
