"""Training as a pure step and a generator around it.

`advance` takes the whole state of a run to the next; a checkpoint is that state at any moment between two calls, and
logging, evaluation and saving are consumers of what `train` yields.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Int, Key

from headstart.data.carry import Carry
from headstart.data.collect import begin, collect
from headstart.errors import InputError
from headstart.types import Learner, Metrics, Rollout, State, TaskDistribution, TaskFamily

SHORTEST = 4  # steps; in a rollout of as many, an environment is given one task of its own
MOST = 16384  # tasks of one pool


class Run(NamedTuple):
    """Everything that changes while a learner learns: a pytree of arrays, so that it can be saved and resumed.

    Attributes:
        key: of all randomness still to come.
        learner: parameters, optimiser, statistics.
        tasks: the state of the distribution of tasks.
        carry: where worlds and memories stand.
        updates: how many calls of `advance` there have been.
        env_steps: how many environment steps were taken.
    """

    key: Key[Array, ""]
    learner: State
    tasks: State
    carry: Carry
    updates: Int[np.ndarray, ""]
    env_steps: Int[np.ndarray, ""]


class Progress(NamedTuple):
    """What one step of training gave: the state after it, what happened, what was measured."""

    run: Run
    rollout: Rollout
    metrics: Metrics


@dataclass(frozen=True, kw_only=True)
class Training:
    """A learner, a world and where its tasks come from.

    Attributes:
        family: the worlds.
        learner: learns from rollouts.
        distribution: of tasks; asked for a fresh pool before each rollout, so large that each episode that begins in it
            has a task of its own.
        envs: environments side by side.
        steps: of each environment in one rollout.
        split: see `headstart.data.collect.begin`; not where several trainings go on side by side.
    """

    family: TaskFamily
    learner: Learner
    distribution: TaskDistribution
    envs: int = 64
    steps: int = 64
    split: bool = True

    def __post_init__(self):
        """Refuses sizes with which nothing can be collected."""
        for name, value in (("envs", self.envs), ("steps", self.steps)):
            if value < 1:
                raise InputError(f"training with {name}={value}: at least 1 is needed")

    @property
    def pool(self) -> int:
        """How many tasks are drawn for one rollout.

        One for each environment is too few: who falls at once would fall with the same dynamics over and over until
        the rollout ends. Episodes of less than four steps on average, and thousands of environments, take rows again.
        """
        return self.envs * max(1, min(-(-self.steps // SHORTEST), MOST // self.envs))

    def start(self, key: Key[Array, ""], learner: State | None = None) -> Run:
        """Begins a run; `learner` is a state to go on from (a graft, say), if there is one."""
        key, key_learner, key_tasks, key_pool, key_worlds = jax.random.split(key, 5)
        state = self.learner.init(key_learner) if learner is None else learner
        tasks = self.distribution.init(key_tasks)
        pool = self.distribution.sample(key_pool, tasks, self.envs)
        policy, params = self.learner.policy, self.learner.params(state)
        carry = begin(key_worlds, self.family, policy, params, pool, self.envs, split=self.split)
        return Run(key, state, tasks, carry, np.zeros((), np.int64), np.zeros((), np.int64))

    def advance(self, run: Run) -> Progress:
        """Collects one rollout and learns from it once. A learner may take its old state's memory over."""
        key, key_pool, key_rollout, key_update, key_tasks = jax.random.split(run.key, 5)
        pool = self.distribution.sample(key_pool, run.tasks, self.pool)
        params = self.learner.params(run.learner)
        rollout, carry = collect(key_rollout, self.family, self.learner.policy, params, run.carry, pool, self.steps)
        learner, metrics = self.learner.update(key_update, run.learner, rollout)
        tasks, task_metrics = self.distribution.update(key_tasks, run.tasks, rollout)
        taken = self.envs * self.steps
        after = Run(key, learner, tasks, carry, run.updates + 1, run.env_steps + taken)
        return Progress(after, rollout, metrics | task_metrics)


def train(training: Training, run: Run, env_steps: int) -> Iterator[Progress]:
    """Yields after each update until `env_steps` environment steps have been taken in all."""
    while run.env_steps < env_steps:
        progress = training.advance(run)
        run = progress.run
        yield progress
