"""The tables of Peng's study: what each arm was worth, and in which order they came."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from headstart.maths.statistics import bootstrap_interval, probability_of_improvement, wilson_interval

Arms = Mapping[str, dict[str, Any]]


def summed_up(pieces: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Sums up one arm over its seeds.

    Args:
        pieces: one for each seed: `home` and `target`, returns of episodes; `home_successes` and `target_successes`,
            how many of them succeeded, or None.

    Returns:
        For home and target: the mean return of each seed, their interquartile mean and its 95 % bootstrap interval;
        and the share of successes over all episodes with its Wilson interval.
    """
    found: dict[str, Any] = {}
    for place in ("home", "target"):
        per_seed = np.array([np.mean(piece[place]) for piece in pieces])
        found[place] = {**bootstrap_interval(per_seed[:, None])._asdict(), "per_seed": per_seed.tolist()}
        counts = [piece[f"{place}_successes"] for piece in pieces]
        if None not in counts:
            trials = sum(len(piece[place]) for piece in pieces)
            found[place]["success"] = {**wilson_interval(sum(counts), trials)._asdict(), "trials": trials}
    return found


def order(arms: Arms) -> list[dict[str, Any]]:
    """Compares each arm with the one below it in the table, on the target.

    Returns:
        For each pair: how probable it is that the upper one is better in a seed, its interval, and whether the bootstrap
        intervals of the two are apart.
    """
    compared = []
    for (upper, one), (lower, two) in pairwise(arms.items()):
        better = probability_of_improvement(*(np.array(arm["target"]["per_seed"])[:, None] for arm in (one, two)))
        apart = one["target"]["low"] > two["target"]["high"]
        compared.append({"upper": upper, "lower": lower, "better": better._asdict(), "apart": apart})
    return compared


def table(worlds: Mapping[str, Arms]) -> str:
    """Writes the arms of each world as text."""
    lines = []
    for world, arms in worlds.items():
        succeeds = any("success" in arm["target"] for arm in arms.values())
        head = f"{world:20}{'return at home':>28}{'return on the targets':>28}"
        lines.append(head + (f"{'success on the targets':>26}" if succeeds else ""))
        for name, arm in arms.items():
            cells = [f"{spread(arm[place], '.1f'):>28}" for place in ("home", "target")]
            cells += [f"{spread(arm['target']['success'], '.2f'):>26}"] if succeeds else []
            lines.append(f"{name:20}" + "".join(cells))
        lines.append("")
    return "\n".join(lines).rstrip()


def spread(interval: Mapping[str, float], digits: str) -> str:
    """Writes an estimate and its interval."""
    return f"{interval['value']:{digits}} [{interval['low']:{digits}}, {interval['high']:{digits}}]"
