"""A policy without a density in closed form: noise in, action out, so that it can have any number of modes."""

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from headstart.errors import InputError
from headstart.maths.distributions import LOG_TWO_PI, log_slope_of_tanh
from headstart.maths.stein import log_abs_determinant
from headstart.nets.bounds import aligned, interval, require_vector
from headstart.nets.mlp import MLP, Activation
from headstart.nets.observation import apply_normalizer, flat_size, init_normalizer, update_normalizer
from headstart.spaces import Box
from headstart.types import Observation, ObservationSpace, Params, State


@dataclass(frozen=True, kw_only=True)
class SamplingPolicy:
    """A network of noise and observation: a = centre + half_range · tanh f(ξ, s), ξ ~ N(0, I). For soft Q-learning.

    Parameters have a third part beside normaliser and actor: `noise` holds a set of noise vectors, and how many of them
    are in use. At 0, the start, fresh noise is drawn for every action. Above 0 the noise is frozen: only the first
    `ceil(size)` vectors of the set are ever used, so at 1 the policy is deterministic. Both are parameters, so that
    freezing and shrinking need no new compilation and travel with the policy.

    Attributes:
        observation: what is seen.
        action: what can be done; a bounded `Box` with one axis.
        hidden: sizes of the hidden layers.
        activation: between layers.
        noise_size: entries of ξ; None: as many as the action has, with which densities can be told.
        noises: vectors in the set that can be frozen.
        deterministic: act by the first vector of the set, to which shrinking leads: one of the policy's own samples.
            The mean of several modes would be none of them.

    Source: Haarnoja et al. 2017 (arXiv 1702.08165), section 4.2 and (the noise set) section 5.3.
    """

    observation: ObservationSpace = field(hash=False)  # a dictionary is compared, but cannot be hashed
    action: Box
    hidden: tuple[int, ...] = (256, 256)
    activation: Activation = "relu"
    noise_size: int | None = None
    noises: int = 32
    deterministic: bool = False

    def __post_init__(self):
        """Refuses an action space without borders to squeeze into, and noise that is none."""
        require_vector(self.action, type(self).__name__)
        if not np.all(np.isfinite(self.action.bounds())):
            raise InputError("SamplingPolicy: the action space has an infinite bound; use GaussianPolicy, or bound it")
        if self.noises < 1 or self._noise_size() < 1:
            raise InputError("SamplingPolicy: noises and noise_size must be at least 1")

    def init(self, key: Key[Array, ""]) -> Params:
        key_net, key_noise = jax.random.split(key)
        noise = {"vectors": jax.random.normal(key_noise, (self.noises, self._noise_size())), "size": jnp.zeros(())}
        return {"normalizer": init_normalizer(self.observation), "actor": self._net().init(key_net), "noise": noise}

    def start(self, params: Params, n: int) -> State:
        del params, n
        return ()

    def apply(self, key: Key[Array, ""], params: Params, carry: State, obs: Observation) -> tuple[Array, State]:
        distribution, carry = self.distribution(params, carry, obs)
        return (distribution.greedy() if self.deterministic else distribution.sample(key)), carry

    def encode(self, params: Params, obs: Observation) -> Float[Array, "*rows feature"]:
        return apply_normalizer(params["normalizer"], self.observation, obs)

    def distribution(self, params: Params, carry: State, obs: Observation) -> "tuple[Pushed, State]":
        return Pushed(self, params, self.encode(params, obs)), carry

    def normalize(self, params: Params, obs: Observation, valid: Bool[Array, "*rows"]) -> Params:
        return {**params, "normalizer": update_normalizer(params["normalizer"], self.observation, obs, valid)}

    def freeze(self, params: Params, size: float) -> Params:
        """Returns parameters whose noise is frozen, with `size` vectors in use.

        Raises:
            InputError: there are not as many in the set, or less than 1 was asked for.
        """
        if not 1 <= size <= self.noises:
            raise InputError(f"SamplingPolicy: a frozen noise set of {size:g} is not from 1 to noises={self.noises}")
        return {**params, "noise": {**params["noise"], "size": jnp.float32(size)}}

    def noise(self, key: Key[Array, ""], params: Params, lead: tuple[int, ...]) -> Float[Array, "*lead noise"]:
        """Draws noise: fresh, or from the frozen set."""
        key_fresh, key_index = jax.random.split(key)
        vectors, size = params["noise"]["vectors"], params["noise"]["size"]
        fresh = jax.random.normal(key_fresh, (*lead, self._noise_size()))
        used = jnp.clip(jnp.ceil(size).astype(jnp.int32), 1, self.noises)
        return jnp.where(size > 0, vectors[jax.random.randint(key_index, lead, 0, used)], fresh)

    def before(
        self, params: Params, noise: Float[Array, "*rows noise"], encoded: Float[Array, "*rows feature"]
    ) -> Float[Array, "*rows action"]:
        """Returns f(ξ, s), the action before it is squeezed.

        Args:
            params: of the policy.
            noise: ξ.
            encoded: the observation, as `encode` returns it.
        """
        return self._net().apply(params["actor"], jnp.concatenate([encoded, noise], axis=-1))

    def _noise_size(self) -> int:
        return self.action.shape[0] if self.noise_size is None else self.noise_size

    def _net(self) -> MLP:
        inputs = flat_size(self.observation) + self._noise_size()
        # the output at full scale: particles that start in one place have no neighbours to tell them apart by
        return MLP(inputs=inputs, hidden=self.hidden, outputs=self.action.shape[0], activation=self.activation)


