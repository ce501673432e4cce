"""Bounds of actions: what policies that act in boxes scale by, and refuse."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from headstart.errors import InputError
from headstart.spaces import Box
from headstart.types import ActionSpace


def interval(action: Box) -> tuple[Float[np.ndarray, " action"], Float[np.ndarray, " action"]]:
    """Returns centre and half range of each entry; 0 and 1 where a bound is infinite or the interval has no width."""
    low, high = (bound.astype(np.float64) for bound in action.bounds())
    bounded = np.isfinite(low) & np.isfinite(high) & (high > low)
    low, high = np.where(bounded, low, -1.0), np.where(bounded, high, 1.0)
    return ((high + low) / 2.0).astype(np.float32), ((high - low) / 2.0).astype(np.float32)


def aligned(vector: Any, rows: Float[Array, "*rows action"]) -> Float[Array, "*rows action"]:
    """Gives a vector as many leading axes of size 1 as `rows` has."""
    return jnp.asarray(vector).reshape((1,) * (rows.ndim - 1) + (-1,))


def require_vector(action: ActionSpace, name: str) -> None:
    """Raises `InputError` for actions that are not vectors of real numbers.

    Args:
        action: the space.
        name: of the policy that wants vectors.
    """
    if not isinstance(action, Box):
        raise InputError(f"{name}: the action space is {action}, not a Box; use CategoricalPolicy")
    if len(action.shape) != 1:
        raise InputError(f"{name}: actions must be vectors, not of shape {action.shape}; flatten them in the world")
