"""A manifest: all that one episode was made of, so that it can be played again alone, to the bit.

An episode that matters (a fall, a record, a simulator that broke) was one of many side by side. What it needs is its
own task, the seeds of its own reset and steps, and its own actions; none of these depends on the others.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Int, Key

from headstart.adapt.recorded import Recorded, content_of, described, fields_of
from headstart.data import host
from headstart.data.collect import CHUNK, WIDTH, group_key
from headstart.errors import InputError
from headstart.types import Rollout


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
    begin, group = jax.random.split(group_key(key, number))
    seeds: list[np.ndarray] = []
    while len(seeds) * CHUNK < steps:
        group, part = jax.random.split(group)
        seeds.append(host.Seeds(part).steps(np.arange(CHUNK)[:, None], index)[:, 0])
    return Seeds(int(host.Seeds(begin).resets(0, index)[0]), np.concatenate(seeds)[:steps])


@dataclass(frozen=True, kw_only=True)
class Manifest(Recorded):
    """One episode of a world outside JAX.

    Attributes:
        seeds: of its chance.
    """

    seeds: Seeds

    @classmethod
    def of(cls, family: Any, episode: Rollout, seeds: Seeds, player: str = "") -> "Manifest":
        """Describes an episode, leaves `time env=1 ...`, whose seeds are known."""
        if len(seeds.steps) < len(episode.reward):
            raise InputError(f"manifest: {len(seeds.steps)} seeds for an episode of {len(episode.reward)} steps")
        return cls(seeds=seeds, **described(family, episode, player))

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

    def write(self, path: Path) -> None:
        """Writes it as JSON; seeds as text, since they are beyond what every reader of JSON holds exactly."""
        steps = [str(int(seed)) for seed in self.seeds.steps[: len(self.actions)]]
        self.save(path, {"reset_seed": str(self.seeds.reset), "step_seeds": steps})

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        """Reads what `write` wrote. Raises `InputError` for anything else."""
        value = content_of(path, "reset_seed")
        try:
            fields = fields_of(value)
            seeds = Seeds(seed_of(value["reset_seed"]), np.array([seed_of(s) for s in value["step_seeds"]], np.int64))
            if len(seeds.steps) != len(fields["actions"]):
                raise ValueError("actions and seeds do not go together")
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{path}: not a manifest ({error}); write it again") from None
        return cls(seeds=seeds, **fields)


def seed_of(text: Any) -> int:
    """Reads a seed. Raises `ValueError` unless it is one of 63 bits."""
    seed = int(text)
    if not 0 <= seed < 1 << 63:
        raise ValueError("a seed has 63 bits")
    return seed
