"""How a number changes over a run."""

import math
from dataclasses import dataclass

import jax.numpy as jnp
from jaxtyping import Array, Float

from headstart.errors import InputError


@dataclass(frozen=True, kw_only=True)
class LogLinear:
    """Falls by the same factor at every update, and then stays: start^(1−t/T) · end^(t/T).

    Attributes:
        start: at update 0.
        end: from update `updates` on; at most `start`.
        updates: T.

    Source: Haarnoja et al. 2017 (arXiv 1702.08165), section 5.3, of the temperature in fine-tuning.
    """

    start: float
    end: float
    updates: int

    def __post_init__(self):
        """Refuses what would not be positive, would rise, or would never begin."""
        said = f"a schedule from {self.start:g} to {self.end:g} over {self.updates} updates"
        if not (0 < self.start < math.inf and 0 < self.end < math.inf):
            raise InputError(f"{said}: both ends must be positive and finite, such as from 0.1 to 0.001")
        if self.end > self.start:
            raise InputError(f"{said} rises; it must fall or stay, so put the larger number first")
        if self.updates < 1:
            raise InputError(f"{said}: at least 1 update is needed")

    @property
    def rate(self) -> float:
        """By how much the natural logarithm falls at each update."""
        return math.log(self.start / self.end) / self.updates

    def at(self, update: Float[Array, "*rows"]) -> Float[Array, "*rows"]:
        """Returns the value at an update."""
        share = jnp.clip(update / self.updates, 0.0, 1.0)
        return jnp.exp((1.0 - share) * math.log(self.start) + share * math.log(self.end))
