"""What the tests of the MuJoCo families play with: batches of tasks, random actions, a short loop."""

import jax
import numpy as np
import pytest

from headstart.tasks import catalogue
from headstart.tasks.mujoco import ALL

EULER = tuple(catalogue.family(name) for name in ("hopper_euler", "walker2d_euler"))
HOPPER, WALKER2D, SWIMMER, HALF_CHEETAH, REACHER, PUSHER, ANT = ALL
every_family = pytest.mark.parametrize("family", ALL, ids=lambda family: family.name)


def all_of(n):
    return np.ones(n, bool)


def tasks_of(family, n, **dynamics):
    """Repeats the nominal task, with other values for some parameters (`:` is written `__`)."""
    task = jax.tree.map(lambda leaf: np.repeat(np.asarray(leaf)[None], n, axis=0), family.task())
    for name, value in dynamics.items():
        task.dynamics[name.replace("__", ":")] = np.broadcast_to(np.asarray(value, np.float32), n)
    return task


def corners(family, n, ranges, seed=0):
    """Tasks at random corners of a box of ranges."""
    rng = np.random.default_rng(seed)
    return tasks_of(family, n, **{name: rng.choice(np.float32(bounds), n) for name, bounds in ranges.items()})


def spread(family, n, seed=0):
    """Tasks that differ in every parameter, none at its nominal value."""
    rng, task = np.random.default_rng(seed), tasks_of(family, n)
    for p in family.dynamics.values():
        low, high = (max(p.low, 0.6 * p.nominal), min(p.high, 1.6 * p.nominal)) if p.nominal else (p.low, 0.2 * p.high)
        value = np.rint(rng.uniform(1, 3, n)) if p.integer else rng.uniform(low, high, n)
        task.dynamics[p.name] = value.astype(np.float32)
    return task


def begin(family, tasks, seeds=None):
    n = len(jax.tree.leaves(tasks)[0])
    return family.reset(np.arange(n) if seeds is None else seeds, family.start(n), tasks, all_of(n))


def actions_of(family, steps, n, seed=0):
    low, high = family.action.bounds()
    return np.random.default_rng(seed).uniform(low, high, (steps, n, *family.action.shape)).astype(np.float32)


def play(family, state, actions):
    """Steps without ever resetting; returns the last state, then observations, rewards and ends, axis `time` first."""
    seen, rewards, ends = [], [], []
    for t, action in enumerate(actions):
        outcome = family.step(np.arange(len(action)) + 1000 * t, state, action, all_of(len(action)))
        assert outcome.valid.all()
        state = outcome.state
        seen.append(family.observe(state))
        rewards.append(outcome.reward)
        ends.append(outcome.terminated)
    return state, np.array(seen), np.array(rewards), np.array(ends)


def physical(model):
    """Every number of a model that the engine computes with, by name."""
    prefixes = ("body_", "dof_", "jnt_", "geom_", "actuator_", "qpos", "tendon_", "exclude_", "pair_", "eq_")
    skip = ("geom_matid", "geom_rgba", "body_plugin")
    names = [name for name in dir(model) if name.startswith(prefixes) and name not in skip]
    numbers = {name: getattr(model, name) for name in names if isinstance(getattr(model, name), np.ndarray)}
    options = ("gravity", "density", "viscosity", "timestep", "disableflags", "integrator")
    numbers |= {f"opt.{name}": np.asarray(getattr(model.opt, name)) for name in options}
    return numbers | {"stat.meaninertia": np.asarray(model.stat.meaninertia)}
