"""Which policy to spend target episodes with: the one on whose steps possible simulators disagree most."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Key

from headstart.adapt.drawing import generator
from headstart.adapt.identifiability import (
    expected_whitener,
    gathered,
    simulated_episodes,
    whole_values,
)
from headstart.adapt.particles import Cloud
from headstart.adapt.posterior import NOISE, Posterior
from headstart.adapt.transitions import transitions
from headstart.maths.weights import normalized, systematic
from headstart.types import Params, Policy

PARTICLES = 24  # simulators that are asked
EPISODES = 4  # simulated, of each candidate


class Candidate(NamedTuple):
    """A way of playing the target."""

    policy: Policy
    params: Params


def disagreement(predicted: Float[np.ndarray, "particle number"]) -> float:
    """How much numbers tell about which particle made them, in nats: ½ ln det (1 + Y Yᵀ / n).

    Exact where particles are normal and predictions linear in them.

    Args:
        predicted: whitened by the noise, so that 1 is a noise's standard deviation.

    Source: MacKay 1992, "Information-based objective functions for active data selection", Neural Computation 4.
    """
    off = predicted - predicted.mean(axis=0)
    return float(0.5 * np.linalg.slogdet(np.eye(len(off)) + off @ off.T / len(off))[1])


def excitement(
    key: Key[Array, ""], posterior: Posterior, cloud: Cloud, candidates: Mapping[str, Candidate]
) -> dict[str, float]:
    """Simulates one episode's worth of each candidate and measures the disagreement on it, in nats an episode.

    Args:
        key: of the simulated episodes, the same for each candidate.
        posterior: the method that will read the target episodes.
        cloud: what is known now; before the first target episode, the prior.
        candidates: by name.
    """
    names, points = posterior.coordinates.names, _chosen(key, cloud)
    if np.ptp(cloud.log_weight) > 0.0:
        posterior = _informed(posterior, cloud)
    columns = [names.index(name) for name in posterior.real.names]
    tasks = posterior.coordinates.task(posterior.base, points[:EPISODES])
    found = {}
    for name, candidate in candidates.items():
        played = simulated_episodes(key, posterior.family, candidate.policy, candidate.params, tasks, EPISODES)
        told = []
        for episode in played:
            data = gathered(posterior, transitions((episode,), posterior.family.observation, posterior.family.action))
            matrices = expected_whitener(posterior, data, np.clip(points[:, columns].mean(axis=0), 0.0, 1.0))
            residuals = data.residuals(points[:, columns], whole_values(posterior))
            sound = matrices.whiten(residuals.values)[~residuals.diverged]
            told.append(disagreement(sound.reshape(len(sound), -1)))
        found[name] = float(np.mean(told))
    return found


def _chosen(key: Key[Array, ""], cloud: Cloud) -> Float[np.ndarray, "particle p"]:
    """Some points of a cloud: of a prior, whose points weigh the same, evenly; of a posterior, by their weights."""
    points = np.asarray(cloud.points)
    if np.ptp(cloud.log_weight) > 0.0:
        random = generator(key)
        points = points[random.permutation(systematic(normalized(cloud.log_weight), float(random.uniform())))]
    return points[:: max(1, len(points) // PARTICLES)][:PARTICLES]


def _informed(posterior: Posterior, cloud: Cloud) -> Posterior:
    """The method with whole-numbered parameters and the noise where a posterior has them, not where the ranges do."""
    weight, values = normalized(cloud.log_weight), posterior.coordinates.values(np.asarray(cloud.points))
    ranges = dict(posterior.ranges)
    for p in posterior.coordinates.parameters:
        if p.integer:
            choices = np.unique(values[p.name])
            likeliest = float(choices[np.argmax([weight[values[p.name] == choice].sum() for choice in choices])])
            ranges[p.name] = (likeliest, likeliest)
        elif p.name == NOISE:
            level = min(max(float(weight @ values[p.name]), p.low), p.high)
            ranges[p.name] = (level, level)
    return replace(posterior, ranges=ranges)


def noisier(params: Params, factor: float) -> Params:
    """Returns a Gaussian policy's parameters with another standard deviation."""
    actor = params["actor"]
    return {**params, "actor": {**actor, "log_std": actor["log_std"] + jax.numpy.float32(np.log(factor))}}
