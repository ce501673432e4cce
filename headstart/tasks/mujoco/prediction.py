"""One step ahead from observed states, under many dynamics at once: what adaptation asks a simulator."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

from collections.abc import Mapping
from typing import Any, Protocol

import mujoco
import numpy as np
from jaxtyping import Bool, Float

from headstart.errors import InputError
from headstart.tasks.mujoco.engine import Engines
from headstart.tasks.mujoco.parameters import DELAY, LONGEST_DELAY
from headstart.tasks.mujoco.robot import Physics, Robot

MODELS = 16  # dynamics at a time: engines of one size, so that the same ones are used again
_LARGEST = 1e6  # as in family.py: beyond it a simulation has diverged


class Named(Protocol):
    """What is needed of a family: its robot and its name."""

    @property
    def robot(self) -> Robot: ...
    @property
    def name(self) -> str: ...


def predict(
    family: Named,
    engines: Engines,
    dynamics: Mapping[str, Float[Any, " particle"]],
    obs: Float[np.ndarray, "row channel"],
    queue: Float[np.ndarray, "row lag action"],
) -> tuple[Float[np.ndarray, "particle row channel"], Bool[np.ndarray, "particle row"]]:
    """See `MujocoFamily.predict`."""
    randomizer = engines.randomizer
    particles = len(np.atleast_1d(next(iter(dynamics.values()), 1.0)))
    values = randomizer.values({k: np.atleast_1d(v) for k, v in dynamics.items()}, np.arange(particles))
    states, known = recall(family, randomizer.model, obs)
    queue, nq = _long(np.asarray(queue, np.float64)), randomizer.model.nq
    delay = values[:, randomizer.column[DELAY]].astype(np.intp)
    seen, valid = np.empty((particles, *obs.shape)), np.empty((particles, len(obs)), bool)
    least = (family.robot.about.frame_skip - 0.5) * randomizer.model.opt.timestep
    for first in range(0, particles, MODELS):
        part = slice(first, min(first + MODELS, particles))
        n = part.stop - part.start
        held = np.concatenate([values[part], np.repeat(values[part][-1:], MODELS - n, axis=0)])
        with engines.lend(held) as engine:
            control = np.moveaxis(queue[:, delay[part]], 1, 0)
            after = engine.fan(np.broadcast_to(states, (n, *states.shape)), np.ascontiguousarray(control))
        sound = (after[..., 0] > least) & (np.abs(after[..., 1:]).max(axis=-1) < _LARGEST)  # so not what is no number
        after = np.where(sound[..., None], after, states)
        flat = after.reshape(-1, after.shape[-1])
        bodies = np.zeros((len(flat), 0, 3))
        next_obs = family.robot.observe(Physics(flat[:, 1 : 1 + nq], flat[:, 1 + nq :], bodies))
        seen[part], valid[part] = next_obs.reshape(n, *obs.shape), sound & known
    return seen, valid


def recall(
    family: Named, model: mujoco.MjModel, obs: Float[np.ndarray, "row channel"]
) -> tuple[Float[np.ndarray, "row state"], Bool[np.ndarray, " row"]]:
    """Returns full physical states at time 0 from observations, and whether each is known.

    What the observation leaves out is 0, which changes nothing about the motion. A velocity at the sensor's limit may
    have been anything beyond it.
    """
    unseen, nq, nv = family.robot.about.unseen, model.nq, model.nv
    obs = np.asarray(obs, np.float64)
    if unseen is None or obs.ndim != 2 or obs.shape[1] != nq - unseen + nv:
        raise InputError(f"{family.name}: observations of shape {obs.shape} are not its own, (row, channel)")
    states = np.concatenate([np.zeros((len(obs), 1 + unseen)), obs], axis=1)
    limit = getattr(family.robot, "velocity_limit", np.inf)
    known = (np.abs(obs[:, nq - unseen :]) < limit).all(axis=1) & np.isfinite(obs).all(axis=1)
    return states, np.asarray(known)


def _long(queue: Float[np.ndarray, "row lag action"]) -> Float[np.ndarray, "row long action"]:
    return np.pad(queue, ((0, 0), (0, max(0, 1 + LONGEST_DELAY - queue.shape[1])), (0, 0)))
