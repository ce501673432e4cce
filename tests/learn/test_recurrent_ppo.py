"""PPO through time: what it shares with PPO, what it remembers, and worlds in which memory and privilege must help."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.data.collect import begin, collect
from headstart.errors import InputError
from headstart.learn.chunks import cut, warmed
from headstart.learn.ppo import PPO
from headstart.learn.recurrent_ppo import RecurrentPPO
from headstart.nets.history import HistoryPolicy
from headstart.nets.policies import GaussianPolicy
from headstart.nets.recurrent import RecurrentPolicy
from headstart.nets.unroll import unroll
from headstart.spaces import ParameterSpace
from headstart.types import Task
from tests import probes

KEY = jax.random.key(0)
SPACES = {"observation": probes.OBSERVATION, "action": probes.ACTION}
FLAT = GaussianPolicy(**SPACES, hidden=(16,))
GRU = RecurrentPolicy(**SPACES, hidden=(16,), memory=16, branch=16)
HISTORY = HistoryPolicy(**SPACES, hidden=(16,), length=3)
ENVS, STEPS = 16, 16
SETTINGS = {
    "envs": ENVS, "discount": 0.9, "learning_rate": 3e-3, "epochs": 8, "minibatch_size": 256, "value_hidden": (32,),
    "max_grad_norm": 1.0,
}  # fmt: skip
LEARNER = RecurrentPPO(policy=GRU, **SETTINGS)
FORGETFUL = RecurrentPPO(policy=FLAT, chunk=1, **SETTINGS)


def rolled(learner, params, family, key=KEY, envs=ENVS):
    rollout = probes.record(key, family, learner.policy, params, envs, STEPS)
    return rollout if learner.privileged else rollout._replace(task=Task({}, {}))  # all worlds share one compilation


def learnt(learner, family, updates=150):
    """Learns rollout by rollout, each from fresh episodes on, and returns the last state."""
    state = learner.init(KEY)
    for key in jax.random.split(KEY, updates):
        state, _ = learner.update(key, state, rolled(learner, state.params, family, key))
    return state


def worth(learner, state, family):
    """Reward per episode of the greedy policy."""
    greedy = dataclasses.replace(learner.policy, deterministic=True)
    rollout = probes.record(jax.random.key(9), family, greedy, state.params, ENVS, STEPS)
    return float(rollout.reward.sum()) / int(rollout.terminated.sum())


def test_without_memory_and_with_chunks_of_one_step_it_is_ppo():
    plain, ours = PPO(policy=FLAT, **SETTINGS), FORGETFUL
    one, two = plain.init(KEY), ours.init(KEY)
    for key in jax.random.split(KEY, 3):
        rollout = rolled(ours, one.params, probes.Chain(ends="truncated"), key)
        one, ones = plain.update(key, one, rollout)
        two, twos = ours.update(key, two, rollout)
        assert ones.keys() == twos.keys()
    close = lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)  # noqa: E731
    jax.tree.map(close, (one.params, one.critic, one.returns), (two.params, two.critic, two.returns))


def test_the_last_steps_earn_what_no_policy_without_memory_can():
    family = probes.HiddenParameter()  # the optimum is 1 with memory, and 0 without
    learner = dataclasses.replace(LEARNER, policy=HISTORY)
    assert worth(learner, learnt(learner, family, 100), family) > 0.95


def test_memory_finds_out_what_no_observation_ever_says():
    family = probes.FeltParameter()  # the optimum is 1 with memory, and 0 without
    assert worth(LEARNER, learnt(LEARNER, family, 150), family) > 0.9
    assert abs(worth(FORGETFUL, learnt(FORGETFUL, family, 40), family)) < 0.3


def test_the_learner_follows_the_memory_that_the_seam_holds():
    family, state = probes.FeltParameter(), LEARNER.init(KEY)
    tasks = family.sample(KEY, ENVS)
    carry = begin(KEY, family, GRU, state.params, tasks, ENVS)
    for key in jax.random.split(KEY, 2):  # seven steps cut episodes of three in the middle
        rollout, carry = collect(key, family, GRU, state.params, carry, tasks, 7)
        state, _ = LEARNER.update(key, state, rollout)
        held = jax.tree.map(np.asarray, carry.memory)
        goes_on = ~np.asarray(carry.first)
        assert goes_on.any()
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a[goes_on], b[goes_on], rtol=1e-4, atol=1e-5),  # noqa: B023
            held,
            jax.tree.map(np.asarray, state.memory),
        )


def moved(params, size):
    return {**params, "actor": jax.tree.map(lambda x: x + size * jax.random.normal(KEY, x.shape), params["actor"])}


def pieces(rollout, params, length, burn_in):
    recalled = unroll(GRU, params, GRU.start(params, ENVS), rollout.obs, rollout.action, rollout.first)
    steps, _ = LEARNER._judged(LEARNER.init(KEY)._replace(params=params), rollout, recalled)
    return cut(steps, recalled.before, length, burn_in)


def endless(rollout):
    """The same rows as one long episode, so that memories reach as far as they can."""
    return rollout._replace(first=jnp.zeros_like(rollout.first), obs=jax.random.normal(KEY, rollout.obs.shape))


def test_chunks_hold_the_memory_before_them_and_together_are_the_rollout():
    params = moved(GRU.init(KEY), 0.5)
    rollout = endless(rolled(LEARNER, params, probes.FeltParameter()))
    whole = unroll(GRU, params, GRU.start(params, ENVS), rollout.obs, rollout.action, rollout.first).features
    chunks = pieces(rollout, params, length=4, burn_in=0)
    steps = jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), chunks.steps)
    parts = unroll(GRU, params, chunks.memory, steps.obs, steps.action, steps.first).features  # time, chunk × env
    together = jnp.concatenate(jnp.split(parts, 4, axis=1))
    np.testing.assert_allclose(together, whole, rtol=1e-5, atol=1e-5)


def test_burn_in_changes_nothing_while_the_parameters_are_those_that_acted():
    params = moved(GRU.init(KEY), 0.5)
    chunks = pieces(endless(rolled(LEARNER, params, probes.FeltParameter())), params, length=4, burn_in=4)
    warm = warmed(GRU, params, chunks)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), warm, chunks.memory)


def test_burn_in_brings_a_stale_memory_up_to_date():
    old = moved(GRU.init(KEY), 0.5)
    new = moved(old, 0.3)
    rollout = endless(rolled(LEARNER, old, probes.FeltParameter()))
    true = unroll(GRU, new, GRU.start(new, ENVS), rollout.obs, rollout.action, rollout.first).before["memory"]["hidden"]
    true = np.asarray(true)[np.arange(4, STEPS, 4)].reshape(-1, 16)

    def error(burn_in):
        found = warmed(GRU, new, pieces(rollout, old, 4, burn_in))["memory"]["hidden"][ENVS:]
        return float(np.abs(found - true).mean())

    assert error(4) < 0.5 * error(0)
    assert error(2) < error(0)
    first = warmed(GRU, new, pieces(rollout, old, 4, 4))["memory"]["hidden"][:ENVS]
    np.testing.assert_array_equal(first, 0.0)  # before the rollout nothing is known, and the stored carry stands


def test_a_critic_that_is_told_more_values_what_the_policy_cannot_see():
    family = probes.HiddenBonus()
    space = ParameterSpace((*family.dynamics.values(), *family.rewards.values()))
    told, blind = dataclasses.replace(FORGETFUL, privileged=space), FORGETFUL
    states = [learnt(learner, family, 40) for learner in (told, blind)]
    rollout = probes.record(jax.random.key(5), family, FLAT, states[0].params, ENVS, STEPS)
    errors = [
        float(jnp.mean((learner.value(state, rollout) - rollout.reward) ** 2))
        for learner, state in zip((told, blind), states, strict=True)
    ]
    assert errors[0] < 0.1 * errors[1] and errors[1] > 0.8 * family.bonus**2

    def distance(learner, state):  # from the best action, which is half of what is seen
        mean = learner.policy.distribution(state.params, (), jnp.array([[-1.0], [1.0]]))[0].mean[:, 0]
        return float(jnp.abs(mean - jnp.array([-0.5, 0.5])).max())

    assert distance(told, states[0]) < 0.1 < distance(blind, states[1])


def test_where_a_task_is_not_told_the_critic_goes_on_without():
    family = probes.HiddenBonus()
    learner = dataclasses.replace(FORGETFUL, privileged=family.dynamics)
    state = learnt(learner, family, 3)
    rollout = rolled(learner, state.params, family)
    mute = rollout._replace(task=rollout.task._replace(dynamics={}, reward={}))
    after, metrics = learner.update(KEY, state, mute)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((after.params, after.critic, metrics)))
    np.testing.assert_allclose(after.seen.mean, state.seen.mean, rtol=1e-5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: RecurrentPPO(policy=GRU, chunk=0), "chunk: at least 1"),
        (lambda: RecurrentPPO(policy=GRU, chunk=4, burn_in=5), "burn_in: from 0"),
    ],
)
def test_chunks_that_are_none_are_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()


def test_rollouts_of_another_shape_are_refused():
    state = LEARNER.init(KEY)
    with pytest.raises(InputError, match=r"envs=16.*8 environments"):
        LEARNER.update(KEY, state, rolled(LEARNER, state.params, probes.ConstantReward(), envs=8))
    odd = jax.tree.map(lambda x: x[:10], rolled(LEARNER, state.params, probes.ConstantReward()))
    with pytest.raises(InputError, match=r"chunk=4.*10 steps"):
        dataclasses.replace(LEARNER, chunk=4).update(KEY, state, odd)
