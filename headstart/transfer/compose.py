"""Composition: a policy for several tasks at once from soft Q functions of each, without a step in the new task.

The mean of soft-optimal Q functions is nearly the soft-optimal Q of the mean reward; how nearly is bounded by how much
their policies disagree (`maths.composition`). Two ways to act by it: choose among candidates by their energy, with no
learning at all; or teach a sampling network from observations alone, as the paper's code does.

Source: Haarnoja et al. 2018, "Composable deep reinforcement learning" (arXiv 1803.06773).
"""

import math
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from headstart.data.replay import Transitions
from headstart.errors import InputError
from headstart.learn.amortised import AmortisedStein
from headstart.learn.discrete_soft_q import DiscreteSoftQ
from headstart.learn.guard import blank, finite_rows
from headstart.learn.soft_q import SoftQ
from headstart.maths.adam import AdamState, adam_init, adam_step, global_norm
from headstart.nets.bounds import aligned, interval
from headstart.nets.sampler import SamplingPolicy
from headstart.spaces import Box, Discrete
from headstart.transfer.policy import differences
from headstart.types import ActionSpace, Metrics, Observation, ObservationSpace, Params, State

GREEDY_KEY = 0  # of the candidates that a deterministic policy looks at, everywhere the same


@dataclass(frozen=True, kw_only=True)
class Composition:
    """The policy π(a|s) ∝ exp( 1/n Σ_i Q_i(s, a) / α ), by importance over candidates drawn uniformly.

    Exact for choices, and for a box in the limit of many candidates; beyond a few dimensions teach a `ComposedSampler`.

    Attributes:
        parts: the learners whose Q functions are averaged, `SoftQ` or `DiscreteSoftQ`; two or more.
        temperature: α, that of the parts.
        candidates: actions of a box that are looked at for each that is taken.
        deterministic: take the best of the candidates, which are then always the same.
    """

    parts: tuple[SoftQ, ...] | tuple[DiscreteSoftQ, ...]
    temperature: float = 0.1
    candidates: int = 128
    deterministic: bool = False

    def __post_init__(self):
        """Refuses parts that do not see and do the same."""
        if len(self.parts) < 2:
            raise InputError(f"a composition needs two or more parts, not {len(self.parts)}")
        if not 0 < self.temperature < math.inf or self.candidates < 1:
            raise InputError("a composition needs a positive temperature and at least one candidate")
        first, *others = (part.policy for part in self.parts)
        for i, other in enumerate(others, start=1):
            found = differences("observation", first.observation, other.observation)
            found += differences("action", first.action, other.action)
            if found:
                listed = "; ".join(found).replace("the source", "part 0").replace("the target", f"part {i}")
                raise InputError(f"parts 0 and {i} of a composition do not fit: {listed}")

    @property
    def observation(self) -> ObservationSpace:
        """What is seen."""
        return self.parts[0].policy.observation

    @property
    def action(self) -> ActionSpace:
        """What is done."""
        return self.parts[0].policy.action

    def take(self, states: tuple[State, ...]) -> Params:
        """Returns the composition's parameters: the state of each part, without what only learning needs."""
        if len(states) != len(self.parts):
            raise InputError(f"{len(self.parts)} parts were declared, and states of {len(states)} given")
        return {f"part_{i}": state for i, state in enumerate(states)}

    def init(self, key: Key[Array, ""]) -> Params:
        keys = jax.random.split(key, len(self.parts))
        return self.take(tuple(part.init(k) for part, k in zip(self.parts, keys, strict=True)))

    def start(self, params: Params, n: int) -> State:
        del params, n
        return ()

    def apply(self, key: Key[Array, ""], params: Params, carry: State, obs: Observation) -> tuple[Array, State]:
        key_candidates, key_choice = jax.random.split(key)
        action = self._candidates(jax.random.key(GREEDY_KEY) if self.deterministic else key_candidates, obs)
        logits = self.values(params, obs, action) / self.temperature
        index = jnp.argmax(logits, axis=-1) if self.deterministic else jax.random.categorical(key_choice, logits)
        if isinstance(self.action, Discrete):
            return index, carry
        return jnp.take_along_axis(action, index[:, None, None], axis=1)[:, 0], carry

    def values(self, params: Params, obs: Observation, action: Array) -> Float[Array, "row candidate"]:
        """Returns the mean of the parts' Q: of each candidate (`row candidate action`), or of every choice."""
        values = [
            self._value(part, params[f"part_{i}"], obs, action)  # pyright: ignore[reportArgumentType]
            for i, part in enumerate(self.parts)
        ]
        return sum(values[1:], values[0]) / len(values)

    def _value(self, part: Any, state: State, obs: Observation, action: Array) -> Float[Array, "row candidate"]:
        if isinstance(part, DiscreteSoftQ):
            return part.values(state, obs)
        return part.value(state, obs, action)

    def _candidates(self, key: Key[Array, ""], obs: Observation) -> Array:
        rows = jax.tree.leaves(obs)[0].shape[0]
        if isinstance(self.action, Discrete):
            return jnp.broadcast_to(jnp.arange(self.action.n)[None], (rows, self.action.n))
        lead = (1 if self.deterministic else rows, self.candidates)
        unit = jax.random.uniform(key, (*lead, *self.action.shape), minval=-1.0, maxval=1.0)
        centre, half_range = (aligned(x, unit) for x in interval(self.action))
        return jnp.broadcast_to(centre + half_range * unit, (rows, self.candidates, *self.action.shape))


