"""What every learner promises."""

import functools
import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart import learn
from headstart.data.replay import Transitions
from headstart.learn.anneal import Annealed
from headstart.learn.averaged import Averaged
from headstart.learn.bc import BC
from headstart.learn.discrete_soft_q import DiscreteSoftQ
from headstart.learn.distillation import Distillation
from headstart.learn.ppo import PPO
from headstart.learn.recurrent_ppo import RecurrentPPO
from headstart.learn.replayed import Replayed
from headstart.learn.sac import SAC
from headstart.learn.soft_q import SoftQ
from headstart.maths.schedules import LogLinear
from headstart.nets.policies import CategoricalPolicy, GaussianPolicy, SquashedPolicy
from headstart.nets.recurrent import RecurrentPolicy
from headstart.nets.sampler import SamplingPolicy
from headstart.spaces import Box, Discrete
from headstart.types import Demonstration, Learner, Rollout, Task

KEY = jax.random.key(0)
SPACE, ACTION = {"state": Box((3,)), "task": Box((1,))}, Box((2,), -1.0, 1.0)
GAUSSIAN = GaussianPolicy(observation=SPACE, action=ACTION, hidden=(8,))
SQUASHED = SquashedPolicy(observation=SPACE, action=ACTION, hidden=(8,))
SAMPLING = SamplingPolicy(observation=SPACE, action=ACTION, hidden=(8,))
CATEGORICAL = CategoricalPolicy(observation=SPACE, action=Discrete(3), hidden=(8,))
OFF_POLICY = SAC(policy=SQUASHED, critic_hidden=(8,))
OF_TRANSITIONS = (SAC, SoftQ, DiscreteSoftQ, Annealed)
LEARNERS = [
    PPO(policy=GAUSSIAN, envs=4, minibatch_size=16, epochs=2, value_hidden=(8,)),
    RecurrentPPO(
        policy=RecurrentPolicy(observation=SPACE, action=ACTION, hidden=(8,), memory=4, branch=4),
        envs=4,
        minibatch_size=16,
        epochs=2,
        value_hidden=(8,),
        chunk=4,
        burn_in=2,
    ),
    OFF_POLICY,
    Annealed(learner=OFF_POLICY, schedule=LogLinear(start=0.1, end=0.001, updates=4)),
    SoftQ(policy=SAMPLING, critic_hidden=(8,), target_interval=2),
    DiscreteSoftQ(policy=CATEGORICAL, target_interval=2),
    Replayed(learner=OFF_POLICY, capacity=64, updates=2, batch_size=16, starts=8),
    Averaged(learner=Replayed(learner=OFF_POLICY, capacity=64, updates=2, batch_size=16, starts=8), span=2),
    BC(policy=GAUSSIAN, steps=2, minibatch_size=16),
    Distillation(
        student=RecurrentPolicy(observation=SPACE["state"], action=Discrete(3), hidden=(8,), memory=4, branch=4),
        teacher=CATEGORICAL,
        entry="state",
        envs=4,
        epochs=2,
        minibatch_envs=2,
    ),
]


def observations(*axes):
    state = jax.random.normal(KEY, (*axes, 3))
    return {"state": state, "task": state[..., :1]}


def spoil(x):
    return x.at[1].set(jnp.nan) if jnp.issubdtype(x.dtype, jnp.floating) else x


def batch_for(learner, poison=False):
    """A batch of the learner's own kind; `poison` spoils rows and says so where the batch can say so."""
    if isinstance(learner, BC):
        batch = Demonstration(observations(32), jnp.tanh(observations(32)["state"][:, :2]))
        return jax.tree.map(lambda x: x.at[3].set(jnp.nan), batch) if poison else batch
    lead = (2, 16) if isinstance(learner, OF_TRANSITIONS) else (8, 4)
    if isinstance(learner, DiscreteSoftQ):
        lead = (8, 16)  # its key decides the order of the batches, and two keys can agree on that of two
    obs, never = observations(*lead), jnp.zeros(lead, bool)
    action, reward = jnp.tanh(obs["state"][..., :2]), obs["state"][..., 0]
    if isinstance(learner.policy.action, Discrete):
        action = jnp.arange(reward.size).reshape(lead) % learner.policy.action.n
    spoilt = jax.tree.map(spoil, (obs, action, reward, obs))
    obs, action, reward, next_obs = spoilt if poison else (obs, action, reward, obs)
    if isinstance(learner, OF_TRANSITIONS):
        return Transitions(obs, action, reward, next_obs, never)
    valid = (~never).at[1].set(not poison)
    return Rollout(
        obs, action, reward, next_obs, never, never.at[1].set(poison), never.at[0].set(True), valid, Task({}, {})
    )


