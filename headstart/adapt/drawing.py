"""Random numbers of distributions: keyed by (key, name, row), so that nothing else changes them."""

import zlib
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key
from scipy.special import ndtri

from headstart.adapt.randomize import LANES, unit_draws


def uniforms(key: Key[Array, ""], names: Sequence[str], n: int) -> Float[np.ndarray, "n name"]:
    """Draws from (0, 1), for each row and name its own number, in double precision.

    Row i of name a is the same number whatever other names, however many rows, in whatever order.
    """
    words = jnp.array([zlib.crc32(name.encode()) for name in names], jnp.uint32)
    drawn = np.asarray(unit_draws(key, words, -(-n // LANES) * LANES), np.float64)
    return np.clip(drawn.T[:n], 2.0**-24, 1.0 - 2.0**-24)


def normals(key: Key[Array, ""], names: Sequence[str], n: int) -> Float[np.ndarray, "n name"]:
    """Draws from the standard normal distribution, likewise."""
    return ndtri(uniforms(key, names, n))


def generator(key: Key[Array, ""]) -> np.random.Generator:
    """A NumPy generator for a search, whose draws are not tasks: same key, same draws."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel().tolist())
