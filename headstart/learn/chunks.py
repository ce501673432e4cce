"""Rollouts cut into chunks of time, each with the memory that the policy had before it."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from headstart.nets.policies import StochasticPolicy
from headstart.nets.unroll import forget, unroll
from headstart.types import Observation, Params, State


class Steps(NamedTuple):
    """What is learnt from, step by step. `weight` is 0 where no learner may look."""

    obs: Observation
    action: Array
    first: Bool[Array, "*rows"]
    told: Float[Array, "*rows parameter"]
    log_prob: Float[Array, "*rows"]
    advantage: Float[Array, "*rows"]
    target: Float[Array, "*rows"]
    weight: Float[Array, "*rows"]


class Chunks(NamedTuple):
    """Pieces of rollouts, each of one environment. Axis `chunk` in front, then `time` in the steps.

    Attributes:
        steps: those that are learnt from.
        memory: the carry before the first of them, as the policy that acted had it.
        warming: observation, action and `first` of the steps before them.
        earlier: the carry before the first of those.
        warms: whether there are such steps in the same rollout.
    """

    steps: Steps
    memory: State
    warming: tuple[Observation, Array, Array]
    earlier: State
    warms: Bool[Array, " chunk"]


def cut(steps: Steps, before: State, length: int, burn_in: int) -> Chunks:
    """Cuts a rollout into chunks: the first of every environment, then the second of every environment, ...

    Args:
        steps: axes `time env`; `time` is a multiple of `length`.
        before: the carry before each step, as the policy that acted had it.
        length: of a chunk.
        burn_in: how many steps before each chunk are kept with it, at most `length`.
    """
    time, envs = steps.weight.shape
    begin = np.arange(0, time, length)
    earlier = np.maximum(begin - burn_in, 0)

    def pieces(x: Array, start: np.ndarray, size: int) -> Array:
        piece = jnp.swapaxes(x[start[:, None] + np.arange(size)], 1, 2)  # piece env time ...
        return piece.reshape((len(start) * envs, *piece.shape[2:]))

    def at(x: Array, start: np.ndarray) -> Array:
        return x[start].reshape((len(start) * envs, *x.shape[2:]))

    return Chunks(
        steps=jax.tree.map(lambda x: pieces(x, begin, length), steps),
        memory=jax.tree.map(lambda x: at(x, begin), before),
        warming=jax.tree.map(lambda x: pieces(x, earlier, burn_in), (steps.obs, steps.action, steps.first)),
        earlier=jax.tree.map(lambda x: at(x, earlier), before),
        warms=jnp.repeat(jnp.asarray((begin > 0) & (burn_in > 0)), envs),
    )


def warmed(policy: StochasticPolicy, params: Params, chunks: Chunks) -> State:
    """Returns the carries before the chunks, brought up to date with `params` through the steps of burn-in.

    Where a chunk begins a rollout nothing is known of the steps before it, and the stored carry stands. No gradient
    goes through the burn-in.

    Source: Kapturowski et al. 2019, "Recurrent experience replay in distributed reinforcement learning", section 3.
    """
    if not chunks.warming[2].shape[1]:
        return chunks.memory
    obs, action, first = jax.tree.map(lambda x: jnp.swapaxes(x, 0, 1), chunks.warming)
    warm = unroll(policy, params, chunks.earlier, obs, action, first).last
    return jax.lax.stop_gradient(forget(~chunks.warms, chunks.memory, warm))
