"""A student does what its teacher would, as far as what it sees tells it, and remembers what the seam remembers."""

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.data.collect import begin, collect
from headstart.errors import InputError
from headstart.learn.distillation import Distillation
from headstart.maths.distributions import Normal
from headstart.nets.policies import GaussianPolicy
from headstart.nets.recurrent import RecurrentPolicy
from headstart.nets.view import ViewPolicy
from headstart.run.evaluate import evaluate
from headstart.spaces import Box
from tests import probes

KEY, ENVS = jax.random.key(0), 16
SHOWN = {"seen": probes.OBSERVATION, "told": Box((2,))}


class Informed(probes.FeltParameter):
    """The probe with what nobody sees in it: the sign of the actuator, and the step."""

    observation = SHOWN

    def observe(self, state, task):
        told = jnp.stack([task.dynamics["sign:actuator"], state["step"]])
        return {"seen": super().observe(state, task), "told": told}


@dataclass(frozen=True)
class Knowing:
    """Pushes once, then does what pays; three times as hard as the world takes it."""

    observation: Any = field(default_factory=lambda: SHOWN, hash=False)
    action: Any = probes.ACTION

    def init(self, key):
        return {"actor": {"strength": jnp.full((1,), 3.0)}}

    def start(self, params, n):
        return ()

    def encode(self, params, obs):
        return obs["told"]

    def distribution(self, params, carry, obs):
        sign, step = obs["told"][..., :1], obs["told"][..., 1:]
        mean = params["actor"]["strength"][0] * jnp.where(step == 0, 1.0, sign)
        return Normal(mean, jnp.zeros_like(mean)), carry


GRU = RecurrentPolicy(
    observation=probes.OBSERVATION, action=probes.ACTION, memory=8, branch=8, hidden=(8,), initial_std=0.1
)
FORGETFUL = GaussianPolicy(observation=probes.OBSERVATION, action=probes.ACTION, hidden=(8,), initial_std=0.1)


def lessons(student, **settings):
    return Distillation(student=student, teacher=Knowing(), entry="seen", envs=ENVS, minibatch_envs=4, **settings)


def learnt(learner, updates):
    family, state = Informed(), learner.init(KEY)
    carry = begin(KEY, family, learner.policy, state.params, family.sample(KEY, ENVS), ENVS)
    for key in jax.random.split(KEY, updates):
        tasks = family.sample(key, ENVS)
        rollout, carry = collect(key, family, learner.policy, state.params, carry, tasks, 12)
        state, _ = learner.update(key, state, rollout)
    return state


def worth(student, state):
    greedy = dataclasses.replace(student, deterministic=True)
    family = probes.FeltParameter()  # where nothing is told any more
    return float(
        evaluate(KEY, family, greedy, state.params, family.sample(KEY, 64), 64, randomized=True).episode_return.mean()
    )


def test_a_student_with_memory_finds_out_what_its_teacher_is_told():
    assert worth(GRU, learnt(lessons(GRU, learning_rate=1e-2), 60)) > 0.9


def test_a_student_without_does_the_average():
    state = learnt(lessons(FORGETFUL, learning_rate=1e-2), 30)
    assert abs(worth(FORGETFUL, state)) < 0.3


def one_rollout(learner, state):
    family = Informed()
    tasks = family.sample(KEY, ENVS)
    carry = begin(KEY, family, learner.policy, state.params, tasks, ENVS)
    return collect(KEY, family, learner.policy, state.params, carry, tasks, 7)


def test_the_loss_by_hand():
    learner = dataclasses.replace(lessons(FORGETFUL, epochs=1), minibatch_envs=ENVS)
    state = learner.init(KEY)
    rollout, _ = one_rollout(learner, state)
    rollout = rollout._replace(
        valid=rollout.valid.at[2].set(False), obs={**rollout.obs, "seen": rollout.obs["seen"].at[2].set(jnp.nan)}
    )
    after, metrics = learner.update(KEY, state, rollout)
    said = FORGETFUL.distribution(state.params, (), rollout.obs["seen"])[0].greedy()
    sign, step = rollout.obs["told"][..., :1], rollout.obs["told"][..., 1:]
    wanted = np.where(step == 0, 1.0, sign)  # three times that, as the world takes it
    error = np.delete(np.asarray((said - wanted) ** 2), 2, axis=0)
    np.testing.assert_allclose(metrics["train/loss"], error.mean(), rtol=1e-5)
    assert metrics["faults/invalid_rows"] == ENVS and metrics["train/n_updates"] == 1
    jax.tree.map(np.testing.assert_array_equal, after.teacher, state.teacher)
    np.testing.assert_array_equal(after.params["actor"]["log_std"], state.params["actor"]["log_std"])
    assert after.params["normalizer"]["count"] == 6 * ENVS


