"""The Stein direction on two and three particles by hand, and what it does to many."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from headstart.maths.stein import SMALLEST_BANDWIDTH, log_abs_determinant, median_bandwidth, stein_direction

KEY = jax.random.key(0)


def test_the_bandwidth_of_three_particles_by_hand():
    # squared distances from (0, 0) to (1, 0), (0, 2), (3, 0): 1, 4, 9; the median 4; h = 4 / (2 log 4)
    updated, fixed = jnp.zeros((1, 2)), jnp.array([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])
    np.testing.assert_allclose(median_bandwidth(updated, fixed), 4.0 / (2.0 * math.log(4.0)), rtol=1e-6)
    # of four distances, 0, 1, 4, 9, the mean of the middle two: 2.5
    updated, fixed = jnp.zeros((1, 1)), jnp.array([[0.0], [-1.0], [2.0], [3.0]])
    np.testing.assert_allclose(median_bandwidth(updated, fixed), 2.5 / (2.0 * math.log(5.0)), rtol=1e-6)


def test_the_bandwidth_follows_the_scale_and_never_vanishes():
    updated, fixed = jax.random.normal(KEY, (5, 2)), jax.random.normal(jax.random.key(1), (7, 2))
    ratio = median_bandwidth(10.0 * updated, 10.0 * fixed) / median_bandwidth(updated, fixed)
    np.testing.assert_allclose(ratio, 100.0, rtol=1e-5)
    assert median_bandwidth(jnp.ones((3, 2)), jnp.ones((4, 2))) == SMALLEST_BANDWIDTH


def test_the_direction_of_two_fixed_particles_by_hand():
    """â = 0; a = 1, −2; scores 3, 1; α = ½; h = 2: κ = e^(−1/2), e^(−2), its gradients in a are −2 (a − â)/h κ."""
    updated, fixed, score = jnp.zeros((1, 1)), jnp.array([[1.0], [-2.0]]), jnp.array([[3.0], [1.0]])
    near, far = math.exp(-0.5), math.exp(-2.0)
    expected = 0.5 * (near * 3.0 - 0.5 * near + far * 1.0 + 0.5 * 2.0 * far)
    np.testing.assert_allclose(stein_direction(updated, fixed, score, 0.5, 2.0), [[expected]], rtol=1e-6)


def test_without_temperature_one_particle_follows_the_gradient():
    particle, score = jnp.array([[0.3, -0.2]]), jnp.array([[2.0, 5.0]])
    np.testing.assert_allclose(stein_direction(particle, particle, score, 0.0, 1.0), score)


def test_without_a_score_particles_part():
    updated, fixed = jnp.array([[0.0], [1.0]]), jnp.array([[0.5]])
    direction = stein_direction(updated, fixed, jnp.zeros((1, 1)), 1.0, 1.0)
    assert direction[0, 0] < 0 < direction[1, 0]


def test_particles_come_to_be_spread_like_the_density():
    """Thirty particles, all near −3, become a sample of N(1, 2²) at α = 1: Q = −(a − 1)²/8."""
    particles = -3.0 + 0.1 * jax.random.normal(KEY, (30, 1))

    def move(particles, _):
        score = -(particles - 1.0) / 4.0
        h = median_bandwidth(particles, particles)
        return particles + 0.3 * stein_direction(particles, particles, score, 1.0, h), None

    particles, _ = jax.lax.scan(move, particles, None, length=1000)
    np.testing.assert_allclose(particles.mean(), 1.0, atol=0.05)
    np.testing.assert_allclose(particles.std(), 2.0, rtol=0.1)


def test_the_log_determinant_by_hand():
    np.testing.assert_allclose(log_abs_determinant(jnp.array([[0.0, 2.0], [3.0, 7.0]])), math.log(6.0), rtol=1e-6)
