"""The pendulum: Gymnasium's, step by step; and the physics of a rod."""

import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.errors import InputError
from headstart.tasks.pendulum import Pendulum, PendulumState
from headstart.types import Task

KEY = jax.random.key(0)
STEP = jax.jit(Pendulum.step, static_argnums=0)


def nominal(**dynamics):
    family = Pendulum()
    values = {name.replace("_", ":"): jnp.float32(value) for name, value in dynamics.items()}
    return Task({**family.task().dynamics, **values}, {})


def energy(state, task):
    """Of a rod of mass m and length l about its end: ½ (m l²/3) θ'² + m g (l/2) cos θ."""
    mass, length = task.dynamics["mass:rod"], task.dynamics["length:rod"]
    return mass * length**2 / 6 * state.velocity**2 + mass * task.dynamics["gravity"] * length / 2 * jnp.cos(
        state.angle
    )


def swing(family, task, steps, state):
    action = jnp.zeros(1)

    def step(state, _):
        state = family.step(KEY, state, action, task).state
        return state, energy(state, task)

    return jax.jit(lambda state: jax.lax.scan(step, state, None, steps)[1])(state)


def test_it_is_gymnasiums_step_by_step():
    env = gymnasium.make("Pendulum-v1").unwrapped
    env.reset(seed=0)
    family, task, generator = Pendulum(), nominal(), np.random.default_rng(0)
    for episode in range(5):
        state = family.reset(jax.random.key(episode), task)
        for _ in range(200):
            # ours is float32, and upright the pendulum doubles a difference five times a second: compare each step
            env.state = np.array([state.angle, state.velocity], np.float64)
            action = generator.uniform(-2.0, 2.0, 1).astype(np.float32)
            outcome = STEP(family, KEY, state, jnp.asarray(action), task)
            obs, reward, terminated, truncated, _ = env.step(action)
            state = outcome.state
            np.testing.assert_allclose(family.observe(state, task), obs, atol=5e-6)
            np.testing.assert_allclose(outcome.reward, reward, atol=1e-5)
            assert (outcome.terminated, outcome.truncated) == (terminated, truncated)


def test_its_spaces_are_gymnasiums():
    env = gymnasium.make("Pendulum-v1")
    for ours, theirs in ((Pendulum.observation, env.observation_space), (Pendulum.action, env.action_space)):
        assert ours.shape == theirs.shape
        np.testing.assert_array_equal(ours.bounds(), [theirs.low, theirs.high])
    assert Pendulum().horizon == env.spec.max_episode_steps


def test_one_step_by_hand():
    # θ = π/2, θ' = 1, m = 2, l = 0.5, g = 8, b = 0.1, torque 4 at full command, half command: u = 2
    # θ'' = 3·8/(2·0.5)·1 + 3/(2·0.25)·(2 − 0.1) = 24 + 11.4 = 35.4;  θ' = 1 + 0.05·35.4 = 2.77;  θ = π/2 + 0.05·2.77
    task = nominal(mass_rod=2.0, length_rod=0.5, gravity=8.0, damping_joint=0.1, torque_motor=4.0)
    state = PendulumState(jnp.float32(np.pi / 2), jnp.float32(1.0))
    outcome = STEP(Pendulum(), KEY, state, jnp.array([1.0]), task)
    np.testing.assert_allclose(outcome.state, [np.pi / 2 + 0.05 * 2.77, 2.77], rtol=1e-6)
    np.testing.assert_allclose(outcome.reward, -((np.pi / 2) ** 2 + 0.1 + 0.001 * 4), rtol=1e-6)


def test_without_damping_energy_is_kept_and_with_it_lost():
    family, start = Pendulum(step_seconds=0.001), PendulumState(jnp.float32(2.0), jnp.float32(0.5))
    task = nominal(mass_rod=1.5, length_rod=0.8)
    kept = swing(family, task, 5_000, start)
    scale = 1.5 * 10.0 * 0.8  # m g l, twice the height of the hill
    assert np.ptp(kept) < 2e-3 * scale
    lost = swing(family, nominal(mass_rod=1.5, length_rod=0.8, damping_joint=0.2), 5_000, start)
    assert lost[-1] < lost[0] - 0.2 * scale
    assert (lost[500::500] < lost[:-500:500]).all()


def test_the_angle_comes_back_after_a_turn_and_nothing_is_seen_of_it():
    one = STEP(Pendulum(), KEY, PendulumState(jnp.float32(0.3), jnp.float32(2.0)), jnp.ones(1), nominal())
    two = STEP(Pendulum(), KEY, PendulumState(jnp.float32(0.3 + 4 * np.pi), jnp.float32(2.0)), jnp.ones(1), nominal())
    np.testing.assert_allclose(one.state, two.state, atol=5e-6)
    np.testing.assert_allclose(one.reward, two.reward, atol=5e-6)


@pytest.mark.parametrize("options", [{"step_seconds": 0.0}, {"step_seconds": float("nan")}, {"horizon": 0}], ids=str)
def test_bad_clocks_are_refused(options):
    with pytest.raises(InputError):
        Pendulum(**options)
