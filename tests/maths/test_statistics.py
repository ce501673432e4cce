"""Intervals against numbers made by hand, by scipy and by rliable's formulas."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from headstart.errors import InputError
from headstart.maths.statistics import (
    Interval,
    bootstrap_interval,
    interquartile_mean,
    paired_difference,
    probability_of_improvement,
    ratio_interval,
    summarize,
    wilson_interval,
)

finite = st.floats(-1e6, 1e6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7.0], 7.0),
        ([1.0, 2.0], 1.5),
        ([0.0, 0.0, 9.0], 3.0),  # nothing is cut from three
        ([0.0, 1.0, 3.0, 100.0], 2.0),  # one is cut at each end of four
        ([0.0, 1.0, 2.0, 3.0, 50.0], 2.0),
        ([-100.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 999.0], 3.5),  # two of eight at each end
    ],
)
def test_interquartile_mean_by_hand(values, expected):
    assert interquartile_mean(np.array(values)) == pytest.approx(expected, rel=1e-12)


@given(st.lists(finite, min_size=1, max_size=30))
def test_interquartile_mean_is_that_of_scipy_and_rliable(values):
    expected = stats.trim_mean(np.array(values), proportiontocut=0.25, axis=None)
    assert interquartile_mean(np.array(values)) == pytest.approx(expected, rel=1e-9, abs=1e-6)


def test_interval_of_three_seeds_is_their_range():
    # P(the lowest three times) = 1/27 > 2.5 %: both quantiles fall on the extremes
    assert bootstrap_interval(np.array([3.0, 10.0, 5.0])) == Interval(6.0, 3.0, 10.0)


def test_interval_equals_the_exact_bootstrap_of_four_seeds():
    values = np.array([1.0, 2.0, 4.0, 8.0])
    every = [interquartile_mean(values[list(draw)]) for draw in itertools.product(range(4), repeat=4)]
    low, high = np.quantile(every, [0.025, 0.975])
    interval = bootstrap_interval(values, resamples=200_000)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-9)


def test_strata_are_redrawn_apart():
    # two tasks, constant within each: every redrawing is the same, however different the tasks are
    constant = bootstrap_interval(np.array([[0.0, 100.0]] * 5))
    assert constant.low == constant.value == constant.high
    # two tasks that mirror each other: redrawn together each draw would have mean 0
    luck = np.arange(-1.0, 2.0)
    mirrored = bootstrap_interval(np.stack([luck, -luck], axis=1))
    assert mirrored.low < 0 < mirrored.high


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hits = [
        interval.low <= 0.0 <= interval.high
        for interval in (bootstrap_interval(rng.normal(size=30), resamples=500) for _ in range(300))
    ]
    assert 0.88 <= np.mean(hits) <= 0.98


def test_same_values_same_interval():
    values = np.random.default_rng(1).normal(size=(5, 3))
    assert bootstrap_interval(values) == bootstrap_interval(values.copy())


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(0, 10, 0.0, 0.277533), (10, 10, 0.722467, 1.0), (5, 10, 0.236593, 0.763407), (81, 263, 0.255288, 0.366226)],
)
def test_wilson_interval_against_published_values(successes, trials, low, high):
    # the last row is Newcombe 1998, table I (0.2553, 0.3662)
    interval = wilson_interval(successes, trials)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=1e-4)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_is_that_of_scipy(case):
    ours = wilson_interval(*case)
    theirs = stats.binomtest(*case).proportion_ci(method="wilson")
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_paired_difference_cancels_what_the_seeds_share():
    luck = np.array([0.0, 100.0, 200.0])
    difference = paired_difference(luck + np.array([1.0, 2.0, 3.0]), luck)
    assert difference == Interval(2.0, 1.0, 3.0)
    assert bootstrap_interval(luck + 2).overlaps(bootstrap_interval(luck))


def test_probability_of_improvement_by_hand():
    # pairs (1,0) win, (1,1) tie, (1,4) loss, (3,0) win, (3,1) win, (3,4) loss: 3 wins and half a tie of 6
    assert probability_of_improvement(np.array([1.0, 3.0]), np.array([0.0, 1.0, 4.0])).value == pytest.approx(3.5 / 6)


@given(st.lists(finite, min_size=2, max_size=6), st.lists(finite, min_size=2, max_size=6))
def test_probability_of_improvement_is_the_mann_whitney_statistic_of_rliable(x, y):
    u = stats.mannwhitneyu(x, y, alternative="greater", method="asymptotic").statistic if set(x + y) - {x[0]} else None
    expected = 0.5 if u is None else u / (len(x) * len(y))
    ours = probability_of_improvement(np.array(x), np.array(y), resamples=10)
    assert ours.value == pytest.approx(expected, abs=1e-12)
    assert 0 <= ours.low <= ours.high <= 1


def test_certain_improvement_is_certain():
    assert probability_of_improvement(np.array([5.0, 6.0]), np.array([1.0, 2.0])) == Interval(1.0, 1.0, 1.0)


def test_summary_has_the_names_of_the_result_file():
    assert summarize(np.array([1.0, 2.0, 3.0])) == {"iqm": 2.0, "low": 1.0, "high": 3.0}


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_missing_and_non_finite_values_are_refused(values):
    with pytest.raises(InputError):
        bootstrap_interval(np.array(values))


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (3, 2), (-1, 5)])
def test_impossible_success_rates_are_refused(successes, trials):
    with pytest.raises(InputError, match="no success rate"):
        wilson_interval(successes, trials)


def test_unequal_seeds_cannot_be_paired():
    with pytest.raises(InputError, match="same seeds"):
        paired_difference(np.zeros(3), np.zeros(2))


def test_a_ratio_of_interquartile_means():
    # 12 / 4, whatever is redrawn of equal values
    assert ratio_interval(np.full(5, 12.0), np.full(7, 4.0)) == (3.0, 3.0, 3.0)
    found = ratio_interval(np.array([8.0, 10.0, 12.0]), np.array([4.0, 5.0, 6.0]))
    assert found.value == 2.0
    # three of three are cut by nothing, so both sides are means of three draws: all 27 × 27 of them, in order
    above, below = (np.array(list(itertools.product(side, repeat=3))).mean(axis=1) for side in ((8, 10, 12), (4, 5, 6)))
    ratios = np.sort((above[:, None] / below).ravel())
    for end, share in ((found.low, 0.025), (found.high, 0.975)):
        least, most = np.quantile(ratios, [share - 0.005, share + 0.005], method="closest_observation")
        assert least - 1e-9 <= end <= most + 1e-9
    with pytest.raises(InputError, match="positive values below"):
        ratio_interval(np.ones(3), np.array([1.0, 0.0, 1.0]))
