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
from headstart.run import disk, strict_json
from headstart.run.record import read_json
from headstart.types import Rollout, Task

FORMAT = 1
MOST_BYTES = 64 << 20


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
        task: unbatched.
        seeds: of its chance.
        actions: what was chosen, step by step.
    """

    family: str
    task: Task
    seeds: Seeds
    actions: Float[np.ndarray, "time action"]

    @classmethod
    def of(cls, family: Any, episode: Rollout, seeds: Seeds) -> "Manifest":
        """Describes an episode, leaves `time env=1 ...`, whose seeds are known."""
        if len(seeds.steps) < len(episode.reward):
            raise InputError(f"manifest: {len(seeds.steps)} seeds for an episode of {len(episode.reward)} steps")
        first = Task(
            {k: np.asarray(v)[0, 0] for k, v in episode.task.dynamics.items()},
            {k: np.asarray(v)[0, 0] for k, v in episode.task.reward.items()},
        )
        return cls(family=family.name, task=first, seeds=seeds, actions=np.asarray(episode.action)[:, 0])

    def replay(self, family: Any) -> Rollout:
        """Plays the episode again, alone.

        Args:
            family: of the same name.

        Raises:
            InputError: for another world.
        """
        if family.name != self.family:
            raise InputError(f"manifest: it is of {self.family!r}, not of {family.name!r}; give that family")
        tasks = Task(*({k: np.asarray(v)[None] for k, v in part.items()} for part in self.task[:2]), ())
        here, low_high = np.ones(1, bool), family.action.bounds()
        state = family.reset(np.array([self.seeds.reset]), family.start(1), tasks, here)
        rows, obs = [], np.asarray(family.observe(state), np.float32)
        for t, action in enumerate(self.actions):
            outcome = family.step(np.array([self.seeds.steps[t]]), state, np.clip(action, *low_high)[None], here)
            state, after = outcome.state, np.asarray(family.observe(outcome.state), np.float32)
            rows.append((obs, action[None], np.float32(outcome.reward), after, outcome.terminated, outcome.valid))
            obs = after
        seen, acted, reward, after, ended, valid = (np.stack(column) for column in zip(*rows, strict=True))
        first = np.arange(len(rows))[:, None] == 0
        batch = Task(*({k: np.repeat(v[None], len(rows), axis=0) for k, v in part.items()} for part in tasks[:2]), ())
        return Rollout(seen, acted, reward, after, ended, np.zeros_like(ended), first, valid, batch)

    def write(self, path: Path) -> None:
        """Writes it as JSON; numbers of single precision are exact in it."""
        value = {
            "format": FORMAT,
            "family": self.family,
            "dynamics": {k: float(v) for k, v in self.task.dynamics.items()},
            "reward": {k: float(v) for k, v in self.task.reward.items()},
            "reset_seed": str(self.seeds.reset),  # beyond what every reader of JSON holds exactly
            "step_seeds": [str(int(seed)) for seed in self.seeds.steps[: len(self.actions)]],
            "actions": [[float(a) for a in action] for action in self.actions],
        }
        disk.replace_file(Path(path), strict_json.encode(value) + b"\n")

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Reads what `write` wrote. Raises `InputError` for anything else."""
        value = read_json(Path(path), MOST_BYTES, "a manifest")
        try:
            if value["format"] != FORMAT:
                raise ValueError(f"format {value['format']} is not {FORMAT}")
            named = [{str(k): np.float32(v) for k, v in value[part].items()} for part in ("dynamics", "reward")]
            seeds = Seeds(int(value["reset_seed"]), np.array([int(s) for s in value["step_seeds"]], np.int64))
            actions = np.array(value["actions"], np.float32)
            if actions.ndim != 2 or len(actions) != len(seeds.steps) or not np.isfinite(actions).all():
                raise ValueError("actions and seeds do not go together")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{path}: not a manifest ({error}); write it again") from None
        return cls(family=str(value["family"]), task=Task(named[0], named[1]), seeds=seeds, actions=actions)
