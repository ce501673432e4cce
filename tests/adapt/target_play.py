"""Targets with hidden parameters for the tests of adaptation: short episodes of a hopper, smooth random actions."""

import jax
import numpy as np

from headstart.adapt.transitions import LAGS, Transitions
from headstart.tasks.catalogue import family
from headstart.types import Rollout, Task

HOPPER = family("hopper")


def played(hidden, episodes=2, seed=0, noise=0.0, longest=40, world=HOPPER):
    """Whole episodes as the metered target hands them out; noise in each channel's own unit."""
    random = np.random.default_rng(seed)
    tasks = jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf)[None], episodes, axis=0), world.task())
    changed = {name: np.full(episodes, value, np.float32) for name, value in hidden.items()}
    tasks = tasks._replace(dynamics={**tasks.dynamics, **changed})
    state = world.reset(random.integers(1 << 40, size=episodes), world.start(episodes), tasks, np.ones(episodes, bool))
    action = np.zeros((episodes, *world.action.shape))
    rows, alive = [[] for _ in range(episodes)], np.ones(episodes, bool)

    def look(state):
        clean = np.asarray(world.observe(state), np.float32)
        return (clean + noise * random.standard_normal(clean.shape)).astype(np.float32)

    obs = look(state)
    for _ in range(longest):
        action = np.clip(0.8 * action + 0.6 * random.standard_normal(action.shape), -1, 1).astype(np.float32)
        outcome = world.step(random.integers(1 << 40, size=episodes), state, action, alive)
        state, after = outcome.state, look(outcome.state)
        for i in np.flatnonzero(alive):
            rows[i].append((obs[i], action[i], outcome.reward[i], after[i], outcome.terminated[i], not rows[i]))
        alive, obs = alive & ~outcome.terminated, after
        if not alive.any():
            break
    return tuple(rollout(part) for part in rows)


def rollout(rows):
    obs, action, reward, after, ended, first = (np.array(column)[:, None] for column in zip(*rows, strict=True))
    flags = np.zeros_like(ended)
    return Rollout(obs, action, reward, after, ended, flags, first, ~flags, Task({}, {}))


def linear_transitions(residual_of, n=60, seed=0):
    """Transitions of no world, for what needs none."""
    random = np.random.default_rng(seed)
    obs = random.standard_normal((n, 3))
    queue = np.zeros((n, LAGS, 1))
    queue[:, 0] = random.standard_normal((n, 1))
    begins = np.zeros(n, bool)
    begins[0] = True
    return Transitions(obs, residual_of(obs, queue), queue, begins)
