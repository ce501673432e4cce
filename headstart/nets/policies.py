"""Feed-forward policies: normalised observation → multi-layer perceptron → distribution over actions.

Parameters are `{"normalizer": {"mean", "var", "count"}, "actor": {...}}`, so what was learnt about the scale of
observations travels with the policy. Actions come in the units of the action space. To act greedily, replace the field:
`dataclasses.replace(policy, deterministic=True)`; the parameters are the same.
"""

import math
from dataclasses import dataclass, field
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from headstart.errors import InputError
from headstart.maths.distributions import Categorical, Normal, TanhNormal, before_tanh
from headstart.nets.bounds import aligned, interval, require_vector
from headstart.nets.mlp import MLP, Activation
from headstart.nets.observation import apply_normalizer, flat_size, init_normalizer, update_normalizer
from headstart.nets.sampler import SamplingPolicy
from headstart.spaces import Box, Discrete
from headstart.types import ActionSpace, Observation, ObservationSpace, Params, Policy, State

INITIAL_OUTPUT_SCALE = 0.01


class StochasticPolicy(Policy, Protocol):
    """A policy that a learner can differentiate: it says not only what it does but how likely that was."""

    @property
    def observation(self) -> ObservationSpace: ...
    @property
    def action(self) -> ActionSpace: ...
    def encode(self, params: Params, obs: Observation) -> Float[Array, "*rows feature"]: ...  # critics read this too
    def distribution(self, params: Params, carry: State, obs: Observation) -> tuple[Any, State]: ...
    def normalize(self, params: Params, obs: Observation, valid: Bool[Array, "*rows"]) -> Params: ...  # have seen these


@dataclass(frozen=True, kw_only=True)
class GaussianPolicy:
    """A normal distribution whose standard deviation does not depend on the state: for PPO and cloning.

    The mean is in half ranges around the centre of a bounded action space, so that a fresh policy explores at the
    action's own scale; an unbounded action is taken as it is. Actions may leave the bounds: the world clips them.

    Attributes:
        observation: what is seen.
        action: what can be done; a `Box` with one axis.
        hidden: sizes of the hidden layers.
        activation: between layers.
        initial_std: standard deviation at the start, in half ranges.
        deterministic: act by the mean.
    """

    observation: ObservationSpace = field(hash=False)  # a dictionary is compared, but cannot be hashed
    action: Box
    hidden: tuple[int, ...] = (64, 64)
    activation: Activation = "tanh"
    initial_std: float = 1.0
    deterministic: bool = False

    def __post_init__(self):
        """Refuses what a vector of real numbers cannot be."""
        require_vector(self.action, type(self).__name__)

    def init(self, key: Key[Array, ""]) -> Params:
        net = self._net().init(key)
        log_std = jnp.full(self.action.shape, math.log(self.initial_std), jnp.float32)
        return {"normalizer": init_normalizer(self.observation), "actor": {**net, "log_std": log_std}}

    def start(self, params: Params, n: int) -> State:
        del params, n
        return ()

    def apply(self, key: Key[Array, ""], params: Params, carry: State, obs: Observation) -> tuple[Array, State]:
        distribution, carry = self.distribution(params, carry, obs)
        return (distribution.greedy() if self.deterministic else distribution.sample(key)), carry

    def encode(self, params: Params, obs: Observation) -> Float[Array, "*rows feature"]:
        return apply_normalizer(params["normalizer"], self.observation, obs)

    def distribution(self, params: Params, carry: State, obs: Observation) -> tuple[Normal, State]:
        unit = self._net().apply(params["actor"], self.encode(params, obs))
        centre, half_range = (aligned(x, unit) for x in interval(self.action))
        log_std = aligned(params["actor"]["log_std"], unit) + jnp.log(half_range)
        return Normal(centre + half_range * unit, jnp.broadcast_to(log_std, unit.shape)), carry

    def normalize(self, params: Params, obs: Observation, valid: Bool[Array, "*rows"]) -> Params:
        return {**params, "normalizer": update_normalizer(params["normalizer"], self.observation, obs, valid)}

    def _net(self) -> MLP:
        return MLP(
            inputs=flat_size(self.observation),
            hidden=self.hidden,
            outputs=math.prod(self.action.shape),
            activation=self.activation,
            output_scale=INITIAL_OUTPUT_SCALE,
        )


