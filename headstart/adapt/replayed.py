"""Simulated trajectories beside a measured one: the target's actions, replayed from its first observation."""

from typing import Any

import numpy as np
from jaxtyping import Array, Float, Key

from headstart.adapt.posterior import NOISE, Posterior
from headstart.adapt.transitions import transitions
from headstart.types import Rollout

REPLAYED = 24  # simulators
STEPS = 40  # control steps: longer replays of a falling robot diverge whatever its parameters
CHANNELS = 6  # that are shown: those that the two bands tell apart best


def replays(key: Key[Array, ""], posterior: Posterior, cloud: Any, episode: Rollout) -> dict[str, Any]:
    """Replays a target episode's actions in simulators of the prior and of the posterior.

    Returns:
        For the channels that are shown: number, what was measured, and the 5 % and 95 % points of both bands.
    """
    given = transitions((episode,), posterior.family.observation, posterior.family.action)
    length = int(min(STEPS, np.argmax(np.append(given.begins[1:], True)) + 1))
    measured = np.concatenate([given.obs[:1], given.next_obs[:length]])
    drawn = posterior.drawn()
    before, after = (
        _roll(posterior, drawn.points(key, state, REPLAYED), given.obs[0], given.queue[:length])
        for state in (posterior.init(key), cloud)
    )
    low, high = (np.quantile(after, level, axis=0) for level in (0.05, 0.95))
    wide_low, wide_high = (np.quantile(before, level, axis=0) for level in (0.05, 0.95))
    gain = ((wide_high - wide_low) / (high - low + 1e-3 * (wide_high - wide_low) + 1e-9)).mean(axis=0)
    shown = sorted(np.argsort(-gain)[:CHANNELS].tolist())
    return {
        "channels": shown,
        "measured": measured[:, shown].T.tolist(),
        "prior": [wide_low[:, shown].T.tolist(), wide_high[:, shown].T.tolist()],
        "posterior": [low[:, shown].T.tolist(), high[:, shown].T.tolist()],
    }


def _roll(
    posterior: Posterior, points: Float[np.ndarray, "n p"], obs: Float[np.ndarray, " channel"], queue: np.ndarray
) -> Float[np.ndarray, "n time channel"]:
    """Steps each simulator from the same observation with the same actions; where one breaks, it stands still."""
    family, seen = posterior.family, [np.repeat(obs[None], len(points), axis=0)]
    values = {k: np.full(len(points), float(v)) for k, v in posterior.base.dynamics.items()}
    values |= {k: np.asarray(v, np.float64) for k, v in posterior.coordinates.values(points).items()}
    values.pop(NOISE, None)
    for actions in queue:
        every, valid = family.predict(values, seen[-1], np.repeat(actions[None], len(points), axis=0))
        own = np.arange(len(points))  # simulator i from where it has got itself
        seen.append(np.where(valid[own, own, None], every[own, own], seen[-1]))
    return np.stack(seen, axis=1)
