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
from headstart.maths.distributions import log_slope_of_tanh
from headstart.maths.schedules import LogLinear
from headstart.maths.soft import sampled_soft_value
from headstart.maths.stein import kernel_log_density, kernel_width
from headstart.nets.bounds import aligned, interval
from headstart.nets.late import LateMLP
from headstart.nets.mlp import Activation
from headstart.nets.observation import flat_size
from headstart.nets.sampler import SamplingPolicy
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
        proposal: where those come from: `"uniform"`, or `"sampler"`: half of them near actions of the policy's target.
            Uniform ones alone estimate too low in many dimensions, or where few actions are good.
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
        if not self.critic_hidden:
            raise InputError("SoftQ: critic_hidden needs at least one layer, in which observation and action meet")
        if self.proposal == "sampler" and self.value_samples < 2:
            raise InputError("SoftQ: proposal 'sampler' needs at least 2 value_samples, one of them uniform")
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
        """Returns Q(s, a), in the units of the world's rewards; of several actions in each state, on their own axis."""
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
        sound = jnp.isfinite(global_norm(critic_gradient))
        critic, critic_optimizer = adam_step(
            critic_gradient, state.optimizers[1], state.critic, self.critic_learning_rate, take=sound
        )
        value = lambda unit_action: self._values(critic, encoded, unit_action)  # noqa: E731
        stein = self._stein().step(key_particles, state.params, encoded, value, temperature)
        finite = sound & jnp.isfinite(global_norm(stein.gradient))
        actor, actor_optimizer = adam_step(
            stein.gradient, state.optimizers[0], state.params["actor"], self.policy_learning_rate, take=finite
        )
        updates = state.updates + finite.astype(jnp.int32)
        copy = finite & (updates % self.target_interval == 0)
        params, softness = fallen({**state.params, "actor": actor}, state.softness)
        after = SoftQState(
            params=params,
            critic=critic,
            targets=chosen(copy, {"critic": critic, "actor": actor}, state.targets),
            softness=softness,
            optimizers=(actor_optimizer, critic_optimizer),
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

        key_uniform, key_noise, key_kernel = jax.random.split(key, 3)
        action = jax.random.uniform(key_uniform, (*lead, size), minval=-1.0, maxval=1.0)
        log_density = jnp.full(lead, -size * math.log(2.0))
        if self.proposal == "sampler":
            half = self.value_samples // 2
            params = {**state.params, "actor": nets["actor"]}
            noise = self.policy.noise(key_noise, params, (*lead[:-1], half))
            centres = self.policy.before(params, noise, encoded)
            action, log_density = jnp.vectorize(around, signature="(),(k,d),(m,d)->(k,d),(k)")(
                jax.random.split(key_kernel, lead[:-1]), action, centres
            )
        return sampled_soft_value(self._values(nets["critic"], encoded, action), log_density, temperature)

    def _critic_loss(self, critic, encoded, action, target) -> Float[Array, ""]:
        error = self._values(critic, encoded, action) - jax.lax.stop_gradient(target)
        return 0.5 * jnp.mean((error / self.value_scale) ** 2)

    def _values(self, critic, encoded, unit_action) -> Float[Array, "*rows"]:
        """Returns Q; of one action in each state, or of several, on an axis of their own."""
        return self.value_scale * self._critic().apply(critic, encoded, unit_action)[..., 0]

    def _to_unit(self, action: Float[Array, "*rows action"]) -> Float[Array, "*rows action"]:
        """Scales actions to [-1, 1] and clips them there, as the world did."""
        centre, half_range = (aligned(x, action) for x in interval(self.policy.action))
        return jnp.clip((action - centre) / half_range, -1.0, 1.0)

    def _critic(self) -> LateMLP:
        return LateMLP(
            inputs=flat_size(self.policy.observation),
            late=self.policy.action.shape[0],
            hidden=self.critic_hidden,
            outputs=1,
            activation=self.critic_activation,
        )

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
        """Estimates the memory of one gradient step on a batch of `rows`: last hidden layers, and kernels."""
        size, updated, fixed = self.policy.action.shape[0], self.updated_particles, self.fixed_particles
        critic, actor = self.critic_hidden[-1] + 2 * size, self.policy.hidden[-1] + 2 * size
        near = self.value_samples**2 * (size + 1) if self.proposal == "sampler" else 0
        beside = max(fixed * max(actor, critic), updated * fixed * (size + 1))
        return 4 * rows * max(self.value_samples * critic + near, updated * actor + beside)


def around(
    key: Key[Array, ""], uniform: Float[Array, "sample action"], centres: Float[Array, "centre action"]
) -> tuple[Float[Array, "sample action"], Float[Array, "sample"]]:
    """Puts the first of some uniform actions near particles, and returns all with the log-density of the mixture.

    One part is uniform, so no weight can be large; the other is where the policy acts. Where the density of a network
    that folds is wrong, p(ξ)/|det ∂a/∂ξ|, that of normal kernels around its particles is exact.

    Args:
        key: of the kernels.
        uniform: actions in [-1, 1].
        centres: particles before tanh; as many of the actions are put near them.
    """
    width, moved = kernel_width(centres), centres.shape[0]
    near = centres + width * jax.random.normal(key, centres.shape)
    before = jnp.concatenate([near, jnp.arctanh(jnp.clip(uniform[moved:], -1.0 + 1e-6, 1.0 - 1e-6))])
    share, (samples, size) = moved / uniform.shape[0], uniform.shape
    kernels = kernel_log_density(before, centres, width) - jnp.sum(log_slope_of_tanh(before), axis=-1)
    flat = jnp.full(samples, math.log1p(-share) - size * math.log(2.0))
    return jnp.tanh(before), jnp.logaddexp(math.log(share) + kernels, flat)


def fallen(params: Params, softness: Softness) -> tuple[Params, Softness]:
    """Takes temperature and frozen noise one update further on their way down."""
    log_temperature = jnp.maximum(softness.log_temperature - softness.rate, softness.floor)
    size = params["noise"]["size"]
    size = jnp.where(size > 0, jnp.maximum(size - softness.noise_rate, 1.0), size)
    return {**params, "noise": {**params["noise"], "size": size}}, softness._replace(log_temperature=log_temperature)
