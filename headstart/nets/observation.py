"""Observations as one vector: pytrees flattened in a fixed order, and normalised by what was seen so far."""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from headstart.maths.moments import Moments, empty_moments, normalize, update_moments
from headstart.spaces import Box, Discrete
from headstart.types import Observation, ObservationSpace, Params


def flat_size(space: ObservationSpace) -> int:
    """Returns the length of the vector that `flatten` makes of one observation."""
    return sum(leaf.n if isinstance(leaf, Discrete) else math.prod(leaf.shape) for leaf in jax.tree.leaves(space))


def flatten(space: ObservationSpace, obs: Observation) -> Float[Array, "*rows feature"]:
    """Puts an observation into one vector: dictionaries in sorted order of their keys, choices one-hot.

    Args:
        space: the structure; says which axes of each leaf belong to one observation.
        obs: any number of leading axes, the same in every leaf.
    """
    parts = jax.tree.leaves(jax.tree.map(_flatten_leaf, space, obs))
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=-1)


def blank_observation(space: ObservationSpace) -> Observation:
    """Returns one row of zeros in the shape and type of an observation."""

    def leaf(space: Box | Discrete) -> Array:
        return jnp.zeros(1, jnp.int32) if isinstance(space, Discrete) else jnp.zeros((1, *space.shape), space.dtype)

    return jax.tree.map(leaf, space)


def init_normalizer(space: ObservationSpace) -> Params:
    """Returns a normaliser that has seen nothing and changes nothing: `{"mean", "var", "count"}`."""
    return empty_moments((flat_size(space),))._asdict()


def apply_normalizer(normalizer: Params, space: ObservationSpace, obs: Observation) -> Float[Array, "*rows feature"]:
    """Flattens and normalises an observation. No gradient passes into the normaliser."""
    return normalize(Moments(**jax.lax.stop_gradient(normalizer)), flatten(space, obs))


def update_normalizer(
    normalizer: Params, space: ObservationSpace, obs: Observation, valid: Bool[Array, "*rows"]
) -> Params:
    """Takes more observations into account; rows that are not valid must be finite and are ignored."""
    rows = flatten(space, obs).reshape((-1, flat_size(space)))
    return update_moments(Moments(**normalizer), rows, valid.reshape(-1).astype(jnp.float32))._asdict()


def _flatten_leaf(leaf: Box | Discrete, obs: Array) -> Float[Array, "*rows feature"]:
    if isinstance(leaf, Discrete):
        return jax.nn.one_hot(obs, leaf.n)
    obs = jnp.asarray(obs)
    return obs.astype(jnp.float32).reshape((*obs.shape[: obs.ndim - len(leaf.shape)], math.prod(leaf.shape)))
