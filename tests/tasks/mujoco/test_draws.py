"""Random numbers by counting."""

import numpy as np
import pytest
from scipy import stats

from headstart.tasks.mujoco import draws


def test_a_number_depends_on_its_seed_stream_and_place_alone():
    seeds = np.array([3, 2**63 + 5, -1, 0]).astype(np.uint64)
    whole = draws.uniform(seeds, 8, 1)
    np.testing.assert_array_equal(draws.uniform(seeds[[2]], 8, 1)[0], whole[2])
    np.testing.assert_array_equal(draws.uniform(seeds[::-1], 3, 1)[::-1], whole[:, :3])
    assert len(np.unique(np.concatenate([whole, draws.uniform(seeds, 8, 2)]))) == 64
    np.testing.assert_array_equal(draws.normal(seeds[[1]], 5, 2)[0], draws.normal(seeds, 5, 2)[1])


@pytest.mark.parametrize("seeds", [np.arange(20_000), np.arange(20_000) << 40, -np.arange(20_000) * 12345])
def test_neighbouring_seeds_and_places_are_independent(seeds):
    found = draws.uniform(seeds, 4, 1)
    assert (found >= 0).all() and (found < 1).all()
    for column in found.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3
        assert abs(np.corrcoef(column[1:], column[:-1])[0, 1]) < 0.03
    assert np.abs(np.corrcoef(np.concatenate([found, draws.uniform(seeds, 4, 2)], axis=1).T) - np.eye(8)).max() < 0.03


def test_normal_draws_are_normal():
    found = draws.normal(np.arange(20_000), 5, 1)
    assert found.shape == (20_000, 5)
    for column in found.T:
        assert stats.kstest(column, "norm").pvalue > 1e-3
    assert np.abs(np.corrcoef(found.T) - np.eye(5)).max() < 0.03


def test_gaussian_by_hand():
    # r = √(−2 log(1 − u₁)), φ = 2π u₂: u₁ = 1 − e⁻², u₂ = 1/4 gives r = 2, φ = π/2
    np.testing.assert_allclose(draws.gaussian(np.array([[1 - np.exp(-2), 0.25]])), [[0.0, 2.0]], atol=1e-12)
