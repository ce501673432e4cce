"""Amortised Stein variational gradient descent: a sampling network is taught to draw from exp(Q/α).

The particles are what the network gives before tanh, a = tanh(u). The density of u that makes exp(Q(a)/α) the density
of a is exp(Q(tanh u)/α) Π (1 − tanh² u): the correction for tanh. In u there is no border, so nothing piles up at one,
and a constant Q gives actions that are uniform. (The authors' code adds the same correction but moves particles in a,
which leaves a density with a factor (1 − a²) that no Q asked for.)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from headstart.errors import InputError
from headstart.maths.distributions import log_slope_of_tanh
from headstart.maths.stein import median_bandwidth, stein_direction
from headstart.nets.sampler import SamplingPolicy
from headstart.types import Params

Value = Callable[[Float[Array, "row particle action"]], Float[Array, "row particle"]]


class Step(NamedTuple):
    """Which way the network should go, and how it stands.

    Attributes:
        gradient: of the network's weights; to be descended.
        length: of the direction in which a particle is pushed, on average.
        spread: mean squared distance between two particles of one state, scaled so that uniform actions give 1.
    """

    gradient: Params
    length: Float[Array, ""]
    spread: Float[Array, ""]


@dataclass(frozen=True, kw_only=True)
class AmortisedStein:
    """Gradients for a sampling network.

    Attributes:
        policy: whose network it is.
        updated: K, particles a state that are moved; each costs a pass back through the network.
        fixed: M, particles a state that say where to; each costs a gradient of Q.

    Source: Haarnoja et al. 2017 (arXiv 1702.08165), eq. 13 and 14.
    """

    policy: SamplingPolicy
    updated: int
    fixed: int

    def __post_init__(self):
        """Refuses to move nothing, or towards nothing."""
        if self.updated < 1 or self.fixed < 1:
            raise InputError(f"at least 1 updated and 1 fixed particle are needed, not {self.updated} and {self.fixed}")

    def step(
        self,
        key: Key[Array, ""],
        params: Params,
        encoded: Float[Array, "row feature"],
        value: Value,
        temperature: Float[Array, ""],
    ) -> Step:
        """Returns the gradient that makes the network draw more like exp(Q/α).

        Args:
            key: of the noise.
            params: of the policy.
            encoded: observations, as the policy encodes them.
            value: Q of actions in [-1, 1], `row particle action`, in the same states.
            temperature: α, from 0.
        """
        key_fixed, key_updated = jax.random.split(key)
        rows = encoded.shape[0]
        fixed = self._particles(params, self.policy.noise(key_fixed, params, (rows, self.fixed)), encoded)
        score = jax.grad(lambda u: jnp.sum(value(jnp.tanh(u))) + temperature * jnp.sum(log_slope_of_tanh(u)))(fixed)
        noise = self.policy.noise(key_updated, params, (rows, self.updated))
        updated, pull = jax.vjp(
            lambda actor: self._particles({**params, "actor": actor}, noise, encoded), params["actor"]
        )
        bandwidth = jax.vmap(median_bandwidth)(updated, fixed)
        direction = jax.vmap(stein_direction, in_axes=(0, 0, 0, None, 0))(updated, fixed, score, temperature, bandwidth)
        (gradient,) = pull(-direction / (rows * self.updated))
        apart = jnp.mean((jnp.tanh(updated[:, 0]) - jnp.tanh(fixed[:, 0])) ** 2)
        return Step(gradient, jnp.mean(jnp.linalg.norm(direction, axis=-1)), 1.5 * apart)

    def _particles(self, params: Params, noise: Array, encoded: Array) -> Float[Array, "row particle action"]:
        there = jnp.broadcast_to(encoded[:, None, :], (*noise.shape[:-1], encoded.shape[-1]))
        return self.policy.before(params, noise, there)
