"""What a source is worth in its own simulator: on the plain dynamics, inside the ranges it trained on, and outside.

Source: Packer et al. 2018 (arXiv 1810.12282); lecture slide "Domain randomization".
"""

import dataclasses
from contextlib import suppress
from pathlib import Path
from typing import Any

import jax
from jaxtyping import Array, Key

from headstart.adapt.randomize import Uniform
from headstart.adapt.splits import Outside
from headstart.errors import InputError
from headstart.run import disk, strict_json
from headstart.run.evaluate import Evaluation, evaluate
from headstart.tasks.fixed import Fixed
from headstart.types import Params, Policy, TaskDistribution, TaskFamily

NOTHING_OUTSIDE = "no parameter has a legal value outside its range"


def on_splits(
    key: Key[Array, ""], family: TaskFamily, policy: Policy, params: Params, trained: Uniform, episodes: int
) -> dict[str, Evaluation]:
    """Evaluates the greedy policy on each split that there is: see `splits_of`.

    Args:
        key: the same for two policies that are compared: they then meet the same tasks.
        family: the simulator.
        policy: of the source.
        params: of it.
        trained: the randomization whose ranges are inside.
        episodes: on each split, each of a task of its own.

    Returns:
        What the episodes were worth, by split.
    """
    parts = splits_of(family, trained)
    greedy: Any = dataclasses.replace(policy, deterministic=True)  # pyright: ignore[reportArgumentType]
    found = {}
    for number, (name, distribution) in enumerate(parts.items()):
        key_tasks, key_play = jax.random.split(jax.random.fold_in(key, number))
        tasks = distribution.sample(key_tasks, distribution.init(key_tasks), episodes)
        found[name] = evaluate(key_play, family, greedy, params, tasks, episodes, randomized=True)
    return found


def splits_of(family: TaskFamily, trained: Uniform) -> dict[str, TaskDistribution]:
    """Returns the distributions of `split`: none where nothing varies, no extrapolation where nothing lies outside."""
    ranges = {drawn.parameter.name: (drawn.low, drawn.high) for drawn in trained.drawn}
    varied = {name: (low, high) for name, (low, high) in ranges.items() if high > low}
    if not varied:
        return {}
    inside = Uniform(space=family.dynamics, ranges=ranges, base=trained.base)
    parts: dict[str, TaskDistribution] = {"default": Fixed(task=trained.base), "interpolation": inside}
    with suppress(InputError):  # ranges that were trained on are legal: if they are refused, they leave nothing outside
        parts["extrapolation"] = Outside(space=family.dynamics, ranges=varied, base=trained.base)
    return parts


def write_splits(path: Path, kind: str, seed: int, found: dict[str, Evaluation]) -> None:
    """Writes what was found where the report looks for it, and in how many episodes of a split the simulator broke."""
    returns = {name: [float(value) for value in worth.episode_return] for name, worth in found.items()}
    value: dict[str, Any] = {"format": 1, "source": kind, "seed": seed, "returns": returns}
    if found and "extrapolation" not in found:
        value["without"] = {"extrapolation": NOTHING_OUTSIDE}
    broken = {name: worth.broke for name, worth in found.items() if worth.broke}
    value |= {"broken": broken} if broken else {}
    disk.replace_file(path / f"splits-{kind}-{seed}.json", strict_json.encode(value) + b"\n")
