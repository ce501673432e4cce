"""Slopes and shapes: as exact as they say; where nothing is known as wide as the prior, however little the noise."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

from headstart.adapt.gauss_newton import STEP, Prior, differentiate, root_of
from headstart.adapt.posterior import Posterior
from headstart.adapt.transitions import transitions
from headstart.maths.misfit import misfit
from headstart.tasks.catalogue import family
from tests.adapt.target_play import played

CART = family("tests.tasks.own.cart:Cart")
LIKE_ALL_FORCES = ("damping:pole_joint", "damping:slide", "gear:push", "mass:cart", "mass:pole")


class Curved:
    """Residuals that are an exponential of one coordinate and a sine of another, and break beyond a place."""

    def __init__(self, broken_above=np.inf):
        self.broken_above, self.asked = broken_above, []

    def residuals(self, points, fixed):
        self.asked.append(points)
        values = np.exp(2.0 * points[:, 0]) + np.sin(9.0 * points[:, 1])
        return SimpleNamespace(values=values[:, None, None, None], diverged=points[:, 0] > self.broken_above)


@pytest.mark.parametrize("point", [(0.4, 0.6), (0.0, 1.0), (1.0 - STEP, STEP), (1.0, 0.0)])
@pytest.mark.parametrize(("nodes", "error"), [(3, 100 * STEP**2), (5, 3e3 * STEP**4)])
def test_slopes_are_as_exact_as_they_say_also_at_the_border(point, nodes, error):
    world, (u, v) = Curved(), point
    value, slope = differentiate(world, {}, np.array(point), nodes)  # pyright: ignore[reportArgumentType]
    np.testing.assert_allclose(slope.ravel(), [2 * np.exp(2 * u), 9 * np.cos(9 * v)], atol=9 * error)
    assert value.item() == pytest.approx(np.exp(2 * u) + np.sin(9 * v))
    (asked,) = world.asked
    assert len(asked) == 1 + 2 * (nodes - 1) and asked.min() >= -1e-12 and asked.max() <= 1.0 + 1e-12


def test_where_a_neighbour_breaks_there_is_no_slope():
    _, slope = differentiate(Curved(broken_above=0.5), {}, np.array([0.5, 0.5]))  # pyright: ignore[reportArgumentType]
    assert slope.ravel()[0] == 0.0 and slope.ravel()[1] == pytest.approx(9 * np.cos(4.5), rel=1e-3)


@pytest.mark.parametrize("rows", [2, 40])
def test_the_root_is_that_of_the_inverse(rows):
    random = np.random.default_rng(0)
    slope, prior = random.standard_normal((rows, 3)), Prior(np.zeros(3), np.array([0.1, 1.0, 3.0]))
    root = root_of(slope, prior)
    np.testing.assert_allclose(root @ root.T, np.linalg.inv(slope.T @ slope + np.diag(prior.std**-2.0)), atol=1e-12)


def test_a_direction_known_a_trillion_times_better_does_not_drown_another():
    slope = 1e12 * np.array([[1.0, -1.0]])  # the difference is known, the sum is not
    root = root_of(slope, Prior(np.zeros(2), np.ones(2)))
    assert np.linalg.norm(np.array([1.0, 1.0]) / np.sqrt(2) @ root) == pytest.approx(1.0)
    assert np.linalg.norm(np.array([1.0, -1.0]) / np.sqrt(2) @ root) == pytest.approx(1 / (1e12 * np.sqrt(2)), rel=1e-3)


@pytest.mark.parametrize("noise", [0.0, 1e-6, 1e-4])
def test_what_only_a_ratio_is_known_of_stays_as_wide_as_the_prior(noise):
    """All masses, forces and dampings together change nothing that can be seen; their ratios do."""
    hidden = {"mass:pole": 2.0, "gear:push": 0.7}
    given = transitions(played(hidden, 3, 2, noise, 60, CART), CART.observation, CART.action)
    posterior = Posterior(family=CART, ranges=dict.fromkeys(LIKE_ALL_FORCES, (0.7, 1.5)), base=CART.task())
    cloud, found = posterior.explain(jax.random.key(0), given)
    low, high = (posterior.coordinates.values(cloud.quantile([at])) for at in (0.025, 0.975))
    for name in LIKE_ALL_FORCES:
        assert low[name][0] < hidden.get(name, 1.0) < high[name][0] and high[name][0] / low[name][0] > 1.4, name
    each = posterior.coordinates.values(cloud.points)
    ratio = each["mass:pole"] / each["gear:push"]
    np.testing.assert_allclose(ratio, 2.0 / 0.7, rtol=max(1e-4, 100 * noise))
    assert found.unexplained == 0.0  # else low trust would widen what is too narrow


def test_nothing_left_over_is_no_misfit():
    random = np.random.default_rng(0)
    assert misfit(np.zeros((20, 2)), random.standard_normal((20, 3))) == (0.0, 1.0)
