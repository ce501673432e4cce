"""Distributions against scipy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from headstart.maths.distributions import Categorical, Normal, TanhNormal, log_slope_of_tanh

KEY = jax.random.key(0)
MEAN, LOG_STD = jnp.array([[0.3, -1.0], [2.0, 0.0]]), jnp.array([[-0.5, 0.2], [0.1, -1.0]])
NORMAL = Normal(MEAN, LOG_STD)
SQUASHED = TanhNormal(MEAN, LOG_STD, jnp.full((2, 2), 0.5), jnp.full((2, 2), 3.0))
CHOICE = Categorical(jnp.array([[0.5, -1.0, 2.0], [0.0, 0.0, 0.0]]))


def test_normal_agrees_with_scipy():
    peer = stats.norm(np.asarray(MEAN), np.exp(np.asarray(LOG_STD)))
    action = jnp.array([[0.1, 0.2], [-1.0, 3.0]])
    np.testing.assert_allclose(NORMAL.log_prob(action), peer.logpdf(action).sum(-1), rtol=1e-5)
    np.testing.assert_allclose(NORMAL.entropy(), peer.entropy().sum(-1), rtol=1e-5)


def squashed_density(a, mean, log_std):
    unit = (a - 0.5) / 3.0
    return stats.norm(mean, np.exp(log_std)).pdf(np.arctanh(unit)) / (1 - unit**2) / 3.0


def test_squashed_density_integrates_to_one_and_log_prob_is_its_logarithm():
    action = jnp.array([[-1.0, 2.0], [3.4, 0.5]])
    expected = [
        sum(np.log(squashed_density(float(action[i, j]), MEAN[i, j], LOG_STD[i, j])) for j in range(2))
        for i in range(2)
    ]
    np.testing.assert_allclose(SQUASHED.log_prob(action), expected, rtol=1e-4)
    mass, _ = integrate.quad(squashed_density, -2.5, 3.5, args=(0.3, -0.5))
    np.testing.assert_allclose(mass, 1.0, rtol=1e-6)


@pytest.mark.parametrize(("mean", "log_std"), [(0.3, -0.5), (2.0, 0.1), (-1.0, -3.0)])
def test_squashed_entropy_agrees_with_the_integral(mean, log_std):
    def term(u):
        slope = 3.0 * (1 - np.tanh(u) ** 2)
        return -stats.norm(mean, np.exp(log_std)).pdf(u) * (stats.norm(mean, np.exp(log_std)).logpdf(u) - np.log(slope))

    spread = 8 * np.exp(log_std)
    expected, _ = integrate.quad(term, mean - spread, mean + spread, limit=200)
    ours = TanhNormal(*(jnp.array([x]) for x in (mean, log_std, 0.5, 3.0))).entropy()
    np.testing.assert_allclose(ours, expected, atol=2e-4)


def test_squashed_samples_say_their_own_log_prob_and_stay_inside():
    action, log_prob = SQUASHED.sample_and_log_prob(KEY)
    np.testing.assert_allclose(log_prob, SQUASHED.log_prob(action), rtol=1e-3)
    far = TanhNormal(*(jnp.array([x]) for x in (40.0, 2.0, 0.5, 3.0)))
    action, log_prob = far.sample_and_log_prob(KEY)
    assert np.all(np.abs(action - 0.5) <= 3.0)
    assert np.isfinite(log_prob)
    gradient = jax.grad(lambda m: far._replace(mean=m).sample_and_log_prob(KEY)[1])(far.mean)
    assert np.all(np.isfinite(gradient))


def test_an_action_on_or_beyond_the_border_has_a_finite_log_prob():
    assert np.all(np.isfinite(SQUASHED.log_prob(jnp.array([[3.5, -2.5], [99.0, -99.0]]))))


def test_log_slope_of_tanh_is_exact_where_tanh_is_one():
    np.testing.assert_allclose(log_slope_of_tanh(jnp.array([0.0, 30.0, -30.0])), [0, -58.613705, -58.613705], rtol=1e-5)


def test_categorical_agrees_with_hand():
    p = np.exp([0.5, -1.0, 2.0]) / np.exp([0.5, -1.0, 2.0]).sum()
    np.testing.assert_allclose(CHOICE.log_prob(jnp.array([2, 0])), [np.log(p[2]), np.log(1 / 3)], rtol=1e-5)
    np.testing.assert_allclose(CHOICE.entropy(), [stats.entropy(p), np.log(3)], rtol=1e-5)
    np.testing.assert_array_equal(CHOICE.greedy(), [2, 0])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (NORMAL, Normal(MEAN + 0.4, LOG_STD - 0.3)),
        (SQUASHED, SQUASHED._replace(mean=MEAN + 0.4, log_std=LOG_STD - 0.3)),
        (CHOICE, Categorical(jnp.array([[0.0, 1.0, 0.5], [1.0, 0.0, 0.0]]))),
    ],
    ids=["Normal", "TanhNormal", "Categorical"],
)
class TestEveryDistribution:
    def test_kl_is_the_mean_log_ratio(self, one, other):
        def log_ratio(key):
            action, log_prob = one.sample_and_log_prob(key)
            return log_prob - other.log_prob(action)

        ratios = np.asarray(jax.jit(jax.vmap(log_ratio))(jax.random.split(KEY, 20_000)))
        error = 4 * ratios.std(0) / np.sqrt(len(ratios))
        assert np.all(np.abs(ratios.mean(0) - one.kl(other)) < error)
        np.testing.assert_allclose(one.kl(one), 0.0, atol=1e-6)

    def test_entropy_is_the_mean_surprise(self, one, other):
        draws = jax.jit(jax.vmap(lambda key: one.sample_and_log_prob(key)[1]))(jax.random.split(KEY, 20_000))
        draws = np.asarray(draws, np.float64)
        error = 4 * draws.std(0) / np.sqrt(len(draws)) + 1e-5
        assert np.all(np.abs(draws.mean(0) + one.entropy()) < error)

    def test_a_draw_is_pure_and_says_its_likelihood(self, one, other):
        first, log_prob = one.sample_and_log_prob(KEY)
        np.testing.assert_array_equal(first, one.sample(KEY))
        np.testing.assert_allclose(log_prob, one.log_prob(first), rtol=1e-3)
