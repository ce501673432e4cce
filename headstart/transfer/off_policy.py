"""Fine-tuning off policy: each step on the target is remembered, and learnt from many times.

Three things make a learner collapse that takes over a policy which it has not learnt, and three guard against them:

- critics that know nothing yet lead it astray, and temporal differences alone need tens of thousands of steps to fill
  them: the critics first learn what returns followed in whole episodes, and the policy waits;
- values and rewards of an unknown size: they are divided by the spread of those returns;
- critics that were never asked about an action praise it: between two batches of episodes the policy moves no further
  than a divergence of `most_kl`, so that the target has its say before the next step.

Half of each batch can come from the source's own steps, of which there are plenty.

Source: Ball et al. 2023, "Efficient online reinforcement learning with offline data" (arXiv 2302.02948), section 4.1,
for symmetric sampling and many updates a step; Schulman et al. 2015 (arXiv 1502.05477) for bounded moves.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key

from headstart.data.replay import Replay, ReplayState, Transitions
from headstart.errors import InputError
from headstart.learn.replayed import example
from headstart.learn.sac import SAC, SACState
from headstart.nets.policies import GaussianPolicy, SquashedPolicy
from headstart.transfer.fine_tune import packed
from headstart.transfer.hand_off import SPREAD, squashed, squashed_params
from headstart.types import Metrics, Params, Rollout, State, Task

CHUNK = 32  # gradient steps in one dispatch, after which the policy's move is measured


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
        target: transitions of the target, as they were.
        source: one ring of the source's transitions; none where none were brought.
        scale: what rewards are divided by; 0 before anything was seen.
    """

    learner: SACState
    target: ReplayState
    source: tuple[ReplayState, ...]
    scale: Float[Array, ""]


