"""What is still as unknown after target episodes as it was before: of each parameter, how much of the doubt is left."""

import numpy as np
from jaxtyping import Float
from scipy.special import ndtri

from headstart.adapt.correlated_normal import Gaussian
from headstart.adapt.identifiability import UNKNOWN
from headstart.adapt.particles import Cloud
from headstart.adapt.posterior import Posterior
from headstart.adapt.sim_opt import SimOpt
from headstart.maths.weights import normalized
from headstart.spaces import Parameter

EDGES = np.array([0.05, 0.95])  # of an interval, as levels
POINTS = 2000  # of a normal distribution, evenly in probability, for the chances of whole numbers


def remaining(method: Posterior | SimOpt, state: Cloud | Gaussian) -> dict[str, float]:
    """Returns the share of the doubt about each parameter that is left; 1 where nothing was learnt of it.

    Of a real-valued parameter that is the width of its 90 % interval over that of the prior, in its own scale. Of a
    whole-numbered one, the probability that it is another than the most probable value, over what that was before.
    A parameter that was known from the beginning is left out.

    Args:
        method: whose ranges the prior comes from.
        state: what is believed now.
    """
    before, now = prior_interval(method), interval(state)
    left = {}
    for column, p in enumerate(method.coordinates.parameters):
        low, high = method.ranges[p.name]
        if p.integer:
            chances = whole_chances(p, state, column)
            best = max(chances, key=lambda value: chances[value])
            doubt = 1.0 - prior_chances(method, p, column).get(best, 0.0)
            if doubt > 1e-9:
                left[p.name] = (1.0 - chances[best]) / doubt
        elif high > low:
            left[p.name] = float((now[1] - now[0])[column] / (before[1] - before[0])[column])
    return left


def unidentified(left: dict[str, float]) -> list[str]:
    """Names the parameters of which most of the doubt is left."""
    return [name for name, share in left.items() if share > UNKNOWN]


def interval(state: Cloud | Gaussian) -> Float[np.ndarray, "2 p"]:
    """The 5 % and the 95 % points of each coordinate, in the unit cube; a normal distribution is not cut off there."""
    if isinstance(state, Cloud):
        return state.quantile(EDGES)
    return np.asarray(state.mean) + ndtri(EDGES)[:, None] * np.sqrt(np.diagonal(state.covariance))


def prior_interval(method: Posterior | SimOpt) -> Float[np.ndarray, "2 p"]:
    """The same before the first target episode: of the distribution itself, not of what was drawn from it."""
    if isinstance(method, SimOpt):
        return interval(Gaussian(np.array(method.drawn.mean), np.array(method.drawn.covariance)))
    prior = method.prior(method.coordinates)
    return np.clip(prior.mean + ndtri(EDGES)[:, None] * prior.std, 0.0, 1.0)


def whole_chances(p: Parameter, state: Cloud | Gaussian, column: int) -> dict[float, float]:
    """The probability of each value of a whole-numbered parameter."""
    if isinstance(state, Cloud):
        points, weight = np.asarray(state.points)[:, column], normalized(state.log_weight)
    else:
        levels = (np.arange(POINTS) + 0.5) / POINTS
        points = state.mean[column] + np.sqrt(state.covariance[column, column]) * ndtri(levels)
        weight = np.full(POINTS, 1.0 / POINTS)
    values = np.rint(p.low + np.clip(points, 0.0, 1.0) * (p.high - p.low))
    return {float(value): float(weight[values == value].sum()) for value in np.unique(values)}


def prior_chances(method: Posterior | SimOpt, p: Parameter, column: int) -> dict[float, float]:
    """The same before the first target episode."""
    if isinstance(method, SimOpt):
        return whole_chances(p, Gaussian(np.array(method.drawn.mean), np.array(method.drawn.covariance)), column)
    believed = method.believed(method.choices())
    weight = normalized(np.array(list(believed.values())))
    values = np.array([dict(choice)[p.name] for choice in believed])
    return {float(value): float(weight[values == value].sum()) for value in np.unique(values)}
