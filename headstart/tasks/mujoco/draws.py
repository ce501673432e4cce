"""Random numbers by counting: a number depends on its own seed and place only, never on the batch around it.

A generator object for each environment would cost more than the physics; a hash of (seed, stream, place) costs a few
array operations for the whole batch, and the same environment draws the same numbers in any batch of any size.
"""

import numpy as np
from jaxtyping import Float, Int, UInt64

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def uniform(seeds: Int[np.ndarray, " env"], count: int, stream: int) -> Float[np.ndarray, "env count"]:
    """Draws from [0, 1), for each seed its own `count` numbers.

    Args:
        seeds: 64-bit integers.
        count: how many numbers for each seed.
        stream: what they are for. Draws of two streams are independent.

    Returns:
        Multiples of 2⁻⁵³.

    Source: Steele, Lea and Flood 2014, "Fast splittable pseudorandom number generators" (SplitMix64).
    """
    start = _mix(np.asarray(seeds).astype(np.uint64) ^ _mix(np.full(1, stream, np.uint64)))
    places = np.arange(1, count + 1, dtype=np.uint64) * _GOLDEN
    return (_mix(start[:, None] + places[None, :]) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(seeds: Int[np.ndarray, " env"], count: int, stream: int) -> Float[np.ndarray, "env count"]:
    """Draws from the standard normal distribution, for each seed its own `count` numbers (Box and Muller 1958)."""
    half = (count + 1) // 2
    return gaussian(uniform(seeds, 2 * half, stream))[:, :count]


def gaussian(draws: Float[np.ndarray, "env even"]) -> Float[np.ndarray, "env even"]:
    """Turns an even number of uniform draws into as many standard normal ones (Box and Muller 1958)."""
    first, second = np.split(draws, 2, axis=1)
    radius, angle = np.sqrt(-2.0 * np.log1p(-first)), 2.0 * np.pi * second
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _mix(word: UInt64[np.ndarray, "..."]) -> UInt64[np.ndarray, "..."]:
    word = word + _GOLDEN
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))
