"""Annealing: a learner's temperature falls along a schedule while it learns, inside the compiled update.

A policy that was pretrained softly explores on the new task because it is soft; to be good at it in the end it must
become certain. The schedule is data in the state, so that runs with different schedules share one compiled program and
may be vmapped over.

Source: Haarnoja et al. 2017 (arXiv 1702.08165), section 5.3 and appendix D.2: α falls log-linearly to 0.001.
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from headstart.maths.schedules import LogLinear
from headstart.nets.policies import StochasticPolicy
from headstart.types import Learner, Metrics, Params, State


class Fall(NamedTuple):
    """A schedule as data.

    Attributes:
        start: log α at update 0.
        end: log α from `updates` on.
        updates: gradient steps between the two.
    """

    start: Float[Array, ""]
    end: Float[Array, ""]
    updates: Float[Array, ""]

    @classmethod
    def of(cls, schedule: LogLinear) -> "Fall":
        """Takes a schedule's numbers over."""
        return cls(*(jnp.float32(x) for x in (math.log(schedule.start), math.log(schedule.end), schedule.updates)))

    def at(self, updates: Int[Array, ""]) -> Float[Array, ""]:
        """Returns log α after so many gradient steps."""
        share = jnp.minimum(updates.astype(jnp.float32) / self.updates, 1.0)
        return self.start + share * (self.end - self.start)


class AnnealedState(NamedTuple):
    """What changes while annealing.

    Attributes:
        learner: the state of the learner inside; its `log_temperature` is set before each update.
        fall: the schedule.
        updates: gradient steps so far, of this schedule.
    """

    learner: Any
    fall: Fall
    updates: Int[Array, ""]


@dataclass(frozen=True, kw_only=True)
class Annealed:
    """Lets a learner's temperature fall along a schedule.

    Where the learner finds its temperature itself (`SAC(temperature="automatic")`), the schedule is the least that it
    may be: the learner raises it above that while the policy is more certain than `target_entropy`, the entropy floor.

    Attributes:
        learner: of transitions, leaves `update row ...`, with `log_temperature` in its state, or `softness` as `SoftQ`
            has it.
        schedule: of α.
    """

    learner: Learner
    schedule: LogLinear

    @property
    def policy(self) -> StochasticPolicy:
        """What is learnt."""
        return self.learner.policy  # pyright: ignore[reportReturnType]

    def init(self, key: Key[Array, ""]) -> AnnealedState:
        return AnnealedState(self.learner.init(key), Fall.of(self.schedule), jnp.zeros((), jnp.int32))

    def params(self, state: AnnealedState) -> Params:
        return self.learner.params(state.learner)

    @partial(jax.jit, static_argnames="self")
    def update(self, key: Key[Array, ""], state: AnnealedState, batch: Any) -> tuple[AnnealedState, Metrics]:
        """Makes one update at the schedule's present temperature, and counts its gradient steps."""
        steps = jax.tree.leaves(batch)[0].shape[0]
        learner = with_temperature(self.learner, state.learner, state.fall.at(state.updates))
        learner, metrics = self.learner.update(key, learner, batch)
        return AnnealedState(learner, state.fall, state.updates + steps), metrics


def with_temperature(learner: Learner, state: State, log_alpha: Float[Array, ""]) -> State:
    """Returns a learner's state at a temperature; where the learner finds its own, at least at that one."""
    if getattr(learner, "temperature", "fixed") == "automatic":
        log_alpha = jnp.maximum(log_alpha, state.log_temperature)
    if hasattr(state, "softness"):
        return state._replace(softness=state.softness._replace(log_temperature=log_alpha, floor=log_alpha))
    return state._replace(log_temperature=log_alpha)
