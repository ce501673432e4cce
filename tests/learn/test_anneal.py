"""Temperatures that stay, fall or are held up: by hand, and inside one compiled run."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.data.replay import Transitions
from headstart.errors import InputError
from headstart.learn.anneal import Annealed, Fall
from headstart.learn.replayed import Replayed
from headstart.learn.sac import SAC
from headstart.maths.schedules import LogLinear
from headstart.nets.policies import SquashedPolicy
from tests import probes

KEY = jax.random.key(0)
POLICY = SquashedPolicy(observation=probes.OBSERVATION, action=probes.ACTION, hidden=(32,))
FIXED = SAC(
    policy=POLICY, discount=0.9, learning_rate=3e-3, polyak=0.05, critic_hidden=(32, 32), temperature="fixed"
)  # fmt: skip
SCHEDULE = LogLinear(start=1.0, end=0.01, updates=16)


def batches():
    """Eight batches of 64 rows in which the action is paid for being half the observation."""
    obs = jax.random.rademacher(KEY, (8, 64, 1), jnp.float32)
    action = jax.random.uniform(jax.random.key(1), (8, 64, 1), minval=-1.0, maxval=1.0)
    return Transitions(obs, action, -((action[..., 0] - 0.5 * obs[..., 0]) ** 2), obs, jnp.ones((8, 64), bool))


def test_the_logarithm_falls_straight_and_then_stays():
    at = [float(jnp.exp(Fall.of(SCHEDULE).at(jnp.int32(n)))) for n in (0, 4, 8, 16, 1000)]
    np.testing.assert_allclose(at, [1.0, 10**-0.5, 0.1, 0.01, 0.01], rtol=1e-5)


@pytest.mark.parametrize("temperature", [0.0, -1.0, float("nan"), float("inf")])
def test_a_temperature_that_is_none_is_refused(temperature):
    with pytest.raises(InputError, match="a positive, finite number is needed"):
        dataclasses.replace(FIXED, initial_temperature=temperature)


def test_a_fixed_temperature_stays_and_an_automatic_one_does_not():
    automatic = dataclasses.replace(FIXED, temperature="automatic")
    for learner, stays in ((FIXED, True), (automatic, False)):
        state, _ = learner.update(KEY, learner.init(KEY), batches())
        assert (float(state.log_temperature) == 0.0) == stays


def test_annealed_inside_one_compiled_run():
    learner = Annealed(learner=FIXED, schedule=SCHEDULE)

    def run(key):
        def step(state, key):
            state, metrics = learner.update(key, state, batches())
            return state, metrics["train/ent_coef"]

        return jax.lax.scan(step, learner.init(key), jax.random.split(key, 4))

    state, temperatures = jax.jit(run)(KEY)
    np.testing.assert_allclose(temperatures, [1.0, 0.1, 0.01, 0.01], rtol=1e-4)  # eight gradient steps an update
    assert state.updates == 32


def test_the_schedule_is_data_so_that_runs_may_differ_in_it():
    learner = Annealed(learner=FIXED, schedule=SCHEDULE)
    state = jax.tree.map(lambda x: jnp.stack([x, x]), learner.init(KEY))
    other = Fall.of(LogLinear(start=0.5, end=0.5, updates=8))
    state = state._replace(fall=jax.tree.map(lambda *x: jnp.stack(x), Fall.of(SCHEDULE), other))
    _, metrics = jax.vmap(learner.update, in_axes=(None, 0, None))(KEY, state, batches())
    np.testing.assert_allclose(metrics["train/ent_coef"], [1.0, 0.5], rtol=1e-5)


def entropy_after(temperature, rounds=100, **changes):
    learner = dataclasses.replace(FIXED, initial_temperature=temperature, **changes)
    state = learner.init(KEY)
    for key in jax.random.split(KEY, rounds):
        state, _ = learner.update(key, state, batches())
    return float(POLICY.distribution(state.params, (), jnp.array([[-1.0], [1.0]]))[0].entropy().mean())


def test_the_temperature_decides_how_soft_the_policy_becomes():
    # r = −(a − s/2)²: the soft-optimal density is exp(−(a − s/2)²/α) on [-1, 1], nearly uniform at 10, a spike at 1e-4
    hot, warm, cold = (entropy_after(alpha) for alpha in (10.0, 0.2, 1e-4))
    action = np.linspace(-1.0, 1.0, 2001)
    density = np.exp(-((action - 0.5) ** 2) / 0.2)
    density /= density.sum() * 1e-3
    np.testing.assert_allclose(warm, -np.sum(density * np.log(density)) * 1e-3, atol=0.1)
    np.testing.assert_allclose(hot, np.log(2.0), atol=0.1)
    assert cold < -2.5


def test_an_entropy_floor_holds_the_temperature_up():
    floored = dataclasses.replace(FIXED, temperature="automatic", target_entropy=-1.0, initial_temperature=1e-3)
    learner = Annealed(learner=floored, schedule=LogLinear(start=1e-3, end=1e-4, updates=8))
    state = learner.init(KEY)
    for key in jax.random.split(KEY, 350):
        state, metrics = learner.update(key, state, batches())
    assert metrics["train/entropy"] > -1.3
    assert metrics["train/ent_coef"] > 10 * 1e-4


def test_it_learns_from_rollouts_behind_a_replay():
    learner = Replayed(
        learner=Annealed(learner=FIXED, schedule=LogLinear(start=0.1, end=1e-4, updates=512)),
        capacity=4096, updates=64, batch_size=64, starts=257,
    )  # fmt: skip
    state = learner.init(KEY)
    for key in jax.random.split(KEY, 40):
        rollout = probes.record(key, probes.ActionMatters(), POLICY, learner.params(state), 16, 16)
        state, _ = learner.update(key, state, rollout)
    obs = jnp.array([[-1.0], [1.0]])
    action, _ = dataclasses.replace(POLICY, deterministic=True).apply(KEY, learner.params(state), (), obs)
    np.testing.assert_allclose(action[:, 0], [-0.5, 0.5], atol=5e-2)
