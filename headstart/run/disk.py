"""Every call that changes the disk, in one place, so that tests can count it, kill at it and make it fail.

Durable means: the bytes are fsynced, then the name, and the name appears by one rename. A reader therefore sees the old
thing or the new thing, after a crash of the process and after a loss of power alike.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

RESERVE = 1 << 20  # bytes that stay free for metrics and the manifest
_BLOCK = 1 << 20  # hashed and then written while it is in the cache
_NEW, _OLD = ".new-", ".old-"


class Written(NamedTuple):
    """What is known of a file that has been written: its size and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


def write_file(path: Path, chunks: Iterable[bytes | memoryview]) -> Written:
    """Writes a new file and waits until its bytes are on the disk. Raises `OSError`, also if it exists already."""
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644)
    try:
        for chunk in chunks:
            whole = memoryview(chunk)
            for begin in range(0, whole.nbytes, _BLOCK):
                rest = whole[begin : begin + _BLOCK]
                digest.update(rest)
                size += rest.nbytes
                while rest.nbytes:
                    rest = rest[os.write(descriptor, rest) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return Written(size, digest.hexdigest())


def sync_folder(folder: Path) -> None:
    """Waits until the names in a folder are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> None:
    """Makes a folder, its parents too, and waits until their names are on the disk."""
    if os.path.isdir(folder):
        return
    make_folder(folder.parent)
    try:
        os.mkdir(folder)
    except FileExistsError:
        if not os.path.isdir(folder):
            raise
    sync_folder(folder.parent)


def publish_folder(folder: Path, fill: Callable[[Path], None]) -> None:
    """Makes `folder` appear whole or not at all: `fill` writes durable files into a temporary sibling.

    Raises:
        OSError: of any step; `folder` then does not exist, unless only the last fsync of its parent failed.
    """
    parent = folder.parent
    temporary = parent / f"{_NEW}{folder.name}-{os.getpid()}"
    if os.path.lexists(temporary):
        _remove(temporary)  # of an attempt that the disk refused
    os.mkdir(temporary)
    try:
        fill(temporary)
        sync_folder(temporary)
        os.rename(temporary, folder)
    except BaseException:
        _remove(temporary)
        raise
    sync_folder(parent)


def discard_folder(folder: Path) -> None:
    """Removes a folder of plain files: renamed first, so that a half-removed one is never taken for a whole one."""
    doomed = folder.parent / f"{_OLD}{folder.name}-{os.getpid()}"
    os.rename(folder, doomed)
    sync_folder(folder.parent)
    _remove(doomed)


def sweep(parent: Path) -> None:
    """Removes what killed processes left half-written or half-removed. The run's lock keeps living writers away."""
    for name in os.listdir(parent):
        if name.startswith((_NEW, _OLD)):
            _remove(parent / name)


def _remove(folder: Path) -> None:
    """Removes a flat folder as far as that works; what stays is swept before the next save."""
    try:
        if not stat.S_ISDIR(os.lstat(folder).st_mode):  # a link is removed, never followed
            os.unlink(folder)
            return
        for name in os.listdir(folder):
            os.unlink(folder / name)
        os.rmdir(folder)
    except OSError:
        return


def replace_file(path: Path, content: bytes) -> None:
    """Puts new content in the place of a file, durably, so that a reader sees the old or the new one. May `OSError`."""
    temporary = path.with_name(f"{_NEW}{path.name}-{os.getpid()}")
    try:
        if os.path.lexists(temporary):
            _remove(temporary)
        write_file(temporary, [content])
        os.replace(temporary, path)
    except BaseException:
        _remove(temporary)
        raise
    sync_folder(path.parent)


def require_space(folder: Path, size: int) -> None:
    """Raises `OSError` (ENOSPC) unless `size` bytes and a small reserve are free where `folder` is."""
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if free < size + RESERVE:
        raise OSError(errno.ENOSPC, f"{free} bytes are free, {size + RESERVE} are needed", str(folder))


def open_folder(folder: Path) -> int:
    """Opens a folder for `read_file`, refusing a symbolic link. Raises `OSError`."""
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)


def read_file(path: str | Path, limit: int, folder: int | None = None) -> bytes:
    """Reads a plain file once, whole, into memory.

    Args:
        path: of the file; with `folder`, a name inside it.
        limit: the most bytes that are read; nothing is allocated for a larger file.
        folder: a descriptor of `open_folder`, so that the folder cannot be swapped between two reads.

    Raises:
        OSError: also for a link, a pipe or a device (ELOOP, EINVAL) and for a file above `limit` (EFBIG).
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a plain file", str(path))
        if found.st_size > limit:
            raise OSError(errno.EFBIG, f"{found.st_size} bytes, more than the {limit} that are legal here", str(path))
        parts, left = [], found.st_size
        while left:
            part = os.read(descriptor, min(left, 1 << 30))
            if not part:
                break
            parts.append(part)
            left -= len(part)
    finally:
        os.close(descriptor)
    return parts[0] if len(parts) == 1 else b"".join(parts)
