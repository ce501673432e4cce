"""A manifest: all that one episode was made of, so that it can be played again alone, to the bit.

An episode that matters (a fall, a record, a simulator that broke) was one of many side by side. What it needs is its
own task, the seeds of its own reset and steps, and its own actions; none of these depends on the others.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Int, Key

from headstart.data import host
from headstart.data.collect import CHUNK, WIDTH
from headstart.errors import InputError
from headstart.maths.trees import named_leaves, path_name
from headstart.run import disk, strict_json
from headstart.types import Rollout, Task

FORMAT = 2
MOST_BYTES = 64 << 20
PARTS = ("dynamics", "reward", "spec")
ENDS = ("terminated", "truncated", "broken")


class Seeds(NamedTuple):
    """Where an episode's chance comes from.

    Attributes:
        reset: of its first state.
        steps: of each of its steps.
    """

    reset: int
    steps: Int[np.ndarray, " time"]


def seeds_of(key: Key[Array, ""], number: int, steps: int) -> Seeds:
    """Returns the seeds of one of the episodes that `data.collect.play` plays with this key.

    Args:
        key: that `play` was given.
        number: of the episode, from 0.
        steps: how long it was.
    """
    index = np.array([number % WIDTH])
    for _ in range(number // WIDTH + 1):
        key, group = jax.random.split(key)
    begin, group = jax.random.split(group)
    seeds: list[np.ndarray] = []
    while len(seeds) * CHUNK < steps:
        group, part = jax.random.split(group)
        seeds.append(host.Seeds(part).steps(np.arange(CHUNK)[:, None], index)[:, 0])
    return Seeds(int(host.Seeds(begin).resets(0, index)[0]), np.concatenate(seeds)[:steps])


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One episode of a world outside JAX.

    Attributes:
        family: name of the world.
        player: digest of the parameters of the policy that played; `""` where that is not known.
        task: unbatched; `spec` by the paths of its leaves.
        seeds: of its chance.
        actions: what was chosen, step by step; numbers of a discrete action space have no axis `action`.
        reward: of each step.
        end: one of `ENDS`.
    """

    family: str
    player: str = ""
    task: Task
    seeds: Seeds
    actions: Float[np.ndarray, "time *action"] | Int[np.ndarray, " time"]
    reward: Float[np.ndarray, " time"]
    end: str

    @property
    def total(self) -> float:
        """The episode's return, undiscounted."""
        return float(self.reward.sum(dtype=np.float64))

    @classmethod
    def of(cls, family: Any, episode: Rollout, seeds: Seeds, player: str = "") -> "Manifest":
        """Describes an episode, leaves `time env=1 ...`, whose seeds are known."""
        if len(seeds.steps) < len(episode.reward):
            raise InputError(f"manifest: {len(seeds.steps)} seeds for an episode of {len(episode.reward)} steps")
        first = jax.tree.map(lambda leaf: np.asarray(leaf)[0, 0], episode.task)
        return cls(
            family=family.name,
            player=player,
            task=first._replace(spec=named_leaves(first.spec)),
            seeds=seeds,
            actions=np.asarray(episode.action)[:, 0],
            reward=np.asarray(episode.reward, np.float32)[:, 0],
            end=end_of(episode),
        )

    def replay(self, family: Any) -> Rollout:
        """Plays the episode again, alone.

        Args:
            family: of the same name.

        Returns:
            What happened, leaves `time env=1 ...`, judged as every episode is: it ends where the world ends it, or with
            the actions.

        Raises:
            InputError: for another world.
        """
        task = self.fitted(family)
        tasks, here = jax.tree.map(lambda leaf: np.asarray(leaf)[None], task), np.ones(1, bool)
        state = family.reset(np.array([self.seeds.reset]), family.start(1), tasks, here)
        zero, steps, record = np.zeros(1, np.int32), 0, host.Recorder(len(self.actions))
        half = host.Half(state, host.as_float32(family.observe(state)), here, zero, zero)
        for seed, action in zip(self.seeds.steps, self.actions, strict=False):
            given = host.within(family.action, action[None])
            row = host.judged(family, half, family.step(np.array([seed]), half.world, given, here), here, None)
            record.put(steps, half, action[None], row)
            steps, half = steps + 1, host.Half(row.state, row.obs, ~here, row.elapsed, row.episode)
            if row.terminated[0] or row.truncated[0]:
                break
        played = jax.tree.map(lambda x: x[:steps], record.arrays)
        batch = jax.tree.map(lambda leaf: np.repeat(leaf[None], steps, axis=0), tasks)
        return Rollout(**{name: played[name] for name in Rollout._fields if name != "task"}, task=batch)

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
        """Returns the first step, from 1, in which a replay has not the same reward to the bit, or end; None for none.

        Args:
            again: what `replay` returned.
        """
        reward = np.asarray(again.reward, np.float32)[:, 0]
        n = min(len(reward), len(self.reward))
        other = np.flatnonzero(reward[:n].view(np.int32) != self.reward[:n].view(np.int32))
        if other.size:
            return int(other[0]) + 1
        same = len(reward) == len(self.reward) and end_of(again) == self.end
        return None if same else n

    def write(self, path: Path) -> None:
        """Writes it as JSON; numbers of single precision are exact in it."""
        value = {
            "format": FORMAT,
            "family": self.family,
            "player": self.player,
            **{part: {k: plain(v) for k, v in getattr(self.task, part).items()} for part in PARTS},
            "reset_seed": str(self.seeds.reset),  # beyond what every reader of JSON holds exactly
            "step_seeds": [str(int(seed)) for seed in self.seeds.steps[: len(self.actions)]],
            "actions": self.actions.tolist(),
            "rewards": self.reward.tolist(),
            "return": self.total,
            "end": self.end,
        }
        disk.replace_file(Path(path), strict_json.encode(value) + b"\n")

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Reads what `write` wrote. Raises `InputError` for anything else."""
        try:
            content = disk.read_file(Path(path), MOST_BYTES)
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}); give a manifest") from None
        value = strict_json.decode(content, str(path))
        try:
            if value["format"] != FORMAT:
                raise ValueError(f"format {strict_json.printable(value['format'], 20)} is not {FORMAT}")
            named: Any = [{str(k): array(v) for k, v in value[part].items()} for part in PARTS]
            seeds = Seeds(seed_of(value["reset_seed"]), np.array([seed_of(s) for s in value["step_seeds"]], np.int64))
            actions, reward = array(value["actions"]), array(value["rewards"])
            if not len(actions) == len(seeds.steps) == len(reward) > 0 or reward.ndim != 1:
                raise ValueError("actions, rewards and seeds do not go together")
            if value["end"] not in ENDS:
                raise ValueError(f"end is none of {', '.join(ENDS)}")
            names = str(value["family"]), str(value["player"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{path}: not a manifest ({error}); write it again") from None
        return cls(
            family=names[0],
            player=names[1],
            task=Task(*named),
            seeds=seeds,
            actions=actions,
            reward=reward.astype(np.float32),
            end=value["end"],
        )


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


def seed_of(text: Any) -> int:
    """Reads a seed. Raises `ValueError` unless it is one of 63 bits."""
    seed = int(text)
    if not 0 <= seed < 1 << 63:
        raise ValueError("a seed has 63 bits")
    return seed
