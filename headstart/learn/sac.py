"""Soft actor-critic, top to bottom: two critics, a policy, a temperature that finds itself, slow targets.

K updates are one dispatch: `update` takes K batches and scans over them.

Source: Haarnoja et al. 2018, "Soft actor-critic algorithms and applications" (arXiv 1812.05905).
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from headstart.data.replay import Transitions
from headstart.errors import InputError
from headstart.learn.guard import blank, finite_rows, trainable
from headstart.maths.adam import AdamState, adam_init, adam_step, global_norm
from headstart.maths.losses import soft_bellman_target, temperature_loss
from headstart.nets.mlp import MLP, Activation
from headstart.nets.observation import flat_size
from headstart.nets.policies import StochasticPolicy, interval
from headstart.spaces import Box
from headstart.types import Metrics, Observation, Params


class SACState(NamedTuple):
    """What changes while SAC learns.

    Attributes:
        params: the policy's, normaliser included.
        critics: two value functions Q(s, a).
        targets: the same, following slowly.
        log_temperature: log α.
        optimizers: of the policy, the critics and the temperature.
        updates: gradient steps so far.
    """

    params: Params
    critics: Params
    targets: Params
    log_temperature: Float[Array, ""]
    optimizers: tuple[AdamState, AdamState, AdamState]
    updates: Int[Array, ""]


@dataclass(frozen=True, kw_only=True)
class SAC:
    """Learns from any transitions the policy that is best at reward plus entropy.

    Attributes:
        policy: what is learnt; its actions are real vectors.
        discount: γ.
        learning_rate: of Adam, for policy, critics and temperature.
        polyak: how much of the critics enters their targets at each step.
        critic_hidden: sizes of each critic's hidden layers.
        critic_activation: between them.
        initial_temperature: α at the start.
        target_entropy: H̄ of the action scaled to [-1, 1], in nats; None: −dim(action).
        temperature: `"automatic"`: α follows H̄; `"fixed"`: α stays as the state has it, for whoever anneals it there
            (see `learn.anneal`); near 0 this is the deterministic limit.
        critic_warmup: updates in which only the critics learn, so that a policy from elsewhere (cloned, on-policy) is
            not led astray by critics that know nothing yet.
    """

    policy: StochasticPolicy
    discount: float = 0.99
    learning_rate: float = 3e-4
    polyak: float = 0.005
    critic_hidden: tuple[int, ...] = (256, 256)
    critic_activation: Activation = "relu"
    initial_temperature: float = 1.0
    target_entropy: float | None = None
    temperature: Literal["automatic", "fixed"] = "automatic"
    critic_warmup: int = 0

    def __post_init__(self):
        """Refuses policies whose actions no gradient passes through."""
        if not isinstance(self.policy.action, Box):
            raise InputError(f"SAC: the action space is {self.policy.action}, not a Box; use PPO")
        if not 0 < self.initial_temperature < math.inf:
            raise InputError(
                f"SAC: initial_temperature={self.initial_temperature}: a positive, finite number is needed"
            )
        if self.temperature not in ("automatic", "fixed"):
            raise InputError(f"SAC: temperature is 'automatic' or 'fixed', not {self.temperature!r}")

    def init(self, key: Key[Array, ""]) -> SACState:
        key_policy, *keys = jax.random.split(key, 3)
        params = self.policy.init(key_policy)
        critics = {name: self._critic().init(k) for name, k in zip(("critic_0", "critic_1"), keys, strict=True)}
        log_temperature = jnp.log(jnp.float32(self.initial_temperature))
        return SACState(
            params=params,
            critics=critics,
            targets=jax.tree.map(jnp.copy, critics),
            log_temperature=log_temperature,
            optimizers=(adam_init(trainable(params)), adam_init(critics), adam_init(log_temperature)),
            updates=jnp.zeros((), jnp.int32),
        )

    def params(self, state: SACState) -> Params:
        return state.params

    def value(self, state: SACState, obs: Observation, action: Float[Array, "*rows action"]) -> Float[Array, "*rows"]:
        """Returns the smaller of the two critics' Q(s, a), in the units of the world's rewards."""
        return jnp.minimum(*self._values(state.critics, self.policy.encode(state.params, obs), self._to_unit(action)))

    @partial(jax.jit, static_argnames="self")
    def update(self, key: Key[Array, ""], state: SACState, batch: Transitions) -> tuple[SACState, Metrics]:
        """Takes one gradient step on each of K batches. Leaves of `batch` are `update row ...`."""
        sound = finite_rows(batch.obs, batch.reward.ndim)
        state = state._replace(params=self.policy.normalize(state.params, blank(sound, batch.obs), sound))
        keys = jax.random.split(key, batch.reward.shape[0])
        state, metrics = jax.lax.scan(lambda state, row: self._step(*row, state), state, (keys, batch))
        skipped = jnp.sum(metrics.pop("faults/nonfinite_update"))
        return state, {**jax.tree.map(jnp.mean, metrics), "faults/nonfinite_update": skipped}

    def _step(self, key: Key[Array, ""], batch: Transitions, state: SACState) -> tuple[SACState, Metrics]:
        key_next, key_now = jax.random.split(key)
        temperature = jnp.exp(state.log_temperature)
        critic_loss, critic_gradient = jax.value_and_grad(self._critic_loss)(
            state.critics, state, batch, temperature, key_next
        )
        sound = jnp.isfinite(global_norm(critic_gradient))
        critics, critic_optimizer = adam_step(
            critic_gradient, state.optimizers[1], state.critics, self.learning_rate, take=sound
        )

        actor = trainable(state.params)
        (actor_loss, log_prob), actor_gradient = jax.value_and_grad(self._actor_loss, has_aux=True)(
            actor, state.params, critics, batch, temperature, key_now
        )
        finite = sound & jnp.isfinite(global_norm(actor_gradient))
        warm = finite & (state.updates >= self.critic_warmup)
        actor, actor_optimizer = adam_step(actor_gradient, state.optimizers[0], actor, self.learning_rate, take=warm)

        temperature_value, temperature_gradient = jax.value_and_grad(
            lambda log_alpha: jnp.mean(temperature_loss(log_alpha, log_prob, self._target_entropy()))
        )(state.log_temperature)
        log_temperature, temperature_optimizer = adam_step(
            temperature_gradient, state.optimizers[2], state.log_temperature, self.learning_rate, take=warm
        )
        if self.temperature == "fixed":
            log_temperature, temperature_optimizer = state.log_temperature, state.optimizers[2]

        after = SACState(
            params={**state.params, **actor},
            critics=critics,
            targets=jax.tree.map(lambda slow, fast: slow + self.polyak * (fast - slow), state.targets, critics),
            log_temperature=log_temperature,
            optimizers=(actor_optimizer, critic_optimizer, temperature_optimizer),
            updates=state.updates + finite.astype(jnp.int32),
        )
        metrics = {
            "train/critic_loss": critic_loss,
            "train/actor_loss": actor_loss,
            "train/ent_coef": temperature,
            "train/ent_coef_loss": temperature_value,
            "train/entropy": -jnp.mean(log_prob),
        }
        metrics = {name: jnp.where(finite, value, 0.0) for name, value in metrics.items()}
        return after, {**metrics, "faults/nonfinite_update": (~finite).astype(jnp.float32)}

    def _critic_loss(self, critics, state, batch, temperature, key) -> Float[Array, ""]:
        next_action, next_log_prob = self._act(state.params, batch.next_obs, key)
        next_values = self._values(state.targets, self.policy.encode(state.params, batch.next_obs), next_action)
        target = soft_bellman_target(
            batch.reward,
            jnp.where(batch.terminated, 0.0, self.discount),
            jnp.minimum(*next_values),
            next_log_prob,
            temperature,
        )
        encoded = self.policy.encode(state.params, batch.obs)
        first, second = self._values(critics, encoded, self._to_unit(batch.action))
        return 0.5 * jnp.mean((first - target) ** 2 + (second - target) ** 2)

    def _actor_loss(self, actor, params, critics, batch, temperature, key) -> tuple[Float[Array, ""], Array]:
        action, log_prob = self._act({**params, **actor}, batch.obs, key)
        values = self._values(critics, self.policy.encode(params, batch.obs), action)
        return jnp.mean(temperature * log_prob - jnp.minimum(*values)), log_prob

    def _act(self, params: Params, obs: Observation, key: Key[Array, ""]) -> tuple[Array, Array]:
        """Draws actions scaled to [-1, 1], and their log-probabilities there: no unit enters the temperature."""
        carry = self.policy.start(params, jax.tree.leaves(obs)[0].shape[0])
        distribution, _ = self.policy.distribution(params, carry, obs)
        action, log_prob = distribution.sample_and_log_prob(key)
        return self._to_unit(action), log_prob + float(np.log(interval(self._action())[1]).sum())

    def _values(self, critics, encoded, unit_action) -> tuple[Float[Array, "*rows"], Float[Array, "*rows"]]:
        x = jnp.concatenate([encoded, unit_action], axis=-1)
        first, second = (self._critic().apply(critics[name], x)[..., 0] for name in ("critic_0", "critic_1"))
        return first, second

    def _to_unit(self, action: Float[Array, "*rows action"]) -> Float[Array, "*rows action"]:
        """Scales actions to [-1, 1] and clips them there, as the world did."""
        lead = (1,) * (action.ndim - 1)
        centre, half_range = (x.reshape((*lead, -1)) for x in interval(self._action()))
        return jnp.clip((action - centre) / half_range, -1.0, 1.0)

    def _critic(self) -> MLP:
        inputs = flat_size(self.policy.observation) + self._action().shape[0]
        return MLP(inputs=inputs, hidden=self.critic_hidden, outputs=1, activation=self.critic_activation)

    def _action(self) -> Box:
        return cast(Box, self.policy.action)  # __post_init__ has seen to it

    def _target_entropy(self) -> float:
        return -float(self._action().shape[0]) if self.target_entropy is None else self.target_entropy
