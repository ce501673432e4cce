"""The searches of adaptation: REPS, CMA-ES, tempering, and what they minimise."""

import numpy as np
import pytest

from headstart.adapt.tempering import temper
from headstart.maths import cma_es, reps
from headstart.maths.discrepancy import discrepancy, smoothed
from headstart.maths.misfit import misfit
from headstart.maths.weights import effective_number, next_temperature, normalized, systematic


class TestReps:
    def test_the_dual_by_hand(self):
        # η ε + η ln ½(1 + e^(−1/η)) at η = 1, ε = 0.1, costs 0 and 1
        value = reps.dual(1.0, np.array([0.0, 1.0]), 0.1)
        np.testing.assert_allclose(value, 0.1 + np.log(0.5 * (1 + np.exp(-1.0))))

    @pytest.mark.parametrize("bound", [0.05, 0.3])
    def test_weights_lie_at_the_bound(self, bound):
        cost = np.random.default_rng(0).standard_normal(400)
        weight, _ = reps.weights(cost, bound)
        np.testing.assert_allclose((weight * np.log(weight * len(weight))).sum(), bound, rtol=1e-3)
        assert np.corrcoef(weight, cost)[0, 1] < 0

    def test_a_broken_sample_gets_no_weight_and_equal_costs_equal_weights(self):
        weight, _ = reps.weights(np.array([1.0, np.inf, 2.0]), 0.2)
        assert weight[1] == 0 and np.isclose(weight.sum(), 1) and weight[0] > weight[2]
        np.testing.assert_allclose(reps.weights(np.array([3.0, 3.0, np.inf]), 0.2)[0], [0.5, 0.5, 0.0])

    def test_divergence_of_normal_distributions_by_hand(self):
        # ½ (1/4 + 1/4 − 1 + ln 4)
        value = reps.kl_normal(np.ones(1), np.eye(1), np.zeros(1), 4 * np.eye(1))
        np.testing.assert_allclose(value, 0.5 * (0.25 + 0.25 - 1 + np.log(4)))

    @pytest.mark.parametrize("samples", [6, 300])
    def test_a_step_goes_downhill_and_obeys_the_bound_even_from_few_samples(self, samples):
        random = np.random.default_rng(1)
        mean, covariance = np.full(3, 0.5), 0.01 * np.eye(3)
        points = random.multivariate_normal(mean, covariance, samples)
        new, spread, moved = reps.step(points, points[:, 0], mean, covariance, 0.2, 1e-3)
        assert new[0] < mean[0] and moved <= 0.2 + 1e-9
        np.testing.assert_allclose(moved, reps.kl_normal(new, spread, mean, covariance))


def test_cma_es_finds_the_bottom_of_a_narrow_valley():
    random, state = np.random.default_rng(0), cma_es.begin(np.full(4, 3.0), 1.0)
    scale = np.array([1.0, 10.0, 100.0, 1000.0])
    for _ in range(150):
        candidates = cma_es.ask(random, state, 8)
        state = cma_es.tell(state, candidates, (scale * np.square(candidates - 1.0)).sum(axis=1))
    np.testing.assert_allclose(state.mean, 1.0, atol=1e-6)


def test_population_of_the_tutorial():
    assert [cma_es.population(p) for p in (1, 8, 20)] == [4, 10, 12]


