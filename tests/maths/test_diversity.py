"""How much is left to choose from, by hand."""

import numpy as np
import pytest

from headstart.errors import InputError
from headstart.maths.diversity import choices_left, coverage, direction_entropy, effective_rank, range_left


def test_a_uniform_action_has_its_whole_range_and_a_tenth_of_it_a_tenth():
    # uniform on a width w in each of two entries: H = 2 log w
    np.testing.assert_allclose(range_left(2 * np.log([2.0, 0.2, 0.02]), 2), [1.0, 0.1, 0.01])
    np.testing.assert_allclose(range_left(np.array([5.0]), 1), [1.0])  # wider than the range is the range


def test_choices_left():
    # H of 1, 2 and 4 equal choices of 4: (1 − 1)/3, (2 − 1)/3, 1
    np.testing.assert_allclose(choices_left(np.log([1.0, 2.0, 4.0]), 4), [0.0, 1 / 3, 1.0], atol=1e-12)
    np.testing.assert_allclose(choices_left(np.zeros(1), 1), [0.0])


def test_effective_rank():
    assert effective_rank(np.eye(5)) == pytest.approx(5.0)
    assert effective_rank(np.outer(np.arange(1, 7), [1.0, -2.0, 3.0])) == pytest.approx(1.0)
    # σ = 3, 1: p = ¾, ¼; H = −¾ log ¾ − ¼ log ¼
    assert effective_rank(np.diag([3.0, 1.0])) == pytest.approx(np.exp(-0.75 * np.log(0.75) - 0.25 * np.log(0.25)))
    assert effective_rank(np.zeros((4, 3))) == 0.0


def test_coverage_counts_cells_once():
    states = np.array([[0.05, 0.05], [0.06, 0.01], [0.95, 1.0], [2.0, 0.5]])  # two in one cell, one on the border
    assert coverage(states, np.zeros(2), np.ones(2), bins=10) == pytest.approx(2 / 100)
    assert coverage(states[:, :1], np.zeros(1), np.ones(1), bins=2) == 1.0
    # the second channel has no width, and so a single bin
    assert coverage(np.array([[0.1, 3.0], [0.9, 3.0]]), np.array([0.0, 3.0]), np.array([1.0, 3.0]), bins=4) == 0.5


def test_coverage_of_too_many_channels_is_refused():
    with pytest.raises(InputError, match="too many cells; name fewer"):
        coverage(np.zeros((3, 9)), np.zeros(9), np.ones(9))


def test_direction_entropy():
    angles = (np.arange(12) + 0.5) / 12 * 2 * np.pi
    everywhere = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert direction_entropy(everywhere) == pytest.approx(1.0)
    assert direction_entropy(everywhere[[3, 3, 3]] * [[1.0], [5.0], [9.0]]) == 0.0
    assert direction_entropy(np.array([[1.0, 0.1], [-1.0, 0.1]])) == pytest.approx(np.log(2) / np.log(12))
    assert direction_entropy(np.zeros((4, 2))) == 0.0
