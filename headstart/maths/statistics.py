"""What a handful of seeds can and cannot say: robust means, intervals, comparisons. Float64 NumPy, repeatable.

**What a 95 % bootstrap interval over three seeds means.** There are 27 ways to draw three of three; the lowest seed
three times in a row comes up with probability 1/27 = 3.7 %, more than the 2.5 % that a tail may hold. The percentile
interval of three seeds is therefore exactly *their range*: it tells how far the seeds were apart, and it covers the
median of all seeds in 75 % of cases (1 - 2/2³), not in 95 %. Two such ranges that do not overlap are a hint (by chance
alone: 1 in 10), not a proof. Ten seeds are where the name "95 %" begins to be earned.
"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from headstart.errors import InputError

RESAMPLES = 10_000
SEED = 20211  # one fixed seed: the same numbers give the same interval, on every machine


class Interval(NamedTuple):
    """An estimate and where it may lie.

    Attributes:
        value: the estimate.
        low: the lower end of its interval.
        high: the upper end.
    """

    value: float
    low: float
    high: float

    def overlaps(self, other: "Interval") -> bool:
        """Tells whether the two intervals share a point."""
        return self.low <= other.high and other.low <= self.high


def interquartile_mean(values: Float[np.ndarray, "*samples"]) -> float:
    """Averages the middle half of all values: as robust as a median, nearly as efficient as a mean.

    The lowest ⌊n/4⌋ and the highest ⌊n/4⌋ values are left out, as in `scipy.stats.trim_mean(values, 0.25)` and rliable.
    So up to 3 values this is the plain mean; of 4 to 7 values one is cut at each end.

    Args:
        values: any shape; all entries count alike.

    Returns:
        The interquartile mean.

    Raises:
        InputError: if there is no value, or one that is not finite.

    Source: Agarwal et al. 2021 (arXiv 2108.13264), section 4.3.

    Example:
        >>> interquartile_mean(np.array([0.0, 1.0, 3.0, 100.0]))
        2.0
    """
    return float(_trimmed_mean(_finite(values).reshape(1, -1))[0])


def bootstrap_interval(
    values: Float[np.ndarray, "seed *stratum"], *, confidence: float = 0.95, resamples: int = RESAMPLES
) -> Interval:
    """Estimates the interquartile mean and its stratified percentile-bootstrap interval.

    Seeds are redrawn with replacement, within each stratum (task) independently; what is averaged is everything drawn.
    For three seeds and one stratum the interval is their range (see the module's docstring).

    Args:
        values: one result for each seed, or axes `seed stratum`.
        confidence: of the interval.
        resamples: number of redrawings.

    Returns:
        The interquartile mean and the ends of its interval.

    Raises:
        InputError: if there is no value, or one that is not finite.

    Source: Agarwal et al. 2021 (arXiv 2108.13264), section 4.1; Efron 1979.
    """
    values = _finite(values)
    strata = values.reshape(len(values), -1)
    drawn = _redraw(np.random.default_rng(SEED), strata, resamples).reshape(resamples, -1)
    return Interval(interquartile_mean(strata), *_percentiles(_trimmed_mean(drawn), confidence))


def paired_difference(
    ours: Float[np.ndarray, " seed"],
    theirs: Float[np.ndarray, " seed"],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """Compares two methods seed by seed: the interquartile mean of the differences and its interval.

    What a seed shares between the arms (the target's draw, the initial states) cancels, so this can be far narrower
    than the two intervals side by side.

    Args:
        ours: one result for each seed.
        theirs: the other method's results, same seeds in the same order.
        confidence: of the interval.
        resamples: number of redrawings of seeds.

    Returns:
        The difference `ours - theirs` and the ends of its interval.

    Raises:
        InputError: if the two were not run with the same number of seeds, or a value is missing or not finite.
    """
    ours, theirs = _finite(ours), _finite(theirs)
    if ours.shape != theirs.shape:
        raise InputError(f"a paired difference needs the same seeds in both: {ours.shape} and {theirs.shape} differ")
    return bootstrap_interval(ours - theirs, confidence=confidence, resamples=resamples)


def ratio_interval(
    above: Float[np.ndarray, " seed"],
    below: Float[np.ndarray, " seed"],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """Compares two methods by the ratio of their interquartile means, such as how many times fewer episodes one needs.

    Runs are not paired: both sides are redrawn independently.

    Args:
        above: one result for each seed of the numerator.
        below: likewise of the denominator; every one is above 0.
        confidence: of the interval.
        resamples: number of redrawings, of both sides.

    Returns:
        The ratio `above / below` and the ends of its interval.

    Raises:
        InputError: a value is missing, not finite, or a divisor is not positive.
    """
    above, below = _finite(above).reshape(-1, 1), _finite(below).reshape(-1, 1)
    if (below <= 0).any():
        raise InputError("a ratio needs positive values below the line; with zeros, compare differences")
    rng = np.random.default_rng(SEED)
    over, under = (_trimmed_mean(_redraw(rng, side, resamples)[..., 0]) for side in (above, below))
    return Interval(interquartile_mean(above) / interquartile_mean(below), *_percentiles(over / under, confidence))


def probability_of_improvement(
    ours: Float[np.ndarray, "seed *stratum"],
    theirs: Float[np.ndarray, "seed *stratum"],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
) -> Interval:
    """Estimates P(X > Y) + ½ P(X = Y) for a random run X of ours and Y of theirs, averaged over strata (tasks).

    Runs are not paired: each of ours is held against each of theirs (the Mann-Whitney statistic).

    Args:
        ours: one result for each seed, or axes `seed stratum`.
        theirs: likewise; the number of seeds may differ, the strata may not.
        confidence: of the interval.
        resamples: number of redrawings, of both sides independently.

    Returns:
        The probability and the ends of its interval: above ½ ours is better.

    Raises:
        InputError: if the strata differ, or a value is missing or not finite.

    Source: Agarwal et al. 2021 (arXiv 2108.13264), section 4.3 and appendix A.4.
    """
    ours, theirs = _finite(ours), _finite(theirs)
    ours, theirs = ours.reshape(len(ours), -1), theirs.reshape(len(theirs), -1)
    if ours.shape[1] != theirs.shape[1]:
        raise InputError(f"{ours.shape[1]} tasks on one side and {theirs.shape[1]} on the other cannot be compared")

    def wins(x: np.ndarray, y: np.ndarray) -> np.ndarray:  # axes: ... seed stratum
        return ((np.sign(x[..., :, None, :] - y[..., None, :, :]) + 1) / 2).mean(axis=(-3, -2, -1))

    rng = np.random.default_rng(SEED)
    drawn = wins(_redraw(rng, ours, resamples), _redraw(rng, theirs, resamples))
    return Interval(float(wins(ours, theirs)), *_percentiles(drawn, confidence))


def wilson_interval(successes: int, trials: int, *, confidence: float = 0.95) -> Interval:
    """Estimates a success rate and its Wilson score interval, which stays honest at 0 and 1 and for few trials.

    With p̂ = successes/trials and z the normal quantile:
    (p̂ + z²/2n ± z √(p̂(1-p̂)/n + z²/4n²)) / (1 + z²/n).

    Args:
        successes: how often it worked.
        trials: how often it was tried.
        confidence: of the interval.

    Returns:
        The rate p̂ and the ends of its interval.

    Raises:
        InputError: if there was no trial, or successes are not between 0 and trials.

    Source: Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    if trials < 1 or not 0 <= successes <= trials:
        raise InputError(f"{successes} successes of {trials} trials is no success rate")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    rate, shrink = successes / trials, 1 + z**2 / trials
    centre = (rate + z**2 / (2 * trials)) / shrink
    half = z * math.sqrt(rate * (1 - rate) / trials + z**2 / (4 * trials**2)) / shrink
    # at the ends the formula gives exactly 0 and 1, which rounding must not undo
    return Interval(rate, 0.0 if successes == 0 else centre - half, 1.0 if successes == trials else centre + half)


def summarize(values: Float[np.ndarray, "seed *stratum"]) -> dict[str, float]:
    """Gives the three numbers of a result file, `iqm`, `low` and `high`, at 95 %.

    Example:
        >>> summarize(np.array([1.0, 2.0, 3.0]))
        {'iqm': 2.0, 'low': 1.0, 'high': 3.0}
    """
    interval = bootstrap_interval(values)
    return {"iqm": interval.value, "low": interval.low, "high": interval.high}


def _finite(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.size == 0 or values.ndim == 0:
        raise InputError("a statistic needs at least one seed; there is none")
    if not np.isfinite(values).all():
        raise InputError(f"a statistic needs finite values; got {values.ravel()[~np.isfinite(values.ravel())][0]}")
    return values


def _trimmed_mean(values: Float[np.ndarray, "resample sample"]) -> Float[np.ndarray, " resample"]:
    cut = values.shape[-1] // 4
    return np.sort(values, axis=-1)[..., cut : values.shape[-1] - cut].mean(axis=-1)


def _redraw(rng: np.random.Generator, strata: np.ndarray, resamples: int) -> np.ndarray:
    rows = rng.integers(len(strata), size=(resamples, *strata.shape))
    return strata[rows, np.arange(strata.shape[1])]


def _percentiles(values: np.ndarray, confidence: float) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
