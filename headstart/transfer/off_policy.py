"""Fine-tuning off policy: each step on the target is remembered, and learnt from many times.

Two things make a learner collapse that takes over a policy which it has not learnt: critics that know nothing yet lead
it astray, and few data learnt from often are learnt by heart. Against the first, the critics learn alone at the
beginning (`SAC.critic_warmup`): on what the source has seen where that is brought along, else on the first episodes.
Against the second, half of each batch can come from the source's own steps, of which there are plenty.

Source: Ball et al. 2023, "Efficient online reinforcement learning with offline data" (arXiv 2302.02948), section 4.1:
symmetric sampling, many updates a step.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from headstart.data.replay import Replay, ReplayState, Transitions
from headstart.errors import InputError
from headstart.learn.replayed import example
from headstart.learn.sac import SAC, SACState
from headstart.nets.policies import GaussianPolicy, SquashedPolicy
from headstart.transfer.fine_tune import packed
from headstart.transfer.hand_off import SPREAD, squashed, squashed_params
from headstart.types import Metrics, Params, Rollout, State, Task

CHUNK = 128  # gradient steps in one dispatch


class Experienced(NamedTuple):
    """What a source leaves behind.

    Attributes:
        params: of its `GaussianPolicy`, learnt by PPO or by cloning.
        rollout: steps of that policy in the source's worlds, any `time env`; None where there are none.
    """

    params: Params
    rollout: Rollout | None = None


class OffPolicyState(NamedTuple):
    """What changes while learning from target episodes.

    Attributes:
        learner: policy, critics, temperature.
        target: transitions of the target.
        source: one ring of the source's transitions; none where none were brought.
    """

    learner: SACState
    target: ReplayState
    source: tuple[ReplayState, ...]


@dataclass(frozen=True, kw_only=True)
class OffPolicy:
    """SAC on whole target episodes.

    Helps where the target is like the source and its steps are dear; costs computing time, `updates_per_step` times
    that of one gradient step for each step on the target.

    Attributes:
        learner: its policy is one of `hand_off.squashed`, or any `SquashedPolicy` where nothing is taken over.
        updates_per_step: gradient steps for each step on the target.
        batch_size: rows of each.
        capacity: target transitions kept at most.
        source_capacity: source transitions kept at most.
        spread: least and largest of the first actions, in half ranges.
    """

    learner: SAC
    updates_per_step: float = 2.0
    batch_size: int = 256
    capacity: int = 1 << 15
    source_capacity: int = 1 << 16
    spread: tuple[float, float] = SPREAD

    def __post_init__(self):
        """Refuses a learner whose policy cannot take one over, and rates that are none."""
        if not isinstance(self.learner.policy, SquashedPolicy):
            raise InputError("off-policy fine-tuning: a SquashedPolicy is needed; build it by `hand_off.squashed`")
        if not self.updates_per_step > 0 or self.batch_size < 2:
            raise InputError("off-policy fine-tuning: updates_per_step must be above 0 and batch_size at least 2")

    @property
    def policy(self) -> SquashedPolicy:
        return self.learner.policy  # pyright: ignore[reportReturnType]

    def start(self, key: Key[Array, ""], source: State | None) -> OffPolicyState:
        """Takes over a source's policy (anything with `params`) and, from an `Experienced` one, its steps."""
        key_init, key_learn = jax.random.split(key)
        learner = self.learner.init(key_init)
        empty = Replay(capacity=self.capacity).init(example(self.policy))
        if source is None:
            return OffPolicyState(learner, empty, ())
        learner = learner._replace(params=squashed_params(source.params, self.policy, self.spread))
        rollout = source.rollout if isinstance(source, Experienced) else None
        if rollout is None:
            return OffPolicyState(learner, empty, ())
        bare = rollout._replace(task=Task({}, {}))
        prior = remember(self.source_capacity, Replay(capacity=self.source_capacity).init(example(self.policy)), bare)
        learner, _ = self._repeat(key_learn, learner, (prior,), self.learner.critic_warmup)
        return OffPolicyState(learner, empty, (prior,))

    def learn(
        self, key: Key[Array, ""], state: OffPolicyState, episodes: tuple[Rollout, ...]
    ) -> tuple[OffPolicyState, Metrics]:
        rollout = packed(episodes)
        if not rollout.valid.any():
            return state, {}
        target = remember(self.capacity, state.target, rollout._replace(task=Task({}, {})))
        steps = math.ceil(float(rollout.valid.sum()) * self.updates_per_step)
        waiting = max(0, self.learner.critic_warmup - int(state.learner.updates))
        learner, metrics = self._repeat(key, state.learner, (target, *state.source), waiting + steps)
        return OffPolicyState(learner, target, state.source), {**metrics, "replay/size": target.size}

    def params(self, state: OffPolicyState) -> Params:
        return self.learner.params(state.learner)

    def _repeat(
        self, key: Key[Array, ""], learner: SACState, rings: tuple[ReplayState, ...], steps: int
    ) -> tuple[SACState, Metrics]:
        """Takes at least so many gradient steps, in whole chunks: one shape, compiled once."""
        metrics: Metrics = {}
        for chunk in range(-(-steps // CHUNK)):
            learner, metrics = some_steps(jax.random.fold_in(key, chunk), self.learner, learner, rings, self.batch_size)
        return learner, metrics


@partial(jax.jit, static_argnames=("learner", "batch_size"))
def some_steps(
    key: Key[Array, ""], learner: SAC, state: SACState, rings: tuple[ReplayState, ...], batch_size: int
) -> tuple[SACState, Metrics]:
    """Takes `CHUNK` gradient steps. The rings are read only, so that nothing is copied."""
    key_draw, key_learn = jax.random.split(key)
    return learner.update(key_learn, state, drawn(key_draw, rings, batch_size))


def drawn(key: Key[Array, ""], rings: tuple[ReplayState, ...], batch_size: int) -> Transitions:
    """Draws `CHUNK` batches, of which each ring gives an equal share. Leaves `update row ...`."""
    share, parts = batch_size // len(rings), []
    for k, ring in zip(jax.random.split(key, len(rings)), rings, strict=True):
        rows = Replay(capacity=len(ring.rows.reward)).sample(k, ring, CHUNK * share)
        parts.append(jax.tree.map(lambda x: x.reshape((CHUNK, share, *x.shape[1:])), rows))
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves, axis=1), *parts)


def heir(policy: GaussianPolicy) -> SAC:
    """Returns the SAC that takes a policy over: small steps of entropy, and critics that learn alone at first."""
    return SAC(policy=squashed(policy), critic_hidden=(128, 128), initial_temperature=0.02, critic_warmup=8 * CHUNK)


@partial(jax.jit, static_argnames="capacity")
def remember(capacity: int, ring: ReplayState, rollout: Rollout) -> ReplayState:
    """Writes the valid rows of a rollout into a ring."""
    return Replay(capacity=capacity).add(ring, rollout)
