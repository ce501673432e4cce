"""Seeds for worlds outside JAX, derived from the seam's key by counting."""

import jax
import numpy as np
from jaxtyping import Array, Int, Key


class Seeds:
    """64-bit seeds keyed by (key, step, environment): the order and number of environments change none of them."""

    def __init__(self, key: Key[Array, ""]):
        words = np.asarray(jax.random.key_data(key), np.uint64)
        self._base = mix(words[0] << np.uint64(32) | words[-1])

    def steps(self, t: int | Int[np.ndarray, "time 1"], index: Int[np.ndarray, " env"]) -> Int[np.ndarray, "*time env"]:
        """Returns the seeds of the randomness in step `t`, or in several steps."""
        return self._stream(2 * t + 1, index)

    def resets(
        self, t: int | Int[np.ndarray, "time 1"], index: Int[np.ndarray, " env"]
    ) -> Int[np.ndarray, "*time env"]:
        """Returns the seeds of the resets before step `t`, or before several steps."""
        return self._stream(2 * t, index)

    def of_rollout(self, steps: int, index: Int[np.ndarray, " env"]) -> tuple[np.ndarray, np.ndarray]:
        """Returns the seeds of every step of a rollout, and those of the resets after each."""
        t = np.arange(steps)[:, None]
        return self.steps(t, index), self.resets(t + 1, index)

    def _stream(self, moment: int | np.ndarray, index: Int[np.ndarray, " env"]) -> Int[np.ndarray, "*time env"]:
        start = mix(self._base + np.asarray(moment, np.uint64))
        return mix(start + index.astype(np.uint64)).astype(np.int64) & ((1 << 63) - 1)


def mix(x: np.ndarray) -> np.ndarray:
    """SplitMix64's finalizer: a bijection of 64-bit words in which every bit depends on every other.

    Source: Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators".
    """
    with np.errstate(over="ignore"):  # wrapping round is the point
        x = np.asarray(x, np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
