"""Annealing: a learner's temperature falls along a schedule while it learns, inside the compiled update.

A policy that was pretrained softly explores on the new task because it is soft; to be good at it in the end it must
become certain. The schedule is data in the state, so that runs with different schedules share one compiled program and
may be vmapped over.

Source: Haarnoja et al. 2017 (arXiv 1702.08165), section 5.3 and appendix D.2: α falls log-linearly to 0.001.
"""

import itertools
import math
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from headstart.errors import InputError
from headstart.nets.policies import StochasticPolicy
from headstart.types import Learner, Metrics, Params, State


@dataclass(frozen=True)
class LogLinear:
    """A temperature that falls, straight in its logarithm, from point to point; before and after them it stays.

    Attributes:
        points: (gradient steps so far, α), steps rising from 0, α positive and never rising.

    Raises:
        InputError: for points that are no such schedule.

    Example:
        >>> round(float(jnp.exp(LogLinear(((0, 1.0), (100, 0.01))).at(jnp.int32(50)))), 4)
        0.1
    """

    points: tuple[tuple[int, float], ...]

    def __post_init__(self):
        """Refuses what cannot be annealed along."""
        steps, temperatures = [step for step, _ in self.points], [alpha for _, alpha in self.points]
        said = "temperature schedule " + (", ".join(f"{alpha:g} at {step}" for step, alpha in self.points) or "()")
        if not steps or steps[0] != 0 or any(a >= b for a, b in itertools.pairwise(steps)):
            raise InputError(f"{said}: the steps must begin at 0 and rise, as in 0.1 at 0, 0.001 at 5000")
        if not all(math.isfinite(alpha) and alpha > 0 for alpha in temperatures):
            raise InputError(
                f"{said}: temperatures must be positive and finite; the deterministic limit is a small one"
            )
        if any(a < b for a, b in itertools.pairwise(temperatures)):
            raise InputError(f"{said}: an annealed temperature never rises; put the larger first")

    def knots(self) -> Float[Array, "2 knot"]:
        """Returns the points as an array: steps, and log α."""
        steps, temperatures = zip(*self.points, strict=True)
        return jnp.array([steps, [math.log(alpha) for alpha in temperatures]], jnp.float32)

    def at(self, updates: Int[Array, ""]) -> Float[Array, ""]:
        """Returns log α after so many gradient steps."""
        return log_temperature(self.knots(), updates)


class AnnealedState(NamedTuple):
    """What changes while annealing.

    Attributes:
        learner: the state of the learner inside; its `log_temperature` is set before each update.
        knots: the schedule: steps, and log α there.
        updates: gradient steps so far, of this schedule.
    """

    learner: Any
    knots: Float[Array, "2 knot"]
    updates: Int[Array, ""]


@dataclass(frozen=True, kw_only=True)
class Annealed:
    """Lets a learner's temperature fall along a schedule.

    Where the learner finds its temperature itself (`SAC(temperature="automatic")`), the schedule is the least that it
    may be: the learner raises it above that while the policy is more certain than `target_entropy`, the entropy floor.

    Attributes:
        learner: of transitions, leaves `update row ...`, with `log_temperature` in its state.
        schedule: of α.
    """

    learner: Learner
    schedule: LogLinear

    @property
    def policy(self) -> StochasticPolicy:
        """What is learnt."""
        return self.learner.policy  # pyright: ignore[reportReturnType]

    def init(self, key: Key[Array, ""]) -> AnnealedState:
        return AnnealedState(self.learner.init(key), self.schedule.knots(), jnp.zeros((), jnp.int32))

    def params(self, state: AnnealedState) -> Params:
        return self.learner.params(state.learner)

    @partial(jax.jit, static_argnames="self")
    def update(self, key: Key[Array, ""], state: AnnealedState, batch: Any) -> tuple[AnnealedState, Metrics]:
        """Makes one update at the schedule's present temperature, and counts its gradient steps."""
        steps = jax.tree.leaves(batch)[0].shape[0]
        learner = with_temperature(self.learner, state.learner, log_temperature(state.knots, state.updates))
        learner, metrics = self.learner.update(key, learner, batch)
        return AnnealedState(learner, state.knots, state.updates + steps), metrics


def log_temperature(knots: Float[Array, "2 knot"], updates: Int[Array, ""]) -> Float[Array, ""]:
    """Returns log α at a number of gradient steps: straight between knots, constant outside."""
    return jnp.interp(updates.astype(jnp.float32), knots[0], knots[1])


def with_temperature(learner: Learner, state: State, log_alpha: Float[Array, ""]) -> State:
    """Returns a learner's state at a temperature; where the learner finds its own, at least at that one."""
    if getattr(learner, "temperature", "fixed") == "automatic":
        log_alpha = jnp.maximum(log_alpha, state.log_temperature)
    return state._replace(log_temperature=log_alpha)
