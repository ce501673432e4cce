"""Random orders: every row once, every order as likely as every other, and the key decides."""

import itertools

import jax
import numpy as np
import pytest
from scipy.stats import chisquare

from headstart.maths.shuffle import MOST, random_order


@pytest.mark.parametrize("n", [0, 1, 2, 3, 255, 256, 257, 4096])
def test_every_row_comes_once(n):
    order = np.asarray(random_order(jax.random.key(0), n))
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    assert order.dtype == np.int32


def test_every_order_of_four_is_as_likely():
    keys = jax.random.split(jax.random.key(1), 24_000)
    orders = np.asarray(jax.jit(jax.vmap(lambda key: random_order(key, 4)))(keys))
    counts = [int((orders == each).all(axis=1).sum()) for each in itertools.permutations(range(4))]
    assert sum(counts) == 24_000
    assert chisquare(counts).pvalue > 1e-3


def test_a_row_comes_to_any_place_of_many():
    keys = jax.random.split(jax.random.key(2), 4000)
    orders = np.asarray(jax.jit(jax.vmap(lambda key: random_order(key, 4096)))(keys))
    for row in (0, 1, 2047, 4095):
        place = np.nonzero(orders == row)[1]
        assert chisquare(np.bincount(place // 512, minlength=8)).pvalue > 1e-3
    neighbours = (np.nonzero(orders == 0)[1] // 512) == (np.nonzero(orders == 1)[1] // 512)
    assert abs(neighbours.mean() - 1 / 8) < 4 * np.sqrt(1 / 8 * 7 / 8 / 4000)  # minibatches of 512 mix neighbours


def test_the_key_decides():
    first, again, other = (np.asarray(random_order(jax.random.key(seed), 512)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_very_many_are_ordered_too():
    order = np.asarray(random_order(jax.random.key(5), MOST + 1))
    np.testing.assert_array_equal(np.sort(order), np.arange(MOST + 1))


@pytest.mark.parametrize("n", [10, MOST + 1])
def test_what_is_to_come_last_does_and_the_others_keep_their_order(n):
    last = np.arange(n) % 3 == 0
    plain, order = (np.asarray(random_order(jax.random.key(6), n, mark)) for mark in (None, last))
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    np.testing.assert_array_equal(order[: n - last.sum()], plain[~last[plain]])
    nobody = random_order(jax.random.key(6), n, np.zeros(n, bool))
    np.testing.assert_array_equal(nobody, plain)
