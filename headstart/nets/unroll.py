"""Policies with a memory, through time: what a learner needs to know beyond the next action.

A learner has what the world did, and not what the policy remembered. `unroll` recalls it: from the memory before the
first step, through observations, actions and beginnings of episodes, as the seam let the policy act.
"""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from headstart.nets.policies import StochasticPolicy
from headstart.types import Observation, Params, State


class Unrolled(NamedTuple):
    """What a policy thought, step by step. Axes `time env` in front of every leaf, but in `last`.

    Attributes:
        distribution: over the actions of each step.
        features: what a critic may read of observation and memory in place of the observation alone.
        before: the carry that the seam held before each step, not yet reset where an episode begins.
        last: the carry after the last step.
    """

    distribution: Any
    features: Float[Array, "time env feature"]
    before: State
    last: State


@runtime_checkable
class MemoryPolicy(StochasticPolicy, Protocol):
    """A policy whose carry matters, and which can say what it was."""

    def features(self, params: Params, carry: State, obs: Observation) -> Float[Array, "env feature"]: ...
    def unroll(
        self, params: Params, carry: State, obs: Observation, action: Array, first: Bool[Array, "time env"]
    ) -> Unrolled: ...


def unroll(
    policy: StochasticPolicy, params: Params, carry: State, obs: Observation, action: Array, first: Array
) -> Unrolled:
    """Recalls what a policy thought in a rollout; one without memory, in one call for all steps.

    Args:
        policy: who acted.
        params: of the policy; others than it acted with are welcome.
        carry: before the first step, axis `env`.
        obs: of each step, axes `time env`.
        action: of each step.
        first: where an episode begins, and the memory with it.
    """
    if isinstance(policy, MemoryPolicy):
        return policy.unroll(params, carry, obs, action, first)
    return Unrolled(policy.distribution(params, (), obs)[0], policy.encode(params, obs), (), ())


def features(policy: StochasticPolicy, params: Params, carry: State, obs: Observation) -> Float[Array, "env feature"]:
    """Returns what a critic may read of single observations, seen with the memory `carry`."""
    if isinstance(policy, MemoryPolicy):
        return policy.features(params, carry, obs)
    return policy.encode(params, obs)


def forget(first: Bool[Array, " env"], start: State, carry: State) -> State:
    """Returns a carry that is fresh in the environments where an episode begins, as the seam does."""

    def leaf(new: Array, old: Array) -> Array:
        return jnp.where(first.reshape((-1,) + (1,) * (old.ndim - 1)), new, old)

    return jax.tree.map(leaf, start, carry)