@functools.cache
def compiled(learner):
    """The learner's update, compiled once for all laws, and a list with one entry for each trace."""
    traces = []
    return jax.jit(lambda k, s, b: traces.append(0) or learner.update(k, s, b)), traces


def is_finite(tree):
    leaves = [x for x in jax.tree.leaves(tree) if not jnp.issubdtype(x.dtype, jax.dtypes.prng_key)]
    return all(np.all(np.isfinite(leaf)) for leaf in leaves)


def test_the_table_holds_every_learner():
    assert {type(learner) for learner in LEARNERS} == set(learn.ALL)


@pytest.mark.parametrize("learner", LEARNERS, ids=lambda learner: type(learner).__name__)
class TestEveryLearner:
    def test_speaks_the_contract(self, learner):
        for name in ("init", "update", "params"):
            theirs = list(inspect.signature(getattr(Learner, name)).parameters)[1:]
            assert list(inspect.signature(getattr(learner, name)).parameters) == theirs
        params = learner.params(learner.init(KEY))
        action, _ = learner.policy.apply(KEY, params, learner.policy.start(params, 5), observations(5))
        assert action.shape == (5, *getattr(learner.policy.action, "shape", ()))

    def test_same_key_same_bits_and_one_trace(self, learner):
        update, traces = compiled(learner)
        batch = batch_for(learner)
        one, _ = update(KEY, learner.init(KEY), batch)
        two, metrics = update(KEY, learner.init(KEY), batch)
        jax.tree.map(np.testing.assert_array_equal, one, two)
        three, _ = update(KEY, two, batch)  # the state that comes out is of the kind that goes in
        other, _ = update(jax.random.key(1), learner.init(KEY), batch)
        assert len(traces) == 1
        assert is_finite((three, metrics))
        assert all(value.shape == () for value in metrics.values())
        differs = jax.tree.map(lambda a, b: not np.array_equal(a, b), learner.params(one), learner.params(other))
        assert any(jax.tree.leaves(differs)), "the key must matter"

    def test_learning_changes_what_the_policy_does(self, learner):
        before = jax.tree.map(np.array, learner.params(learner.init(KEY)))
        state, _ = compiled(learner)[0](KEY, learner.init(KEY), batch_for(learner))
        for name in ("actor", "normalizer"):
            same = jax.tree.map(np.array_equal, before[name], learner.params(state)[name])
            assert not any(jax.tree.leaves(same)), name

    def test_vmaps_over_keys(self, learner):
        keys = jax.random.split(KEY, 2)
        states = jax.vmap(learner.init)(keys)
        states, metrics = jax.vmap(learner.update, in_axes=(0, 0, None))(keys, states, batch_for(learner))
        assert all(value.shape == (2,) for value in metrics.values())
        alone, _ = compiled(learner)[0](keys[1], learner.init(keys[1]), batch_for(learner))
        jax.tree.map(
            lambda many, one: np.testing.assert_allclose(many[1], one, atol=1e-4),
            learner.params(states)["actor"],
            learner.params(alone)["actor"],
        )

    def test_poisoned_rows_reach_no_parameter(self, learner):
        state, metrics = compiled(learner)[0](KEY, learner.init(KEY), batch_for(learner, poison=True))
        assert is_finite((state, metrics))
        assert metrics["faults/nonfinite_update"] + metrics.get("faults/invalid_rows", 0) > 0