@dataclass(frozen=True, kw_only=True)
class OffPolicy:
    """SAC on whole target episodes.

    Helps where the target is like the source and its steps are dear; costs computing time, `updates_per_step` times
    that of one gradient step for each step on the target.

    Attributes:
        learner: its policy is one of `hand_off.squashed`, or any `SquashedPolicy` where nothing is taken over. Its
            `critic_warmup` steps are taken on whole returns.
        updates_per_step: gradient steps for each step on the target.
        most_kl: how far the policy may move between two batches of episodes, as a mean divergence in nats.
        enough: target transitions from which on it may move that far; in proportion less with fewer. The source's do
            not count: of what is other on the target they say nothing.
        batch_size: rows of each gradient step.
        capacity: target transitions kept at most.
        source_capacity: source transitions kept at most.
        spread: least and largest of the first actions, in half ranges.
    """

    learner: SAC
    updates_per_step: float = 2.0
    most_kl: float = 0.2
    enough: int = 16_384
    batch_size: int = 256
    capacity: int = 1 << 15
    source_capacity: int = 1 << 15
    spread: tuple[float, float] = SPREAD

    def __post_init__(self):
        """Refuses a learner whose policy cannot take one over, and rates that are none."""
        if not isinstance(self.learner.policy, SquashedPolicy):
            raise InputError("off-policy fine-tuning: a SquashedPolicy is needed; build it by `hand_off.squashed`")
        if not (self.updates_per_step > 0 and self.most_kl > 0) or self.batch_size < 2:
            raise InputError("off-policy fine-tuning: updates_per_step and most_kl are above 0, batch_size at least 2")

    @property
    def policy(self) -> SquashedPolicy:
        return self.learner.policy  # pyright: ignore[reportReturnType]

    def start(self, key: Key[Array, ""], source: State | None) -> OffPolicyState:
        """Takes over a source's policy (anything with `params`) and, from an `Experienced` one, its steps."""
        key_init, key_learn = jax.random.split(key)
        learner = self.learner.init(key_init)
        state = OffPolicyState(learner, self._ring(self.capacity), (), jnp.zeros(()))
        if source is None:
            return state
        learner = learner._replace(params=squashed_params(source.params, self.policy, self.spread))
        rollout = source.rollout if isinstance(source, Experienced) else None
        if rollout is None:
            return state._replace(learner=learner)
        learner, scale = self._evaluate(key_learn, learner, rollout)
        ring = remember(self._ring(self.source_capacity), bare(rollout))
        return OffPolicyState(learner, state.target, (ring,), scale)

    def learn(
        self, key: Key[Array, ""], state: OffPolicyState, episodes: tuple[Rollout, ...]
    ) -> tuple[OffPolicyState, Metrics]:
        rollout, learner, scale = packed(episodes), state.learner, state.scale
        if not rollout.valid.any():
            return state, {}
        if int(learner.updates) < self.learner.critic_warmup:
            learner, scale = self._evaluate(jax.random.fold_in(key, 1 << 30), learner, rollout)
        target, began = remember(state.target, bare(rollout)), learner.params
        steps, metrics = math.ceil(float(rollout.valid.sum()) * self.updates_per_step), {}
        most_kl = self.most_kl * min(1.0, int(target.size) / self.enough)  # few steps are believed little
        for chunk in range(-(-steps // CHUNK)):
            learner, metrics = some_steps(
                jax.random.fold_in(key, chunk), self.learner, learner, (target, *state.source), scale,
                self.batch_size, began, most_kl,
            )  # fmt: skip
        return OffPolicyState(learner, target, state.source, scale), {**metrics, "replay/size": target.size}

    def params(self, state: OffPolicyState) -> Params:
        return self.learner.params(state.learner)

    def _evaluate(self, key: Key[Array, ""], learner: SACState, rollout: Rollout) -> tuple[SACState, Float[Array, ""]]:
        """Lets the critics learn what followed in whole episodes; returns the scale of that too."""
        returns = followed(rollout, self.learner.discount)
        found = returns[np.asarray(rollout.valid)]
        scale = jnp.float32(max(float(found.std()), 0.1 * abs(float(found.mean())), 1e-8))
        # what followed is all that there is to know of a row: a transition that ends there, and pays it at once
        over = bare(rollout)._replace(reward=returns.astype(np.float32), terminated=np.ones_like(rollout.terminated))
        ring = remember(self._ring(self.source_capacity), over)
        for chunk in range(-(-self.learner.critic_warmup // CHUNK)):
            key_chunk = jax.random.fold_in(key, chunk)
            learner, _ = some_steps(
                key_chunk, self.learner, learner, (ring,), scale, self.batch_size, learner.params, self.most_kl
            )
        return learner._replace(targets=jax.tree.map(jnp.copy, learner.critics)), scale

    def _ring(self, capacity: int) -> ReplayState:
        return Replay(capacity=capacity).init(example(self.policy))


@partial(jax.jit, static_argnames=("learner", "batch_size"))
def some_steps(
    key: Key[Array, ""],
    learner: SAC,
    state: SACState,
    rings: tuple[ReplayState, ...],
    scale: Float[Array, ""],
    batch_size: int,
    began: Params,
    most_kl: float,
) -> tuple[SACState, Metrics]:
    """Takes `CHUNK` gradient steps, and pulls a policy that is then too far from where it began back towards it."""
    key_draw, key_learn = jax.random.split(key)
    batch = drawn(key_draw, rings, batch_size)
    after, metrics = learner.update(key_learn, state, batch._replace(reward=batch.reward / scale))
    seen = jax.tree.map(lambda x: x[0, : batch_size // len(rings)], batch.obs)  # of the first ring: the target
    old, new = (learner.policy.distribution(params, (), seen)[0] for params in (began, after.params))
    moved = jnp.mean(new.kl(old))
    share = jnp.sqrt(jnp.minimum(1.0, most_kl / jnp.maximum(moved, 1e-12)))  # a divergence grows with the square
    params = jax.tree.map(lambda here, there: here + share * (there - here), began, after.params)
    return after._replace(params=params), {**metrics, "train/kl": moved}


def drawn(key: Key[Array, ""], rings: tuple[ReplayState, ...], batch_size: int) -> Transitions:
    """Draws `CHUNK` batches, of which each ring gives an equal share. Leaves `update row ...`."""
    share, parts = batch_size // len(rings), []
    for k, ring in zip(jax.random.split(key, len(rings)), rings, strict=True):
        rows = Replay(capacity=len(ring.rows.reward)).sample(k, ring, CHUNK * share)
        parts.append(jax.tree.map(lambda x: x.reshape((CHUNK, share, *x.shape[1:])), rows))
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves, axis=1), *parts)


def heir(policy: GaussianPolicy) -> SAC:
    """Returns the SAC that takes a policy over. Rewards are scaled, so its temperature is that of scaled ones."""
    return SAC(policy=squashed(policy), critic_hidden=(128, 128), initial_temperature=1e-3, critic_warmup=1024)


def followed(rollout: Rollout, discount: float, window: int = 25) -> Float[np.ndarray, "time env"]:
    """Sums what followed each step, discounted; where the record was cut, as if it had gone on as it last went.

    Args:
        rollout: leaves `time env ...`.
        discount: γ.
        window: steps over which the last rewards are averaged where a record was cut.
    """
    reward, first = np.asarray(rollout.reward, np.float64), np.asarray(rollout.first)
    terminated, returns, after = np.asarray(rollout.terminated), np.zeros(reward.shape), np.zeros(reward.shape[1])
    sums = np.concatenate([np.zeros((1, reward.shape[1])), np.cumsum(reward, axis=0)])
    begins = np.maximum.accumulate(np.where(first, np.arange(len(reward))[:, None], 0), axis=0)
    for t in reversed(range(len(reward))):
        low = np.maximum(begins[t], t + 1 - window)
        usual = (sums[t + 1] - np.take_along_axis(sums, low[None], axis=0)[0]) / (t + 1 - low)
        cut = rollout.truncated[t] | (first[t + 1] if t + 1 < len(reward) else True)
        following = np.where(terminated[t], 0.0, np.where(cut, usual / (1.0 - discount), after))
        returns[t] = after = reward[t] + discount * following
    return returns


def bare(rollout: Rollout) -> Rollout:
    """Takes the task out: a learner of transitions does not ask for it."""
    return rollout._replace(task=Task({}, {}))


@jax.jit
def remember(ring: ReplayState, rollout: Rollout) -> ReplayState:
    """Writes the valid rows of a rollout into a ring."""
    return Replay(capacity=len(ring.rows.reward)).add(ring, rollout)
