"""A sealed folder: arrays and facts under a manifest that says what belongs in it, byte for byte.

    step_500/state.safetensors   the arrays
    step_500/manifest.json       kind, format, version, size and SHA-256 of the arrays' file, every leaf, `extra`

The manifest is canonical JSON and holds the SHA-256 of itself, so that one flipped bit anywhere is seen. This envelope
is the same in every format to come: a reader can always tell a newer file from a damaged one.
"""

import hashlib
import math
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import PyTree

import headstart
from headstart.errors import Fault, InputError
from headstart.run import disk, strict_json, tensors, tree

FORMAT = 1
STATE, MANIFEST = "state.safetensors", "manifest.json"
MANIFEST_LIMIT = 8 << 20
_FIELDS = {"kind", "format", "headstart", "step", "files", "leaves", "extra", "sha256"}


class Broken(Exception):
    """A sealed folder is damaged or was tampered with: one phrase says how. Never leaves this package."""


class Manifest(NamedTuple):
    """What a sealed folder says of itself."""

    step: int
    size: int  # bytes of the arrays' file
    sha256: str  # of the arrays' file
    leaves: tuple[tree.Leaf, ...]
    extra: dict[str, Any]


def write(
    folder: Path,
    kind: str,
    step: int,
    state: PyTree,
    extra: dict[str, Any],
    attempts: int = 3,
    pause: float = 0.2,
) -> None:
    """Writes a sealed folder durably, under a name that is not taken.

    Args:
        folder: to be made.
        kind: what it is, such as `"checkpoint"`.
        step: environment steps so far.
        state: any pytree of arrays.
        extra: anything that is plain JSON.
        attempts: how often a disk that refuses is asked.
        pause: seconds before the second attempt, doubled for each further one.

    Raises:
        InputError: the name is taken by other content, or the state or `extra` cannot be stored.
        Fault: the disk refused (full, quota, read-only, broken) each time. Nothing that was there is changed.
    """
    leaves, arrays = tree.describe(state), tree.to_arrays(state)
    facts = {
        "kind": kind,
        "format": FORMAT,
        "headstart": headstart.__version__,
        "step": step,
        "leaves": [leaf._asdict() | {"shape": list(leaf.shape)} for leaf in leaves],
        "extra": extra,
    }
    for leaf in leaves:
        tensors.check_dtype(leaf.path, leaf.dtype)
    strict_json.encode(facts)  # what cannot be stored is said before the disk is touched
    needed = sum(array.nbytes for array in arrays.values()) + len(leaves) * 512 + len(strict_json.encode(facts))
    for attempt in range(attempts):
        try:
            disk.make_folder(folder.parent)
            disk.require_space(folder.parent, needed)
            if os.path.lexists(folder) and _settle(folder, kind, facts, arrays):
                return disk.sync_folder(folder.parent)
            return disk.publish_folder(folder, lambda temporary: _fill(temporary, facts, arrays))
        except OSError as error:
            problem = error
            if attempt + 1 < attempts:
                time.sleep(pause * 2**attempt)
    raise Fault(
        f"cannot write {folder}: {_reason(problem)}; {needed + disk.RESERVE} bytes are needed there. "
        "What was saved before is untouched: make room, or give another --out, and resume"
    )


def _fill(folder: Path, facts: dict[str, Any], arrays: dict[str, Any]) -> None:
    written = disk.write_file(folder / STATE, tensors.chunks(arrays))
    disk.write_file(
        folder / MANIFEST, [stamp(facts | {"files": {STATE: {"bytes": written.size, "sha256": written.sha256}}})]
    )


def stamp(facts: dict[str, Any]) -> bytes:
    """Returns the text of a manifest: its facts, and the SHA-256 of them."""
    body = {field: value for field, value in facts.items() if field != "sha256"}
    return strict_json.encode(body | {"sha256": hashlib.sha256(strict_json.encode(body)).hexdigest()})


