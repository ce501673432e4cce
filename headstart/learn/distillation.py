"""Policy distillation on the student's own path: it acts, and its teacher says at every step what it would have done.

The student may have a memory and see less than its teacher, who may be told what no sensor says. It then learns to do
what its teacher would, as far as that can be told from what it has seen so far.

Source: Ross, Gordon, Bagnell 2011 (arXiv 1011.0686) for labels on the student's own states; Rusu et al. 2016 (arXiv
1511.06295) and Czarnecki et al. 2019 (arXiv 1902.02186) for distillation, whose students learn about three times faster
from their own states; Lee et al. 2020 (Science Robotics 5) for a teacher that is told what its student is not. Lecture
slide "Policy distillation".
"""

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from headstart.errors import InputError
from headstart.learn.guard import blank, trainable
from headstart.learn.ppo import decayed
from headstart.maths.adam import AdamState, adam_init, adam_step, global_norm, shorten
from headstart.maths.moments import weighted_mean
from headstart.maths.shuffle import random_order
from headstart.nets.bounds import aligned, interval
from headstart.nets.policies import StochasticPolicy
from headstart.nets.unroll import unroll
from headstart.nets.view import ViewPolicy
from headstart.spaces import Box
from headstart.types import Metrics, Params, Policy, Rollout, State


class DistillationState(NamedTuple):
    """What changes while a student learns, and its teacher, which does not.

    Attributes:
        params: the student's, normaliser included.
        optimizer: of the trainable ones.
        updates: rollouts learnt from so far.
        memory: the student's carry in each environment, before the next rollout's first step.
        teacher: parameters of the teacher. A fresh state holds a teacher that knows nothing: put in one that does.
        teacher_memory: the teacher's carry in each environment.
    """

    params: Params
    optimizer: AdamState
    updates: Int[Array, ""]
    memory: State
    teacher: Params
    teacher_memory: State


class Lesson(NamedTuple):
    """A rollout as a student learns from it. Axes `time env` in front of every leaf."""

    obs: Any
    action: Array
    first: Array
    wanted: Any
    weight: Float[Array, "time env"]