def test_a_teacher_may_be_asked_about_one_entry_only():
    class Literal(Knowing):
        """Knows the same, and sees nothing but it."""

        def encode(self, params, obs):
            return obs

        def distribution(self, params, carry, obs):
            return super().distribution(params, carry, {"told": obs})

    whole = lessons(GRU)
    part = dataclasses.replace(whole, teacher=Literal(observation=SHOWN["told"]), asked="told")
    assert dict(part.policy.observation) == dict(whole.policy.observation)
    one, other = (learnt(each, 2) for each in (whole, part))
    jax.tree.map(np.testing.assert_array_equal, one.params, other.params)


def test_memories_are_those_that_the_seam_holds():
    learner = lessons(GRU)
    state = learner.init(KEY)
    rollout, carry = one_rollout(learner, state)
    after, _ = learner.update(KEY, state, rollout)
    goes_on = ~np.asarray(carry.first)
    assert goes_on.any()
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(np.asarray(a)[goes_on], np.asarray(b)[goes_on], rtol=1e-4, atol=1e-5),
        carry.memory,
        after.memory,
    )


def test_a_rate_that_has_decayed_changes_nothing():
    learner = lessons(FORGETFUL, decay=2)
    state = learner.init(KEY)
    rollout, _ = one_rollout(learner, state)
    after, _ = learner.update(KEY, state._replace(updates=state.updates + 2), rollout)
    jax.tree.map(np.testing.assert_array_equal, after.params["actor"], state.params["actor"])


def test_a_gradient_that_is_not_finite_is_counted_and_not_taken():
    learner = lessons(FORGETFUL)
    state = learner.init(KEY)
    rollout, _ = one_rollout(learner, state)
    broken = state._replace(teacher={"actor": {"strength": jnp.full((1,), jnp.nan)}})
    after, metrics = learner.update(KEY, broken, rollout)
    assert metrics["faults/nonfinite_update"] == 16 and metrics["train/n_updates"] == 0
    jax.tree.map(np.testing.assert_array_equal, after.params["actor"], state.params["actor"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"student": GaussianPolicy(observation=probes.OBSERVATION, action=Box((2,), -1.0, 1.0))}, "the same"),
        ({"epochs": 0}, "epochs: at least 1"),
        ({"minibatch_envs": 17}, "minibatch_envs: from 1 to envs, 16"),
    ],
)
def test_pairs_that_cannot_learn_from_each_other_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(lessons(FORGETFUL), **change)


def test_a_view_is_of_something_that_is_shown():
    with pytest.raises(InputError, match="unknown entry of the observation 'sen'; did you mean 'seen'"):
        ViewPolicy(policy=FORGETFUL, entry="sen", observation=SHOWN)
    with pytest.raises(InputError, match="has no entries"):
        ViewPolicy(policy=FORGETFUL, entry="seen", observation=probes.OBSERVATION)
    params = FORGETFUL.init(KEY)
    obs = {"seen": jnp.ones((3, *probes.OBSERVATION.shape)), "told": jnp.zeros((3, 2))}
    view = ViewPolicy(policy=FORGETFUL, entry="seen", observation=SHOWN)
    np.testing.assert_array_equal(view.apply(KEY, params, (), obs)[0], FORGETFUL.apply(KEY, params, (), obs["seen"])[0])
    with pytest.raises(InputError, match="rollout of 8 environments"):
        learner = lessons(FORGETFUL)
        rollout, _ = one_rollout(learner, learner.init(KEY))
        learner.update(KEY, learner.init(KEY), jax.tree.map(lambda x: x[:, :8], rollout))