class TestDiscrepancy:
    weight = np.ones(1)

    def test_by_hand(self):
        a, b = np.array([[1.0], [1.0]]), np.array([[0.0], [0.0]])
        # |1| and 1², in the mean over steps; a constant passes the filter as it is
        np.testing.assert_allclose(discrepancy(a, b, self.weight, absolute=2.0, squared=3.0), 5.0)
        assert discrepancy(a, a, self.weight) == 0.0

    def test_the_filter_by_hand(self):
        e = np.exp(-0.5)  # a Gaussian of σ = 1, cut at one step
        np.testing.assert_allclose(
            smoothed(np.array([[0.0], [1.0], [0.0]]), 1.0, 1)[:, 0], [e / (1 + e), 1 / (1 + 2 * e), e / (1 + e)]
        )

    def test_a_shorter_trajectory_stands_still_where_it_ended(self):
        long, short = np.arange(6.0)[:, None], np.arange(3.0)[:, None]
        held = np.array([[0.0], [1.0], [2.0], [2.0], [2.0], [2.0]])
        assert discrepancy(long, short, self.weight) == discrepancy(long, held, self.weight) > 0
        assert discrepancy(long, short, self.weight) == discrepancy(short, long, self.weight)

    def test_a_shift_by_a_step_costs_less_than_noise_of_that_size(self):
        wave = np.sin(np.arange(60) / 3.0)[:, None]
        shifted = np.sin((np.arange(60) + 1) / 3.0)[:, None]
        noise = wave + np.std(wave - shifted) * np.random.default_rng(0).standard_normal(wave.shape)
        assert discrepancy(noise, wave, self.weight) < discrepancy(shifted, wave, self.weight)
        assert discrepancy(wave[::-1], wave, self.weight) > 3 * discrepancy(shifted, wave, self.weight)


class TestWeights:
    def test_by_hand(self):
        np.testing.assert_allclose(normalized(np.log([1.0, 3.0])), [0.25, 0.75])
        np.testing.assert_allclose(effective_number(np.log([1.0, 3.0])), 1 / (0.0625 + 0.5625))
        assert effective_number(np.array([0.0, -np.inf])) == 1.0

    def test_a_temperature_keeps_as_many_particles_as_wanted(self):
        ratio = np.linspace(0, 50, 40)
        beta = next_temperature(ratio, 0.2, 20)
        assert 0.2 < beta < 1 and np.isclose(effective_number((beta - 0.2) * ratio), 20, rtol=1e-3)
        assert next_temperature(np.zeros(40), 0.2, 20) == 1.0

    def test_systematic_resampling_by_hand(self):
        assert systematic(np.array([0.5, 0.25, 0.25, 0.0]), 0.5).tolist() == [0, 0, 1, 2]


class TestTempering:
    def density(self, x):
        """A correlated normal distribution whose evidence is known."""
        off = x - np.array([0.2, -0.1])
        return -0.5 * np.einsum("ni,ij,nj->n", off, np.linalg.inv(self.covariance), off)

    covariance = np.array([[0.04, 0.018], [0.018, 0.01]])

    @pytest.mark.parametrize("guess", ["good", "bad"])
    def test_finds_mean_covariance_and_evidence(self, guess):
        root = np.linalg.cholesky(self.covariance)
        start = (np.array([0.2, -0.1]), root) if guess == "good" else (np.array([1.0, 1.0]), np.eye(2))
        found = temper(np.random.default_rng(0), self.density, *start, 1500, moves=3)
        weight = normalized(found.log_weight)
        mean = weight @ found.points
        off = found.points - mean
        np.testing.assert_allclose(mean, [0.2, -0.1], atol=0.03)
        np.testing.assert_allclose((weight[:, None] * off).T @ off, self.covariance, rtol=0.25, atol=2e-3)
        truth = np.log(2 * np.pi) + 0.5 * np.linalg.slogdet(self.covariance)[1]
        np.testing.assert_allclose(found.log_evidence, truth, atol=0.2)
        assert (found.stages == 1) == (guess == "good")

    def test_where_nothing_is_possible_it_says_so(self):
        found = temper(np.random.default_rng(0), lambda x: np.full(len(x), -np.inf), np.zeros(1), np.eye(1), 20)
        assert found.log_evidence == -np.inf and np.isfinite(found.points).all()


class TestMisfit:
    def test_noise_is_no_misfit_and_a_missing_term_is(self):
        random = np.random.default_rng(0)
        features, noise = random.standard_normal((200, 4)), random.standard_normal((200, 3))
        p_values = [misfit(random.standard_normal((40, 3)), features[:40]).p_value for _ in range(200)]
        assert 0.02 < np.mean(np.array(p_values) < 0.05) < 0.09
        found = misfit(noise + 0.5 * features[:, :1], features)
        assert found.p_value < 1e-6 and 0.12 < found.share < 0.28  # 0.25 of 1.25 in each channel

    def test_too_few_rows_to_tell(self):
        assert misfit(np.ones((2, 3)), np.ones((2, 4))) == (0.0, 1.0)
