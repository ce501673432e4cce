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
from headstart.tasks import mujoco
from headstart.tasks.catalogue import family as named
from headstart.tasks.four_goals import FourGoals
from headstart.tasks.pendulum import Pendulum
from headstart.tasks.point_maze import PointMaze
from headstart.tasks.point_navigation import PointNavigation
from headstart.tasks.point_run import LAYOUTS, PointRun
from headstart.types import HostFamily, JaxFamily, TaskFamily

KEY = jax.random.key(0)
FAMILIES = [
    PointMaze(maze="open", horizon=16),
    Pendulum(horizon=16),
    PointNavigation(horizon=16),
    *(PointRun(layout=layout, horizon=16) for layout in LAYOUTS),
    FourGoals(horizon=16),
    *mujoco.ALL,
    mujoco.MujocoFamily(robot=mujoco.hopper_euler()),
    mujoco.MujocoFamily(robot=mujoco.pusher_puck()),
    named("tests.tasks.own.cart:Cart"),
]
JAX_FAMILIES = [family for family in FAMILIES if family.kind == "jax"]
ENVS, STEPS = 3, 20
FELT_ON_CONTACT = {  # of what lies there until it is pushed, which random motion does not do in so short a time
    name: {f"{kind}:obj_slide{axis}" for kind in ("damping", "armature") for axis in "xy"} | {"mass:object"}
    for name in ("pusher", "pusher_puck")
}

every_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
every_jax_family = pytest.mark.parametrize("family", JAX_FAMILIES, ids=lambda family: family.name)


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
def test_the_clock_truncates_at_the_horizon_and_nowhere_else(family):
    rollout = roll(family, family.sample(KEY, ENVS), steps=family.horizon + 4)
    elapsed = np.zeros(ENVS, int)
    for first, terminated, truncated in zip(rollout.first, rollout.terminated, rollout.truncated, strict=True):
        elapsed = np.where(first, 1, elapsed + 1)
        np.testing.assert_array_equal(truncated, (elapsed == family.horizon) & ~terminated)
    assert (rollout.terminated | rollout.truncated).any()


@every_family
def test_every_parameter_of_the_dynamics_matters(family):
    plain = roll(family, repeated(family.task()))
    for parameter in family.dynamics.values():
        value = parameter.high if math.isclose(parameter.nominal, parameter.low) else parameter.low
        task = family.task()
        tasks = repeated(task._replace(dynamics={**task.dynamics, parameter.name: np.float32(value)}))
        changed = roll(family, tasks)
        silent = parameter.name in FELT_ON_CONTACT.get(family.name, ())
        assert np.array_equal(plain.next_obs, changed.next_obs) == silent, parameter.name
        assert changed.valid.all(), f"{parameter.name} = {value} is said to be legal, but breaks the world"


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
