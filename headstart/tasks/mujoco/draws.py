"""Random numbers by counting: a number depends on its own seed and place only, never on the batch around it.

A generator object for each environment would cost more than the physics; a hash of (seed, stream, place) costs a few
array operations for the whole batch, and the same environment draws the same numbers in any batch of any size.
"""

from functools import cache

import numpy as np
from jaxtyping import Float, Int, UInt64

_OWN = np.uint64(0xD1342543DE82EF95)
_SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31)
_FACTORS = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


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
    return (_words(seeds, count, stream) >> np.uint64(11)) * 2.0**-53


def normal(seeds: Int[np.ndarray, " env"], count: int, stream: int) -> Float[np.ndarray, "env count"]:
    """Draws from the standard normal distribution, for each seed its own `count` numbers."""
    half = (count + 1) // 2
    # both uniform draws from one word, which is precision enough: at most 6.7 standard deviations, in steps of 10⁻⁹
    parts = _words(seeds, half, stream).astype("<u8", copy=False).view("<u4")
    draws = np.empty((len(parts), 2 * half))
    np.multiply(parts[:, 1::2], 2.0**-32, out=draws[:, :half])
    np.multiply(parts[:, ::2], 2.0**-32, out=draws[:, half:])
    return gaussian(draws)[:, :count]


def gaussian(draws: Float[np.ndarray, "env even"]) -> Float[np.ndarray, "env even"]:
    """Turns an even number of uniform draws into as many standard normal ones (Box and Muller 1958)."""
    half, found = draws.shape[1] // 2, np.empty_like(draws)
    radius, angle = np.negative(draws[:, :half]), 2.0 * np.pi * draws[:, half:]
    np.log1p(radius, out=radius)
    radius *= -2.0
    np.sqrt(radius, out=radius)
    np.multiply(radius, np.cos(angle), out=found[:, :half])
    np.multiply(radius, np.sin(angle), out=found[:, half:])
    return found


def _words(seeds: Int[np.ndarray, " env"], count: int, stream: int) -> UInt64[np.ndarray, "env count"]:
    # neighbouring seeds and places differ by odd constants of their own, which the mixing then scatters
    own = np.asarray(seeds).astype(np.uint64) * _OWN
    word = own[:, None] + _places(count, stream)
    word ^= word >> _SHIFTS[0]
    word *= _FACTORS[0]
    word ^= word >> _SHIFTS[1]
    word *= _FACTORS[1]
    word ^= word >> _SHIFTS[2]
    return word


@cache
def _places(count: int, stream: int) -> UInt64[np.ndarray, " count"]:
    first = 1 + (stream << 32)
    return np.arange(first, first + count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
