"""Proximal policy optimisation, top to bottom: scale rewards, estimate advantages, take epochs of clipped steps.

Source: Schulman et al. 2017 (arXiv 1707.06347); the details that matter, Huang et al. 2022 ("The 37 implementation
details of PPO").
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from headstart.errors import InputError
from headstart.learn.guard import blank, trainable
from headstart.maths.adam import AdamState, adam_init, adam_step, global_norm, shorten
from headstart.maths.losses import approximate_kl, clipped_surrogate
from headstart.maths.moments import Moments, empty_moments, update_moments, weighted_mean
from headstart.maths.returns import accumulated_returns, generalized_advantage
from headstart.maths.shuffle import random_order
from headstart.nets.mlp import MLP, Activation
from headstart.nets.observation import flat_size
from headstart.nets.policies import StochasticPolicy
from headstart.types import Metrics, Observation, Params, Rollout

COUNTED = ("train/n_updates", "faults/nonfinite_update")  # metrics of a step that are summed; of others, the mean


class PPOState(NamedTuple):
    """What changes while PPO learns.

    Attributes:
        params: the policy's, normaliser included.
        critic: of the value function, which reads the policy's encoding of an observation.
        optimizers: of the policy's trainable parameters and of the critic.
        returns: moments of accumulated returns, from which the scale of rewards follows.
        accumulated: the accumulated return of each environment's running episode.
        updates: rollouts learnt from so far.
    """

    params: Params
    critic: Params
    optimizers: tuple[AdamState, AdamState]
    returns: Moments
    accumulated: Float[Array, " env"]
    updates: Int[Array, ""]


class Rows(NamedTuple):
    """Single steps, in any order: what the clipped steps are taken on. `weight` is 0 where no learner may look."""

    obs: Observation
    action: Array
    log_prob: Float[Array, " row"]
    advantage: Float[Array, " row"]
    target: Float[Array, " row"]
    weight: Float[Array, " row"]


@dataclass(frozen=True, kw_only=True)
class PPO:
    """Improves a stochastic policy on its own rollouts, never far from the policy that acted.

    Attributes:
        policy: what is learnt.
        envs: how many environments a rollout has.
        discount: γ.
        gae_lambda: λ of the advantage estimate.
        clip: ε, half width of the interval in which the probability ratio may move.
        epochs: passes over each rollout.
        minibatch_size: rows of one gradient step; what does not fill a minibatch is left out, others every epoch.
        learning_rate: of Adam.
        decay: updates over which the learning rate falls to zero, linearly; None keeps it. What is learnt is then of
            use at the end of a run whose length is known, and worth more.
        entropy_coefficient: weight of the entropy bonus.
        value_coefficient: weight of the value error.
        value_hidden: sizes of the value function's hidden layers.
        value_activation: between them.
        max_grad_norm: longer gradients are shortened to this, the policy's and the critic's each by itself.
        target_kl: once an update has moved further than 1.5 times this (nats), its remaining steps are not taken.
        critic_warmup: updates in which only the critic learns, so that a policy from elsewhere (cloned, grafted) is not
            led astray by a critic that knows nothing yet.
    """

    policy: StochasticPolicy
    envs: int = 64
    discount: float = 0.99
    gae_lambda: float = 0.95
    clip: float = 0.2
    epochs: int = 4
    minibatch_size: int = 512
    learning_rate: float = 3e-4
    decay: int | None = None
    entropy_coefficient: float = 0.0
    value_coefficient: float = 0.5
    value_hidden: tuple[int, ...] = (64, 64)
    value_activation: Activation = "tanh"
    max_grad_norm: float = 0.5
    target_kl: float | None = None
    critic_warmup: int = 0

    def init(self, key: Key[Array, ""]) -> PPOState:
        key_policy, key_critic = jax.random.split(key)
        params, critic = self.policy.init(key_policy), self._critic().init(key_critic)
        return PPOState(
            params=params,
            critic=critic,
            optimizers=(adam_init(trainable(params)), adam_init(critic)),
            returns=empty_moments(()),
            accumulated=jnp.zeros(self.envs),
            updates=jnp.zeros((), jnp.int32),
        )

    def params(self, state: PPOState) -> Params:
        return state.params

    def value(self, state: PPOState, obs: Observation) -> Float[Array, "*rows"]:
        """Returns V of observations (any leading axes), in the units of the world's rewards."""
        return reward_scale(state.returns) * self._value(state.params, state.critic, obs)

    def update(self, key: Key[Array, ""], state: PPOState, batch: Rollout) -> tuple[PPOState, Metrics]:
        # a number and no part of the program: a source and what goes on from it for fewer steps share one compilation
        span = float("inf") if self.decay is None else float(self.decay)
        return replace(self, decay=None)._update(key, state, batch, span)

    @partial(jax.jit, static_argnames="self")
    def _update(self, key: Key[Array, ""], state: PPOState, batch: Rollout, decay: float) -> tuple[PPOState, Metrics]:
        if batch.reward.shape[1] != self.envs:
            raise InputError(f"PPO(envs={self.envs}) was given a rollout of {batch.reward.shape[1]} environments")
        usable = blank(batch.valid, (batch.obs, batch.action, batch.reward, batch.next_obs))
        batch = batch._replace(obs=usable[0], action=usable[1], reward=usable[2], next_obs=usable[3])
        totals, last = self._accumulate(state, batch)
        weight = batch.valid.astype(jnp.float32).reshape(-1)
        state = state._replace(returns=update_moments(state.returns, totals.reshape(-1), weight), accumulated=last)
        rows, before = self._rows(state, batch)
        take = partial(guarded_step, self, self._loss, decayed(self.learning_rate, state.updates, decay))
        state, during = sweep(take, state, rows, rows.weight > 0.0, key, self.epochs, self.minibatch_size)
        # only now: the steps above compare the new policy with the one that acted, under the same normaliser
        params = self.policy.normalize(state.params, batch.obs, batch.valid)
        state = state._replace(params=params, updates=state.updates + 1)
        return state, {**during, **before}

    def _accumulate(self, state: PPOState, batch: Rollout) -> tuple[Float[Array, "time env"], Float[Array, " env"]]:
        run = jax.vmap(accumulated_returns, in_axes=(1, None, 1, 0), out_axes=(1, 0))
        return run(batch.reward, self.discount, batch.first.astype(jnp.float32), state.accumulated)

    def _rows(self, state: PPOState, batch: Rollout) -> tuple[Rows, Metrics]:
        """Adds to a rollout what the policy that acted and its critic thought of it."""
        value = self._value(state.params, state.critic, batch.obs)
        next_value = self._value(state.params, state.critic, batch.next_obs)
        advantage = jax.vmap(generalized_advantage, in_axes=1, out_axes=1)(
            batch.reward / reward_scale(state.returns),
            jnp.where(batch.terminated, 0.0, self.discount),
            value,
            next_value,
            jnp.where(record_goes_on(batch), self.gae_lambda, 0.0),
        )
        carry = self.policy.start(state.params, self.envs)
        distribution, _ = self.policy.distribution(state.params, carry, batch.obs)
        weight, target = batch.valid.astype(jnp.float32), advantage + value
        table = Rows(batch.obs, batch.action, distribution.log_prob(batch.action), advantage, target, weight)
        spread = weighted_variance(target, weight)
        metrics = {
            "train/explained_variance": 1.0 - weighted_variance(advantage, weight) / jnp.maximum(spread, 1e-8),
            "train/reward_scale": reward_scale(state.returns),
            "faults/invalid_rows": jnp.sum(1.0 - weight),
        }
        return jax.tree.map(lambda x: x.reshape((-1, *x.shape[2:])), table), metrics

    def _loss(self, weights: tuple[Params, Params], params: Params, rows: Rows) -> tuple[Float[Array, ""], Metrics]:
        actor, critic = weights
        params = {**params, **actor}
        carry = self.policy.start(params, rows.weight.size)
        distribution, _ = self.policy.distribution(params, carry, rows.obs)
        return clipped_loss(self, distribution, self._value(params, critic, rows.obs), rows)

    def _value(self, params: Params, critic: Params, obs: Observation) -> Float[Array, "*rows"]:
        return self._critic().apply(critic, self.policy.encode(params, obs))[..., 0]

    def _critic(self) -> MLP:
        inputs = flat_size(self.policy.observation)
        return MLP(inputs=inputs, hidden=self.value_hidden, outputs=1, activation=self.value_activation)