@dataclass(frozen=True, kw_only=True)
class SquashedPolicy:
    """A normal distribution squeezed by tanh into the bounds, its spread depending on the state: for SAC.

    Attributes:
        observation: what is seen.
        action: what can be done; a bounded `Box` with one axis.
        hidden: sizes of the hidden layers.
        activation: between layers.
        log_std_range: where the logarithm of the standard deviation before tanh is kept.
        initial_std: standard deviation before tanh at the start; at 1 a fresh policy tries nearly all actions alike.
        unit_mean: the network's mean is an action in half ranges, as a `GaussianPolicy`'s is, and no number before
            tanh: so that such a network can be carried over and goes on acting as it did.
        fixed_scale: observations keep the scale that came with the parameters; what they were carried over with fits
            the network, and replayed rows, seen many times each, would move it away from there.
        deterministic: act by the squeezed mean.

    Source: Haarnoja et al. 2018 (arXiv 1801.01290), appendix C.
    """

    observation: ObservationSpace = field(hash=False)  # a dictionary is compared, but cannot be hashed
    action: Box
    hidden: tuple[int, ...] = (256, 256)
    activation: Activation = "relu"
    log_std_range: tuple[float, float] = (-5.0, 2.0)
    initial_std: float = 1.0
    unit_mean: bool = False
    fixed_scale: bool = False
    deterministic: bool = False

    def __post_init__(self):
        """Refuses an action space without borders to squeeze into."""
        require_vector(self.action, type(self).__name__)
        if not np.all(np.isfinite(self.action.bounds())):
            raise InputError("SquashedPolicy: the action space has an infinite bound; use GaussianPolicy, or bound it")
        low, high = (math.exp(bound) for bound in self.log_std_range)
        if not low < self.initial_std < high:
            raise InputError(f"SquashedPolicy: initial_std={self.initial_std} is not between {low:.3g} and {high:.3g}")

    def init(self, key: Key[Array, ""]) -> Params:
        return {"normalizer": init_normalizer(self.observation), "actor": self._net().init(key)}

    def start(self, params: Params, n: int) -> State:
        del params, n
        return ()

    def apply(self, key: Key[Array, ""], params: Params, carry: State, obs: Observation) -> tuple[Array, State]:
        distribution, carry = self.distribution(params, carry, obs)
        return (distribution.greedy() if self.deterministic else distribution.sample(key)), carry

    def encode(self, params: Params, obs: Observation) -> Float[Array, "*rows feature"]:
        return apply_normalizer(params["normalizer"], self.observation, obs)

    def distribution(self, params: Params, carry: State, obs: Observation) -> tuple[TanhNormal, State]:
        mean, log_std = jnp.split(self._net().apply(params["actor"], self.encode(params, obs)), 2, axis=-1)
        low, high = self.log_std_range
        # squeezed rather than clipped: a clipped value has no gradient and would never come back
        share = (math.log(self.initial_std) - low) / (high - low)
        log_std = low + (high - low) * jax.nn.sigmoid(log_std + math.log(share / (1.0 - share)))
        centre, half_range = (aligned(x, mean) for x in interval(self.action))
        return TanhNormal(before_tanh(mean) if self.unit_mean else mean, log_std, centre, half_range), carry

    def normalize(self, params: Params, obs: Observation, valid: Bool[Array, "*rows"]) -> Params:
        if self.fixed_scale:
            return params
        return {**params, "normalizer": update_normalizer(params["normalizer"], self.observation, obs, valid)}

    def _net(self) -> MLP:
        return MLP(
            inputs=flat_size(self.observation),
            hidden=self.hidden,
            outputs=2 * math.prod(self.action.shape),
            activation=self.activation,
            output_scale=INITIAL_OUTPUT_SCALE,
        )


@dataclass(frozen=True, kw_only=True)
class CategoricalPolicy:
    """Probabilities of a few choices: for PPO and cloning in worlds of discrete actions.

    Attributes:
        observation: what is seen.
        action: the choices.
        hidden: sizes of the hidden layers.
        activation: between layers.
        deterministic: take the most likely choice.
    """

    observation: ObservationSpace = field(hash=False)  # a dictionary is compared, but cannot be hashed
    action: Discrete
    hidden: tuple[int, ...] = (64, 64)
    activation: Activation = "tanh"
    deterministic: bool = False

    def __post_init__(self):
        """Refuses actions that are no choices."""
        if not isinstance(self.action, Discrete):
            raise InputError(f"CategoricalPolicy: the action space is {self.action}, not Discrete; use GaussianPolicy")

    def init(self, key: Key[Array, ""]) -> Params:
        return {"normalizer": init_normalizer(self.observation), "actor": self._net().init(key)}

    def start(self, params: Params, n: int) -> State:
        del params, n
        return ()

    def apply(self, key: Key[Array, ""], params: Params, carry: State, obs: Observation) -> tuple[Array, State]:
        distribution, carry = self.distribution(params, carry, obs)
        return (distribution.greedy() if self.deterministic else distribution.sample(key)), carry

    def encode(self, params: Params, obs: Observation) -> Float[Array, "*rows feature"]:
        return apply_normalizer(params["normalizer"], self.observation, obs)

    def distribution(self, params: Params, carry: State, obs: Observation) -> tuple[Categorical, State]:
        return Categorical(self._net().apply(params["actor"], self.encode(params, obs))), carry

    def normalize(self, params: Params, obs: Observation, valid: Bool[Array, "*rows"]) -> Params:
        return {**params, "normalizer": update_normalizer(params["normalizer"], self.observation, obs, valid)}

    def _net(self) -> MLP:
        return MLP(
            inputs=flat_size(self.observation),
            hidden=self.hidden,
            outputs=self.action.n,
            activation=self.activation,
            output_scale=INITIAL_OUTPUT_SCALE,
        )


ALL = (GaussianPolicy, SquashedPolicy, CategoricalPolicy, SamplingPolicy)