def _settle(folder: Path, kind: str, facts: dict[str, Any], arrays: dict[str, Any]) -> bool:
    """Decides about a name that is taken: True if it already holds exactly this (a save whose last fsync failed).

    A broken folder is moved away and False returned. A sound one of other content is never overwritten: `InputError`.
    """
    try:
        with opened(folder) as descriptor:
            found = read_manifest(folder, kind, descriptor)
            _read_arrays(folder, found, descriptor)
    except Broken:
        disk.discard_folder(folder)
        return False
    digest = hashlib.sha256()
    for chunk in tensors.chunks(arrays):
        digest.update(chunk)
    leaves = [leaf._asdict() | {"shape": list(leaf.shape)} for leaf in found.leaves]
    if (found.sha256, found.step, found.extra, leaves) != (
        digest.hexdigest(),
        *(facts[field] for field in ("step", "extra", "leaves")),
    ):
        raise InputError(f"{folder}: another {kind} is there already and is never overwritten; move it away")
    return True


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    """Opens a sealed folder once, so that it cannot be swapped between two reads. Raises `Broken`."""
    try:
        descriptor = disk.open_folder(folder)
    except OSError as error:
        raise Broken(_reason(error)) from None
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read(folder: Path, kind: str, like: PyTree) -> tuple[int, PyTree, dict[str, Any]]:
    """Reads and verifies a sealed folder: each file once, into memory; what is hashed is what is used.

    Args:
        folder: to read.
        kind: what it must be.
        like: a state of the same structure, dtypes and shapes; `jax.ShapeDtypeStruct` leaves will do.

    Returns:
        The step, the state bit for bit, and `extra`.

    Raises:
        Broken: it is damaged; an older one may do.
        InputError: it is sound, and of a newer format or of other settings than `like`.
    """
    with opened(folder) as descriptor:
        manifest = read_manifest(folder, kind, descriptor)
        problems = tree.differences(manifest.leaves, like)
        if problems:
            more = f" and {len(problems) - 5} more" if len(problems) > 5 else ""
            raise InputError(
                f"{folder} does not fit these settings: {strict_json.printable('; '.join(problems[:5]), 600)}{more}"
            )
        arrays = _read_arrays(folder, manifest, descriptor)
    return manifest.step, tree.from_arrays(like, arrays), manifest.extra


def read_manifest(folder: Path, kind: str, descriptor: int) -> Manifest:
    """Reads and verifies the manifest. Raises `Broken`, and `InputError` for a newer format."""
    try:
        content = disk.read_file(MANIFEST, MANIFEST_LIMIT, descriptor)
        facts = strict_json.decode(content, MANIFEST)
    except OSError as error:
        raise Broken(f"{MANIFEST}: {_reason(error)}") from None
    except InputError as error:
        raise Broken(str(error)) from None
    if not isinstance(facts, dict):
        raise Broken(f"{MANIFEST} is not ours")
    if stamp(facts) != content:
        raise Broken(f"{MANIFEST} does not match its own checksum")
    if type(facts.get("format")) is int and facts["format"] > FORMAT:
        by = strict_json.printable(facts.get("headstart"), 20)
        raise InputError(
            f"{folder}: written by headstart {by} in format {facts['format']}; this is headstart "
            f"{headstart.__version__}, which reads formats up to {FORMAT}: install the newer one"
        )
    try:
        return _parse(facts, kind)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Broken(
            f"{MANIFEST} has a field that is missing or of the wrong kind ({strict_json.printable(error)})"
        ) from None


def _parse(facts: dict[str, Any], kind: str) -> Manifest:
    if facts["kind"] != kind:
        raise Broken(f"it is a {strict_json.printable(facts['kind'], 20)}, not a {kind}")
    if set(facts) != _FIELDS or set(facts["files"]) != {STATE} or facts["format"] is not FORMAT:
        raise Broken(f"{MANIFEST} names other fields or files than ours")
    leaves = tuple(tree.Leaf(**(leaf | {"shape": tuple(leaf["shape"])})) for leaf in facts["leaves"])
    for leaf in leaves:
        known = leaf.dtype in tensors.DTYPES.values() and leaf.key in (None, *tree.KEY_KINDS)
        if not known or type(leaf.path) is not str or not all(type(n) is int and n >= 0 for n in leaf.shape):
            raise Broken(f"{MANIFEST} describes the leaf {str(leaf)[:80]}")
    size, sha256, step = facts["files"][STATE]["bytes"], facts["files"][STATE]["sha256"], facts["step"]
    whole = sum(math.prod(leaf.shape) * np.dtype(leaf.dtype).itemsize for leaf in leaves)
    if type(step) is not int or type(size) is not int or not whole <= size <= whole + tensors.HEADER_LIMIT + 8:
        raise Broken(f"{MANIFEST} gives {STATE} a size that its leaves do not have")
    if not isinstance(sha256, str) or not isinstance(facts["extra"], dict):
        raise Broken(f"{MANIFEST} has a checksum or an `extra` of the wrong kind")
    return Manifest(step, size, sha256, leaves, facts["extra"])


def _read_arrays(folder: Path, manifest: Manifest, descriptor: int) -> dict[str, np.ndarray]:
    try:
        content = disk.read_file(STATE, manifest.size, descriptor)
    except OSError as error:
        raise Broken(f"{STATE}: {_reason(error)}") from None
    if len(content) != manifest.size or hashlib.sha256(content).hexdigest() != manifest.sha256:
        raise Broken(f"{STATE} does not match its checksum")
    try:
        arrays = tensors.decode(content, STATE)
    except InputError as error:
        raise Broken(str(error)) from None
    table = sorted((leaf.path, leaf.dtype, leaf.shape) for leaf in manifest.leaves)
    if sorted((path, array.dtype.name, array.shape) for path, array in arrays.items()) != table:
        raise Broken(f"{STATE} holds other arrays than {MANIFEST} says")
    return arrays


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