@dataclass(frozen=True, kw_only=True)
class Distillation:
    """Teaches a policy to act as another would.

    Where actions are real numbers the loss is the mean squared error of the student's greedy action against the
    teacher's, clipped to what the world does, in half ranges: L = E[ ‖(a_S − clip(a_T)) / h‖² / d ]. The student's
    standard deviation is left as it is. Where they are choices it is KL(π_T ‖ π_S). Gradients go through the student's
    memory along each whole rollout.

    Hurts where the teacher's action depends on what the student can never find out: it then learns the average.

    Attributes:
        student: what is learnt.
        teacher: who is asked; its memory, if it has one, follows what the student does.
        envs: how many environments a rollout has.
        entry: which entry of the observation the student sees; None: all of it.
        asked: which entry its teacher is asked about; None: all of it.
        epochs: passes over each rollout.
        minibatch_envs: environments of one gradient step, each with its whole rollout.
        learning_rate: of Adam.
        decay: updates over which the learning rate falls to zero, linearly; None keeps it.
        max_grad_norm: longer gradients are shortened to this.
    """

    student: StochasticPolicy
    teacher: StochasticPolicy
    envs: int = 64
    entry: str | None = None
    asked: str | None = None
    epochs: int = 4
    minibatch_envs: int = 16
    learning_rate: float = 1e-3
    decay: int | None = None
    max_grad_norm: float = 0.5

    def __post_init__(self):
        """Refuses pairs who do not act alike."""
        theirs, ours = self.teacher.action, self.student.action  # pyright: ignore[reportAttributeAccessIssue]
        if theirs != ours:
            raise InputError(
                f"Distillation: the teacher acts in {theirs}, the student in {ours}; they must be the same"
            )
        if self.epochs < 1 or not 1 <= self.minibatch_envs <= self.envs:
            raise InputError(
                f"Distillation(epochs={self.epochs}, minibatch_envs={self.minibatch_envs}): epochs: at least 1; "
                f"minibatch_envs: from 1 to envs, {self.envs}"
            )

    @property
    def policy(self) -> Policy:
        """Who acts while learning: the student, wherever its teacher sees more."""
        if self.entry is None:
            return self.student
        shown = self.teacher.observation
        if self.asked is not None:
            shown = {self.entry: self.student.observation, self.asked: shown}
        return ViewPolicy(policy=self.student, entry=self.entry, observation=shown)

    def init(self, key: Key[Array, ""]) -> DistillationState:
        key_student, key_teacher = jax.random.split(key)
        params, teacher = self.student.init(key_student), self.teacher.init(key_teacher)
        return DistillationState(
            params=params,
            optimizer=adam_init(trainable(params)),
            updates=jnp.zeros((), jnp.int32),
            memory=self.student.start(params, self.envs),
            teacher=teacher,
            teacher_memory=self.teacher.start(teacher, self.envs),
        )

    def params(self, state: DistillationState) -> Params:
        return state.params

    def update(
        self, key: Key[Array, ""], state: DistillationState, batch: Rollout
    ) -> tuple[DistillationState, Metrics]:
        span = float("inf") if self.decay is None else float(self.decay)  # see `PPO.update`
        return replace(self, decay=None)._update(key, state, batch, span)

    @partial(jax.jit, static_argnames="self")
    def _update(
        self, key: Key[Array, ""], state: DistillationState, batch: Rollout, decay: float
    ) -> tuple[DistillationState, Metrics]:
        if batch.reward.shape[1] != self.envs:
            count = batch.reward.shape[1]
            raise InputError(f"Distillation(envs={self.envs}) was given a rollout of {count} environments")
        obs, action = blank(batch.valid, (batch.obs, batch.action))
        seen, shown = (obs if entry is None else obs[entry] for entry in (self.entry, self.asked))
        told = unroll(self.teacher, state.teacher, state.teacher_memory, shown, action, batch.first)
        weight = batch.valid.astype(jnp.float32)
        after = unroll(self.student, state.params, state.memory, seen, action, batch.first).last
        lesson = Lesson(seen, action, batch.first, self._wanted(told.distribution), weight)
        rate = decayed(self.learning_rate, state.updates, decay)
        (params, optimizer), losses, finite = self._learn(key, state, lesson, rate)
        state = state._replace(
            params=self.student.normalize(params, seen, batch.valid),
            optimizer=optimizer,
            updates=state.updates + 1,
            memory=after,
            teacher_memory=told.last,
        )
        return state, {
            "train/loss": jnp.mean(losses),
            "train/n_updates": jnp.sum(finite),
            "faults/nonfinite_update": jnp.sum(1.0 - finite),
            "faults/invalid_rows": jnp.sum(1.0 - weight),
        }

    def _wanted(self, distribution: Any) -> Any:
        """Returns what the student is to do: the teacher's action as the world does it, or its probabilities."""
        if not isinstance(self.student.action, Box):  # pyright: ignore[reportAttributeAccessIssue]
            return distribution
        low, high = (aligned(bound, distribution.greedy()) for bound in self.student.action.bounds())  # pyright: ignore
        return jnp.clip(distribution.greedy(), low, high)

    def _learn(
        self, key: Key[Array, ""], state: DistillationState, lesson: Lesson, rate: Float[Array, ""]
    ) -> tuple[tuple[Params, AdamState], Array, Array]:
        """Takes epochs × minibatches steps, in a new order of the environments each epoch."""
        count = self.envs // self.minibatch_envs

        def epoch(carry, key):
            order = random_order(key, self.envs)[: count * self.minibatch_envs]
            return jax.lax.scan(step, carry, order.reshape((count, self.minibatch_envs)))

        def step(carry, envs):
            params, optimizer = carry
            memory, part = jax.tree.map(lambda x: x[envs], state.memory), jax.tree.map(lambda x: x[:, envs], lesson)
            weights = trainable(params)
            loss, gradient = jax.value_and_grad(self._loss)(weights, params, memory, part)
            finite = jnp.isfinite(global_norm(gradient))
            gradient = shorten(gradient, self.max_grad_norm)
            weights, optimizer = adam_step(gradient, optimizer, weights, rate, epsilon=1e-5, take=finite)
            return ({**params, **weights}, optimizer), (jnp.where(finite, loss, 0.0), finite.astype(jnp.float32))

        carry = (state.params, state.optimizer)
        carry, (losses, finite) = jax.lax.scan(epoch, carry, jax.random.split(key, self.epochs))
        return carry, losses, finite

    def _loss(self, weights: Params, params: Params, memory: State, lesson: Lesson) -> Float[Array, ""]:
        params = {**params, **weights}
        said = unroll(self.student, params, memory, lesson.obs, lesson.action, lesson.first).distribution
        if isinstance(self.student.action, Box):  # pyright: ignore[reportAttributeAccessIssue]
            _, half_range = interval(self.student.action)  # pyright: ignore[reportAttributeAccessIssue]
            error = (said.greedy() - lesson.wanted) / aligned(half_range, lesson.wanted)
            return weighted_mean(jnp.mean(error**2, axis=-1), lesson.weight)
        return weighted_mean(lesson.wanted.kl(said), lesson.weight)
