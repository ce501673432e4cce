"""Domain randomization: what is drawn, from where, and on what it depends."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.adapt.randomize import PRESETS, Uniform, mild, preset, preset_ranges, wide
from headstart.errors import InputError
from headstart.spaces import Parameter, ParameterSpace
from headstart.tasks.mujoco import ALL
from headstart.tasks.pendulum import Pendulum
from headstart.tasks.point_maze import PointMaze
from headstart.types import Task, TaskDistribution

SPACE = ParameterSpace(
    (
        Parameter(name="mass:leg", unit="× nominal", nominal=1.0, low=0.1, high=10.0, scale="log"),
        Parameter(name="mass:foot", unit="× nominal", nominal=1.0, low=0.1, high=10.0, scale="log"),
        Parameter(name="wind:x", unit="m/s", nominal=0.0, low=-5.0, high=5.0),
        Parameter(name="delay:action", unit="control steps", nominal=0.0, low=0.0, high=10.0, integer=True),
    )
)
BASE = Task(SPACE.nominal(), {"goal": np.array([1.0, 2.0], np.float32)}, np.float32(3.0))
KEY = jax.random.key(0)
N = 4000


def drawn(n=N, key=KEY, shared=(), **ranges):
    named = {name.replace("__", ":"): bounds for name, bounds in ranges.items()}
    distribution = Uniform(space=SPACE, ranges=named, base=BASE, shared=shared)
    return distribution.sample(key, distribution.init(key), n)


def test_it_speaks_the_contract():
    distribution = Uniform(space=SPACE, ranges={}, base=BASE)
    for method in ("init", "sample", "update"):
        theirs = list(inspect.signature(getattr(TaskDistribution, method)).parameters)[1:]
        assert list(inspect.signature(getattr(distribution, method)).parameters) == theirs
    state, metrics = distribution.update(KEY, distribution.init(KEY), None)
    assert state == () and metrics == {}


def test_values_land_in_their_ranges_and_the_rest_is_the_base():
    tasks = drawn(mass__leg=(0.5, 2.0), wind__x=(-1.0, 3.0))
    leg, wind = tasks.dynamics["mass:leg"], tasks.dynamics["wind:x"]
    assert leg.min() >= 0.5 and leg.max() <= 2.0 and np.ptp(leg) > 1.49
    assert wind.min() >= -1.0 and wind.max() <= 3.0 and np.ptp(wind) > 3.98
    assert (tasks.dynamics["mass:foot"] == 1.0).all() and (tasks.dynamics["delay:action"] == 0.0).all()
    np.testing.assert_array_equal(tasks.reward["goal"], np.repeat([[1.0, 2.0]], N, axis=0))
    np.testing.assert_array_equal(tasks.spec, np.full(N, 3.0))


def test_a_log_scale_is_even_in_the_logarithm():
    leg = np.asarray(drawn(mass__leg=(0.25, 4.0)).dynamics["mass:leg"])
    assert np.median(leg) == pytest.approx(1.0, rel=0.1)  # the geometric mean; the arithmetic one is 2.125
    quarters = np.histogram(np.log2(leg), bins=[-2, -1, 0, 1, 2])[0] / N
    np.testing.assert_allclose(quarters, 0.25, atol=0.03)


def test_a_linear_scale_is_even():
    wind = np.asarray(drawn(wind__x=(-2.0, 2.0)).dynamics["wind:x"])
    np.testing.assert_allclose(np.histogram(wind, bins=4, range=(-2, 2))[0] / N, 0.25, atol=0.03)


def test_whole_numbers_are_whole_and_equally_likely():
    delay = np.asarray(drawn(delay__action=(1.0, 3.0)).dynamics["delay:action"])
    values, counts = np.unique(delay, return_counts=True)
    assert values.tolist() == [1.0, 2.0, 3.0]
    np.testing.assert_allclose(counts / N, 1 / 3, atol=0.03)


@pytest.mark.parametrize("value", [0.1, 0.3, 1.0, 1.1, 7.3])
def test_a_range_of_width_zero_is_exact(value):
    tasks = drawn(n=64, mass__leg=(value, value), wind__x=(value / 3, value / 3), delay__action=(2.0, 2.0))
    assert (np.asarray(tasks.dynamics["mass:leg"]) == np.float32(value)).all()
    assert (np.asarray(tasks.dynamics["wind:x"]) == np.float32(value / 3)).all()
    assert (np.asarray(tasks.dynamics["delay:action"]) == 2.0).all()


def test_a_value_depends_on_key_name_and_row_alone():
    few, many = drawn(n=5, mass__leg=(0.5, 2.0)), drawn(n=9, mass__leg=(0.5, 2.0), wind__x=(-1.0, 1.0))
    np.testing.assert_array_equal(few.dynamics["mass:leg"], many.dynamics["mass:leg"][:5])
    other = drawn(n=9, key=jax.random.key(1), mass__leg=(0.5, 2.0))
    assert (other.dynamics["mass:leg"] != many.dynamics["mass:leg"]).all()
    both = drawn(n=9, mass__leg=(0.5, 2.0), mass__foot=(0.5, 2.0))
    assert (both.dynamics["mass:leg"] != both.dynamics["mass:foot"]).all()


def test_the_values_of_a_seed_are_the_same_in_every_release():
    # golden: a change of the key's derivation would silently make another experiment of every old seed
    leg = drawn(n=3, mass__leg=(0.5, 2.0)).dynamics["mass:leg"]
    np.testing.assert_allclose(leg, [1.345412, 1.302270, 1.050494], rtol=1e-5)


def test_shared_draws_are_equal_within_a_row_and_differ_between_rows():
    ranges = {"mass__*": (0.5, 2.0)}
    own, shared = drawn(n=50, **ranges).dynamics, drawn(n=50, shared=("mass:*",), **ranges).dynamics
    assert (own["mass:leg"] != own["mass:foot"]).all()
    np.testing.assert_array_equal(shared["mass:leg"], shared["mass:foot"])
    assert len(np.unique(shared["mass:leg"])) == 50


def test_a_later_range_overrides_an_earlier_one():
    distribution = Uniform(space=SPACE, ranges={"mass:*": (0.5, 2.0), "mass:foot": (3.0, 4.0)}, base=BASE)
    assert [(d.parameter.name, d.low) for d in distribution.drawn] == [("mass:leg", 0.5), ("mass:foot", 3.0)]


@pytest.mark.parametrize(
    ("ranges", "shared", "words"),
    [
        ({"mas:leg": (0.5, 2.0)}, (), "unknown parameter 'mas:leg'; did you mean 'mass:leg'"),
        ({"friction:*": (0.5, 2.0)}, (), "no parameter matches 'friction:.'; there are mass:leg"),
        ({"mass:leg": (2.0, 0.5)}, (), "'mass:leg': the range .* is inverted"),
        ({"mass:leg": (0.0, 1.0)}, (), "'mass:leg': .* leaves what is legal"),
        ({"mass:leg": (0.5, float("nan"))}, (), "'mass:leg': the range .* is not finite"),
        ({"delay:action": (0.5, 2.0)}, (), "'delay:action': only whole values"),
        ({"mass:leg": (0.5, 2.0)}, ("mass:*",), "shared: 'mass:.' is not one of the ranges"),
    ],
)
def test_what_cannot_be_drawn_is_refused_at_once(ranges, shared, words):
    with pytest.raises(InputError, match=words):
        Uniform(space=SPACE, ranges=ranges, base=BASE, shared=shared)


FAMILIES = [*ALL, Pendulum(), PointMaze()]


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_preset_is_legal_and_moves_every_family(family, name):
    distribution = preset(family, name)  # refuses what is not legal
    assert any(drawn.low < drawn.high for drawn in distribution.drawn)
    tasks = distribution.sample(KEY, (), 3)
    assert jax.tree.structure(tasks) == jax.tree.structure(family.task())
    for parameter in family.dynamics.values():
        value = np.asarray(tasks.dynamics[parameter.name])
        assert value.shape == (3,) and value.dtype == np.float32
        assert (value >= np.float32(parameter.low)).all() and (value <= np.float32(parameter.high)).all()


def test_presets_widen():
    for family in FAMILIES:
        narrow, broad = mild(family.dynamics), wide(family.dynamics)
        for name in set(narrow) - {"noise:observation"}:
            assert broad[name][0] <= narrow[name][0] and narrow[name][1] <= broad[name][1], name


def test_an_unknown_preset_is_refused():
    with pytest.raises(InputError, match=r"unknown preset 'wild'; did you mean .*'wide'"):
        preset_ranges(SPACE, "wild")


def test_it_can_be_drawn_inside_a_compiled_function():
    distribution = Uniform(space=SPACE, ranges={"mass:leg": (0.5, 2.0)}, base=BASE)
    inside = jax.jit(lambda key: distribution.sample(key, (), 4).dynamics["mass:leg"])(KEY)
    np.testing.assert_allclose(inside, distribution.sample(KEY, (), 4).dynamics["mass:leg"], rtol=1e-6)
    assert inside.dtype == jnp.float32
