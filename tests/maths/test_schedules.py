"""Schedules: what they give, and what they refuse."""

import jax.numpy as jnp
import numpy as np
import pytest

from headstart.errors import InputError
from headstart.maths.schedules import LogLinear


def test_falls_by_the_same_factor_and_stays():
    schedule = LogLinear(start=10.0, end=0.1, updates=4)
    np.testing.assert_allclose(schedule.at(jnp.arange(7.0)), [10.0, 10**0.5, 1.0, 10**-0.5, 0.1, 0.1, 0.1], rtol=1e-5)
    np.testing.assert_allclose(np.exp(-4 * schedule.rate), 0.01, rtol=1e-6)


@pytest.mark.parametrize(
    ("start", "end", "updates", "message"),
    [
        (0.1, -0.001, 10, "must be positive"),
        (0.0, 0.0, 10, "must be positive"),
        (float("nan"), 0.1, 10, "must be positive"),
        (0.001, 0.1, 10, "rises"),
        (0.1, 0.01, 0, "at least 1 update"),
    ],
)
def test_refuses_in_one_line(start, end, updates, message):
    with pytest.raises(InputError, match=message) as refused:
        LogLinear(start=start, end=end, updates=updates)
    assert "\n" not in str(refused.value)
