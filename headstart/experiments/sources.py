"""Sources of a study: what kinds there are, and the state that each ended in, kept on the disk."""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
from jaxtyping import Array, Key

from headstart.learn.recurrent_ppo import NOTHING
from headstart.nets.memory import MemoryName
from headstart.run import sealed
from headstart.spaces import ParameterSpace
from headstart.types import TaskDistribution

SOURCE = "source"  # kind of the sealed folder that holds the state that a source ended in


class Kind(NamedTuple):
    """One way of pretraining.

    Attributes:
        tasks: what is learnt on.
        memory: what the policy remembers.
        privileged: parameters of the tasks that the critic is told, and the policy is not.
    """

    tasks: TaskDistribution
    memory: MemoryName
    privileged: ParameterSpace = NOTHING


def kinds_of(
    nominal: TaskDistribution, randomized: TaskDistribution, memory: MemoryName, privileged: ParameterSpace = NOTHING
) -> dict[str, Kind]:
    """Returns the sources of a study by name: on the plain dynamics, on many, and on many with a memory.

    So what randomization is worth and what a memory adds to it stand beside each other. Only who remembers can find out
    which task it is in, so only of that one the critic is told the privileged parameters.
    """
    kinds = {"nominal": Kind(nominal, "none"), "randomized": Kind(randomized, "none")}
    return kinds if memory == "none" else {**kinds, f"randomized+{memory}": Kind(randomized, memory, privileged)}


def recalled(place: Path, begin: Callable[[Key[Array, ""]], Any]) -> Any:
    """Reads what a source ended with before the study was interrupted; None where it had not got there.

    One that is damaged, or is another by now than `begin` of a key begins with, is learnt again.
    """
    try:
        return sealed.read(place, SOURCE, jax.eval_shape(begin, jax.random.key(0)))[1]
    except sealed.Broken:
        return None


def key_of(seed: int, name: str) -> Key[Array, ""]:
    """Derives the key of one piece of work, so that none depends on which others are run."""
    return jax.random.fold_in(jax.random.key(seed), zlib.crc32(name.encode()))
