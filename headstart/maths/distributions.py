"""Distributions over actions: what a policy says, and what a learner asks of it.

The last axis is the action (of a `Categorical`: the choices); any number of axes may stand in front. All offer the same
words: `sample`, `greedy`, `log_prob`, `entropy`, `kl`, and `sample_and_log_prob`, which is exact where going through
the action would lose precision.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

LOG_TWO_PI = math.log(2.0 * math.pi)
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(32)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


class Normal(NamedTuple):
    """A normal distribution with independent entries: N(mean, exp(log_std)²).

    Attributes:
        mean: of each entry.
        log_std: natural logarithm of the standard deviation of each entry.
    """

    mean: Float[Array, "*rows action"]
    log_std: Float[Array, "*rows action"]

    def sample(self, key: Key[Array, ""]) -> Float[Array, "*rows action"]:
        """Draws one action a row."""
        return self.mean + jnp.exp(self.log_std) * jax.random.normal(key, self.mean.shape)

    def greedy(self) -> Float[Array, "*rows action"]:
        """Returns the most likely action."""
        return self.mean

    def log_prob(self, action: Float[Array, "*rows action"]) -> Float[Array, "*rows"]:
        """Returns log p(a) = −½ Σ [ ((a − μ)/σ)² + 2 log σ + log 2π ]."""
        error = (action - self.mean) * jnp.exp(-self.log_std)
        return -0.5 * jnp.sum(error**2 + 2.0 * self.log_std + LOG_TWO_PI, axis=-1)

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Float[Array, "*rows action"], Float[Array, "*rows"]]:
        """Draws one action a row, and says how likely it was."""
        action = self.sample(key)
        return action, self.log_prob(action)

    def entropy(self) -> Float[Array, "*rows"]:
        """Returns H = Σ [ log σ + ½ (1 + log 2π) ], in nats."""
        return jnp.sum(self.log_std + 0.5 * (1.0 + LOG_TWO_PI), axis=-1)

    def kl(self, other: "Normal") -> Float[Array, "*rows"]:
        """Returns KL(self ‖ other) = Σ [ log(σ₂/σ₁) + (σ₁² + (μ₁ − μ₂)²) / (2 σ₂²) − ½ ], in nats."""
        variance_ratio = jnp.exp(2.0 * (self.log_std - other.log_std))
        error = (self.mean - other.mean) * jnp.exp(-other.log_std)
        return jnp.sum(other.log_std - self.log_std + 0.5 * (variance_ratio + error**2 - 1.0), axis=-1)


class TanhNormal(NamedTuple):
    """A normal distribution squeezed into an interval: a = centre + half_range · tanh(u), u ~ N(mean, exp(log_std)²).

    Attributes:
        mean: of u.
        log_std: natural logarithm of the standard deviation of u.
        centre: of the interval of actions.
        half_range: half its width.
    """

    mean: Float[Array, "*rows action"]
    log_std: Float[Array, "*rows action"]
    centre: Float[Array, "*rows action"]
    half_range: Float[Array, "*rows action"]

    def sample(self, key: Key[Array, ""]) -> Float[Array, "*rows action"]:
        """Draws one action a row."""
        return self.sample_and_log_prob(key)[0]

    def greedy(self) -> Float[Array, "*rows action"]:
        """Returns the squeezed mean of u, which is the median action."""
        return self.centre + self.half_range * jnp.tanh(self.mean)

    def log_prob(self, action: Float[Array, "*rows action"]) -> Float[Array, "*rows"]:
        """Returns log p(a); an action on or outside the border counts as just inside it."""
        unit = jnp.clip((action - self.centre) / self.half_range, -1.0 + 1e-6, 1.0 - 1e-6)
        return self._log_prob_before(jnp.arctanh(unit))

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Float[Array, "*rows action"], Float[Array, "*rows"]]:
        """Draws one action a row, and says how likely it was, without inverting tanh."""
        before = Normal(self.mean, self.log_std).sample(key)
        return self.centre + self.half_range * jnp.tanh(before), self._log_prob_before(before)

    def entropy(self) -> Float[Array, "*rows"]:
        """Returns H = H(u) + E[ log |da/du| ], the expectation by 32-point Gauss–Hermite quadrature, in nats."""
        nodes = jnp.asarray(NODES, jnp.float32).reshape((-1,) + (1,) * self.mean.ndim)
        weights = jnp.asarray(WEIGHTS, jnp.float32).reshape(nodes.shape)
        before = self.mean[None] + jnp.exp(self.log_std)[None] * nodes
        stretch = jnp.sum(weights * log_slope_of_tanh(before), axis=0) + jnp.log(self.half_range)
        return Normal(self.mean, self.log_std).entropy() + jnp.sum(stretch, axis=-1)

    def kl(self, other: "TanhNormal") -> Float[Array, "*rows"]:
        """Returns KL(self ‖ other), in nats: squeezing both alike does not change it."""
        return Normal(self.mean, self.log_std).kl(Normal(other.mean, other.log_std))

    def _log_prob_before(self, before: Float[Array, "*rows action"]) -> Float[Array, "*rows"]:
        stretch = log_slope_of_tanh(before) + jnp.log(self.half_range)
        return Normal(self.mean, self.log_std).log_prob(before) - jnp.sum(stretch, axis=-1)


class Categorical(NamedTuple):
    """One of several choices, with probabilities softmax(logits).

    Attributes:
        logits: one for each choice, up to a constant.
    """

    logits: Float[Array, "*rows choice"]

    def sample(self, key: Key[Array, ""]) -> Int[Array, "*rows"]:
        """Draws one choice a row."""
        return jax.random.categorical(key, self.logits)

    def greedy(self) -> Int[Array, "*rows"]:
        """Returns the most likely choice."""
        return jnp.argmax(self.logits, axis=-1)

    def log_prob(self, action: Int[Array, "*rows"]) -> Float[Array, "*rows"]:
        """Returns the logarithm of the probability of the choice."""
        log_probs = jax.nn.log_softmax(self.logits)
        return jnp.take_along_axis(log_probs, action[..., None], axis=-1)[..., 0]

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Int[Array, "*rows"], Float[Array, "*rows"]]:
        """Draws one choice a row, and says how likely it was."""
        action = self.sample(key)
        return action, self.log_prob(action)

    def entropy(self) -> Float[Array, "*rows"]:
        """Returns H = −Σ p log p, in nats."""
        log_probs = jax.nn.log_softmax(self.logits)
        return -jnp.sum(jnp.exp(log_probs) * log_probs, axis=-1)

    def kl(self, other: "Categorical") -> Float[Array, "*rows"]:
        """Returns KL(self ‖ other) = Σ p log(p/q), in nats."""
        ours, theirs = jax.nn.log_softmax(self.logits), jax.nn.log_softmax(other.logits)
        return jnp.sum(jnp.exp(ours) * (ours - theirs), axis=-1)


def before_tanh(unit: Float[Array, "*rows"], sharpness: int = 8) -> Float[Array, "*rows"]:
    """Returns the u whose tanh is nearly clip(unit, -1, 1): tanh u = x / (1 + |x|ᵖ)^(1/p).

    Clipping itself has no inverse under tanh, and no gradient outside of the interval; this has both, everywhere.

    Args:
        unit: x, an action in half ranges around the centre; beyond ±100 it counts as ±100.
        sharpness: p, even; the largest error is at the corner, 1 - 2^(-1/p).
    """
    inside = jnp.where(jnp.abs(unit) < 1.0, unit, 0.0)
    near = jnp.arctanh(inside * jnp.exp(-jnp.log1p(inside**sharpness) / sharpness))
    outside = jnp.where(jnp.abs(unit) < 1.0, 1.0, jnp.minimum(jnp.abs(unit), 100.0))
    gap = -jnp.expm1(-jnp.log1p(outside**-sharpness) / sharpness)  # 1 - tanh u, exact where that rounds to 0
    far = jnp.sign(unit) * 0.5 * jnp.log((2.0 - gap) / gap)
    return jnp.where(jnp.abs(unit) < 1.0, near, far)


def log_slope_of_tanh(x: Float[Array, "*rows"]) -> Float[Array, "*rows"]:
    """Returns log(1 − tanh² x) = 2 (log 2 − x − softplus(−2x)), which stays exact where 1 − tanh² x rounds to 0."""
    return 2.0 * (math.log(2.0) - x - jax.nn.softplus(-2.0 * x))
