"""Soft Q-learning, top to bottom: a critic of reward plus entropy, and a network that draws from exp(Q/α).

K updates are one dispatch: `update` takes K batches and scans over them. The temperature and the use of frozen noise
are state, and can fall inside one compiled run. What the policy learns at each state is a whole density with any number
of modes, where SAC's is one bump.

Source: Haarnoja et al. 2017, "Reinforcement learning with deep energy-based policies" (arXiv 1702.08165), algorithm 1.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from headstart.data.replay import Transitions, memory_bytes
from headstart.errors import InputError
from headstart.learn.amortised import AmortisedStein
from headstart.learn.guard import blank, chosen, finite_rows
from headstart.maths.adam import AdamState, adam_init, adam_step, global_norm
from headstart.maths.schedules import LogLinear
from headstart.maths.soft import sampled_soft_value
from headstart.nets.bounds import aligned, interval
from headstart.nets.mlp import MLP, Activation
from headstart.nets.observation import flat_size
from headstart.nets.sampler import SamplingPolicy, unit_density
from headstart.types import Metrics, Observation, Params

LARGEST_SHARE = 0.8  # of the memory


class Softness(NamedTuple):
    """How soft the policy is to be, now and later.

    Attributes:
        log_temperature: log α.
        rate: by how much log α falls at each update.
        floor: log α below which it does not fall.
        noise_rate: by how many vectors the frozen noise set shrinks at each update, down to one.
    """

    log_temperature: Float[Array, ""]
    rate: Float[Array, ""]
    floor: Float[Array, ""]
    noise_rate: Float[Array, ""]


class SoftQState(NamedTuple):
    """What changes while soft Q-learning learns.

    Attributes:
        params: the policy's: normaliser, sampling network, noise set.
        critic: of Q(s, a).
        targets: copies of the critic and of the sampling network, `target_interval` updates old at most.
        softness: temperature and noise, and how they fall.
        optimizers: of the sampling network and of the critic.
        updates: gradient steps so far.
    """

    params: Params
    critic: Params
    targets: Params
    softness: Softness
    optimizers: tuple[AdamState, AdamState]
    updates: Int[Array, ""]


@dataclass(frozen=True, kw_only=True)
class SoftQ:
    """Learns from any transitions the soft-optimal policy π(a|s) ∝ exp( Q(s, a) / α ), of whatever shape.

    Attributes:
        policy: what is learnt.
        discount: γ.
        critic_learning_rate: of Adam.
        policy_learning_rate: of Adam.
        critic_hidden: sizes of the critic's hidden layers.
        critic_activation: between them.
        value_scale: what the critic's output is multiplied by; about the size of a return, where that is far from 1.
        temperature: α at the start, above 0, in the units of the rewards for each nat of entropy; actions count as
            scaled to [-1, 1].
        value_samples: K_V, actions from which the value of a state is estimated.
        proposal: where those come from: `"uniform"`, or `"sampler"`, the policy's own density. Uniform ones estimate
            too low in many dimensions; the sampler's density can be close to singular early in training.
        uniform_updates: updates with uniform actions, before the sampler's are used.
        updated_particles: K of the policy's gradient.
        fixed_particles: M of it.
        target_interval: updates between two copies into the targets.
    """

    policy: SamplingPolicy
    discount: float = 0.99
    critic_learning_rate: float = 1e-3
    policy_learning_rate: float = 3e-4
    critic_hidden: tuple[int, ...] = (256, 256)
    critic_activation: Activation = "relu"
    value_scale: float = 1.0
    temperature: float = 0.1
    value_samples: int = 16
    proposal: Literal["uniform", "sampler"] = "uniform"
    uniform_updates: int = 10_000
    updated_particles: int = 8
    fixed_particles: int = 8
    target_interval: int = 1000

    def __post_init__(self):
        """Refuses policies without a sampling network, and numbers that mean nothing."""
        if not isinstance(self.policy, SamplingPolicy):
            raise InputError(
                f"SoftQ learns a SamplingPolicy, not a {type(self.policy).__name__}; for choices use DiscreteSoftQ"
            )
        if not 0 < self.temperature < math.inf:
            raise InputError(f"SoftQ: temperature={self.temperature} must be positive; 0.001 is nearly deterministic")
        if self.proposal not in ("uniform", "sampler"):
            raise InputError(f"SoftQ: proposal is 'uniform' or 'sampler', not {self.proposal!r}")
        if self.value_samples < 1 or self.target_interval < 1 or not self.value_scale > 0:
            raise InputError("SoftQ: value_samples, target_interval and value_scale must be positive")
        self._stein()

    def init(self, key: Key[Array, ""]) -> SoftQState:
        key_policy, key_critic = jax.random.split(key)
        params, critic = self.policy.init(key_policy), self._critic().init(key_critic)
        log_temperature = jnp.log(jnp.float32(self.temperature))
        return SoftQState(
            params=params,
            critic=critic,
            targets=jax.tree.map(jnp.copy, {"critic": critic, "actor": params["actor"]}),
            softness=Softness(log_temperature, jnp.zeros(()), jnp.copy(log_temperature), jnp.zeros(())),
            optimizers=(adam_init(params["actor"]), adam_init(critic)),
            updates=jnp.zeros((), jnp.int32),
        )

    def params(self, state: SoftQState) -> Params:
        return state.params

    def annealed(self, state: SoftQState, schedule: LogLinear, noises: int | None = None) -> SoftQState:
        """Lets the temperature fall from the next update on, and the policy with it to a deterministic one.

        Args:
            state: of a source, say.
            schedule: of α, counted from now.
            noises: vectors of the policy's noise set that are frozen now, and shrink linearly to 1 over the same
                updates; None leaves the noise fresh.

        Source: Haarnoja et al. 2017 (arXiv 1702.08165), section 5.3.
        """
        start, end = (jnp.log(jnp.float32(x)) for x in (schedule.start, schedule.end))
        shrink = 0.0 if noises is None else (noises - 1) / schedule.updates
        softness = Softness(start, jnp.float32(schedule.rate), end, jnp.float32(shrink))
        params = state.params if noises is None else self.policy.freeze(state.params, noises)
        return state._replace(params=params, softness=softness)

    def value(self, state: SoftQState, obs: Observation, action: Float[Array, "*rows action"]) -> Float[Array, "*rows"]:
        """Returns Q(s, a), in the units of the world's rewards."""
        return self._values(state.critic, self.policy.encode(state.params, obs), self._to_unit(action))

    def soft_value(self, key: Key[Array, ""], state: SoftQState, obs: Observation) -> Float[Array, "*rows"]:
        """Estimates V(s) from `value_samples` actions of the proposal."""
        actor, encoded = state.params["actor"], self.policy.encode(state.params, obs)
        temperature = jnp.exp(state.softness.log_temperature)
        return self._soft_value(key, state, {"critic": state.critic, "actor": actor}, encoded, temperature)

    @partial(jax.jit, static_argnames="self")
    def update(self, key: Key[Array, ""], state: SoftQState, batch: Transitions) -> tuple[SoftQState, Metrics]:
        """Takes one gradient step on each of K batches. Leaves of `batch` are `update row ...`.

        Raises:
            InputError: the particles would need more than 80 % of the memory; says how much.
        """
        self._require_memory(batch.reward.shape[1])
        sound = finite_rows(batch.obs, batch.reward.ndim)
        state = state._replace(params=self.policy.normalize(state.params, blank(sound, batch.obs), sound))
        keys = jax.random.split(key, batch.reward.shape[0])
        state, metrics = jax.lax.scan(lambda state, row: self._step(*row, state), state, (keys, batch))
        skipped = jnp.sum(metrics.pop("faults/nonfinite_update"))
        return state, {**jax.tree.map(jnp.mean, metrics), "faults/nonfinite_update": skipped}

    def _step(self, key: Key[Array, ""], batch: Transitions, state: SoftQState) -> tuple[SoftQState, Metrics]:
        key_value, key_particles = jax.random.split(key)
        temperature = jnp.exp(state.softness.log_temperature)
        target = self._target(key_value, state, batch, temperature)
        encoded, action = self.policy.encode(state.params, batch.obs), self._to_unit(batch.action)
        critic_loss, critic_gradient = jax.value_and_grad(self._critic_loss)(state.critic, encoded, action, target)
        critic, critic_optimizer = adam_step(
            critic_gradient, state.optimizers[1], state.critic, self.critic_learning_rate
        )
        stein = self._stein().step(key_particles, state.params, encoded, self._in_states(critic, encoded), temperature)
        actor, actor_optimizer = adam_step(
            stein.gradient, state.optimizers[0], state.params["actor"], self.policy_learning_rate
        )
        finite = jnp.isfinite(global_norm((critic_gradient, stein.gradient)))
        critic, actor, optimizers = chosen(
            finite,
            (critic, actor, (actor_optimizer, critic_optimizer)),
            (state.critic, state.params["actor"], state.optimizers),
        )
        updates = state.updates + finite.astype(jnp.int32)
        copy = finite & (updates % self.target_interval == 0)
        params, softness = fallen({**state.params, "actor": actor}, state.softness)
        after = SoftQState(
            params=params,
            critic=critic,
            targets=chosen(copy, {"critic": critic, "actor": actor}, state.targets),
            softness=softness,
            optimizers=optimizers,
            updates=updates,
        )
        metrics = {
            "train/critic_loss": critic_loss,
            "train/ent_coef": temperature,
            "train/target": jnp.mean(target),
            "train/stein_length": stein.length,
            "train/action_spread": stein.spread,
        }
        metrics = {name: jnp.where(finite, value, 0.0) for name, value in metrics.items()}
        return after, {**metrics, "faults/nonfinite_update": (~finite).astype(jnp.float32)}

    def _target(self, key, state, batch, temperature) -> Float[Array, " row"]:
        """Returns r + γ V(s'), V of the targets; where the task terminated, r."""
        encoded = self.policy.encode(state.params, batch.next_obs)
        value = self._soft_value(key, state, state.targets, encoded, temperature)
        return batch.reward + jnp.where(batch.terminated, 0.0, self.discount) * value

    def _soft_value(self, key, state, nets, encoded, temperature) -> Float[Array, "*rows"]:
        """Estimates V from sampled actions, by importance."""
        lead, size = (*encoded.shape[:-1], self.value_samples), self.policy.action.shape[0]
        there = jnp.broadcast_to(encoded[..., None, :], (*lead, encoded.shape[-1]))

        def uniform() -> tuple[Array, Array]:
            action = jax.random.uniform(key, (*lead, size), minval=-1.0, maxval=1.0)
            return action, jnp.full(lead, -size * math.log(2.0))

        def sampler() -> tuple[Array, Array]:
            params = {**state.params, "actor": nets["actor"]}
            # fresh noise, also where it is frozen: the density is that of fresh noise
            noise = jax.random.normal(key, (*lead, size))
            before, log_density = unit_density(self.policy, params, noise, there)
            return jnp.tanh(before), log_density

        if self.proposal == "uniform":
            action, log_density = uniform()
        else:
            action, log_density = jax.lax.cond(state.updates < self.uniform_updates, uniform, sampler)
        return sampled_soft_value(self._values(nets["critic"], there, action), log_density, temperature)

    def _critic_loss(self, critic, encoded, action, target) -> Float[Array, ""]:
        error = self._values(critic, encoded, action) - jax.lax.stop_gradient(target)
        return 0.5 * jnp.mean((error / self.value_scale) ** 2)

    def _values(self, critic, encoded, unit_action) -> Float[Array, "*rows"]:
        x = jnp.concatenate([encoded, unit_action], axis=-1)
        return self.value_scale * self._critic().apply(critic, x)[..., 0]

    def _in_states(self, critic, encoded):
        """Returns Q as a function of several actions in each of the states."""

        def value(action: Float[Array, "row particle action"]) -> Float[Array, "row particle"]:
            there = jnp.broadcast_to(encoded[:, None, :], (*action.shape[:-1], encoded.shape[-1]))
            return self._values(critic, there, action)

        return value

    def _to_unit(self, action: Float[Array, "*rows action"]) -> Float[Array, "*rows action"]:
        """Scales actions to [-1, 1] and clips them there, as the world did."""
        centre, half_range = (aligned(x, action) for x in interval(self.policy.action))
        return jnp.clip((action - centre) / half_range, -1.0, 1.0)

    def _critic(self) -> MLP:
        inputs = flat_size(self.policy.observation) + self.policy.action.shape[0]
        return MLP(inputs=inputs, hidden=self.critic_hidden, outputs=1, activation=self.critic_activation)

    def _stein(self) -> AmortisedStein:
        return AmortisedStein(policy=self.policy, updated=self.updated_particles, fixed=self.fixed_particles)

    def _require_memory(self, rows: int) -> None:
        needed, limit = self.update_bytes(rows), LARGEST_SHARE * memory_bytes()
        if needed > limit:
            raise InputError(
                f"SoftQ: {self.updated_particles} updated and {self.fixed_particles} fixed particles and "
                f"{self.value_samples} value samples for batches of {rows} need about {needed / 1e9:.1f} GB, more than "
                f"80 % of the {limit / LARGEST_SHARE / 1e9:.1f} GB here; use fewer of them, or smaller batches"
            )

    def update_bytes(self, rows: int) -> int:
        """Estimates the memory of one gradient step on a batch of `rows`: activations, and the kernel of each state."""
        size = self.policy.action.shape[0]
        critic = flat_size(self.policy.observation) + size + 2 * sum(self.critic_hidden)
        actor = flat_size(self.policy.observation) + size + 2 * sum(self.policy.hidden)
        kernel = self.updated_particles * self.fixed_particles * (size + 2)
        particles = self.updated_particles * actor + self.fixed_particles * max(actor, critic)
        return 4 * rows * max(self.value_samples * critic, particles + kernel)


def fallen(params: Params, softness: Softness) -> tuple[Params, Softness]:
    """Takes temperature and frozen noise one update further on their way down."""
    log_temperature = jnp.maximum(softness.log_temperature - softness.rate, softness.floor)
    size = params["noise"]["size"]
    size = jnp.where(size > 0, jnp.maximum(size - softness.noise_rate, 1.0), size)
    return {**params, "noise": {**params["noise"], "size": size}}, softness._replace(log_temperature=log_temperature)
