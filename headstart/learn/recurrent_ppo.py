"""Proximal policy optimisation of policies with a memory, and with a critic that may be told more than they are.

A rollout says what the world did, and not what the policy remembered. The learner has heard every rollout, so it
follows the memories itself: from where the last rollout left them, with the parameters that acted, reset where an
episode begins. Each rollout is then cut into chunks, the memory before each chunk is stored, and every gradient step
goes through the chunks of a minibatch step by step (truncated backpropagation through time).

Source: Schulman et al. 2017 (arXiv 1707.06347); stored memories and burn-in, Kapturowski et al. 2019 ("R2D2"); a critic
that knows the world's parameters, Pinto et al. 2018 (arXiv 1710.06542) and Peng et al. 2018 (arXiv 1710.06537).
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from headstart.errors import InputError
from headstart.learn.chunks import Chunks, Steps, cut, warmed
from headstart.learn.guard import blank, trainable
from headstart.learn.ppo import (
    clipped_loss,
    decayed,
    guarded_step,
    record_goes_on,
    reward_scale,
    sweep,
    weighted_variance,
)
from headstart.learn.privilege import in_unit, told
from headstart.maths.adam import AdamState, adam_init
from headstart.maths.moments import Moments, empty_moments, update_moments
from headstart.maths.returns import accumulated_returns, generalized_advantage
from headstart.nets.mlp import MLP, Activation
from headstart.nets.observation import blank_observation
from headstart.nets.policies import StochasticPolicy
from headstart.nets.unroll import Unrolled, features, unroll
from headstart.spaces import ParameterSpace
from headstart.types import Metrics, Params, Rollout, State

NOTHING = ParameterSpace()


class RecurrentPPOState(NamedTuple):
    """What changes while learning; the names that `PPOState` has too mean the same.

    Attributes:
        params: the policy's, normaliser included.
        critic: of the value function.
        optimizers: of the policy's trainable parameters and of the critic.
        returns: moments of accumulated returns, from which the scale of rewards follows.
        accumulated: the accumulated return of each environment's running episode.
        updates: rollouts learnt from so far.
        seen: moments of the parameters that the critic was told.
        memory: the policy's carry in each environment, before the next rollout's first step.
    """

    params: Params
    critic: Params
    optimizers: tuple[AdamState, AdamState]
    returns: Moments
    accumulated: Float[Array, " env"]
    updates: Int[Array, ""]
    seen: Moments
    memory: State


@dataclass(frozen=True, kw_only=True)
class RecurrentPPO:
    """PPO through time. With a policy without memory and `chunk=1` it is `PPO`, step by step.

    The critic reads the observation, the policy's memory (through which it sends no gradient) and, where `privileged`
    names any, the true parameters of the task: it is needed in training only, and there they are known.

    Attributes:
        policy: what is learnt.
        envs: how many environments a rollout has.
        discount: γ.
        gae_lambda: λ of the advantage estimate.
        clip: ε, half width of the interval in which the probability ratio may move.
        epochs: passes over each rollout.
        minibatch_size: rows of one gradient step, in whole chunks; what does not fill one is left out.
        chunk: steps that a gradient goes back at most; the rollout's length is a multiple of it, or at most it.
        burn_in: steps before each chunk through which the memory is brought up to date with the parameters as they are
            by then, without gradient; at most `chunk`. The stored memory grows stale within an update.
        learning_rate: of Adam.
        decay: updates over which the learning rate falls to zero, linearly; None keeps it. What is learnt is then of
            use at the end of a run whose length is known, and worth more.
        entropy_coefficient: weight of the entropy bonus.
        value_coefficient: weight of the value error.
        value_hidden: sizes of the value function's hidden layers.
        value_activation: between them.
        max_grad_norm: longer gradients are shortened to this, the policy's and the critic's each by itself.
        target_kl: once an update has moved further than 1.5 times this (nats), its remaining steps are not taken.
        critic_warmup: updates in which only the critic learns.
        privileged: parameters of the task that the critic is told; where a task does not have them (on a target), it
            is told the mean of what it has seen.
    """

    policy: StochasticPolicy
    envs: int = 64
    discount: float = 0.99
    gae_lambda: float = 0.95
    clip: float = 0.2
    epochs: int = 4
    minibatch_size: int = 512
    chunk: int = 16
    burn_in: int = 0
    learning_rate: float = 3e-4
    decay: int | None = None
    entropy_coefficient: float = 0.0
    value_coefficient: float = 0.5
    value_hidden: tuple[int, ...] = (64, 64)
    value_activation: Activation = "tanh"
    max_grad_norm: float = 0.5
    target_kl: float | None = None
    critic_warmup: int = 0
    privileged: ParameterSpace = NOTHING

    def __post_init__(self):
        """Refuses chunks that are none."""
        if self.chunk < 1 or not 0 <= self.burn_in <= self.chunk:
            raise InputError(
                f"RecurrentPPO(chunk={self.chunk}, burn_in={self.burn_in}): chunk: at least 1; burn_in: from 0 to it"
            )

    def init(self, key: Key[Array, ""]) -> RecurrentPPOState:
        key_policy, key_critic = jax.random.split(key)
        params = self.policy.init(key_policy)
        critic = self._critic(params).init(key_critic)
        return RecurrentPPOState(
            params=params,
            critic=critic,
            optimizers=(adam_init(trainable(params)), adam_init(critic)),
            returns=empty_moments(()),
            accumulated=jnp.zeros(self.envs),
            updates=jnp.zeros((), jnp.int32),
            seen=empty_moments((len(self.privileged),)),
            memory=self.policy.start(params, self.envs),
        )

    def params(self, state: RecurrentPPOState) -> Params:
        return state.params

    def value(self, state: RecurrentPPOState, rollout: Rollout) -> Float[Array, "time env"]:
        """Returns V of each step of a rollout that goes on where `state` stands, in the units of its rewards."""
        recalled = unroll(self.policy, state.params, state.memory, rollout.obs, rollout.action, rollout.first)
        return reward_scale(state.returns) * self._value(state.critic, recalled.features, self._told(state, rollout))

    def update(
        self, key: Key[Array, ""], state: RecurrentPPOState, batch: Rollout
    ) -> tuple[RecurrentPPOState, Metrics]:
        span = float("inf") if self.decay is None else float(self.decay)  # see `PPO.update`
        return replace(self, decay=None)._update(key, state, batch, span)

    @partial(jax.jit, static_argnames="self")
    def _update(
        self, key: Key[Array, ""], state: RecurrentPPOState, batch: Rollout, decay: float
    ) -> tuple[RecurrentPPOState, Metrics]:
        length = self._length(batch)
        usable = blank(batch.valid, (batch.obs, batch.action, batch.reward, batch.next_obs))
        batch = batch._replace(obs=usable[0], action=usable[1], reward=usable[2], next_obs=usable[3])
        totals, last = self._accumulate(state, batch)
        weight = batch.valid.astype(jnp.float32).reshape(-1)
        state = state._replace(returns=update_moments(state.returns, totals.reshape(-1), weight), accumulated=last)
        recalled = unroll(self.policy, state.params, state.memory, batch.obs, batch.action, batch.first)
        steps, before = self._judged(state, batch, recalled)
        chunks = cut(steps, recalled.before, length, self.burn_in)
        usable, size = jnp.any(chunks.steps.weight > 0.0, axis=1), max(self.minibatch_size // length, 1)
        take = partial(guarded_step, self, self._loss, decayed(self.learning_rate, state.updates, decay))
        state, during = sweep(take, state, chunks, usable, key, self.epochs, size)
        # only now: the steps above compare the new policy with the one that acted, under the same normalisers
        values = in_unit(self.privileged, batch.task, state.seen, batch.reward.shape)
        state = state._replace(
            params=self.policy.normalize(state.params, batch.obs, batch.valid),
            updates=state.updates + 1,
            seen=update_moments(state.seen, values.reshape((weight.size, len(self.privileged))), weight),
            memory=recalled.last,
        )
        return state, {**during, **before}

    def _length(self, batch: Rollout) -> int:
        """Returns the length of a chunk of this rollout."""
        time, envs = batch.reward.shape
        length = min(self.chunk, time)
        if envs != self.envs:
            raise InputError(f"RecurrentPPO(envs={self.envs}) was given a rollout of {envs} environments")
        if time % length:
            raise InputError(f"RecurrentPPO(chunk={self.chunk}) was given {time} steps, which is no multiple of it")
        return length

    def _accumulate(
        self, state: RecurrentPPOState, batch: Rollout
    ) -> tuple[Float[Array, "time env"], Float[Array, " env"]]:
        run = jax.vmap(accumulated_returns, in_axes=(1, None, 1, 0), out_axes=(1, 0))
        return run(batch.reward, self.discount, batch.first.astype(jnp.float32), state.accumulated)

    def _judged(self, state: RecurrentPPOState, batch: Rollout, recalled: Unrolled) -> tuple[Steps, Metrics]:
        """Adds to a rollout what the policy that acted and its critic thought of it."""
        privilege = self._told(state, batch)
        value = self._value(state.critic, recalled.features, privilege)
        after = jax.tree.map(lambda all_, one: jnp.concatenate([all_[1:], one[None]]), recalled.before, recalled.last)
        flat = partial(jax.tree.map, lambda x: x.reshape((-1, *x.shape[2:])))
        following = features(self.policy, state.params, flat(after), flat(batch.next_obs))
        next_value = self._value(state.critic, following.reshape((*value.shape, -1)), privilege)
        advantage = jax.vmap(generalized_advantage, in_axes=1, out_axes=1)(
            batch.reward / reward_scale(state.returns),
            jnp.where(batch.terminated, 0.0, self.discount),
            value,
            next_value,
            jnp.where(record_goes_on(batch), self.gae_lambda, 0.0),
        )
        weight, target = batch.valid.astype(jnp.float32), advantage + value
        log_prob = recalled.distribution.log_prob(batch.action)
        steps = Steps(batch.obs, batch.action, batch.first, privilege, log_prob, advantage, target, weight)
        spread = weighted_variance(target, weight)
        return steps, {
            "train/explained_variance": 1.0 - weighted_variance(advantage, weight) / jnp.maximum(spread, 1e-8),
            "train/reward_scale": reward_scale(state.returns),
            "faults/invalid_rows": jnp.sum(1.0 - weight),
        }

    def _loss(self, weights: tuple[Params, Params], params: Params, chunks: Chunks) -> tuple[Float[Array, ""], Metrics]:
        actor, critic = weights
        params = {**params, **actor}
        steps: Steps = jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), chunks.steps)
        memory = warmed(self.policy, params, chunks)
        recalled = unroll(self.policy, params, memory, steps.obs, steps.action, steps.first)
        return clipped_loss(self, recalled.distribution, self._value(critic, recalled.features, steps.told), steps)

    def _told(self, state: RecurrentPPOState, batch: Rollout) -> Float[Array, "time env parameter"]:
        return told(self.privileged, batch.task, state.seen, batch.reward.shape)

    def _value(self, critic: Params, seen: Array, privilege: Array) -> Float[Array, "*rows"]:
        inputs = jnp.concatenate([jax.lax.stop_gradient(seen), privilege], axis=-1)
        return self._net(inputs.shape[-1]).apply(critic, inputs)[..., 0]

    def _critic(self, params: Params) -> MLP:
        seen = partial(features, self.policy)
        one = jax.eval_shape(seen, params, self.policy.start(params, 1), blank_observation(self.policy.observation))
        return self._net(one.shape[-1] + len(self.privileged))

    def _net(self, inputs: int) -> MLP:
        return MLP(inputs=inputs, hidden=self.value_hidden, outputs=1, activation=self.value_activation)
