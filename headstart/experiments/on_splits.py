"""What a source is worth in its own simulator: on the plain dynamics, inside the ranges it trained on, and outside.

Source: Packer et al. 2018 (arXiv 1810.12282); lecture slide "Domain randomization".
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax
from jaxtyping import Array, Key

from headstart.adapt.randomize import Uniform
from headstart.adapt.splits import split
from headstart.errors import InputError
from headstart.run import disk, strict_json
from headstart.run.evaluate import evaluate
from headstart.types import Params, Policy, TaskFamily


def on_splits(
    key: Key[Array, ""], family: TaskFamily, policy: Policy, params: Params, trained: Uniform, episodes: int
) -> dict[str, list[float]]:
    """Evaluates the greedy policy on each split; none where nothing varies or nothing lies outside.

    Args:
        key: the same for two policies that are compared: they then meet the same tasks.
        family: the simulator.
        policy: of the source.
        params: of it.
        trained: the randomization whose ranges are inside.
        episodes: on each split, each of a task of its own.

    Returns:
        Returns of the episodes by split.
    """
    ranges = {drawn.parameter.name: (drawn.low, drawn.high) for drawn in trained.drawn}
    try:
        parts = split(family.dynamics, ranges, trained.base)
    except InputError:
        return {}
    greedy: Any = dataclasses.replace(policy, deterministic=True)  # pyright: ignore[reportArgumentType]
    found = {}
    for number, (name, distribution) in enumerate(parts.items()):
        key_tasks, key_play = jax.random.split(jax.random.fold_in(key, number))
        tasks = distribution.sample(key_tasks, distribution.init(key_tasks), episodes)
        worth = evaluate(key_play, family, greedy, params, tasks, episodes, randomized=True)
        found[name] = [float(value) for value in worth.episode_return]
    return found


def write_splits(path: Path, kind: str, seed: int, found: dict[str, list[float]]) -> None:
    """Writes what was found where the report looks for it."""
    value = {"format": 1, "source": kind, "seed": seed, "returns": found}
    disk.replace_file(path / f"splits-{kind}-{seed}.json", strict_json.encode(value) + b"\n")
