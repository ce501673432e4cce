"""Fine-tuning what was pretrained softly: the temperature falls while target episodes are learnt from.

What is carried over is said by tree path: the policy, the value functions, or both; with the optimiser's moments, or
with fresh ones. A share of each batch may come from what the source remembers, and fades as the target's own episodes
come in. Where the learner finds its own temperature, its `target_entropy` is a floor under the policy's entropy.

Source: Haarnoja et al. 2017 (arXiv 1702.08165), section 5.3; lecture slide "Soft-optimal policies for fine-tuning".
"""

import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from headstart.data.replay import Replay, ReplayState, Transitions
from headstart.errors import InputError
from headstart.learn.anneal import Annealed, AnnealedState
from headstart.learn.replayed import ReplayedState, example
from headstart.learn.sac import SAC
from headstart.maths.schedules import LogLinear
from headstart.nets.policies import StochasticPolicy
from headstart.transfer.fine_tune import packed
from headstart.transfer.off_policy import CHUNK, remember
from headstart.transfer.policy import Graft
from headstart.types import Metrics, Params, Rollout, State, Task

POLICY, VALUE = ("params",), ("critics", "targets")
OPTIMIZERS = ("optimizers/0", "optimizers/1")  # of the policy and of the critics


class SoftState(NamedTuple):
    """What changes while fine-tuning.

    Attributes:
        learner: of the annealed learner.
        target: transitions of the target.
        source: one ring of the source's transitions; none where none are used.
    """

    learner: AnnealedState
    target: ReplayState
    source: tuple[ReplayState, ...]


@dataclass(frozen=True, kw_only=True)
class Softly:
    """SAC on whole target episodes, from a state that SAC ended in on the source, at a falling temperature.

    Helps where the source is soft: it explores the target in whole ways instead of shaking around one. Without
    annealing the policy stays as soft as it came, and worse in the end than it could be.

    Attributes:
        learner: as on the source.
        schedule: of the temperature, in gradient steps on the target.
        graft: what comes from the source; the rest begins anew.
        updates_per_step: gradient steps for each step on the target.
        batch_size: rows of each.
        capacity: target transitions kept at most.
        source_share: of each batch at first, from what the source remembers; rewards there are the source's, so this
            is for sources that are paid for the same.
        fading: gradient steps in which that share falls to nothing.
    """

    learner: SAC
    schedule: LogLinear
    graft: Graft = field(default_factory=lambda: Graft(parts=(*POLICY, *VALUE)))
    updates_per_step: float = 1.0
    batch_size: int = 256
    capacity: int = 1 << 15
    source_share: float = 0.0
    fading: int = 10_000

    def __post_init__(self):
        """Refuses shares and rates that are none."""
        if not 0.0 <= self.source_share < 1.0 or self.fading < 1:
            raise InputError(
                f"soft fine-tuning: source_share={self.source_share}, fading={self.fading}: a share from 0 to below 1, "
                "fading in at least 1 gradient step"
            )
        if not self.updates_per_step > 0 or self.batch_size < 2:
            raise InputError("soft fine-tuning: updates_per_step must be above 0 and batch_size at least 2")

    @property
    def policy(self) -> StochasticPolicy:
        return self.learner.policy

    def start(self, key: Key[Array, ""], source: State | None) -> SoftState:
        """Takes over the parts of a source's state (of `SAC`, or of `Replayed` around it) that the graft names.

        Raises:
            InputError: the source has no such part, a policy that was cloned has no value function, say; or it
                remembers nothing and a share of that was asked for.
        """
        state = self._annealed().init(key)
        empty = Replay(capacity=self.capacity).init(example(self.policy))
        if source is None:
            return SoftState(state, empty, ())
        remembered = isinstance(source, ReplayedState)
        learnt = unwrapped(source.learner if remembered else source)
        require_parts(learnt, self.graft.parts)
        learner = self.graft.apply(learnt, state.learner)
        if not self.source_share:
            return SoftState(state._replace(learner=learner), empty, ())
        if not remembered:
            raise InputError(
                f"soft fine-tuning: source_share={self.source_share}, but this source remembers no transitions; give "
                "the state of a `Replayed` learner, or source_share=0"
            )
        ring = jax.tree.map(jnp.copy, source.replay)  # a learner that goes on may write over its own
        return SoftState(state._replace(learner=learner), empty, (ring,))

    def learn(self, key: Key[Array, ""], state: SoftState, episodes: tuple[Rollout, ...]) -> tuple[SoftState, Metrics]:
        rollout = packed(episodes)
        if not rollout.valid.any():
            return state, {}
        target = remember(state.target, rollout._replace(task=Task({}, {})))
        learner, metrics = state.learner, {}
        for chunk in range(max(1, math.ceil(float(rollout.valid.sum()) * self.updates_per_step / CHUNK))):
            learner, metrics = self._steps(jax.random.fold_in(key, chunk), learner, target, state.source)
        return SoftState(learner, target, state.source), {**metrics, "replay/size": target.size}

    def params(self, state: SoftState) -> Params:
        return self.learner.params(state.learner.learner)

    @partial(jax.jit, static_argnames="self")
    def _steps(
        self, key: Key[Array, ""], state: AnnealedState, target: ReplayState, source: tuple[ReplayState, ...]
    ) -> tuple[AnnealedState, Metrics]:
        """Takes `CHUNK` gradient steps."""
        key_draw, key_learn = jax.random.split(key)
        rows = drawn(key_draw, target, CHUNK * self.batch_size)
        if source:
            key_mix, key_source = jax.random.split(jax.random.fold_in(key_draw, 1))
            share = self.source_share * jnp.clip(1.0 - state.updates / self.fading, 0.0, 1.0)
            old = jax.random.uniform(key_mix, (CHUNK * self.batch_size,)) < share
            rows = jax.tree.map(partial(chosen_rows, old), drawn(key_source, source[0], len(old)), rows)
        batch = jax.tree.map(lambda x: x.reshape((CHUNK, self.batch_size, *x.shape[1:])), rows)
        return self._annealed().update(key_learn, state, batch)

    def _annealed(self) -> Annealed:
        return Annealed(learner=self.learner, schedule=self.schedule)


def drawn(key: Key[Array, ""], ring: ReplayState, n: int) -> Transitions:
    """Draws rows of a ring of whatever size."""
    return Replay(capacity=len(ring.rows.reward)).sample(key, ring, n)


def chosen_rows(first: Array, ours: Array, theirs: Array) -> Array:
    """Takes the rows of `ours` where `first`, else those of `theirs`."""
    return jnp.where(first.reshape((-1,) + (1,) * (ours.ndim - 1)), ours, theirs)


def unwrapped(state: Any) -> Any:
    """Returns the learner's own state from that of a wrapper that anneals it."""
    return state.learner if isinstance(state, AnnealedState) else state


def require_parts(source: Any, parts: tuple[str, ...]) -> None:
    """Refuses to take from a source what it does not have.

    Raises:
        InputError: names the part, and what to ask for instead.
    """
    fields = getattr(source, "_fields", None) or tuple(source)
    for part in parts:
        name = part.partition("/")[0]
        if name and name not in fields:
            what = "value function" if name in VALUE else f"{name!r}"
            raise InputError(
                f"this source has no {what} ({', '.join(fields)} is all there is); take its policy alone: "
                'Graft(parts=("params",))'
            )
