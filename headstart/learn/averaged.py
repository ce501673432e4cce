"""Averaging: beside a learner's parameters their mean over its latest updates, which spares who plays the bad moments.

From replay a policy changes from one moment to the next in what it is worth, most of all where it must do for many
robots: what it has just learnt of some costs it something on others. The mean of its parameters has what they share
(docs/log.md, "parameters in the mean"). Who acts while learning is the policy as it is, so the learner inside learns
what it would learn alone.

Source: Polyak and Juditsky 1992, "Acceleration of stochastic approximation by averaging"; Izmailov et al. 2018 (arXiv
1803.05407) for networks.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from headstart.errors import InputError
from headstart.types import Learner, Metrics, Params, State


class AveragedState(NamedTuple):
    """What changes while learning.

    Attributes:
        learner: the state of the learner inside.
        mean: of its parameters after each update.
        updates: how many there were.
    """

    learner: State
    mean: Params
    updates: Int[Array, ""]


@dataclass(frozen=True, kw_only=True)
class Averaged:
    """Keeps the mean of a learner's parameters: m ← m + (p − m) / min(n, `span`) after its n-th update.

    So it is the plain mean at first, and forgets by 1 / `span` an update later. What is no real number (a count, say)
    is as it is after the last update.

    Helps where parameters swing about something good; hurts where they are still on their way to it, for the mean is
    `span` updates behind.

    Attributes:
        learner: whose parameters.
        span: updates that the mean reaches back over.
    """

    learner: Learner
    span: int = 32

    def __post_init__(self):
        """Refuses to average over nothing."""
        if self.span < 1:
            raise InputError(f"Averaged(span={self.span}): at least 1 update is needed")

    @property
    def policy(self) -> Any:
        """What is learnt."""
        return self.learner.policy

    def init(self, key: Key[Array, ""]) -> AveragedState:
        learner = self.learner.init(key)
        mean = jax.tree.map(jnp.copy, self.learner.params(learner))  # a learner may take its own state's memory over
        return AveragedState(learner, mean, jnp.zeros((), jnp.int32))

    def params(self, state: AveragedState) -> Params:
        return self.learner.params(state.learner)

    def mean(self, state: AveragedState) -> Params:
        """Returns the parameters to play with when learning is over."""
        return state.mean

    def update(self, key: Key[Array, ""], state: AveragedState, batch: Any) -> tuple[AveragedState, Metrics]:
        learner, metrics = self.learner.update(key, state.learner, batch)
        updates = state.updates + 1
        mean = _moved(state.mean, self.learner.params(learner), jnp.minimum(updates, self.span))
        return AveragedState(learner, mean, updates), metrics


@jax.jit
def _moved(mean: Params, params: Params, count: Int[Array, ""]) -> Params:
    """Takes one more set of parameters into a mean of `count`."""

    def leaf(old: Array, new: Array) -> Array:
        return old + (new - old) / count.astype(new.dtype) if jnp.issubdtype(new.dtype, jnp.floating) else new

    return jax.tree.map(leaf, mean, params)
