"""Policies that see the last few steps as they were: a memory without anything to learn in it."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from headstart.errors import InputError
from headstart.maths.moments import Moments, normalize
from headstart.nets.head import Head
from headstart.nets.mlp import MLP, Activation
from headstart.nets.observation import apply_normalizer, flat_size, flatten, init_normalizer, update_normalizer
from headstart.nets.policies import INITIAL_OUTPUT_SCALE
from headstart.nets.unroll import Unrolled
from headstart.types import ActionSpace, Observation, ObservationSpace, Params, State


class Past(NamedTuple):
    """The last steps, newest first; axis `env` in front. Steps of an earlier episode are not filled.

    Attributes:
        obs: observations as they were, flattened; they are normalised when they are read, as the present one is.
        action: actions as network inputs.
        filled: 1 where there was such a step in this episode.
    """

    obs: Float[Array, "*rows past feature"]
    action: Float[Array, "*rows past output"]
    filled: Float[Array, "*rows past"]


@dataclass(frozen=True, kw_only=True)
class HistoryPolicy:
    """A perceptron over the present observation and the last `length` pairs of observation and action.

    Attributes:
        observation: what is seen.
        action: what can be done: a `Box` with one axis, or `Discrete`.
        length: how many steps back it sees.
        hidden: sizes of the hidden layers.
        activation: between layers.
        initial_std: standard deviation at the start, in half ranges.
        deterministic: take the most likely action.

    Source: the baseline "FF + Hist" of Peng et al. 2018 (arXiv 1710.06537), with its 8 steps.
    """

    observation: ObservationSpace = field(hash=False)  # a dictionary is compared, but cannot be hashed
    action: ActionSpace
    length: int = 8
    hidden: tuple[int, ...] = (64, 64)
    activation: Activation = "tanh"
    initial_std: float = 1.0
    deterministic: bool = False

    def __post_init__(self):
        """Refuses what cannot be acted on or remembered."""
        self._head()
        if self.length < 1:
            raise InputError(f"HistoryPolicy(length={self.length}): at least 1 step is needed; else use GaussianPolicy")

    def init(self, key: Key[Array, ""]) -> Params:
        return {
            "normalizer": init_normalizer(self.observation),
            "actor": {**self._net().init(key), **self._head().init()},
        }

    def start(self, params: Params, n: int) -> State:
        del params
        lead = (n, self.length)
        obs, action = jnp.zeros((*lead, flat_size(self.observation))), jnp.zeros((*lead, self._head().size))
        return Past(obs, action, jnp.zeros(lead))

    def apply(self, key: Key[Array, ""], params: Params, carry: State, obs: Observation) -> tuple[Array, State]:
        distribution, _ = self.distribution(params, carry, obs)
        action = distribution.greedy() if self.deterministic else distribution.sample(key)
        now = flatten(self.observation, obs)
        step = Past(now, self._head().unit(action), jnp.ones(len(now)))
        return action, jax.tree.map(lambda new, old: jnp.concatenate([new[:, None], old[:, :-1]], axis=1), step, carry)

    def encode(self, params: Params, obs: Observation) -> Float[Array, "*rows feature"]:
        return apply_normalizer(params["normalizer"], self.observation, obs)

    def distribution(self, params: Params, carry: State, obs: Observation) -> tuple[Any, State]:
        """Returns the distribution, and the carry as it is: without the action the step is not complete."""
        return self._outcome(params, self.features(params, carry, obs)), carry

    def features(self, params: Params, carry: State, obs: Observation) -> Float[Array, "*rows feature"]:
        normalizer = Moments(**jax.lax.stop_gradient(params["normalizer"]))
        filled = carry.filled[..., None]
        past = jnp.concatenate([normalize(normalizer, carry.obs), carry.action], axis=-1) * filled
        return jnp.concatenate([self.encode(params, obs), past.reshape((*past.shape[:-2], -1))], axis=-1)

    def unroll(
        self, params: Params, carry: State, obs: Observation, action: Array, first: Bool[Array, "time env"]
    ) -> Unrolled:
        steps, k = first.shape[0], self.length
        now = Past(flatten(self.observation, obs), self._head().unit(action), jnp.ones(first.shape))
        # everything in the order of time: the k steps of the carry, then those of the rollout
        line = jax.tree.map(lambda old, new: jnp.concatenate([jnp.swapaxes(old, 0, 1)[::-1], new]), carry, now)
        episode = jnp.cumsum(first.astype(jnp.int32), axis=0)
        owner = jnp.concatenate([jnp.zeros((k, first.shape[1]), jnp.int32), episode])
        window = np.arange(steps + 1)[:, None] + np.arange(k - 1, -1, -1)  # before step t: t − 1, ..., t − k
        past, owners = jax.tree.map(lambda x: jnp.swapaxes(x[window], 1, 2), (line, owner))
        earlier = jnp.concatenate([jnp.zeros_like(episode[:1]), episode])  # the episode of the step before

        def within(episode: Array, past: Past, owners: Array) -> Past:
            own = owners == episode[..., None]
            return jax.tree.map(lambda x: jnp.where(own.reshape(own.shape + (1,) * (x.ndim - own.ndim)), x, 0.0), past)

        here = jax.tree.map(lambda x: x[:-1], past)
        seen = self.features(params, within(episode, here, owners[:-1]), obs)
        carries = within(earlier, past, owners)
        return Unrolled(
            distribution=self._outcome(params, seen),
            features=seen,
            before=jax.tree.map(lambda x: x[:-1], carries),
            last=jax.tree.map(lambda x: x[-1], carries),
        )

    def normalize(self, params: Params, obs: Observation, valid: Bool[Array, "*rows"]) -> Params:
        return {**params, "normalizer": update_normalizer(params["normalizer"], self.observation, obs, valid)}

    def _outcome(self, params: Params, seen: Float[Array, "*rows feature"]) -> Any:
        return self._head().distribution(params["actor"], self._net().apply(params["actor"], seen))

    def _head(self) -> Head:
        return Head(action=self.action, initial_std=self.initial_std)

    def _net(self) -> MLP:
        observed, acted = flat_size(self.observation), self._head().size
        return MLP(
            inputs=observed + self.length * (observed + acted),
            hidden=self.hidden,
            outputs=self._head().size,
            activation=self.activation,
            output_scale=INITIAL_OUTPUT_SCALE,
        )
