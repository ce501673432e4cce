import dataclasses

import jax
import numpy as np
import pytest

from headstart.adapt.coordinates import Coordinates
from headstart.adapt.correlated_normal import CorrelatedNormal, Gaussian, floored
from headstart.adapt.particles import Cloud, Particles
from headstart.adapt.splits import Outside, split
from headstart.adapt.truncated_normal import Bell, TruncatedNormal
from headstart.errors import InputError
from headstart.spaces import Parameter, ParameterSpace
from headstart.types import Task

SPACE = ParameterSpace(
    (
        Parameter(name="mass:leg", unit="× nominal", nominal=1.0, low=0.1, high=10.0, scale="log"),
        Parameter(name="payload:torso", unit="kg", nominal=0.0, low=0.0, high=5.0),
        Parameter(name="delay:action", unit="control steps", nominal=0.0, low=0.0, high=10.0, integer=True),
    )
)
BASE = Task(SPACE.nominal(), {})
ALL = Coordinates(SPACE, tuple(SPACE))
REAL = Coordinates(SPACE, ("payload:torso", "mass:leg"))
RANGES = {"mass:leg": (0.5, 2.0), "payload:torso": (1.0, 2.0)}
KEY = jax.random.key(3)


def test_vectors_and_values_are_each_other_s_inverse_and_sorted_by_name():
    assert ALL.names == ("delay:action", "mass:leg", "payload:torso")
    points = np.array([[0.3, 0.25, 0.9], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    np.testing.assert_allclose(ALL.vector(ALL.values(points)), points, atol=1e-6)
    values = ALL.values(np.array([0.3, 0.25, 0.9]))  # 0.1 · 100^0.25, and 10 · 0.3
    assert values["delay:action"] == 3.0
    np.testing.assert_allclose([values["mass:leg"], values["payload:torso"]], [10**-0.5, 4.5], rtol=1e-6)


def test_points_outside_the_cube_come_to_its_border():
    values = ALL.values(np.array([[-3.0, 7.0, 7.0]]))
    assert [values[name].item() for name in ALL.names] == [0.0, 10.0, 5.0]


@pytest.mark.parametrize("width", [5.0, 1e3])
def test_no_distribution_leaves_the_bounds_however_wide(width):
    p = len(REAL)
    bell = TruncatedNormal(coordinates=REAL, base=BASE, mean=(0.5, 2.0), std=(width, width))
    both = CorrelatedNormal(
        coordinates=REAL, base=BASE, mean=(0.5, -1.0), covariance=tuple(map(tuple, (width**2 * np.eye(p)).tolist()))
    )
    for distribution in (bell, both):
        tasks = distribution.sample(KEY, distribution.init(KEY), 500)
        for name in REAL.names:
            values, parameter = np.asarray(tasks.dynamics[name]), SPACE[name]
            assert (values >= np.float32(parameter.low)).all() and (values <= np.float32(parameter.high)).all()


def test_truncated_normal_has_the_moments_that_it_says():
    bell = TruncatedNormal(coordinates=REAL, base=BASE, mean=(0.5, 0.4), std=(0.05, 0.1))
    tasks = bell.sample(KEY, bell.init(KEY), 4000)
    points = REAL.vector(tasks.dynamics)
    np.testing.assert_allclose(points.mean(axis=0), [0.5, 0.4], atol=0.006)
    np.testing.assert_allclose(points.std(axis=0), [0.05, 0.1], rtol=0.05)


def test_correlated_normal_has_the_covariance_that_it_says():
    covariance = np.array([[0.01, 0.004], [0.004, 0.0025]])
    both = CorrelatedNormal(coordinates=REAL, base=BASE, mean=(0.5, 0.5), covariance=tuple(map(tuple, covariance)))
    points = both.points(KEY, both.init(KEY), 4000)
    np.testing.assert_allclose(np.cov(points.T), covariance, rtol=0.12)
    np.testing.assert_allclose(points.mean(axis=0), [0.5, 0.5], atol=0.006)


def test_neither_order_nor_company_of_parameters_changes_a_value():
    alone = TruncatedNormal(coordinates=Coordinates(SPACE, ("mass:leg",)), base=BASE, mean=(0.5,), std=(0.1,))
    turned = Coordinates(ParameterSpace(SPACE.parameters[::-1]), ("mass:leg", "payload:torso"))
    both = TruncatedNormal(coordinates=turned, base=BASE, mean=(0.5, 0.2), std=(0.1, 0.3))
    one, two = (d.sample(KEY, d.init(KEY), 9).dynamics["mass:leg"] for d in (alone, both))
    np.testing.assert_array_equal(one, two)
    ordered = CorrelatedNormal.over(REAL, BASE, RANGES)
    turned = CorrelatedNormal.over(turned, BASE, RANGES)
    one, two = (d.sample(KEY, d.init(KEY), 9).dynamics for d in (ordered, turned))
    for name in REAL.names:
        np.testing.assert_array_equal(one[name], two[name])


def test_a_deviation_never_falls_below_the_floor():
    assert np.sqrt(np.diagonal(floored(np.zeros((3, 3)), 1e-3))).min() >= 1e-3
    np.linalg.cholesky(floored(np.zeros((3, 3)), 1e-3))
    bell = TruncatedNormal(coordinates=REAL, base=BASE, mean=(0.5, 0.5), std=(0.0, 0.0), least=1e-2)
    points = REAL.vector(bell.sample(KEY, Bell(np.full(2, 0.5), np.zeros(2)), 2000).dynamics)
    np.testing.assert_allclose(points.std(axis=0), 1e-2, rtol=0.1)


def test_particles_keep_mean_and_covariance_and_never_split_a_whole_number():
    random = np.random.default_rng(0)
    points = np.clip(0.5 + 0.1 * random.standard_normal((200, 3)), 0, 1)
    points[:, 0] = np.where(random.uniform(size=200) < 0.5, 0.1, 0.3)
    particles = Particles(coordinates=ALL, base=BASE, cloud=Cloud(points, np.zeros(200)))
    drawn = particles.points(KEY, particles.init(KEY), 4000)
    np.testing.assert_allclose(drawn.mean(axis=0), points.mean(axis=0), atol=0.01)
    np.testing.assert_allclose(drawn[:, 1:].std(axis=0), points[:, 1:].std(axis=0), rtol=0.06)
    assert set(drawn[:, 0]) == {0.1, 0.3}
    heavy = particles.points(KEY, Cloud(points, np.where(np.arange(200) == 7, 0.0, -1e9)), 50)
    np.testing.assert_allclose(heavy, np.repeat(points[7:8], 50, axis=0), atol=1e-3)


def test_quantiles_of_weighted_points_by_hand():
    cloud = Cloud(np.array([[0.0], [1.0], [2.0]]), np.log([0.25, 0.5, 0.25]))
    # middles of the weights: 0.125, 0.5, 0.875
    np.testing.assert_allclose(cloud.quantile([0.5, 0.3125, 0.0])[:, 0], [1.0, 0.5, 0.0])


class TestSplits:
    def test_inside_is_inside_and_outside_is_outside_and_legal(self):
        ranges = RANGES | {"delay:action": (0.0, 2.0)}
        parts = split(SPACE, ranges, BASE)
        inside, outside = (parts[name].sample(KEY, (), 400).dynamics for name in ("interpolation", "extrapolation"))
        for name, (low, high) in ranges.items():
            assert ((inside[name] >= np.float32(low)) & (inside[name] <= np.float32(high))).all()
            assert ((outside[name] < np.float32(low)) | (outside[name] > np.float32(high))).all()
            assert (outside[name] >= SPACE[name].low).all() and (outside[name] <= SPACE[name].high).all()
        assert (outside["delay:action"] == np.rint(outside["delay:action"])).all()
        # by half a width to each side, in the logarithm: from 1/4 to 1/2 and from 2 to 4, evenly
        logs = np.log2(outside["mass:leg"])
        np.testing.assert_allclose([logs.min(), logs.max()], [-2.0, 2.0], atol=0.03)
        assert 0.4 < (logs < 0).mean() < 0.6 and abs(np.abs(logs).mean() - 1.5) < 0.05
        np.testing.assert_array_equal(parts["default"].sample(KEY, (), 2).dynamics["mass:leg"], [1.0, 1.0])

    def test_refuses_ranges_that_leave_nothing_outside(self):
        with pytest.raises(InputError, match="narrow the ranges"):
            Outside(space=SPACE, ranges={"mass:leg": (0.1, 10.0)}, base=BASE)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Coordinates(SPACE, ("mass:lag",)), "did you mean 'mass:leg'"),
        (lambda: Coordinates.matching(SPACE, ("gear:*",)), "no parameter matches 'gear:\\*'"),
        (lambda: REAL.centre_and_width(RANGES | {"mass:leg": (2.0, 0.5)}), "inverted"),
        (lambda: REAL.centre_and_width(RANGES | {"mass:leg": (0.01, 0.5)}), "leaves what is legal"),
        (lambda: TruncatedNormal(coordinates=REAL, base=BASE, mean=(0.5,), std=(0.1,)), "2 means"),
        (
            lambda: CorrelatedNormal(coordinates=REAL, base=BASE, mean=(0.5, 0.5), covariance=((1, 2), (2, 1))),
            "negative",
        ),
        (lambda: Particles(coordinates=REAL, base=BASE, cloud=Cloud(np.full((2, 2), np.nan), np.zeros(2))), "finite"),
    ],
)
def test_bad_input_is_named(make, says):
    with pytest.raises(InputError, match=says):
        make()


def test_a_gaussian_state_may_be_replaced():
    both = CorrelatedNormal.over(REAL, BASE, RANGES)
    moved = Gaussian(np.array([0.9, 0.9]), 1e-6 * np.eye(2))
    np.testing.assert_allclose(both.points(KEY, moved, 100).mean(axis=0), 0.9, atol=1e-3)
    assert dataclasses.is_dataclass(both)
