"""The law table of worlds: what every family must obey, whatever it simulates.

A new family is one entry in `FAMILIES`. Laws of the contract are asked of the family itself; laws of behaviour are
asked through the seam, so that worlds inside and outside JAX answer the same questions.
"""

import dataclasses
import inspect
import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.data.collect import begin, collect
from headstart.spaces import Box, ParameterSpace
from headstart.tasks.pendulum import Pendulum
from headstart.tasks.point_maze import PointMaze
from headstart.tasks.point_navigation import PointNavigation
from headstart.types import HostFamily, JaxFamily, TaskFamily

KEY = jax.random.key(0)
FAMILIES = [
    PointMaze(maze="open", horizon=16),
    Pendulum(horizon=16),
    PointNavigation(horizon=16),
]
JAX_FAMILIES = [family for family in FAMILIES if family.kind == "jax"]
ENVS, STEPS = 3, 20  # longer than the horizon of every entry, so that each law sees an end


def name(family):
    return repr(family).replace("\n", "/")


every_family = pytest.mark.parametrize("family", FAMILIES, ids=name)
every_jax_family = pytest.mark.parametrize("family", JAX_FAMILIES, ids=name)


@dataclass(frozen=True, kw_only=True)
class Wandering:
    """A policy that draws actions uniformly from a bounded box, by key alone."""

    action: Box

    def init(self, key):
        return {}

    def start(self, params, n):
        return ()

    def apply(self, key, params, carry, obs):
        low, high = (jnp.asarray(bound)[None] for bound in self.action.bounds())
        n = len(jax.tree.leaves(obs)[0])
        return low + (high - low) * jax.random.uniform(key, (n, *self.action.shape)), carry


def roll(family, tasks, key=KEY, steps=STEPS):
    policy = Wandering(action=family.action)
    carry = begin(key, family, policy, {}, tasks, ENVS)
    return jax.tree.map(np.asarray, collect(key, family, policy, {}, carry, tasks, steps)[0])


def repeated(task, n=ENVS):
    return jax.tree.map(lambda leaf: jnp.broadcast_to(jnp.asarray(leaf), (n, *np.shape(leaf))), task)


@every_family
def test_it_speaks_the_contract(family):
    assert isinstance(family, TaskFamily)
    contract = {"jax": JaxFamily, "host": HostFamily}[family.kind]
    for method in ("reset", "observe", "step", "sample"):
        theirs = inspect.signature(getattr(contract, method)).parameters
        assert list(inspect.signature(getattr(family, method)).parameters) == list(theirs)[1:], method


@every_family
def test_it_is_a_frozen_value(family):
    with pytest.raises(dataclasses.FrozenInstanceError):
        family.horizon = 3
    assert family == dataclasses.replace(family) and hash(family) == hash(dataclasses.replace(family))


@every_family
def test_its_tasks_have_every_declared_parameter_and_no_other(family):
    task = family.task()
    assert isinstance(family.dynamics, ParameterSpace) and isinstance(family.rewards, ParameterSpace)
    assert set(task.dynamics) == set(family.dynamics) and set(family.rewards) <= set(task.reward)
    for parameter in (*family.dynamics.values(), *family.rewards.values()):
        value = {**task.dynamics, **task.reward}[parameter.name]
        assert np.shape(value) == () and float(value) == pytest.approx(parameter.nominal)


@every_family
@pytest.mark.parametrize("n", [1, 5])
def test_a_sample_is_a_batch_of_tasks(family, n):
    tasks, again = family.sample(KEY, n), family.sample(KEY, n)
    one = family.task()
    assert jax.tree.structure(tasks) == jax.tree.structure(one)
    for leaf, single in zip(jax.tree.leaves(tasks), jax.tree.leaves(one), strict=True):
        assert leaf.shape == (n, *np.shape(single)) and leaf.dtype == np.asarray(single).dtype
    jax.tree.map(np.testing.assert_array_equal, tasks, again)
    for parameter in family.dynamics.values():
        np.testing.assert_allclose(tasks.dynamics[parameter.name], parameter.nominal, rtol=1e-6)


@every_family
def test_same_key_same_bits_and_another_key_another_world(family):
    tasks = family.sample(KEY, ENVS)
    one, two, other = roll(family, tasks), roll(family, tasks), roll(family, tasks, key=jax.random.key(1))
    jax.tree.map(np.testing.assert_array_equal, one, two)
    assert not np.array_equal(one.next_obs, other.next_obs)


@every_family
def test_observations_are_in_their_space_and_all_is_finite(family):
    rollout = roll(family, family.sample(KEY, ENVS))
    for obs in (rollout.obs, rollout.next_obs):
        for leaf, space in zip(jax.tree.leaves(obs), jax.tree.leaves(family.observation), strict=True):
            low, high = space.bounds()
            assert leaf.shape == (STEPS, ENVS, *space.shape) and leaf.dtype == space.dtype
            assert (leaf >= low).all() and (leaf <= high).all()
    assert rollout.reward.dtype == np.float32 and rollout.reward.shape == (STEPS, ENVS)
    assert rollout.valid.all() and np.isfinite(rollout.reward).all()


@every_family
def test_the_horizon_is_reached_and_truncates(family):
    rollout = roll(family, family.sample(KEY, ENVS))
    length = np.diff(np.flatnonzero(np.append(rollout.first[:, 0], True)))
    assert length.max() == family.horizon, "no episode was as long as the clock allows; choose another entry"
    end = family.horizon - 1
    lasting = rollout.first[1 : family.horizon].sum(axis=0) == 0
    np.testing.assert_array_equal((rollout.truncated | rollout.terminated)[end, lasting], True)


@every_family
def test_every_parameter_of_the_dynamics_matters(family):
    plain = roll(family, repeated(family.task()))
    for parameter in family.dynamics.values():
        value = parameter.high if math.isclose(parameter.nominal, parameter.low) else parameter.low
        task = family.task()
        tasks = repeated(task._replace(dynamics={**task.dynamics, parameter.name: np.float32(value)}))
        changed = roll(family, tasks)
        assert not np.array_equal(plain.next_obs, changed.next_obs), parameter.name
        assert changed.valid.all(), f"{parameter.name} = {value} is said to be legal"


@every_jax_family
def test_reset_observe_and_step_are_pure_and_keep_shape_and_type(family):
    task, action = family.task(), jnp.zeros(family.action.shape)
    reset, step = jax.jit(family.reset), jax.jit(family.step)
    state = reset(KEY, task)
    jax.tree.map(np.testing.assert_array_equal, state, reset(KEY, task))
    outcome = step(KEY, state, action, task)
    jax.tree.map(np.testing.assert_array_equal, outcome, step(KEY, state, action, task))
    before, after = (jax.tree.map(lambda x: (x.shape, x.dtype), s) for s in (state, outcome.state))
    assert before == after
    for flag in (outcome.terminated, outcome.truncated, outcome.valid):
        assert flag.shape == () and flag.dtype == bool
    for leaf in jax.tree.leaves(state):
        assert not leaf.weak_type, "a weak type compiles everything twice"
