"""The tables of Peng's study: what each arm was worth, and in which order they came."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from headstart.experiments.peng_unmet import judged
from headstart.experiments.peng_worlds import UNMET
from headstart.maths.statistics import (
    bootstrap_interval,
    paired_difference,
    probability_of_improvement,
    wilson_interval,
)

FEWEST = 5  # seeds: that all of them agree happens by chance in 1 of 32 studies; of fewer seeds, more often
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


def compared(arms: Arms, pairs: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """Compares pairs of arms on the targets, seed by seed: what is expected to be better comes first.

    Returns:
        For each pair the interquartile mean of the differences with its 95 % bootstrap interval, how probable it is
        that a seed of the first is better than one of the second, and whether the interval of differences is above 0 in
        enough seeds.
    """
    rows = []
    for better, worse in pairs:
        one, two = (np.array(arms[name]["target"]["per_seed"]) for name in (better, worse))
        difference = paired_difference(one, two)
        rows.append(
            {
                "expected_better": better,
                "expected_worse": worse,
                "difference": difference._asdict(),
                "probability": probability_of_improvement(one[:, None], two[:, None])._asdict(),
                "shown": len(one) >= FEWEST and difference.low > 0,
            }
        )
    return rows


def table(worlds: Mapping[str, Mapping[str, Any]]) -> str:
    """Writes the arms of each world as text, and below them what beat what."""
    lines = []
    for world, found in worlds.items():
        arms: Arms = found["arms"]
        succeeds = any("success" in arm["target"] for arm in arms.values())
        head = f"{world:20}{'return at home':>28}{'return on the targets':>28}"
        lines.append(head + (f"{'success on the targets':>26}" if succeeds else ""))
        for name, arm in arms.items():
            cells = [f"{spread(arm[place], '.1f'):>28}" for place in ("home", "target")]
            cells += [f"{spread(arm['target']['success'], '.2f'):>26}"] if succeeds else []
            lines.append(f"{name:20}" + "".join(cells))
        lines += in_words(found["order"])
        lines += on_robots(found["unmet"]) if "unmet" in found else []
        lines += inside(found["robots"]) if "robots" in found else []
        lines.append("")
    return "\n".join(lines).rstrip()


def inside(robots: Mapping[str, Any]) -> list[str]:
    """Writes how arms compare on unmet robots inside of the ranges, by return and, where there is such, by success."""
    lines = ["on the robots inside of the ranges:", *in_words(robots["order"])]
    if "success" in robots:
        lines += ["by share of episodes there that succeed:", *in_words(robots["success"]["order"], ".2f")]
    return lines


def in_words(order: Iterable[Mapping[str, Any]], digits: str = ".1f") -> list[str]:
    """Writes a line for each comparison."""
    lines = []
    for row in order:
        said, difference = "shown" if row["shown"] else "not shown", spread(row["difference"], digits)
        lines.append(f"{row['expected_better']} above {row['expected_worse']}: {said}, by {difference}")
    return lines


def on_robots(found: Mapping[str, Any]) -> list[str]:
    """Writes what the arms were worth inside and outside of the ranges, and beside the oracles."""
    places = zip(UNMET, ("inside", "outside"), strict=True)
    heads = [f"{found['robots'][part]} robots {place}" for part, place in places]
    heads += ["of the oracle, inside", "of one from scratch"]
    rows = [f"{'':20}" + "".join(f"{head:>28}" for head in heads)]
    for name, arm in found["arms"].items():
        cells = [spread(arm[part], ".1f") for part in UNMET]
        cells += ["-" if arm[of] is None else spread(arm[of], ".0%") for of in ("share", "share_of_scratch")]
        rows.append(f"{name:20}" + "".join(f"{cell:>28}" for cell in cells))
    if "success" not in found:
        return [*rows, judged(found)]
    rows.append(f"{'':20}" + "".join(f"{head:>28}" for head in ("successes inside", "successes outside", heads[2])))
    for name, arm in found["success"]["arms"].items():
        cells = [spread(arm[part], ".0%") for part in UNMET]
        cells.append("-" if arm["share"] is None else spread(arm["share"], ".0%"))
        rows.append(f"{name:20}" + "".join(f"{cell:>28}" for cell in cells))
    return [*rows, judged(found), judged(found["success"], "of the oracle's successes there")]


def spread(interval: Mapping[str, float], digits: str) -> str:
    """Writes an estimate and its interval."""
    return f"{interval['value']:{digits}} [{interval['low']:{digits}}, {interval['high']:{digits}}]"
