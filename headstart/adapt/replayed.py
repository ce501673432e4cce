"""Simulated trajectories beside a measured one: the target's actions replayed, or the target's policy played again."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, Key

from headstart.adapt.correlated_normal import Gaussian
from headstart.adapt.drawing import generator
from headstart.adapt.feedback import TargetPlay
from headstart.adapt.posterior import NOISE, Posterior
from headstart.adapt.sim_opt import SimOpt
from headstart.adapt.transitions import transitions
from headstart.types import Rollout

REPLAYED = 24  # simulators
STEPS = 40  # control steps: longer replays of a falling robot diverge whatever its parameters
CHANNELS = 6  # that are shown: those that the two bands tell apart best


def replays(
    key: Key[Array, ""],
    posterior: Posterior,
    cloud: Any,
    noise: Float[np.ndarray, " channel"],
    episodes: tuple[Rollout, ...],
) -> dict[str, Any]:
    """Replays a target episode's actions in simulators of the prior and of the posterior, seen through noise.

    Args:
        key: same key, same replays.
        posterior: whose prior and simulator.
        cloud: what is believed now.
        noise: of the sensors, as estimated with it: standard deviations in the channels' own units.
        episodes: the target's; of the first whose world did not break at once, what came before any break.

    Returns:
        For the channels that are shown: number, what was measured, and the 5 % and 95 % points of both bands.
    """
    given = transitions(episodes, posterior.family.observation, posterior.family.action)
    length = int(min(STEPS, np.argmax(np.append(given.begins[1:], True)) + 1))
    measured = np.concatenate([given.obs[:1], given.next_obs[:length]])
    drawn, random = posterior.drawn(), generator(jax.random.fold_in(key, 1))
    before, after = (
        _roll(posterior, drawn.points(key, state, REPLAYED), level, given.obs[0], given.queue[:length], random)
        for state, level in ((posterior.init(key), None), (cloud, noise))
    )
    return {"way": "actions", "noise": True, **_bands(measured, before, after)}


def plays(key: Key[Array, ""], method: SimOpt, state: Gaussian, feedback: TargetPlay) -> dict[str, Any] | None:
    """Plays the target's policy in simulators of the distribution before and after, beside what the target showed.

    Returns:
        As in `replays`, of changes since the beginning of an episode; None where every simulator diverged.
    """
    measured, bands = method.compared(feedback)[0].seen, []
    key_draw, key_play = jax.random.split(key)
    for belief in (method.init(key), state):
        points = method.drawn.points(key_draw, belief, method.samples)
        sound = [part[: len(measured)] for part in method.play(key_play, feedback, points) if part is not None]
        if not sound:
            return None
        longer = [np.pad(part, ((0, len(measured) - len(part)), (0, 0)), mode="edge") for part in sound]
        bands.append(np.stack(longer))
    return {"way": "policy", "noise": True, **_bands(measured, *bands)}


def _bands(
    measured: Float[np.ndarray, "time channel"],
    before: Float[np.ndarray, "simulator time channel"],
    after: Float[np.ndarray, "simulator time channel"],
) -> dict[str, Any]:
    """The record of what was measured and of the 90 % bands, of the channels in which these differ most."""
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
    posterior: Posterior,
    points: Float[np.ndarray, "n p"],
    noise: Float[np.ndarray, " channel"] | None,
    obs: Float[np.ndarray, " channel"],
    queue: np.ndarray,
    random: np.random.Generator,
) -> Float[np.ndarray, "n time channel"]:
    """Steps each simulator from the same observation with the same actions; where one breaks, it stands still.

    The observation was noisy too: each simulator begins where the world may have been. Without an estimate, the noise
    is what each point says it is.
    """
    family = posterior.family
    values = {k: np.full(len(points), float(v)) for k, v in posterior.base.dynamics.items()}
    values |= {k: np.asarray(v, np.float64) for k, v in posterior.coordinates.values(points).items()}
    level = np.asarray(values.pop(NOISE, np.zeros(len(points))))
    deviation = level[:, None] * family.typical_size if noise is None else np.repeat(noise[None], len(points), axis=0)
    seen = [obs + deviation * random.standard_normal(deviation.shape)]
    for actions in queue:
        every, valid = family.predict(values, seen[-1], np.repeat(actions[None], len(points), axis=0))
        own = np.arange(len(points))  # simulator i from where it has got itself
        every, valid = (np.broadcast_to(part, (len(own), *part.shape[1:])) for part in (every, valid))
        seen.append(np.where(valid[own, own, None], every[own, own], seen[-1]))
    through = np.stack(seen[1:], axis=1)
    through = through + deviation[:, None] * random.standard_normal(through.shape)
    return np.concatenate([np.repeat(obs[None, None], len(points), axis=0), through], axis=1)
