"""Uniformly random actions: what a world shows to somebody who knows nothing; a yardstick, not a technique."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from headstart.nets.policies import interval
from headstart.spaces import Discrete
from headstart.types import ActionSpace, Observation, Params, State


@dataclass(frozen=True, kw_only=True)
class RandomActions:
    """Draws actions by key alone, uniformly between the bounds (within ±1 where there is none).

    Attributes:
        action: what can be done.
    """

    action: ActionSpace

    def init(self, key: Key[Array, ""]) -> Params:
        del key
        return {}

    def start(self, params: Params, n: int) -> State:
        del params, n
        return ()

    def apply(self, key: Key[Array, ""], params: Params, carry: State, obs: Observation) -> tuple[Array, State]:
        del params
        n = jax.tree.leaves(obs)[0].shape[0]
        if isinstance(self.action, Discrete):
            return jax.random.randint(key, (n,), 0, self.action.n), carry
        centre, half_range = (jnp.asarray(x)[None] for x in interval(self.action))
        unit = jax.random.uniform(key, (n, *self.action.shape), minval=-1.0, maxval=1.0)
        return centre + half_range * unit, carry
