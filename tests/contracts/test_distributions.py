"""What every distribution of tasks must do."""

import inspect

import jax
import numpy as np
import pytest

from headstart.adapt.randomize import PRESETS, preset
from headstart.tasks.catalogue import family
from headstart.tasks.fixed import Fixed
from headstart.types import TaskDistribution

WORLDS = ("pendulum", "point_maze", "hopper")
CASES = [(world, name) for world in WORLDS for name in ("fixed", *PRESETS)]


def made(world, name):
    worlds = family(world)
    return worlds, Fixed(task=worlds.task()) if name == "fixed" else preset(worlds, name)


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
        _, distribution = made(world, name)
        key = jax.random.key(5)
        state = distribution.init(key)
        after, metrics = distribution.update(key, state, None)
        assert jax.tree.structure(after) == jax.tree.structure(state)
        assert all(np.isfinite(value) for value in metrics.values())
