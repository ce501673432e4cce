"""A learner of transitions made into a learner of rollouts: remember, draw, learn, in one dispatch."""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from headstart.data.replay import Replay, ReplayState, Transitions
from headstart.errors import InputError
from headstart.spaces import Discrete
from headstart.types import ActionSpace, Learner, Metrics, ObservationSpace, Params, Policy, Rollout, State


class SpacedPolicy(Policy, Protocol):
    """A policy that says what it sees and what it does, so that room can be made for both."""

    @property
    def observation(self) -> ObservationSpace: ...
    @property
    def action(self) -> ActionSpace: ...


class OffPolicyLearner(Learner, Protocol):
    """A learner of `Transitions`, leaves `update row ...`: SAC, soft Q-learning, or a wrapper of one."""

    @property
    def policy(self) -> SpacedPolicy: ...


class ReplayedState(NamedTuple):
    """What changes while learning from replay.

    Attributes:
        learner: the state of the learner inside.
        replay: the transitions seen.
    """

    learner: State
    replay: ReplayState


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """Puts each rollout into a replay and lets an off-policy learner make `updates` steps on what is drawn from it.

    The state is donated: the ring is written in place, and a state that was passed to `update` must not be used again.

    Attributes:
        learner: learns from `Transitions`, leaves `update row ...`.
        capacity: transitions kept at most; the oldest are forgotten first.
        updates: gradient steps after each rollout; as many as it has rows means one for each environment step.
        batch_size: rows of each.
        starts: transitions to be had before the first step.
    """

    learner: OffPolicyLearner
    capacity: int = 1_000_000
    updates: int = 64
    batch_size: int = 256
    starts: int = 1_000

    def __post_init__(self):
        """Refuses to wait for more transitions than the ring can hold."""
        if self.starts > self.capacity:
            raise InputError(f"Replayed(starts={self.starts}) waits forever: the replay holds {self.capacity}")

    @property
    def policy(self) -> Any:
        """What is learnt."""
        return self.learner.policy

    def init(self, key: Key[Array, ""]) -> ReplayedState:
        return ReplayedState(self.learner.init(key), self._replay().init(example(self.policy)))

    def params(self, state: ReplayedState) -> Params:
        return self.learner.params(state.learner)

    @partial(jax.jit, static_argnames="self", donate_argnames="state")
    def update(self, key: Key[Array, ""], state: ReplayedState, batch: Rollout) -> tuple[ReplayedState, Metrics]:
        key_draw, key_learn = jax.random.split(key)
        replay = self._replay().add(state.replay, batch)

        def learn(learner: State) -> tuple[State, Metrics]:
            rows = self._replay().sample(key_draw, replay, self.updates * self.batch_size)
            rows = jax.tree.map(lambda x: x.reshape((self.updates, self.batch_size, *x.shape[1:])), rows)
            return self.learner.update(key_learn, learner, rows)

        def wait(learner: State) -> tuple[State, Metrics]:
            _, metrics = jax.eval_shape(learn, learner)
            return learner, jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), metrics)

        learner, metrics = jax.lax.cond(replay.size >= self.starts, learn, wait, state.learner)
        invalid = jnp.sum((~batch.valid).astype(jnp.float32))
        metrics = {**metrics, "replay/size": replay.size.astype(jnp.float32), "faults/invalid_rows": invalid}
        return ReplayedState(learner, replay), metrics

    def _replay(self) -> Replay:
        return Replay(capacity=self.capacity)


def example(policy: SpacedPolicy) -> Transitions:
    """Returns one transition of zeros in a policy's spaces."""

    def zeros(space: ActionSpace) -> Array:
        return jnp.zeros((), jnp.int32) if isinstance(space, Discrete) else jnp.zeros(space.shape, space.dtype)

    obs = jax.tree.map(zeros, policy.observation)
    return Transitions(obs, zeros(policy.action), jnp.zeros(()), obs, jnp.zeros((), bool))