class ComposedState(NamedTuple):
    """What changes while a sampling network learns to act by a composition.

    Attributes:
        params: of the sampling network.
        energy: of the composition; does not change.
        optimizer: of the network.
        updates: gradient steps so far.
    """

    params: Params
    energy: Params
    optimizer: AdamState
    updates: Array


@dataclass(frozen=True, kw_only=True)
class ComposedSampler:
    """Teaches a sampling network to draw from a composition's energy. Of transitions it reads the observations alone.

    Attributes:
        composition: whose energy it is.
        policy: what is learnt.
        learning_rate: of Adam.
        updated_particles: K of the gradient.
        fixed_particles: M of it.
    """

    composition: Composition
    policy: SamplingPolicy
    learning_rate: float = 1e-3
    updated_particles: int = 8
    fixed_particles: int = 8

    def __post_init__(self):
        """Refuses a network that does not see and do what the parts do."""
        if not isinstance(self.composition.action, Box):
            raise InputError("ComposedSampler: choices need no sampler; act by the Composition itself")
        found = differences("observation", self.composition.observation, self.policy.observation)
        found += differences("action", self.composition.action, self.policy.action)
        if found:
            listed = "; ".join(found).replace("the source", "the parts").replace("the target", "the sampler")
            raise InputError(f"the sampler does not fit the parts: {listed}")

    def init(self, key: Key[Array, ""]) -> ComposedState:
        key_parts, key_policy = jax.random.split(key)
        return self.begin(key_policy, self.composition.init(key_parts))

    def begin(self, key: Key[Array, ""], energy: Params) -> ComposedState:
        """Returns the state before the first update, for a composition's parameters."""
        params = self.policy.init(key)
        return ComposedState(params, energy, adam_init(params["actor"]), jnp.zeros((), jnp.int32))

    def params(self, state: ComposedState) -> Params:
        return state.params

    @partial(jax.jit, static_argnames="self")
    def update(self, key: Key[Array, ""], state: ComposedState, batch: Transitions) -> tuple[ComposedState, Metrics]:
        """Takes one gradient step on each of K batches. Leaves of `batch` are `update row ...`."""
        sound = finite_rows(batch.obs, batch.reward.ndim)
        state = state._replace(params=self.policy.normalize(state.params, blank(sound, batch.obs), sound))
        keys = jax.random.split(key, batch.reward.shape[0])
        state, metrics = jax.lax.scan(lambda state, row: self._step(*row, state), state, (keys, batch.obs))
        return state, jax.tree.map(jnp.mean, metrics)

    def _step(self, key: Key[Array, ""], obs: Observation, state: ComposedState) -> tuple[ComposedState, Metrics]:
        def value(unit: Float[Array, "row particle action"]) -> Float[Array, "row particle"]:
            centre, half_range = (aligned(x, unit) for x in interval(self.policy.action))
            return self.composition.values(state.energy, obs, centre + half_range * unit)

        stein = AmortisedStein(policy=self.policy, updated=self.updated_particles, fixed=self.fixed_particles)
        temperature = jnp.float32(self.composition.temperature)
        step = stein.step(key, state.params, self.policy.encode(state.params, obs), value, temperature)
        finite = jnp.isfinite(global_norm(step.gradient))
        actor, optimizer = adam_step(
            step.gradient, state.optimizer, state.params["actor"], self.learning_rate, take=finite
        )
        after = ComposedState({**state.params, "actor": actor}, state.energy, optimizer, state.updates + 1)
        return after, {
            "train/stein_length": jnp.where(finite, step.length, 0.0),
            "train/action_spread": jnp.where(finite, step.spread, 0.0),
            "faults/nonfinite_update": (~finite).astype(jnp.float32),
        }
