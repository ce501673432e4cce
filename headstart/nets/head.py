"""The last step of a policy, for real and for discrete actions alike: from numbers to a distribution, and back."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from headstart.errors import InputError
from headstart.maths.distributions import Categorical, Normal
from headstart.nets.policies import interval
from headstart.spaces import Discrete
from headstart.types import ActionSpace, Params


@dataclass(frozen=True, kw_only=True)
class Head:
    """Makes distributions over actions of a network's outputs, and network inputs of actions.

    Attributes:
        action: a `Box` with one axis: a normal distribution, mean in half ranges around the centre, as in
            `GaussianPolicy`; or `Discrete`.
        initial_std: standard deviation at the start, in half ranges.
    """

    action: ActionSpace
    initial_std: float = 1.0

    def __post_init__(self):
        """Refuses actions that are no vectors."""
        if not isinstance(self.action, Discrete) and len(self.action.shape) != 1:
            raise InputError(f"actions must be vectors, not of shape {self.action.shape}; flatten them in the world")

    @property
    def size(self) -> int:
        """How many numbers describe a distribution's centre, and how many an action."""
        return self.action.n if isinstance(self.action, Discrete) else math.prod(self.action.shape)

    def init(self) -> Params:
        """Returns what the distribution needs beside a network's outputs."""
        if isinstance(self.action, Discrete):
            return {}
        return {"log_std": jnp.full(self.action.shape, math.log(self.initial_std), jnp.float32)}

    def distribution(self, params: Params, outputs: Float[Array, "*rows output"]) -> Normal | Categorical:
        """Returns the distribution over actions that some outputs mean."""
        if isinstance(self.action, Discrete):
            return Categorical(outputs)
        centre, half_range = (_aligned(jnp.asarray(x), outputs) for x in interval(self.action))
        log_std = _aligned(params["log_std"], outputs) + jnp.log(half_range)
        return Normal(centre + half_range * outputs, jnp.broadcast_to(log_std, outputs.shape))

    def unit(self, action: Array) -> Float[Array, "*rows output"]:
        """Returns actions as network inputs: one-hot, or as the world did them, in half ranges around the centre."""
        if isinstance(self.action, Discrete):
            return jax.nn.one_hot(action, self.action.n)
        low, high = (_aligned(jnp.asarray(bound), action) for bound in self.action.bounds())
        centre, half_range = (_aligned(jnp.asarray(x), action) for x in interval(self.action))
        return (jnp.clip(action, low, high) - centre) / half_range


def _aligned(vector: Array, rows: Array) -> Array:
    return vector.reshape((1,) * (rows.ndim - 1) + (-1,))