class Settings(Protocol):
    """What the steps of every PPO share, feed-forward or through time: see `PPO`."""

    @property
    def clip(self) -> float: ...
    @property
    def entropy_coefficient(self) -> float: ...
    @property
    def value_coefficient(self) -> float: ...
    @property
    def max_grad_norm(self) -> float: ...
    @property
    def target_kl(self) -> float | None: ...
    @property
    def critic_warmup(self) -> int: ...


def sweep(
    take: Callable[[Any, Array, Any], tuple[Any, Array, Metrics]],
    state: Any,
    table: Any,
    usable: Bool[Array, " row"],
    key: Key[Array, ""],
    epochs: int,
    minibatch_size: int,
) -> tuple[Any, Metrics]:
    """Takes a gradient step on each minibatch, in a new order each epoch.

    Minibatches are of usable rows, as many as those fill, and at least one: rows that only fill a rollout up to a shape
    that is compiled already cost no steps, and thin none out.

    Args:
        take: one step, from state, whether the update still goes on, and the rows of a minibatch, to the same and
            metrics.
        state: that the first step starts from.
        table: leaves `row ...`.
        usable: which rows may be looked at.
        key: of the orders.
        epochs: passes over the usable rows.
        minibatch_size: rows of one step.

    Returns:
        The state, and metrics: the mean over the steps, or the sum where they are counted.
    """
    total = usable.size
    size = min(minibatch_size, total)
    count = jnp.maximum(jnp.sum(usable) // size, 1)

    def epoch(carry, key):
        order = random_order(key, total, last=~usable)[: total // size * size].reshape((-1, size))

        def step(number, carry):
            state, going, sums = carry
            state, going, metrics = take(state, going, jax.tree.map(lambda x: x[order[number]], table))
            return state, going, jax.tree.map(jnp.add, sums, metrics)

        return jax.lax.fori_loop(0, count, step, carry), None

    going = jnp.array(True)
    shapes = jax.eval_shape(take, state, going, jax.tree.map(lambda x: x[:size], table))[2]
    nothing = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    (state, _, sums), _ = jax.lax.scan(epoch, (state, going, nothing), jax.random.split(key, epochs))
    return state, {
        name: value if name in COUNTED else value / (epochs * count).astype(jnp.float32) for name, value in sums.items()
    }


def guarded_step(
    settings: Settings,
    loss: Callable[..., Any],
    rate: Float[Array, ""],
    state: Any,
    going: Bool[Array, ""],
    rows: Any,
) -> tuple[Any, Array, Metrics]:
    """Takes one gradient step, unless the update has gone far enough or the gradient is not finite.

    Args:
        settings: of the learner.
        loss: of (actor, critic), the policy's parameters and the rows; with metrics.
        rate: the learning rate.
        state: with `params`, `critic`, `optimizers` of both, and `updates`.
        going: whether the update still goes on.
        rows: that the step is taken on.

    Returns:
        The state, whether the update still goes on, and metrics.
    """
    actor = trainable(state.params)
    (_, metrics), gradient = jax.value_and_grad(loss, has_aux=True)((actor, state.critic), state.params, rows)
    if settings.target_kl is not None:
        going = going & (metrics["train/approx_kl"] <= 1.5 * settings.target_kl)
    finite = jnp.isfinite(global_norm(gradient))
    gradient = tuple(shorten(part, settings.max_grad_norm) for part in gradient)
    moves = going & finite & (state.updates >= settings.critic_warmup)
    (actor, actor_optimizer), (critic, critic_optimizer) = (
        adam_step(part, optimizer, weights, rate, epsilon=1e-5, take=take)
        for part, optimizer, weights, take in zip(
            gradient, state.optimizers, (actor, state.critic), (moves, going & finite), strict=True
        )
    )
    metrics = {name: jnp.where(finite, value, 0.0) for name, value in metrics.items()}
    metrics["train/n_updates"] = (going & finite).astype(jnp.float32)
    metrics["faults/nonfinite_update"] = (~finite).astype(jnp.float32)
    optimizers = (actor_optimizer, critic_optimizer)
    return state._replace(params={**state.params, **actor}, critic=critic, optimizers=optimizers), going, metrics


def decayed(learning_rate: float, updates: Int[Array, ""], decay: float) -> Float[Array, ""]:
    """Returns the learning rate after so many updates: α (1 − u/U), not below zero; α where U is infinite."""
    return learning_rate * jnp.maximum(1.0 - updates.astype(jnp.float32) / decay, 0.0)


def clipped_loss(
    settings: Settings, distribution: Any, value: Float[Array, "*rows"], rows: Any
) -> tuple[Float[Array, ""], Metrics]:
    """Returns −E[min(ρ A, clip(ρ) A)] + c_v E[(V − target)²] − c_e H, and metrics; ρ is the ratio of probabilities.

    Args:
        settings: of the learner.
        distribution: over actions, of the present policy.
        value: V of the present critic.
        rows: with `action`, `log_prob`, `advantage`, `target` and `weight`.

    Source: Schulman et al. 2017 (arXiv 1707.06347), equations 7 and 9.
    """
    log_ratio = distribution.log_prob(rows.action) - rows.log_prob
    spread = jnp.sqrt(weighted_variance(rows.advantage, rows.weight))
    advantage = (rows.advantage - weighted_mean(rows.advantage, rows.weight)) / (spread + 1e-8)
    surrogate = weighted_mean(clipped_surrogate(log_ratio, advantage, settings.clip), rows.weight)
    value_loss = weighted_mean((value - rows.target) ** 2, rows.weight)
    entropy = weighted_mean(distribution.entropy(), rows.weight)
    loss = surrogate + settings.value_coefficient * value_loss - settings.entropy_coefficient * entropy
    clipped = (jnp.abs(jnp.expm1(log_ratio)) > settings.clip).astype(jnp.float32)
    return loss, {
        "train/loss": loss,
        "train/policy_gradient_loss": surrogate,
        "train/value_loss": value_loss,
        "train/entropy_loss": -entropy,
        "train/approx_kl": weighted_mean(approximate_kl(log_ratio), rows.weight),
        "train/clip_fraction": weighted_mean(clipped, rows.weight),
    }


def reward_scale(returns: Moments) -> Float[Array, ""]:
    """Returns what rewards are divided by: the spread of returns, but at least a tenth of their mean.

    The floor keeps a world whose return never varies from being blown up by its rounding errors.
    """
    scale = jnp.maximum(jnp.sqrt(returns.var), 0.1 * jnp.abs(returns.mean))
    return jnp.where(scale > 1e-8, scale, 1.0)


def record_goes_on(batch: Rollout) -> Array:
    """Tells where the next row continues this row's episode, and may be used."""
    last = jnp.zeros_like(batch.valid[:1])
    return ~(batch.terminated | batch.truncated) & jnp.concatenate([batch.valid[1:], last])


def weighted_variance(values: Float[Array, " *rows"], weight: Float[Array, " *rows"]) -> Float[Array, ""]:
    """Returns the variance over the rows that count."""
    return weighted_mean((values - weighted_mean(values, weight)) ** 2, weight)
