"""Checkpoints: `checkpoints/step_N/`, one sealed folder a step, of which the newest sound one is where a run goes on.

"Latest" is computed, never stored: the highest N whose manifest verifies. A crash between any two calls of a save, or a
loss of power, leaves the previous checkpoint or the new one; both are kept (`keep` of them, at least two).
"""

import os
import re
import warnings
from pathlib import Path
from typing import Any, NamedTuple

from jaxtyping import PyTree

from headstart.errors import InputError
from headstart.run import disk, sealed

_NAME = re.compile(r"step_(0|[1-9][0-9]{0,17})")
KIND = "checkpoint"


class Loaded(NamedTuple):
    """What a checkpoint held."""

    step: int
    state: PyTree
    extra: dict[str, Any]


def save(folder: Path, step: int, state: PyTree, extra: dict[str, Any], *, keep: int = 2, attempts: int = 3) -> Path:
    """Writes `folder/step_N` durably, then removes the oldest ones.

    Args:
        folder: of all checkpoints of a run; made if missing. The caller holds the run's lock.
        step: environment steps so far.
        state: any pytree of JAX or NumPy arrays, typed random keys among them; stored bit for bit.
        extra: host-side facts as plain JSON, such as the length of the metrics file.
        keep: how many stay, at least 2.
        attempts: how often a disk that refuses is asked.

    Returns:
        The folder of the new checkpoint.

    Raises:
        InputError: the state cannot be stored, or another sound checkpoint has this step.
        Fault: the disk refused. Older checkpoints are untouched.
    """
    if type(step) is not int or not 0 <= step < 10**18:
        raise InputError(f"step: {step!r} is not a whole number of environment steps")
    if keep < 2:
        raise InputError(f"keep: {keep} checkpoints are too few; with 2 or more a crash can always be undone")
    folder = Path(folder)
    _tidy(folder)
    path = folder / f"step_{step}"
    sealed.write(path, KIND, step, state, extra, attempts)
    _drop_old(folder, step, keep)
    return path


def steps(folder: Path) -> list[int]:
    """Returns the step of every checkpoint that is there, sound or not, in ascending order."""
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return sorted(int(match[1]) for match in map(_NAME.fullmatch, names) if match)


def newest_extra(folder: Path) -> dict[str, Any] | None:
    """Returns what the newest checkpoint says beside its arrays, without reading these; None if none is readable.

    Raises:
        InputError: it is of a newer format.
    """
    for step in reversed(steps(folder)):
        path = Path(folder) / f"step_{step}"
        try:
            with sealed.opened(path) as descriptor:
                return sealed.read_manifest(path, KIND, descriptor).extra
        except sealed.Broken:
            continue
    return None


def load_newest(folder: Path, like: PyTree) -> Loaded:
    """Loads the newest checkpoint that is sound.

    Args:
        folder: of all checkpoints of a run.
        like: a state of the same structure, dtypes and shapes; arrays come back as the kind that `like` has.

    Returns:
        Step, state (bit for bit) and extra.

    Warns:
        RuntimeWarning: once, naming every newer checkpoint that was passed over because it is damaged.

    Raises:
        InputError: there is none; or all are damaged (each is named); or the newest is of a newer format or of other
            settings than `like`.
    """
    folder, broken = Path(folder), []
    for step in reversed(steps(folder)):
        path = folder / f"step_{step}"
        try:
            found, state, extra = sealed.read(path, KIND, like)
            if found != step:
                raise sealed.Broken(f"it holds step {found}")
        except sealed.Broken as problem:
            broken.append(f"{path.name} ({problem})")
            continue
        if broken:
            warnings.warn(f"{folder}: damaged and passed over: {'; '.join(broken)}", RuntimeWarning, stacklevel=2)
        return Loaded(step, state, extra)
    if broken:
        raise InputError(f"{folder}: no checkpoint is sound; tried {'; '.join(broken)}")
    raise InputError(f"{folder}: there is no checkpoint; a run can be resumed after its first one")


def _tidy(folder: Path) -> None:
    try:
        disk.sweep(folder)
    except OSError:
        return  # nothing to tidy, or the disk refuses: then the save says so


def _drop_old(folder: Path, step: int, keep: int) -> None:
    """Removes all but the `keep` newest up to `step`; damaged ones do not count. Newer (damaged) ones are evidence."""
    kept = 1
    for older in reversed([other for other in steps(folder) if other < step]):
        path = folder / f"step_{older}"
        try:
            if kept >= keep:
                disk.discard_folder(path)
            elif _looks_sound(path):
                kept += 1
        except OSError:
            return  # the new checkpoint is safe; the next save tries again


def _looks_sound(path: Path) -> bool:
    """Checks the manifest and the size of the arrays' file, without reading the arrays."""
    try:
        with sealed.opened(path) as descriptor:
            manifest = sealed.read_manifest(path, KIND, descriptor)
            return os.stat(sealed.STATE, dir_fd=descriptor, follow_symlinks=False).st_size == manifest.size
    except (sealed.Broken, InputError, OSError):
        return False
