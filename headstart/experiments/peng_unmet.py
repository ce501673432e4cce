"""What zero-shot policies are worth on robots that they never met, beside an oracle that learnt on each of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from headstart.maths.statistics import Interval

RESAMPLES, SEED = 10_000, 20211
ENOUGH, LITTLE = 0.9, 0.6  # of the oracle: with memory at least, without randomization at most
MEMORIES = ("recurrent", "history")


def held_to_oracles(
    pieces: Mapping[str, Sequence[Mapping[str, Any]]], oracles: Mapping[str, Sequence[Mapping[str, Any]]], episodes: int
) -> dict[str, Any]:
    """Sums up all arms by the part of the robots, inside or outside of the randomized ranges.

    Args:
        pieces: of each arm, one for each seed, with `unmet`: mean returns on each robot, by part.
        oracles: of each part, one for each robot: `oracle` and `random`, mean returns.
        episodes: behind each mean.

    Returns:
        For each part: returns of the oracles and of random actions on each robot, and of each arm the share of the
        oracle's return (`share`) with its 95 % interval, and its mean return in each seed.
    """
    found: dict[str, Any] = {"episodes": episodes, "parts": {}}
    for part, rows in oracles.items():
        best, random = (np.array([row[who] for row in rows]) for who in ("oracle", "random"))
        arms = {}
        for name, those in pieces.items():
            ours = np.array([piece["unmet"][part] for piece in those])
            held = share(ours, best, random)
            arms[name] = {"share": held and held._asdict(), "per_seed": ours.mean(axis=1).tolist()}
        found["parts"][part] = {"oracle": best.tolist(), "random": random.tolist(), "arms": arms}
    return found


def share(
    ours: Float[np.ndarray, "seed robot"], best: Float[np.ndarray, " robot"], random: Float[np.ndarray, " robot"]
) -> Interval | None:
    """Returns how much of what an oracle gains over random actions a zero-shot policy gains, means over all robots.

    share = (mean of ours − mean of random) / (mean of oracle − mean of random)

    The interval redraws training seeds and robots, both with replacement: it speaks of other seeds and other robots.
    None where the oracles are not clearly above random actions: then there is nothing to have a share of.
    """
    generator = np.random.default_rng(SEED)
    seeds = generator.integers(len(ours), size=(RESAMPLES, len(ours)))
    robots = generator.integers(len(best), size=(RESAMPLES, len(best)))
    drawn = ours[seeds[:, :, None], robots[:, None, :]].mean(axis=(1, 2))
    base = random[robots].mean(axis=1)
    possible = best[robots].mean(axis=1) - base
    if best.mean() <= random.mean() or np.quantile(possible, 0.05) <= 0:
        return None
    value = float((ours.mean() - random.mean()) / (best.mean() - random.mean()))
    return Interval(
        value, *(float(x) for x in np.quantile((drawn - base) / np.maximum(possible, 1e-9), (0.025, 0.975)))
    )


def judged(parts: Mapping[str, Any]) -> str:
    """Says whether, inside of the ranges, memory is worth nearly an oracle where no randomization is worth little."""
    inside = {name: arm["share"] for name, arm in parts["interpolation"]["arms"].items()}
    if None in inside.values():
        return "the oracles learnt nothing in so few steps"
    name = max(MEMORIES, key=lambda name: inside[name]["value"])
    best, plain = inside[name]["value"], inside["no randomization"]["value"]
    said = "met" if best >= ENOUGH and plain <= LITTLE else "not met"
    ours, theirs = f"{best:.0%} (goal: {ENOUGH:.0%})", f"{plain:.0%} (goal: at most {LITTLE:.0%})"
    return f"of the oracle inside the ranges: {name} {ours}, no randomization {theirs}: {said}"


def lines(found: Mapping[str, Any]) -> list[str]:
    """Writes the shares as text."""
    parts = found["parts"]
    rows = [f"{'share of the oracle':20}" + "".join(f"{part:>28}" for part in parts)]
    for name in parts["interpolation"]["arms"]:
        rows.append(f"{name:20}" + "".join(f"{spread(one['arms'][name]['share']):>28}" for one in parts.values()))
    return [*rows, judged(parts)]


def spread(held: Mapping[str, float] | None) -> str:
    """Writes a share and its interval."""
    return "-" if held is None else f"{held['value']:.0%} [{held['low']:.0%}, {held['high']:.0%}]"
