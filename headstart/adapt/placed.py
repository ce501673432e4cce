"""A manifest of an episode of a JAX world: who played it, and its place in a batch.

What a step comes to there depends in the last bit on how XLA vectorises the batch, so an episode is the same to the bit
only at its own place in a batch of its own size, stepped by the program that stepped it before. What stands beside it
does not matter: it is played again with its own task at every place.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from headstart.adapt.recorded import Recorded, content_of, described, fields_of
from headstart.data.collect import WIDTH, group_key, play_group
from headstart.errors import InputError
from headstart.types import Params, Policy, Rollout

LARGEST_POOL = 1 << 20


class Place(NamedTuple):
    """Where in a batch an episode was played.

    Attributes:
        key: the words of the batch's key.
        number: of the environment in it.
        pool: how many tasks the batch was given.
    """

    key: tuple[int, ...]
    number: int
    pool: int


def place_of(key: Key[Array, ""], number: int, pool: int) -> Place:
    """Returns the place of one of the episodes that `data.collect.play` plays with this key.

    Args:
        key: that `play` was given.
        number: of the episode, from 0.
        pool: how many tasks it was given.
    """
    words = np.asarray(jax.random.key_data(group_key(key, number)))
    return Place(tuple(map(int, words)), number % WIDTH, pool)


@dataclass(frozen=True, kw_only=True)
class PlacedManifest(Recorded):
    """One episode of a JAX world.

    Attributes:
        place: of its chance.
    """

    place: Place

    @classmethod
    def of(cls, family: Any, episode: Rollout, place: Place, player: str = "") -> "PlacedManifest":
        """Describes an episode, leaves `time env=1 ...`, whose place is known."""
        return cls(place=place, **described(family, episode, player))

    def replay(self, family: Any, policy: Policy, params: Params) -> Rollout:
        """Plays the episode again.

        Args:
            family: of the same name.
            policy: who played.
            params: of it.

        Returns:
            What happened, leaves `time env=1 ...`.

        Raises:
            InputError: for another world.
        """
        task, (words, number, pool) = self.fitted(family), self.place
        tasks = jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf)[None], pool, axis=0), task)
        key = jax.random.wrap_key_data(jnp.array(words, jnp.uint32))
        wanted = np.arange(WIDTH) == number
        (episode,), _ = play_group(key, family, policy, params, tasks, wanted, None)
        return episode

    def write(self, path: Path) -> None:
        """Writes it as JSON."""
        self.save(path, {**self.place._asdict(), "key": list(self.place.key)})

    @classmethod
    def read(cls, path: Path) -> "PlacedManifest":
        """Reads what `write` wrote. Raises `InputError` for anything else."""
        value = content_of(path, "key")
        try:
            key, number, pool = value["key"], value["number"], value["pool"]
            words = len(key) == 2 and all(type(word) is int and 0 <= word < 1 << 32 for word in key)
            if not words or type(number) is not int or type(pool) is not int:
                raise ValueError("place is none")
            if not 0 <= number < WIDTH or not 1 <= pool <= LARGEST_POOL:
                raise ValueError("place is none")
            return cls(place=Place(tuple(key), number, pool), **fields_of(value))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{path}: not a manifest ({error}); write it again") from None
