"""How much of the doubt about each parameter is left, by hand."""

import jax
import numpy as np
import pytest

from headstart.adapt.correlated_normal import Gaussian
from headstart.adapt.narrowed import remaining, unidentified
from headstart.adapt.particles import Cloud
from headstart.adapt.posterior import Posterior
from headstart.adapt.sim_opt import SimOpt
from headstart.tasks.catalogue import family

HOPPER = family("hopper")
RANGES = {"mass:torso": (0.8, 1.2), "gear:leg_joint": (0.9, 1.1), "delay:action": (0.0, 1.0), "mass:foot": (1.3, 1.3)}
POSTERIOR = Posterior(family=HOPPER, ranges=RANGES, base=HOPPER.task())
SIMOPT = SimOpt(family=HOPPER, ranges=RANGES, base=HOPPER.task())


def cloud(widths, chances):
    """Particles whose intervals are so many times as wide as the prior's, and whose delays have such chances."""
    prior, rows = POSTERIOR.prior(POSTERIOR.coordinates), 400
    along = np.linspace(-1.645, 1.645, rows) / 0.9  # 5 % to 95 % of an even spread
    points = np.repeat(prior.mean[None], rows, axis=0)
    for name, width in widths.items():
        column = POSTERIOR.coordinates.names.index(name)
        points[:, column] += width * prior.std[column] * along
    delay = POSTERIOR.coordinates.names.index("delay:action")
    values = np.repeat(list(chances), [round(rows * share) for share in chances.values()])
    points[:, delay] = POSTERIOR.coordinates.vector({**HOPPER.task().dynamics, "delay:action": 1.0})[delay] * values
    return Cloud(points, np.zeros(rows))


def test_an_interval_half_as_wide_leaves_half_of_the_doubt_and_a_known_parameter_is_left_out():
    left = remaining(POSTERIOR, cloud({"mass:torso": 0.5, "gear:leg_joint": 0.9}, {0.0: 0.05, 1.0: 0.95}))
    assert set(left) == set(RANGES) - {"mass:foot"}
    assert left["mass:torso"] == pytest.approx(0.5, rel=0.01) and left["gear:leg_joint"] == pytest.approx(0.9, rel=0.01)
    # before: a delay of 0 or 1 with probability 1 / (2 + 1 / e) each, of 2 with the rest
    assert left["delay:action"] == pytest.approx(0.05 / (1.0 - 1.0 / (2.0 + np.exp(-1.0))))
    assert unidentified(left) == ["gear:leg_joint"]


def test_a_delay_hardly_likelier_than_before_is_not_identified():
    left = remaining(POSTERIOR, cloud({"mass:torso": 0.5, "gear:leg_joint": 0.1}, {0.0: 0.45, 1.0: 0.4, 2.0: 0.15}))
    assert unidentified(left) == ["delay:action"]


def test_what_the_prior_itself_says_leaves_all_of_the_doubt():
    posterior = Posterior(family=HOPPER, ranges=RANGES, base=HOPPER.task(), particles=4000)
    left = remaining(posterior, posterior.init(jax.random.key(0)))
    assert left["mass:torso"] == pytest.approx(1.0, abs=0.05)
    left = remaining(SIMOPT, SIMOPT.init(jax.random.key(0)))
    assert left == pytest.approx(dict.fromkeys(set(RANGES) - {"mass:foot"}, 1.0), rel=1e-3)


def test_of_simopt_it_is_the_deviation_that_counts():
    names, start = SIMOPT.coordinates.names, SIMOPT.drawn
    torso = names.index("mass:torso")
    covariance = np.array(start.covariance)
    covariance[torso, torso] *= 0.49
    left = remaining(SIMOPT, Gaussian(np.array(start.mean), covariance))
    assert left["mass:torso"] == pytest.approx(0.7) and "mass:torso" not in unidentified(left)
    assert set(unidentified(left)) == {"gear:leg_joint", "delay:action"}
