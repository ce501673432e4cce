"""What zero-shot policies are worth on robots that they never met, beside an oracle that learnt on each of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from headstart.experiments.peng_worlds import INSIDE, UNMET
from headstart.maths.statistics import Interval, bootstrap_interval

RESAMPLES, SEED = 10_000, 20211
ENOUGH, LITTLE = 0.9, 0.6  # of the oracle: with memory at least, without randomization at most
BEST = ("from_scratch", "gone_on", "brought")  # of whom the best on a robot is its oracle
ALONE = ("oracle", *BEST, "random", "still")  # on one robot
MEMORIES = ("recurrent", "history")


def held_to_oracles(
    pieces: Mapping[str, Sequence[Mapping[str, Any]]], oracles: Sequence[Mapping[str, Any]], episodes: int
) -> dict[str, Any]:
    """Sums up what every arm is worth on robots inside and outside of the randomized ranges.

    Args:
        pieces: of each arm, one for each seed, with `unmet`: mean returns on each robot, by part.
        oracles: one for each robot inside: mean returns of the `oracle`, which is the best of one that began there
            `from_scratch`, one that had `gone_on` from what an arm had `brought`, and that itself; of `random` actions
            and of keeping `still`.
        episodes: behind each mean.

    Returns:
        Returns of the oracles, of random actions and of no action on each robot inside; and of each arm the return
        inside (on each robot too) and outside, over seeds, and the share of what the oracle gains inside, and of what
        those gain that began there from scratch, with their 95 % intervals. What is gained counts from the better of
        the two that learnt nothing: where effort is dear, that is to keep still.
    """
    alone = {who: np.array([row[who] for row in oracles]) for who in ALONE}
    nobody = who_learnt_nothing(alone)
    arms: dict[str, Any] = {}
    for name, those in pieces.items():
        arms[name] = worths(those)
        ours = np.array([piece["unmet"][INSIDE] for piece in those])
        arms[name][INSIDE]["per_robot"] = ours.tolist()  # of each seed: so that others can hold it to their oracles
        for said, best in (("share", alone["oracle"]), ("share_of_scratch", alone["from_scratch"])):
            held = share(ours, best, nobody)
            arms[name][said] = held and held._asdict()
    robots = {part: len(next(iter(pieces.values()))[0]["unmet"][part]) for part in UNMET}
    theirs = {who: worths.tolist() for who, worths in alone.items()}
    return {"episodes": episodes, "robots": robots, **theirs, "arms": arms}


def worths(pieces: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns what one arm is worth on the unmet robots, by part: of each seed, and over seeds with its interval."""
    found: dict[str, Any] = {}
    for part in UNMET:
        per_seed = np.array([np.mean(piece["unmet"][part]) for piece in pieces])
        found[part] = {**bootstrap_interval(per_seed[:, None])._asdict(), "per_seed": per_seed.tolist()}
    return found


def who_learnt_nothing(alone: Mapping[str, Any]) -> Float[np.ndarray, " robot"]:
    """Returns on each robot of the better one, on the average, of random actions and keeping still."""
    return np.array(max(alone["random"], alone["still"], key=np.mean))


def share(
    ours: Float[np.ndarray, "seed robot"], best: Float[np.ndarray, " robot"], nobody: Float[np.ndarray, " robot"]
) -> Interval | None:
    """Returns how much of what an oracle gains over who learnt nothing a zero-shot policy gains, over all robots.

    share = (mean of ours − mean of nobody) / (mean of oracle − mean of nobody)

    The interval redraws training seeds and robots, both with replacement: it speaks of other seeds and other robots.
    None where the oracles are not clearly above that: then there is nothing to have a share of.
    """
    generator = np.random.default_rng(SEED)
    seeds = generator.integers(len(ours), size=(RESAMPLES, len(ours)))
    robots = generator.integers(len(best), size=(RESAMPLES, len(best)))
    drawn = ours[seeds[:, :, None], robots[:, None, :]].mean(axis=(1, 2))
    base = nobody[robots].mean(axis=1)
    possible = best[robots].mean(axis=1) - base
    if best.mean() <= nobody.mean() or np.quantile(possible, 0.05) <= 0:
        return None
    value = float((ours.mean() - nobody.mean()) / (best.mean() - nobody.mean()))
    return Interval(
        value, *(float(x) for x in np.quantile((drawn - base) / np.maximum(possible, 1e-9), (0.025, 0.975)))
    )


def judged(found: Mapping[str, Any], what: str = "of the oracle inside the ranges") -> str:
    """Says whether, inside of the ranges, memory is worth nearly an oracle where no randomization is worth little."""
    shares = {name: arm["share"] for name, arm in found["arms"].items()}
    if None in shares.values():
        return "the oracles learnt nothing in so few steps"
    name = max(MEMORIES, key=lambda name: shares[name]["value"])
    best, plain = shares[name]["value"], shares["no randomization"]["value"]
    said = "met" if best >= ENOUGH and plain <= LITTLE else "not met"
    ours, theirs = f"{best:.0%} (goal: {ENOUGH:.0%})", f"{plain:.0%} (goal: at most {LITTLE:.0%})"
    return f"{what}: {name} {ours}, no randomization {theirs}: {said}"
