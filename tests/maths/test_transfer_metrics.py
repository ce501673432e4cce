"""Transfer metrics against numbers made by hand."""

import math

import numpy as np
import pytest

from headstart.errors import InputError
from headstart.maths.transfer_metrics import (
    Curve,
    area_under_curve,
    asymptote,
    price_of_saved_episode,
    time_to_threshold,
    transfer_metrics,
    transfer_ratio,
)

HEAD_START = Curve(np.array([0.0, 1.0, 5.0]), np.array([4.0, 6.0, 8.0]))
SCRATCH = Curve(np.array([0.0, 1.0, 5.0]), np.array([0.0, 2.0, 6.0]))


def test_every_metric_by_hand():
    metrics = transfer_metrics(HEAD_START, SCRATCH, threshold=6.0)
    assert metrics.jump_start == 4.0
    assert metrics.area == 5.0 + 28.0  # (4+6)/2·1 + (6+8)/2·4
    assert metrics.scratch_area == 1.0 + 16.0
    assert metrics.transfer_ratio == pytest.approx(16 / 17)
    assert (metrics.time_to_threshold, metrics.scratch_time_to_threshold) == (1.0, 5.0)
    assert (metrics.asymptote, metrics.asymptote_gain) == (8.0, 2.0)
    assert (metrics.source_cost, metrics.total_time_to_threshold) == (0.0, 1.0)
    assert metrics.total_transfer_ratio == metrics.transfer_ratio
    assert metrics.price_of_saved_episode == 0.0


def test_the_cost_of_the_source_is_on_the_clock():
    # ten episodes at scratch's first value (0), a step up to 4, then the curve; scratch holds its 6 for ten more
    metrics = transfer_metrics(HEAD_START, SCRATCH, threshold=6.0, source_cost=10.0)
    assert metrics.total_time_to_threshold == 11.0
    assert metrics.total_transfer_ratio == pytest.approx((33 - (17 + 60)) / 77)
    assert metrics.price_of_saved_episode == 10.0 / 4.0
    assert metrics.transfer_ratio == pytest.approx(16 / 17)  # the ratio without the cost does not move


def test_a_threshold_that_is_never_reached_takes_forever():
    metrics = transfer_metrics(HEAD_START, SCRATCH, threshold=7.0, source_cost=3.0)
    assert metrics.time_to_threshold == 5.0
    assert metrics.scratch_time_to_threshold == math.inf
    assert math.isnan(metrics.price_of_saved_episode)
    nobody = transfer_metrics(HEAD_START, SCRATCH, threshold=99.0, source_cost=3.0)
    assert nobody.time_to_threshold == nobody.total_time_to_threshold == math.inf
    assert nobody.price_of_saved_episode == math.inf


def test_threshold_met_before_the_first_episode_takes_none():
    assert time_to_threshold(HEAD_START, 4.0) == 0.0


def test_a_dip_after_the_threshold_does_not_unreach_it():
    assert time_to_threshold(Curve(np.array([0.0, 1.0, 2.0]), np.array([0.0, 5.0, 1.0])), 5.0) == 1.0


@pytest.mark.parametrize(
    ("area", "scratch", "expected"),
    [
        (3.0, 2.0, 0.5),
        (1.0, 2.0, -0.5),
        (-1.0, -2.0, 0.5),
        (-3.0, -2.0, -0.5),
        (1.0, 0.0, math.inf),
        (-1, 0, -math.inf),
    ],
)
def test_above_zero_is_better_whatever_the_sign_of_returns(area, scratch, expected):
    assert transfer_ratio(area, scratch) == expected


def test_nothing_against_nothing_has_no_ratio():
    assert math.isnan(transfer_ratio(0.0, 0.0))


def test_saving_nothing_is_priceless():
    assert price_of_saved_episode(5.0, 5.0, 10.0) == math.inf
    assert price_of_saved_episode(6.0, 5.0, 10.0) == math.inf


def test_asymptote_averages_its_window():
    assert asymptote(SCRATCH, 2) == 4.0
    assert asymptote(SCRATCH, 100) == pytest.approx(8 / 3)


def test_a_single_point_has_no_area_but_a_jump_start():
    metrics = transfer_metrics(Curve(np.zeros(1), np.ones(1)), Curve(np.zeros(1), np.zeros(1)), threshold=1.0)
    assert (metrics.jump_start, metrics.area) == (1.0, 0.0)
    assert area_under_curve(Curve(np.zeros(1), np.ones(1))) == 0.0


@pytest.mark.parametrize(
    ("episodes", "values"),
    [([0, 1], [1.0]), ([1, 2], [0.0, 0.0]), ([0, 2, 1], [0.0] * 3), ([0, 1], [0.0, math.nan]), ([], [])],
)
def test_malformed_curves_are_refused(episodes, values):
    with pytest.raises(InputError, match="curve"):
        transfer_metrics(Curve(np.array(episodes), np.array(values)), SCRATCH, threshold=1.0)


def test_unequal_budgets_are_refused():
    with pytest.raises(InputError, match="same budget"):
        transfer_metrics(HEAD_START, Curve(np.array([0.0, 3.0]), np.zeros(2)), threshold=1.0)
