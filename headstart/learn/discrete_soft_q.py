"""Exact soft Q-learning for choices: the sum over actions is taken, nothing is sampled, the policy is softmax(Q/α).

Source: Haarnoja et al. 2017 (arXiv 1702.08165), section 3; Fox et al. 2016 (arXiv 1512.08562), G-learning.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from headstart.data.replay import Transitions
from headstart.errors import InputError
from headstart.learn.guard import blank, chosen, finite_rows
from headstart.maths.adam import AdamState, adam_init, adam_step, global_norm
from headstart.maths.schedules import LogLinear
from headstart.maths.soft import soft_value
from headstart.nets.policies import CategoricalPolicy
from headstart.types import Metrics, Observation, Params


class DiscreteSoftQState(NamedTuple):
    """What changes while discrete soft Q-learning learns.

    Attributes:
        normalizer: of observations.
        critic: Q of every choice: a network of the policy's own shape.
        target: a copy of it, `target_interval` updates old at most.
        log_temperature: log α.
        rate: by how much log α falls at each update.
        floor: log α below which it does not fall.
        optimizer: of the critic.
        updates: gradient steps so far.
    """

    normalizer: Params
    critic: Params
    target: Params
    log_temperature: Float[Array, ""]
    rate: Float[Array, ""]
    floor: Float[Array, ""]
    optimizer: AdamState
    updates: Int[Array, ""]


@dataclass(frozen=True, kw_only=True)
class DiscreteSoftQ:
    """Learns from any transitions the soft-optimal probabilities π(a|s) = softmax( Q(s, ·) / α ) of a few choices.

    The critic is a network of the policy's shape; the policy is the critic with its last layer divided by α, so there
    is nothing else to learn.

    Attributes:
        policy: what is learnt.
        discount: γ.
        learning_rate: of Adam.
        temperature: α at the start, above 0, in the units of the rewards for each nat of entropy.
        target_interval: updates between two copies into the target.
    """

    policy: CategoricalPolicy
    discount: float = 0.99
    learning_rate: float = 1e-3
    temperature: float = 0.1
    target_interval: int = 1000

    def __post_init__(self):
        """Refuses actions that are no choices, and numbers that mean nothing."""
        if not isinstance(self.policy, CategoricalPolicy):
            raise InputError(
                f"DiscreteSoftQ learns a CategoricalPolicy, not a {type(self.policy).__name__}; for a Box use SoftQ"
            )
        if not 0 < self.temperature < math.inf:
            raise InputError(f"DiscreteSoftQ: temperature={self.temperature} must be positive; 0.001 is nearly greedy")
        if self.target_interval < 1:
            raise InputError(f"DiscreteSoftQ: target_interval={self.target_interval} must be at least 1")

    def init(self, key: Key[Array, ""]) -> DiscreteSoftQState:
        params = self.policy.init(key)
        log_temperature = jnp.log(jnp.float32(self.temperature))
        return DiscreteSoftQState(
            normalizer=params["normalizer"],
            critic=params["actor"],
            target=jax.tree.map(jnp.copy, params["actor"]),
            log_temperature=log_temperature,
            rate=jnp.zeros(()),
            floor=jnp.copy(log_temperature),
            optimizer=adam_init(params["actor"]),
            updates=jnp.zeros((), jnp.int32),
        )

    def params(self, state: DiscreteSoftQState) -> Params:
        def scaled(x: Array) -> Array:  # a state may be of several seeds
            temperature = jnp.exp(state.log_temperature)
            return x / temperature.reshape(temperature.shape + (1,) * (x.ndim - temperature.ndim))

        output = jax.tree.map(scaled, state.critic["output"])
        return {"normalizer": state.normalizer, "actor": {**state.critic, "output": output}}

    def annealed(self, state: DiscreteSoftQState, schedule: LogLinear) -> DiscreteSoftQState:
        """Lets the temperature fall from the next update on; `schedule` counts from now."""
        start, end = (jnp.log(jnp.float32(x)) for x in (schedule.start, schedule.end))
        return state._replace(log_temperature=start, rate=jnp.float32(schedule.rate), floor=end)

    def values(self, state: DiscreteSoftQState, obs: Observation) -> Float[Array, "*rows choice"]:
        """Returns Q of every choice, in the units of the world's rewards."""
        return self._values(state.critic, state, obs)

    @partial(jax.jit, static_argnames="self")
    def update(
        self, key: Key[Array, ""], state: DiscreteSoftQState, batch: Transitions
    ) -> tuple[DiscreteSoftQState, Metrics]:
        """Takes one gradient step on each of K batches, in random order. Leaves of `batch` are `update row ...`."""
        sound = finite_rows(batch.obs, batch.reward.ndim)
        params = self.policy.normalize(
            {"normalizer": state.normalizer, "actor": state.critic}, blank(sound, batch.obs), sound
        )
        order = jax.random.permutation(key, batch.reward.shape[0])
        batch = jax.tree.map(lambda x: x[order], batch)
        state, metrics = jax.lax.scan(self._step, state._replace(normalizer=params["normalizer"]), batch)
        skipped = jnp.sum(metrics.pop("faults/nonfinite_update"))
        return state, {**jax.tree.map(jnp.mean, metrics), "faults/nonfinite_update": skipped}

    def _step(self, state: DiscreteSoftQState, batch: Transitions) -> tuple[DiscreteSoftQState, Metrics]:
        temperature = jnp.exp(state.log_temperature)
        value = soft_value(self._values(state.target, state, batch.next_obs), temperature)
        target = batch.reward + jnp.where(batch.terminated, 0.0, self.discount) * value

        def loss(critic: Params) -> Float[Array, ""]:
            q = self._values(critic, state, batch.obs)
            taken = jnp.take_along_axis(q, batch.action[..., None], axis=-1)[..., 0]
            return 0.5 * jnp.mean((taken - target) ** 2)

        critic_loss, gradient = jax.value_and_grad(loss)(state.critic)
        finite = jnp.isfinite(global_norm(gradient))
        critic, optimizer = adam_step(gradient, state.optimizer, state.critic, self.learning_rate, take=finite)
        updates = state.updates + finite.astype(jnp.int32)
        after = state._replace(
            critic=critic,
            target=chosen(finite & (updates % self.target_interval == 0), critic, state.target),
            log_temperature=jnp.maximum(state.log_temperature - state.rate, state.floor),
            optimizer=optimizer,
            updates=updates,
        )
        metrics = {"train/critic_loss": critic_loss, "train/ent_coef": temperature, "train/target": jnp.mean(target)}
        metrics = {name: jnp.where(finite, x, 0.0) for name, x in metrics.items()}
        return after, {**metrics, "faults/nonfinite_update": (~finite).astype(jnp.float32)}

    def _values(self, critic: Params, state: DiscreteSoftQState, obs: Observation) -> Float[Array, "*rows choice"]:
        params = {"normalizer": state.normalizer, "actor": critic}
        return self.policy.distribution(params, (), obs)[0].logits
