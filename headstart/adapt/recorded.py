"""What manifests of all worlds hold of an episode: whose it was, its task, its actions, and what came of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Int

from headstart.errors import InputError
from headstart.maths.trees import named_leaves, path_name
from headstart.run import disk, strict_json
from headstart.types import Rollout, Task

FORMAT = 2
MOST_BYTES = 64 << 20
PARTS = ("dynamics", "reward", "spec")
ENDS = ("terminated", "truncated", "broken")


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """One episode.

    Attributes:
        family: name of the world.
        player: digest of the parameters of the policy that played; `""` where that is not known.
        task: unbatched; `spec` by the paths of its leaves.
        actions: what was chosen, step by step; numbers of a discrete action space have no axis `action`.
        reward: of each step.
        end: one of `ENDS`.
    """

    family: str
    player: str = ""
    task: Task
    actions: Float[np.ndarray, "time *action"] | Int[np.ndarray, " time"]
    reward: Float[np.ndarray, " time"]
    end: str

    @property
    def total(self) -> float:
        """The episode's return, undiscounted."""
        return float(self.reward.sum(dtype=np.float64))

    def fitted(self, family: Any) -> Task:
        """Returns the task as a family has it.

        Raises:
            InputError: the episode was of another world, or of one with other parameters.
        """
        if family.name != self.family:
            shown = strict_json.printable(self.family)
            raise InputError(f"manifest: it is of {shown!r}, not of {family.name!r}; name that world")
        like: Task = family.task()
        for part, mine, wanted in (
            ("dynamics", self.task.dynamics, like.dynamics),
            ("reward", self.task.reward, like.reward),
            ("spec", self.task.spec, named_leaves(like.spec)),
            ("actions", {"": self.actions[0]}, {"": np.zeros(getattr(family.action, "shape", ()))}),
        ):
            shapes, others = ({str(n): np.shape(v) for n, v in some.items()} for some in (mine, wanted))
            if shapes != others:
                raise InputError(f"manifest: its {part} are not those of {family.name!r}; was it made by this version?")
        for name in (n for n in like.dynamics if n in family.dynamics):
            p, value = family.dynamics[name], self.task.dynamics[name]
            if not np.float32(p.low) <= value <= np.float32(p.high):
                raise InputError(f"manifest: {name} = {value:.3g} is not legal, [{p.low}, {p.high}] {p.unit}")
        spec = jax.tree_util.tree_map_with_path(lambda at, _: self.task.spec[path_name(at)], like.spec)
        return jax.tree.map(lambda mine, wanted: np.asarray(mine, wanted.dtype), self.task._replace(spec=spec), like)

    def differs(self, again: Rollout) -> int | None:
        """Returns the first step, from 1, in which a replay differs in action, reward, to the bit, or end; else None.

        Args:
            again: what `replay` returned.
        """
        reward = np.asarray(again.reward, np.float32)[:, 0]
        n = min(len(reward), len(self.reward))
        acted = (np.asarray(again.action)[:n, 0] != self.actions[:n]).reshape(n, -1).any(axis=1)
        other = np.flatnonzero(acted | (reward[:n].view(np.int32) != self.reward[:n].view(np.int32)))
        if other.size:
            return int(other[0]) + 1
        same = len(reward) == len(self.reward) and end_of(again) == self.end
        return None if same else n

    def save(self, path: Path, chance: dict[str, Any]) -> None:
        """Writes it as JSON, with where its chance came from; numbers of single precision are exact in it."""
        value = {
            "format": FORMAT,
            "family": self.family,
            "player": self.player,
            **{part: {k: plain(v) for k, v in getattr(self.task, part).items()} for part in PARTS},
            **chance,
            "actions": self.actions.tolist(),
            "rewards": self.reward.tolist(),
            "return": self.total,
            "end": self.end,
        }
        disk.replace_file(Path(path), strict_json.encode(value) + b"\n")


def described(family: Any, episode: Rollout, player: str) -> dict[str, Any]:
    """Returns the fields of `Recorded` for an episode, leaves `time env=1 ...`."""
    first = jax.tree.map(lambda leaf: np.asarray(leaf)[0, 0], episode.task)
    return {
        "family": family.name,
        "player": player,
        "task": first._replace(spec=named_leaves(first.spec)),
        "actions": np.asarray(episode.action)[:, 0],
        "reward": np.asarray(episode.reward, np.float32)[:, 0],
        "end": end_of(episode),
    }


def content_of(path: Path, chance: str) -> Any:
    """Reads a manifest's JSON.

    Args:
        path: of the file.
        chance: a field that only manifests of the kind that is wanted have.

    Raises:
        InputError: there is no JSON, or a manifest of another kind.
    """
    try:
        content = disk.read_file(Path(path), MOST_BYTES)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a manifest") from None
    value = strict_json.decode(content, str(path))
    if isinstance(value, dict) and "family" in value and chance not in value and {"key", "reset_seed"} & value.keys():
        shown = strict_json.printable(value["family"])
        raise InputError(f"{path}: is of an episode of {shown!r}, a world of another kind; name that world")
    return value


def fields_of(value: Any) -> dict[str, Any]:
    """Returns the fields of `Recorded` from JSON. Raises `KeyError`, `TypeError`, `ValueError` or `AttributeError`."""
    if value["format"] != FORMAT:
        raise ValueError(f"format {strict_json.printable(value['format'], 20)} is not {FORMAT}")
    named: Any = [{str(k): array(v) for k, v in value[part].items()} for part in PARTS]
    actions, reward = array(value["actions"]), array(value["rewards"])
    if not len(actions) == len(reward) > 0 or reward.ndim != 1:
        raise ValueError("actions and rewards do not go together")
    if value["end"] not in ENDS:
        raise ValueError(f"end is none of {', '.join(ENDS)}")
    return {
        "family": str(value["family"]),
        "player": str(value["player"]),
        "task": Task(*named),
        "actions": actions,
        "reward": reward.astype(np.float32),
        "end": value["end"],
    }


def end_of(episode: Rollout) -> str:
    """Names how an episode, leaves `time env=1 ...`, ended; one that did not end at all counts as cut."""
    if not np.asarray(episode.valid)[-1, 0]:
        return "broken"
    return "terminated" if np.asarray(episode.terminated)[-1, 0] else "truncated"


def plain(leaf: Any) -> Any:
    """Returns an array as plain JSON."""
    return np.asarray(leaf).tolist()


def array(value: Any) -> np.ndarray:
    """Reads numbers as single precision, and whole ones as integers. Raises `ValueError` for anything else."""
    found = np.array(value)
    if found.dtype.kind == "i":
        return found.astype(np.int32) if np.abs(found).max(initial=0) < 1 << 31 else refuse()
    if found.dtype.kind != "f":
        refuse()
    with np.errstate(over="ignore"):
        single = found.astype(np.float32)
    return single if np.isfinite(single).all() else refuse()


def refuse() -> Any:
    """Raises what is no array of numbers."""
    raise ValueError("not finite numbers of single precision")
