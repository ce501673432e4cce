"""What every distribution of tasks must do."""

import inspect

import jax
import numpy as np
import pytest

from headstart.adapt.coordinates import Coordinates
from headstart.adapt.correlated_normal import CorrelatedNormal
from headstart.adapt.dropo import Dropo
from headstart.adapt.feedback import TargetPlay
from headstart.adapt.held import Held
from headstart.adapt.identifiability import simulated_episodes
from headstart.adapt.particles import Cloud, Particles
from headstart.adapt.posterior import NOISE, Posterior
from headstart.adapt.randomize import PRESETS, preset, preset_ranges
from headstart.adapt.sim_opt import SimOpt
from headstart.adapt.splits import split
from headstart.adapt.truncated_normal import TruncatedNormal
from headstart.adapt.widening import Widening
from headstart.nets.policies import GaussianPolicy
from headstart.tasks.catalogue import family
from headstart.tasks.fixed import Fixed
from headstart.types import Rollout, Task, TaskDistribution

WORLDS = ("pendulum", "point_maze", "hopper")
MADE = ("truncated normal", "correlated normal", "particles", "widening", "held", "interpolation", "extrapolation")
CASES = [(world, name) for world in WORLDS for name in ("fixed", *PRESETS, *MADE)]
# what learns from target episodes; the first two put the simulator into recorded states, as only some can be
ADAPTED = [("hopper", "posterior"), ("hopper", "dropo"), ("hopper", "simopt")]
CASES += ADAPTED


def made(world, name):
    worlds = family(world)
    if name == "fixed":
        return worlds, Fixed(task=worlds.task())
    if name in PRESETS:
        return worlds, preset(worlds, name)
    ranges, base = preset_ranges(worlds.dynamics, "wide"), worlds.task()
    if not ranges:  # a world of which the presets know nothing: the middle half of what is legal
        ranges = {p.name: (p.low, p.high) for p in worlds.dynamics.values()}
    varied = Coordinates(worlds.dynamics, tuple(ranges))
    if name in ("interpolation", "extrapolation"):
        return worlds, split(worlds.dynamics, ranges, base)[name]
    if name == "truncated normal":
        return worlds, TruncatedNormal.over(varied, base, ranges, narrower=2.0)
    if name == "correlated normal":
        return worlds, CorrelatedNormal.over(varied, base, ranges, narrower=2.0)
    if name == "particles":
        points = np.random.default_rng(0).uniform(size=(20, len(varied)))
        whole = varied.vector(varied.values(points))
        return worlds, Particles(coordinates=varied, base=base, cloud=Cloud(whole, np.arange(20.0)))
    if (world, name) in ADAPTED:
        return worlds, adapting(name, worlds, ranges, base)
    if name == "held":
        bell = CorrelatedNormal.over(varied, base, ranges)
        return worlds, Held(distribution=bell, state=bell.init(jax.random.key(9)))
    real = {k: r for k, r in ranges.items() if not worlds.dynamics[k].integer}
    real = {k: (min(a, worlds.dynamics[k].nominal), max(b, worlds.dynamics[k].nominal)) for k, (a, b) in real.items()}
    return worlds, Widening(
        coordinates=Coordinates(worlds.dynamics, tuple(real)), base=base, limits=real, wide=1.0, narrow=0.0, envs=4
    )


def adapting(name, worlds, ranges, base):
    if name == "posterior":
        return Posterior(family=worlds, ranges=ranges, base=base, particles=16, steps=32)
    if name == "simopt":
        return SimOpt(family=worlds, ranges=ranges, base=base, samples=4, rounds=1, steps=10)
    searched = {k: r for k, r in ranges.items() if not worlds.dynamics[k].integer and k != NOISE}
    return Dropo(family=worlds, ranges=searched, base=base, evaluations=20, samples=4, steps=32)


def target_play(worlds):
    """The beginning of an episode as the metered target hands it out: without its task."""
    policy, tasks = GaussianPolicy(observation=worlds.observation, action=worlds.action), worlds.task()
    params, one = policy.init(jax.random.key(1)), jax.tree.map(lambda leaf: np.asarray(leaf)[None], tasks)
    (episode,) = simulated_episodes(jax.random.key(2), worlds, policy, params, one, 1, longest=20)
    return TargetPlay((episode._replace(task=Task({}, {})),), policy, params)


def rollout_of(worlds, tasks, steps=3, envs=4):
    """A rollout whose every number is made up but its tasks."""
    rows = jax.tree.map(lambda x: np.broadcast_to(np.asarray(x)[None, :envs], (steps, envs, *np.shape(x)[1:])), tasks)
    reward, flags = np.ones((steps, envs), np.float32), np.zeros((steps, envs), bool)
    return Rollout((), np.zeros((steps, envs, 1)), reward, (), ~flags, flags, ~flags, ~flags, rows)


@pytest.mark.parametrize(("world", "name"), CASES)
class TestEveryDistribution:
    def test_speaks_the_contract(self, world, name):
        _, distribution = made(world, name)
        for method in ("init", "sample", "update"):
            wanted = [p for p in inspect.signature(getattr(TaskDistribution, method)).parameters if p != "self"]
            assert list(inspect.signature(getattr(distribution, method)).parameters) == wanted

    def test_same_key_same_tasks_however_many_are_drawn(self, world, name):
        _, distribution = made(world, name)
        key = jax.random.key(3)
        state = distribution.init(key)
        few, many = distribution.sample(key, state, 3), distribution.sample(key, state, 8)
        jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, np.asarray(b)[:3]), few, many)

    def test_tasks_are_shaped_as_the_family_s_own_and_legal(self, world, name):
        worlds, distribution = made(world, name)
        key = jax.random.key(4)
        tasks, nominal = distribution.sample(key, distribution.init(key), 64), worlds.task()
        assert jax.tree.structure(tasks) == jax.tree.structure(nominal)
        jax.tree.map(lambda rows, one: np.testing.assert_equal(np.shape(rows), (64, *np.shape(one))), tasks, nominal)
        for parameter in worlds.dynamics.values():
            values = np.asarray(tasks.dynamics[parameter.name])
            assert (values >= np.float32(parameter.low)).all() and (values <= np.float32(parameter.high)).all()
            assert not parameter.integer or (values == np.rint(values)).all()

    def test_an_update_gives_a_state_of_the_same_kind_and_finite_metrics(self, world, name):
        worlds, distribution = made(world, name)
        key = jax.random.key(5)
        state = distribution.init(key)
        adapted = (world, name) in ADAPTED
        feedback = target_play(worlds) if adapted else rollout_of(worlds, distribution.sample(key, state, 4))
        after, metrics = distribution.update(key, state, feedback)
        assert jax.tree.structure(after) == jax.tree.structure(state)
        assert all(np.isfinite(value) for value in metrics.values())
        if adapted:  # it learnt something, the same again, and what it learnt can be drawn from
            again, _ = distribution.update(key, state, feedback)
            jax.tree.map(np.testing.assert_array_equal, after, again)
            assert not all(np.array_equal(a, b) for a, b in zip(state, after, strict=True))
            few, many = distribution.sample(key, after, 3), distribution.sample(key, after, 8)
            jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, np.asarray(b)[:3]), few, many)
