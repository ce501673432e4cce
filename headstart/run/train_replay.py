"""Training from replay: collect a little, remember it, learn from what is remembered."""

from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Int, Key

from headstart.data.carry import Carry
from headstart.data.collect import begin, collect
from headstart.data.replay import Replay, ReplayState, Transitions
from headstart.errors import InputError
from headstart.run.train import Progress
from headstart.types import Learner, Rollout, State, TaskDistribution, TaskFamily


class ReplayRun(NamedTuple):
    """What `Run` holds, and what is remembered. `advance` takes the memory over: an older state's `replay` is gone."""

    key: Key[Array, ""]
    learner: State
    replay: ReplayState
    tasks: State
    carry: Carry
    updates: Int[np.ndarray, ""]
    env_steps: Int[np.ndarray, ""]


@dataclass(frozen=True, kw_only=True)
class ReplayTraining:
    """An off-policy learner, a world, where its tasks come from, and a memory. Speaks as `Training` does.

    Attributes:
        family: the worlds.
        learner: learns from `Transitions` with leading axes `update row`.
        distribution: of tasks; asked for a fresh pool before each rollout.
        envs: environments side by side.
        steps: of each environment in one rollout.
        capacity: transitions remembered.
        batch_size: rows of one gradient step.
        updates_per_step: gradient steps for each environment step.
        first_update: environment steps before the first one.
    """

    family: TaskFamily
    learner: Learner
    distribution: TaskDistribution
    envs: int = 8
    steps: int = 8
    capacity: int = 1_000_000
    batch_size: int = 256
    updates_per_step: float = 1.0
    first_update: int = 1_000

    def __post_init__(self):
        """Refuses sizes with which nothing can be learnt."""
        for name in ("envs", "steps", "capacity", "batch_size"):
            if getattr(self, name) < 1:
                raise InputError(f"training with {name}={getattr(self, name)}: at least 1 is needed")
        if self.updates < 1:
            raise InputError(
                f"updates_per_step={self.updates_per_step}: gives no update for {self.envs * self.steps} environment "
                "steps; raise it, or collect more at a time"
            )

    @property
    def updates(self) -> int:
        """Gradient steps after each rollout."""
        return round(self.updates_per_step * self.envs * self.steps)

    def start(self, key: Key[Array, ""], learner: State | None = None) -> ReplayRun:
        """Begins a run; `learner` is a state to go on from, if there is one."""
        key, key_learner, key_tasks, key_pool, key_worlds = jax.random.split(key, 5)
        state = self.learner.init(key_learner) if learner is None else learner
        params = self.learner.params(state)
        tasks = self.distribution.init(key_tasks)
        pool = self.distribution.sample(key_pool, tasks, self.envs)
        carry = begin(key_worlds, self.family, self.learner.policy, params, pool, self.envs)
        action, _ = jax.eval_shape(self.learner.policy.apply, key, params, carry.memory, carry.obs)
        one = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape[1:], x.dtype), (carry.obs, action))
        number, flag = jax.ShapeDtypeStruct((), np.float32), jax.ShapeDtypeStruct((), np.bool_)
        replay = Replay(capacity=self.capacity).init(Transitions(one[0], one[1], number, one[0], flag))  # pyright: ignore
        return ReplayRun(key, state, replay, tasks, carry, np.zeros((), np.int64), np.zeros((), np.int64))

    def advance(self, run: ReplayRun) -> Progress:
        """Collects one rollout, remembers it, and learns from memory."""
        key, key_pool, key_rollout, key_update, key_tasks = jax.random.split(run.key, 5)
        pool = self.distribution.sample(key_pool, run.tasks, self.envs)
        params = self.learner.params(run.learner)
        rollout, carry = collect(key_rollout, self.family, self.learner.policy, params, run.carry, pool, self.steps)
        taken = run.env_steps + self.envs * self.steps
        if taken < self.first_update:
            learner, replay, metrics = run.learner, jitted_add(self.capacity)(run.replay, rollout), {}
        else:
            learn = jitted_learn(self.learner, self.capacity, self.updates, self.batch_size)
            learner, replay, metrics = learn(key_update, run.replay, run.learner, rollout)
        tasks, task_metrics = self.distribution.update(key_tasks, run.tasks, rollout)
        after = ReplayRun(key, learner, replay, tasks, carry, run.updates + 1, taken)
        return Progress(after, rollout, metrics | task_metrics)  # pyright: ignore[reportArgumentType]


@cache
def jitted_add(capacity: int):
    """Compiles remembering alone."""
    return jax.jit(Replay(capacity=capacity).add, donate_argnums=0)


@cache
def jitted_learn(learner: Learner, capacity: int, updates: int, batch_size: int):
    """Compiles remembering, drawing K batches and learning from them: one dispatch, in which no ring is copied."""
    replay = Replay(capacity=capacity)

    def learn(key: Key[Array, ""], ring: ReplayState, state: State, rollout: Rollout):
        key_draw, key_learn = jax.random.split(key)
        ring = replay.add(ring, rollout)
        rows = replay.sample(key_draw, ring, updates * batch_size)
        batches = jax.tree.map(lambda x: x.reshape((updates, batch_size, *x.shape[1:])), rows)
        state, metrics = learner.update(key_learn, state, batches)
        return state, ring, metrics

    return jax.jit(learn, donate_argnums=1)
