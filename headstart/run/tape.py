"""Finished target episodes, kept on the disk in the order in which they were played.

Where a study is taken up again, a target is not asked for what it has already given: its episodes are read from here.
One sealed folder for each call, `adaptation_0`, `adaptation_1`, ..., `evaluation_0`, ...; it is whole or not there.
"""

import hashlib
import os
import re
import warnings
from pathlib import Path
from typing import Any, get_args

import jax
import numpy as np

from headstart.errors import Fault
from headstart.maths.trees import named_leaves, path_name
from headstart.run import disk, sealed
from headstart.run.ledger import Counts, Purpose
from headstart.types import Params, Rollout

KIND = "episodes"
ROOM = 16 << 20  # bytes that must be free before an episode may begin: it could not be kept otherwise
_NAME = re.compile(r"(adaptation|selection|evaluation)_(0|[1-9][0-9]{0,8})")


class Tape:
    """Records what a target gave, and plays it back in the same order.

    Args:
        folder: of this use of this target; made if missing.
    """

    def __init__(self, folder: Path):
        self.folder, self._warned = Path(folder), False
        self._next: dict[Purpose, int] = dict.fromkeys(get_args(Purpose), 0)
        self._passed = Counts()
        try:
            disk.make_folder(self.folder)
            disk.sweep(self.folder)
        except OSError as error:
            raise Fault(f"{self.folder}: cannot be written ({error.strerror}); no target episode may begin") from None

    def left(self, purpose: Purpose) -> int:
        """Returns how many records of a purpose have not been played back yet."""
        count = 0
        while os.path.isdir(self._place(purpose, self._next[purpose] + count)):
            count += 1
        return count

    def counts(self) -> Counts:
        """Sums up every record that is there: episodes and steps by purpose.

        Raises:
            Fault: a record is damaged.
        """
        found = dict.fromkeys(Counts._fields, 0)
        for name in os.listdir(self.folder):
            if match := _NAME.fullmatch(name):
                lengths = self._extra(self.folder / name)["lengths"]
                found[f"{match[1]}_episodes"] += len(lengths)
                found[f"{match[1]}_steps"] += sum(lengths)
        return Counts(**found)

    def passed(self) -> Counts:
        """Sums up the records that this object has written or played back: what was used up to this point of a study.

        After an interruption there may be more on the disk than the study has come to again.
        """
        return self._passed

    def require_room(self) -> None:
        """Raises `Fault` where the disk could not keep another episode."""
        try:
            disk.require_space(self.folder, ROOM)
        except OSError as error:
            raise Fault(
                f"{self.folder}: {error.strerror}; no episode is begun that could not be kept: make room and resume"
            ) from None

    def record(self, purpose: Purpose, episodes: tuple[Rollout, ...], params: Params) -> None:
        """Keeps the episodes of one call durably.

        Args:
            purpose: of the call.
            episodes: leaves `time env=1 ...`, with nothing of the task in them but `spec`.
            params: of the policy that acted; only their digest is kept.

        Raises:
            Fault: the disk refused.
        """
        whole = named_leaves(jax.tree.map(lambda *parts: np.concatenate([np.asarray(x) for x in parts]), *episodes))
        extra = {
            "lengths": [len(episode.reward) for episode in episodes],
            "arrays": {name: [array.dtype.name, list(array.shape)] for name, array in whole.items()},
            "params": digest(params),
        }
        number = self._next[purpose]
        sealed.write(self._place(purpose, number), KIND, number, whole, extra)
        self._next[purpose] = number + 1
        self._pass(purpose, extra["lengths"])

    def play_back(self, purpose: Purpose, like: Rollout, params: Params) -> tuple[Rollout, ...] | None:
        """Returns the episodes of the next call, or None where they have not been played yet.

        Args:
            purpose: of the call.
            like: a rollout of the same structure; its leaves are not read.
            params: of the policy that would act now.

        Warns:
            RuntimeWarning: once, where another policy than this one acted. The episodes are used all the same.

        Raises:
            Fault: the record is damaged.
        """
        path = self._place(purpose, self._next[purpose])
        if not os.path.isdir(path):
            return None
        extra = self._extra(path)
        arrays = self._arrays(path, extra)
        if extra["params"] != digest(params) and not self._warned:
            self._warned = True
            warnings.warn(f"{path}: was played by a policy with other last bits; used as it is", RuntimeWarning, 2)
        self._next[purpose] += 1
        self._pass(purpose, extra["lengths"])
        whole = jax.tree_util.tree_map_with_path(lambda at, _: arrays[path_name(at)], like)
        ends = np.cumsum(extra["lengths"])
        starts = ends - extra["lengths"]
        return tuple(jax.tree.map(lambda x, a=a, b=b: x[a:b], whole) for a, b in zip(starts, ends, strict=True))

    def _arrays(self, path: Path, extra: dict[str, Any]) -> dict[str, np.ndarray]:
        like = {name: np.broadcast_to(np.zeros((), dtype), shape) for name, (dtype, shape) in extra["arrays"].items()}
        try:
            return sealed.read(path, KIND, like)[1]
        except sealed.Broken as problem:
            raise self._damaged(path, problem) from None

    def _extra(self, path: Path) -> dict[str, Any]:
        try:
            with sealed.opened(path) as descriptor:
                return sealed.read_manifest(path, KIND, descriptor).extra
        except sealed.Broken as problem:
            raise self._damaged(path, problem) from None

    def _damaged(self, path: Path, problem: sealed.Broken) -> Fault:
        return Fault(f"{path}: a target episode's record is damaged ({problem}); move it away to have it played again")

    def _pass(self, purpose: Purpose, lengths: list[int]) -> None:
        now = self._passed._asdict()
        now[f"{purpose}_episodes"] += len(lengths)
        now[f"{purpose}_steps"] += sum(lengths)
        self._passed = Counts(**now)

    def _place(self, purpose: Purpose, number: int) -> Path:
        return self.folder / f"{purpose}_{number}"


def digest(params: Params) -> str:
    """Returns the SHA-256 of all parameters."""
    found = hashlib.sha256()
    for name, leaf in sorted(named_leaves(params).items()):
        found.update(name.encode() + np.ascontiguousarray(leaf).tobytes())
    return found.hexdigest()
