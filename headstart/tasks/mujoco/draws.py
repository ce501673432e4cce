"""Random numbers by counting: a number depends on its own seed and place only, never on the batch around it.

A generator object for each environment would cost more than the physics; a hash of (seed, stream, place) costs a few
array operations for the whole batch, and the same environment draws the same numbers in any batch of any size.
"""

import numpy as np
from jaxtyping import Float, Int, UInt64


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
    words = _words(seeds, half, stream)
    # both uniform draws from one word, which is precision enough: at most 6.7 standard deviations, in steps of 10⁻⁹
    draws = np.concatenate([words >> np.uint64(32), words & np.uint64(0xFFFFFFFF)], axis=1) * 2.0**-32
    return gaussian(draws)[:, :count]


def gaussian(draws: Float[np.ndarray, "env even"]) -> Float[np.ndarray, "env even"]:
    """Turns an even number of uniform draws into as many standard normal ones (Box and Muller 1958)."""
    first, second = np.split(draws, 2, axis=1)
    radius, angle = np.sqrt(-2.0 * np.log1p(-first)), 2.0 * np.pi * second
    return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def _words(seeds: Int[np.ndarray, " env"], count: int, stream: int) -> UInt64[np.ndarray, "env count"]:
    # neighbouring seeds and places differ by odd constants of their own, which the mixing then scatters
    own = np.asarray(seeds).astype(np.uint64) * np.uint64(0xD1342543DE82EF95)
    place = np.arange(1 + (stream << 32), 1 + (stream << 32) + count, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    word = own[:, None] + place
    word ^= word >> np.uint64(30)
    word *= np.uint64(0xBF58476D1CE4E5B9)
    word ^= word >> np.uint64(27)
    word *= np.uint64(0x94D049BB133111EB)
    word ^= word >> np.uint64(31)
    return word
