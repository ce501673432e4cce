"""The mean beside a learner's parameters, by hand, and that the learner inside does not notice it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.errors import InputError
from headstart.learn.averaged import Averaged
from headstart.learn.replayed import Replayed
from headstart.learn.sac import SAC
from headstart.nets.policies import SquashedPolicy
from headstart.spaces import Box
from headstart.types import Rollout, Task

KEY = jax.random.key(0)


class Heard(NamedTuple):
    """Says what it was told last."""

    policy: None = None

    def init(self, key):
        return {"weight": jnp.zeros(()), "count": jnp.zeros((), jnp.int32)}

    def update(self, key, state, batch):
        return {"weight": jnp.float32(batch), "count": state["count"] + 1}, {}

    def params(self, state):
        return state


def test_a_mean_is_plain_at_first_and_forgets_then():
    learner = Averaged(learner=Heard(), span=3)
    state, means = learner.init(KEY), []
    for said in (6.0, 2.0, 4.0, 10.0):
        state, _ = learner.update(KEY, state, said)
        means.append(float(learner.mean(state)["weight"]))
    assert means == [6.0, 4.0, 4.0, 6.0]  # 6; (6 + 2) / 2; (6 + 2 + 4) / 3; 4 + (10 - 4) / 3
    assert learner.params(state)["weight"] == 10.0, "who acts is the learner as it is"
    assert learner.mean(state)["count"] == 4 and learner.mean(state)["count"].dtype == jnp.int32


def test_a_span_of_one_is_the_last_and_of_none_is_refused():
    learner = Averaged(learner=Heard(), span=1)
    state = learner.init(KEY)
    for said in (6.0, 2.0):
        state, _ = learner.update(KEY, state, said)
    assert learner.mean(state)["weight"] == 2.0
    with pytest.raises(InputError, match="span=0"):
        Averaged(learner=Heard(), span=0)


def test_the_learner_inside_learns_what_it_would_alone_and_may_take_its_memory_over():
    space, action = Box((3,)), Box((2,), -1.0, 1.0)
    policy = SquashedPolicy(observation=space, action=action, hidden=(8,))
    inside = Replayed(learner=SAC(policy=policy, critic_hidden=(8,)), capacity=64, updates=2, batch_size=16, starts=8)
    outside, never = Averaged(learner=inside, span=2), jnp.zeros((8, 4), bool)
    obs = jax.random.normal(KEY, (8, 4, 3))
    batch = Rollout(obs, obs[..., :2], obs[..., 0], obs, never, never, never, ~never, Task({}, {}))
    alone, beside, seen = inside.init(KEY), outside.init(KEY), []
    for key in jax.random.split(KEY, 3):
        alone, _ = inside.update(key, alone, batch)
        beside, _ = outside.update(key, beside, batch)
        seen.append(jax.tree.map(np.array, inside.params(alone)))  # the next update takes its memory over
    jax.tree.map(np.testing.assert_array_equal, outside.params(beside), inside.params(alone))
    first, second, third = seen
    expected = jax.tree.map(lambda a, b, c: ((a + b) / 2 + c) / 2, first, second, third)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), outside.mean(beside), expected)
