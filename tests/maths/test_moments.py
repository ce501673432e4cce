"""Running moments against moments of everything at once."""

import jax
import jax.numpy as jnp
import numpy as np

from headstart.maths.moments import WINDOW, Moments, empty_moments, normalize, update_moments, weighted_mean


def test_parts_merge_to_the_whole_with_some_rows_left_out():
    rng = np.random.default_rng(0)
    parts = [(rng.normal(3, 2, (64, 5)), rng.random(64) < 0.7) for _ in range(6)]
    moments, update = empty_moments((5,)), jax.jit(update_moments)
    for rows, keep in parts:
        moments = update(moments, jnp.asarray(rows, jnp.float32), jnp.asarray(keep, jnp.float32))
    kept = np.concatenate([rows[keep] for rows, keep in parts])
    np.testing.assert_allclose(moments.mean, kept.mean(0), rtol=1e-5)
    np.testing.assert_allclose(moments.var, kept.var(0), rtol=1e-5)
    assert moments.count == len(kept)


def test_a_large_offset_costs_no_precision():
    rows = jnp.asarray(np.random.default_rng(0).normal(1000, 0.1, (4096, 1)), jnp.float32)
    moments = update_moments(empty_moments((1,)), rows, jnp.ones(4096))
    np.testing.assert_allclose(moments.var, np.asarray(rows, np.float64).var(0), rtol=1e-3)


def test_nothing_changes_where_no_row_counts():
    moments = Moments(jnp.full(2, 3.0), jnp.full(2, 5.0), jnp.float32(7.0))
    after = update_moments(moments, jnp.ones((4, 2)), jnp.zeros(4))
    jax.tree.map(np.testing.assert_array_equal, after, moments)


def test_after_very_many_rows_new_ones_still_count():
    moments = Moments(jnp.zeros(1), jnp.ones(1), jnp.float32(WINDOW))
    after = update_moments(moments, jnp.full((4096, 1), 4.0), jnp.ones(4096))
    assert after.count == WINDOW
    np.testing.assert_allclose(after.mean, 4.0 * 4096 / (WINDOW + 4096), rtol=1e-4)


def test_normalize_by_hand_and_a_feature_that_never_moved_does_not_explode():
    moments = Moments(jnp.array([1.0, 0.0, 0.0]), jnp.array([4.0, 0.0, 1.0]), jnp.float32(10.0))
    rows = jnp.array([[2.0, 0.05, 99.0]])
    np.testing.assert_allclose(normalize(moments, rows), [[0.5, 5.0, 10.0]], rtol=1e-6)


def test_an_untouched_normaliser_is_the_identity():
    rows = jnp.array([[0.5, -3.0]])
    np.testing.assert_array_equal(normalize(empty_moments((2,)), rows), rows)


def test_weighted_mean_by_hand_and_of_nothing():
    assert weighted_mean(jnp.array([1.0, 5.0, 9.0]), jnp.array([1.0, 0.0, 1.0])) == 5.0
    assert weighted_mean(jnp.array([1.0]), jnp.array([0.0])) == 0.0
