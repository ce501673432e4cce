"""Stands in for `os` inside `headstart.run.disk`: counts its calls, records them, or makes one of them fail or kill."""

import os
import random
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

CALLS = ("open", "write", "fsync", "close", "mkdir", "rename", "replace", "unlink", "rmdir", "listdir", "statvfs")


class Disk:
    """Passes every call on, after `before` and ahead of `after`; both get the call's number, name and arguments."""

    def __init__(self):
        self.names: list[str] = []

    @property
    def calls(self) -> int:
        return len(self.names)

    def __getattr__(self, name: str) -> Any:
        real = getattr(os, name)
        if name not in CALLS:
            return real

        def call(*arguments: Any, **options: Any) -> Any:
            number = len(self.names)
            self.names.append(name)
            self.before(number, name, arguments)
            result = self.around(number, name, real, arguments, options)
            self.after(number, name, arguments, result)
            return result

        return call

    def before(self, number: int, name: str, arguments: tuple) -> None: ...

    def after(self, number: int, name: str, arguments: tuple, result: Any) -> None: ...

    def around(self, number: int, name: str, real: Any, arguments: tuple, options: dict) -> Any:
        return real(*arguments, **options)


class Killer(Disk):
    """Kills this process (SIGKILL) before, after, or in the middle of one call; of a write the half is done."""

    def __init__(self, number: int, moment: str):
        super().__init__()
        self.number, self.moment = number, moment

    def _kill(self, number: int, moment: str) -> None:
        if (number, moment) == (self.number, self.moment):
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, number: int, name: str, arguments: tuple) -> None:
        self._kill(number, "before")
        if number == self.number and self.moment == "during" and name == "write":
            os.write(arguments[0], arguments[1][: len(arguments[1]) // 2])
        self._kill(number, "during")

    def after(self, number: int, name: str, arguments: tuple, result: Any) -> None:
        self._kill(number, "after")


class Refuser(Disk):
    """Raises an `OSError` at one call, or at that one and all later ones."""

    def __init__(self, number: int, code: int, sticky: bool):
        super().__init__()
        self.number, self.code, self.sticky = number, code, sticky

    def around(self, number: int, name: str, real: Any, arguments: tuple, options: dict) -> Any:
        if number == self.number or (self.sticky and number > self.number):
            if name == "close":
                real(*arguments)  # even a close that fails has closed
            elif name == "write":
                real(arguments[0], arguments[1][: len(arguments[1]) // 3])  # a full disk takes a part first
            raise OSError(self.code, os.strerror(self.code))
        return real(*arguments, **options)


@dataclass
class Inode:
    """A file's bytes or a folder's names, as they would be on the platter."""

    is_folder: bool
    content: bytearray = field(default_factory=bytearray)
    names: dict = field(default_factory=dict)


class Recorder(Disk):
    """Records what is done to the files under `root` as operations on inodes, for `after_power_loss`."""

    def __init__(self, root: Path):
        super().__init__()
        self.operations: list[tuple] = []
        self._root, self._folders, self._files, self._open = str(root), {str(root): 0}, {}, {}
        self._made = 0

    def _new(self) -> int:
        self._made += 1
        return self._made

    def after(self, number: int, name: str, arguments: tuple, result: Any) -> None:
        path = str(arguments[0]) if arguments else ""
        folder = self._folders.get(os.path.dirname(path))
        base = os.path.basename(path)
        if name == "open":
            if arguments[1] & os.O_CREAT:
                self._files[path] = self._new()
                self.operations.append(("link", folder, base, self._files[path], False))
            self._open[result] = self._files.get(path, self._folders.get(path))
        elif name == "close":
            self._open.pop(arguments[0], None)
        elif name == "write":
            self.operations.append(("write", self._open[arguments[0]], bytes(arguments[1][:result])))
        elif name == "fsync":
            assert self._open[arguments[0]] is not None
            self.operations.append(("sync", self._open[arguments[0]]))
        elif name == "mkdir":
            self._folders[path] = self._new()
            self.operations.append(("link", folder, base, self._folders[path], True))
        elif name in ("unlink", "rmdir"):
            self.operations.append(("unlink", folder, base))
        elif name in ("rename", "replace"):
            self._rename(path, str(arguments[1]), folder)

    def _rename(self, source: str, destination: str, folder: int) -> None:
        assert os.path.dirname(source) == os.path.dirname(destination), "the model knows renames within a folder only"
        table = self._folders if source in self._folders else self._files
        for path in [path for path in table if path == source or path.startswith(source + "/")]:
            table[destination + path[len(source) :]] = table.pop(path)
        for path in [path for path in self._files if path.startswith(source + "/")]:
            self._files[destination + path[len(source) :]] = self._files.pop(path)
        inode = table[destination]
        names = (os.path.basename(source), os.path.basename(destination))
        self.operations.append(("rename", folder, *names, inode, table is self._folders))


def after_power_loss(operations: list[tuple], chance: float, generator: random.Random) -> dict[int, Inode]:
    """Replays operations onto a platter: what was synced stays, each other one stays with some chance, perhaps in part.

    A write is safe once its file is synced, a name once its folder is.
    """
    inodes: dict[int, Inode] = {0: Inode(True)}
    offsets: dict[int, int] = {}
    last_sync = {operation[1]: i for i, operation in enumerate(operations) if operation[0] == "sync"}
    for i, (kind, inode, *rest) in enumerate(operations):
        keep = i < last_sync.get(inode, -1) or generator.random() < chance
        if kind == "write":
            offset = offsets.get(inode, 0)
            offsets[inode] = offset + len(rest[0])
            block = rest[0] if i < last_sync.get(inode, -1) else rest[0][: generator.randint(0, len(rest[0]))]
            if keep:
                content = inodes.setdefault(inode, Inode(False)).content
                content.extend(bytes(max(0, offset + len(block) - len(content))))
                content[offset : offset + len(block)] = block
        elif kind == "link":
            name, child, is_folder = rest
            inodes.setdefault(child, Inode(is_folder))
            if keep:
                inodes[inode].names[name] = child
        elif kind == "unlink" and keep:
            inodes[inode].names.pop(rest[0], None)
        elif kind == "rename":
            source, destination, child, is_folder = rest
            inodes.setdefault(child, Inode(is_folder))
            if keep:
                inodes[inode].names.pop(source, None)
                inodes[inode].names[destination] = child
    return inodes


def materialise(inodes: dict[int, Inode], folder: Path, number: int = 0) -> None:
    """Writes what is on the platter into a real folder."""
    folder.mkdir(exist_ok=True)
    for name, child in inodes[number].names.items():
        if inodes[child].is_folder:
            materialise(inodes, folder / name, child)
        else:
            (folder / name).write_bytes(bytes(inodes[child].content))
