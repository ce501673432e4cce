"""Which policy to spend target episodes with: the one on whose steps possible simulators disagree most."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Key

from headstart.adapt.identifiability import (
    expected_whitener,
    gathered,
    simulated_episodes,
    whole_values,
)
from headstart.adapt.posterior import Posterior
from headstart.adapt.transitions import transitions
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
    key: Key[Array, ""], posterior: Posterior, cloud: Any, candidates: Mapping[str, Candidate]
) -> dict[str, float]:
    """Simulates one episode's worth of each candidate and measures the disagreement on it, in nats an episode.

    Args:
        key: of the simulated episodes, the same for each candidate.
        posterior: the method that will read the target episodes.
        cloud: what is known now; before the first target episode, the prior.
        candidates: by name.
    """
    names = posterior.coordinates.names
    points = np.asarray(cloud.points)[:: max(1, len(cloud.points) // PARTICLES)][:PARTICLES]
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


def noisier(params: Params, factor: float) -> Params:
    """Returns a Gaussian policy's parameters with another standard deviation."""
    actor = params["actor"]
    return {**params, "actor": {**actor, "log_std": actor["log_std"] + jax.numpy.float32(np.log(factor))}}
