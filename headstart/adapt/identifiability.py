"""What target episodes could tell, found out in simulation before the first of them is spent."""

from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, Key

from headstart.adapt.evidence import Evidence, Meter, evidence
from headstart.adapt.gauss_newton import FINE, differentiate, root_of
from headstart.adapt.noise import Noise, whitener_of
from headstart.adapt.posterior import NOISE, Posterior
from headstart.adapt.transitions import Transitions, transitions
from headstart.data.collect import begin, collect
from headstart.maths.state_filter import Whitener
from headstart.types import Params, Policy, Rollout, Task

UNKNOWN = 0.8  # of the prior's deviation: what is left after the episodes must be below this to count as identified
QUIET = 1e-3  # assumed noise of the sensors, in typical sizes, where the ranges do not say


class Identifiability(NamedTuple):
    """What is expected of each real-valued parameter.

    Attributes:
        names: of the parameters.
        remaining: expected standard deviation after the episodes, over that before.
        steps: of the simulated episodes that were looked at.
    """

    names: tuple[str, ...]
    remaining: Float[np.ndarray, " p"]
    steps: int

    @property
    def unidentified(self) -> tuple[str, ...]:
        """Parameters that the episodes would leave about as unknown as they are."""
        return tuple(name for name, left in zip(self.names, self.remaining, strict=True) if left > UNKNOWN)


def identifiability(
    key: Key[Array, ""], posterior: Posterior, policy: Policy, params: Params, episodes: int
) -> Identifiability:
    """Plays a policy in the simulator and asks how much its steps would tell, by Fisher's information.

    Cov = (Σ Jᵀ S⁻¹ J + Σ₀⁻¹)⁻¹, with J the slope of the predicted next state by the parameters where the policy goes.

    Args:
        key: of the simulated episodes.
        posterior: whose parameters, prior and simulator.
        policy: that is to play the target.
        params: of it.
        episodes: how many are to be spent.

    Source: Fisher 1922; for choosing experiments: Memmel et al. 2024 (arXiv 2404.12308), equation 3.
    """
    if not posterior.real.names:  # whole numbers and noise have no slope: of them nothing is foretold
        return Identifiability((), np.zeros(0), 0)
    tasks = _middle(posterior, episodes)
    played = simulated_episodes(key, posterior.family, policy, params, tasks, episodes)
    data = gathered(posterior, transitions(played, posterior.family.observation, posterior.family.action))
    prior = posterior.prior(posterior.real)
    point = np.clip(prior.mean, 0.0, 1.0)
    _, slope = differentiate(data, whole_values(posterior), point, FINE)
    white = expected_whitener(posterior, data, point).whiten(slope).reshape(len(slope), -1)
    remaining = np.sqrt(np.square(root_of(white.T, prior)).sum(axis=1)) / prior.std
    return Identifiability(posterior.real.names, remaining, int(data.present.sum()))


def simulated_episodes(
    key: Key[Array, ""], family: Any, policy: Policy, params: Params, tasks: Task, n: int, longest: int = 200
) -> tuple[Rollout, ...]:
    """Plays the beginning of `n` episodes side by side, `longest` steps at most."""
    key_begin, key_play = jax.random.split(key)
    carry = begin(key_begin, family, policy, params, tasks, n)
    rollout, _ = collect(key_play, family, policy, params, carry, tasks, longest)
    rollout = jax.tree.map(np.asarray, rollout)
    ended = rollout.terminated | rollout.truncated
    length = np.where(ended.any(axis=0), np.argmax(ended, axis=0) + 1, len(ended))
    return tuple(jax.tree.map(lambda x: x[: length[i], i : i + 1], rollout) for i in range(n))  # noqa: B023


def whole_values(posterior: Posterior) -> dict[str, float]:
    """The middle of the range of each whole-numbered parameter."""
    whole = [p.name for p in posterior.coordinates.parameters if p.integer]
    return {name: float(round(sum(posterior.ranges[name]) / 2)) for name in whole}


def expected_noise(posterior: Posterior) -> Float[np.ndarray, " channel"]:
    """The sensors' noise that the ranges suggest, in the channels' own units."""
    low, high = posterior.ranges.get(NOISE, (QUIET, QUIET))
    level = max(0.5 * (low + high), 1e-6)
    return level * posterior.family.typical_size


def expected_whitener(posterior: Posterior, data: Evidence, point: Float[np.ndarray, " p"]) -> Whitener:
    """The filter's matrices before any target data: with the noise that the ranges suggest."""
    sensor = np.clip(expected_noise(posterior) / data.scale, 1e-5, 3.0)
    slope, bend = data.slopes(point, whole_values(posterior), np.minimum(sensor, 0.3))
    return whitener_of(Noise(sensor, 1e-6), slope, bend, data.present)


def gathered(posterior: Posterior, given: Transitions) -> Evidence:
    """Prepares transitions for predictions under the posterior's parameters."""
    base = {k: float(v) for k, v in posterior.base.dynamics.items() if k not in posterior.ranges}
    return evidence(posterior.family, posterior.real, given, base, posterior.steps, Meter())


def _middle(posterior: Posterior, n: int) -> Task:
    """The tasks in the middle of the prior."""
    prior = posterior.prior(posterior.coordinates)
    points = np.repeat(np.clip(prior.mean, 0.0, 1.0)[None], n, axis=0)
    return posterior.coordinates.task(posterior.base, points)