@dataclass(frozen=True)
class Pushed:
    """What noise becomes when a sampling network is applied to it: a distribution that is known by its samples.

    Attributes:
        policy: whose network it is.
        params: of the policy.
        encoded: the observations.
    """

    policy: SamplingPolicy
    params: Params
    encoded: Float[Array, "*rows feature"]

    def sample(self, key: Key[Array, ""]) -> Float[Array, "*rows action"]:
        """Draws one action a row."""
        return self._squeezed(self.policy.noise(key, self.params, self.encoded.shape[:-1]))

    def greedy(self) -> Float[Array, "*rows action"]:
        """Returns the action of the first noise vector."""
        return self._squeezed(self._everywhere(self.params["noise"]["vectors"][0]))

    def sample_and_log_prob(self, key: Key[Array, ""]) -> tuple[Float[Array, "*rows action"], Float[Array, "*rows"]]:
        """Draws one action a row, and says how likely it was.

        log p(a) = log N(ξ; 0, I) − log |det ∂a/∂ξ|, as if no other noise led to the same action, which is what the
        paper takes for granted and nothing enforces: where the network folds, this is too low. The density is that of
        fresh noise, also where noise is frozen.

        Raises:
            InputError: noise and action have different sizes.
        """
        noise = self.policy.noise(key, self.params, self.encoded.shape[:-1])
        return self._squeezed(noise), self._log_prob_at(noise)

    def log_prob(self, action: Float[Array, "*rows action"]) -> Float[Array, "*rows"]:
        """Refuses: which noise an action came from is not known."""
        raise InputError(
            "SamplingPolicy: the density is known at the policy's own samples only; a learner that asks how likely a "
            "given action is needs a SquashedPolicy or a GaussianPolicy"
        )

    def entropy(self) -> Float[Array, "*rows"]:
        """Estimates the entropy in nats, as the mean of −log p over the set of noise vectors."""
        each = jax.vmap(lambda vector: self._log_prob_at(self._everywhere(vector)))(self.params["noise"]["vectors"])
        return -jnp.mean(each, axis=0)

    def _everywhere(self, vector: Float[Array, " noise"]) -> Float[Array, "*rows noise"]:
        return jnp.broadcast_to(aligned(vector, self.encoded), (*self.encoded.shape[:-1], vector.shape[0]))

    def _squeezed(self, noise: Float[Array, "*rows noise"]) -> Float[Array, "*rows action"]:
        before = self.policy.before(self.params, noise, self.encoded)
        centre, half_range = (aligned(x, before) for x in interval(self.policy.action))
        return centre + half_range * jnp.tanh(before)

    def _log_prob_at(self, noise: Float[Array, "*rows noise"]) -> Float[Array, "*rows"]:
        stretch = float(np.log(interval(self.policy.action)[1]).sum())
        return unit_density(self.policy, self.params, noise, self.encoded)[1] - stretch


def unit_density(
    policy: SamplingPolicy,
    params: Params,
    noise: Float[Array, "*rows noise"],
    encoded: Float[Array, "*rows feature"],
) -> tuple[Float[Array, "*rows action"], Float[Array, "*rows"]]:
    """Pushes noise through the network; returns actions before squeezing, and log-densities of tanh of them.

    Raises:
        InputError: noise and action have different sizes, so that there is no density.
    """
    size = policy.action.shape[0]
    if noise.shape[-1] != size:
        raise InputError(f"SamplingPolicy: a density needs noise_size={size}, as many as the action has entries")
    push = lambda xi: policy.before(params, xi, encoded)  # noqa: E731
    tangents = jnp.broadcast_to(
        jnp.eye(size).reshape((size,) + (1,) * (noise.ndim - 1) + (size,)), (size, *noise.shape)
    )
    columns = jax.vmap(lambda tangent: jax.jvp(push, (noise,), (tangent,))[1])(tangents)
    before = push(noise)
    normal = -0.5 * (jnp.sum(noise**2, axis=-1) + size * LOG_TWO_PI)
    thinned = jnp.vectorize(log_abs_determinant, signature="(a,a)->()")(jnp.moveaxis(columns, 0, -1))
    return before, normal - thinned - jnp.sum(log_slope_of_tanh(before), axis=-1)
