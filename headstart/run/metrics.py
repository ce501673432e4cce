"""`metrics.jsonl`: one JSON object a line, appended, cut back to a checkpoint's length on resume."""

import importlib
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from headstart.errors import Fault, InputError
from headstart.run import disk, strict_json

LINE_LIMIT = 1 << 20
LABELS = ("arm", "phase")  # the only texts in a line: what it is about, where a study trains several things
PENDING_LIMIT = 8 << 20


class Writer:
    """Appends metrics. Each line reaches the kernel at once (a killed process loses none) and the disk now and then.

    A disk that refuses does not stop training: lines wait in memory, up to `PENDING_LIMIT` bytes, and are written as
    soon as there is room.

    Args:
        path: of the file, made if missing.
        length: on resume, the length in bytes that the checkpoint knows; what is behind it is cut off.
        sync_seconds: the most that a loss of power may cost.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        path: Path,
        length: int | None = None,
        sync_seconds: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._path, self._sync_seconds, self._clock = Path(path), sync_seconds, clock
        self._pending, self._synced = bytearray(), clock()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            self._descriptor = os.open(self._path, flags, 0o644)
        except OSError as error:
            raise InputError(f"{path}: cannot be written ({error.strerror})") from None
        self._length = os.fstat(self._descriptor).st_size
        if length is not None:
            self._cut(length)

    def append(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Adds one line. A number that is not finite is written as null, and its name is listed under `faults`.

        Args:
            step: environment steps so far.
            metrics: numbers by name; 0-d arrays will do.

        Raises:
            Fault: the disk has refused for so long that memory would fill.
        """
        self._pending += _line(step, metrics)
        self._flush(final=False)
        if self._clock() - self._synced >= self._sync_seconds:
            self.sync()

    def sync(self) -> int:
        """Waits until every line is on the disk, and returns the length of the file in bytes. Raises `Fault`."""
        self._flush(final=True)
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise self._fault(error) from None
        self._synced = self._clock()
        return self._length

    def close(self) -> None:
        """Writes what is left and closes the file. Raises `Fault`."""
        try:
            self.sync()
        finally:
            os.close(self._descriptor)

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def _flush(self, final: bool) -> None:
        try:
            while self._pending:
                written = os.write(self._descriptor, self._pending)
                self._length += written
                del self._pending[:written]
        except OSError as error:
            if final or len(self._pending) > PENDING_LIMIT:
                raise self._fault(error) from None

    def _cut(self, length: int) -> None:
        if self._length < length:
            os.close(self._descriptor)
            raise InputError(f"{self._path}: has {self._length} bytes, the checkpoint knew {length}; it was damaged")
        try:
            os.ftruncate(self._descriptor, length)
            os.fsync(self._descriptor)
        except OSError as error:
            os.close(self._descriptor)
            raise self._fault(error) from None
        self._length = length

    def _fault(self, error: OSError) -> Fault:
        waiting = len(self._pending)
        return Fault(f"{self._path}: cannot be written ({error.strerror}), {waiting} bytes wait; make room and resume")


class TensorBoard:
    """The same metrics as TensorBoard files beside `metrics.jsonl`, where tensorboardX is installed; else nothing.

    A logger is a convenience: what goes wrong in it is dropped, never raised.
    """

    def __init__(self, folder: Path, step: int = 0):
        try:
            tensorboard: Any = importlib.import_module("tensorboardX")
            self._writer: Any = tensorboard.SummaryWriter(
                str(folder), purge_step=step + 1 if step else None
            )  # that and later ones go
        except Exception:
            self._writer = None

    def append(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Adds one point for each metric."""
        try:
            for name, value in metrics.items():
                if self._writer is not None:
                    self._writer.add_scalar(name, float(value), step)
        except Exception:
            self._writer = None

    def flush(self) -> None:
        """Writes what waits in memory: before a checkpoint, so that what it knows of is there."""
        try:
            if self._writer is not None:
                self._writer.flush()
        except Exception:
            self._writer = None

    def close(self) -> None:
        """Closes the files."""
        try:
            if self._writer is not None:
                self._writer.close()
        except Exception:
            self._writer = None


class Metrics(NamedTuple):
    """What a metrics file holds.

    Attributes:
        rows: one dict a line, `step` in each; None where a number was not finite.
        torn: the last line was only half written, and left out.
    """

    rows: list[dict[str, Any]]
    torn: bool


def read_metrics(path: Path) -> Metrics:
    """Reads a metrics file, also while it is being written.

    Args:
        path: of `metrics.jsonl`.

    Returns:
        Its rows, without a last line that is torn.

    Raises:
        InputError: it is missing, or a line before the last is damaged (its number is named).
    """
    try:
        content = disk.read_file(path, 4 << 30)
    except FileNotFoundError:
        raise InputError(f"{path}: there is no metrics file; the run did not get that far") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from None
    *lines, rest = content.split(b"\n")
    return Metrics([_row(line, f"{path}, line {i}") for i, line in enumerate(lines, start=1)], bool(rest))


def _row(line: bytes, where: str) -> dict[str, Any]:
    if len(line) > LINE_LIMIT:
        raise InputError(f"{where}: longer than {LINE_LIMIT} bytes; the file is damaged or not ours")
    row = strict_json.decode(line, where)
    if not isinstance(row, dict) or type(row.get("step")) is not int:
        raise InputError(f"{where}: has no `step`; the file is damaged or not ours")
    for name, value in row.items():
        if name in LABELS:
            sound = isinstance(value, str)
        else:
            sound = isinstance(value, list) if name == "faults" else value is None or isinstance(value, (int, float))
        if not sound:
            raise InputError(f"{where}: {name[:80]!r} is not a number; the file is damaged or not ours")
    return row


def _line(step: int, metrics: Mapping[str, Any]) -> bytes:
    row: dict[str, Any] = {"step": int(step)}
    faults = []
    for name, value in metrics.items():
        if name in ("step", "faults"):
            raise InputError(f"a metric cannot be called {name!r}")
        if name in LABELS:
            row[name] = str(value)
            continue
        array = np.asarray(value)
        if array.shape != () or array.dtype.kind not in "biuf":
            raise InputError(f"metric {name!r} is {array.dtype}{list(array.shape)}; give one number")
        number = array.item()
        if not math.isfinite(number):
            faults.append(name)
            number = None
        row[name] = number
    if faults:
        row["faults"] = faults
    return json.dumps(row, separators=(",", ":"), allow_nan=False).encode("ascii") + b"\n"
