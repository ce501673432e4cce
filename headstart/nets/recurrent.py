"""Policies with a recurrent memory, in two branches: what is remembered, and what is seen now."""

from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from headstart.errors import unknown
from headstart.maths.trees import is_under, named_leaves
from headstart.nets.cells import Cell, CellName, cell_of
from headstart.nets.head import Head
from headstart.nets.mlp import FUNCTIONS, MLP, Activation, dense
from headstart.nets.observation import apply_normalizer, flat_size, init_normalizer, update_normalizer
from headstart.nets.policies import INITIAL_OUTPUT_SCALE
from headstart.nets.unroll import Unrolled, forget
from headstart.types import ActionSpace, Observation, ObservationSpace, Params, State


@dataclass(frozen=True, kw_only=True)
class RecurrentPolicy:
    """Remembers what it saw and did, and so finds out what world it is in.

    A recurrent branch reads [observation, previous action] → dense → cell; a feed-forward branch reads the observation
    → dense; both together go through dense layers to a distribution over actions. The carry is the cell's memory and
    the previous action, as the world did it; both are zero at the beginning of an episode.

    Attributes:
        observation: what is seen.
        action: what can be done: a `Box` with one axis, or `Discrete`.
        cell: `gru` or `lstm`.
        memory: units of the cell.
        branch: units of each branch's dense layer.
        hidden: sizes of the layers after the branches are joined.
        activation: between layers.
        goals: entries of a dictionary of observations that the memory does not see, since they say nothing about the
            world (a goal).
        initial_std: standard deviation at the start, in half ranges.
        deterministic: take the most likely action.

    Source: Peng et al. 2018 (arXiv 1710.06537), figure 3; Heess et al. 2015 (arXiv 1512.04455).
    """

    observation: ObservationSpace = field(hash=False)  # a dictionary is compared, but cannot be hashed
    action: ActionSpace
    cell: CellName = "gru"
    memory: int = 64
    branch: int = 64
    hidden: tuple[int, ...] = (64,)
    activation: Activation = "tanh"
    goals: tuple[str, ...] = ()
    initial_std: float = 1.0
    deterministic: bool = False

    def __post_init__(self):
        """Refuses what cannot be acted on or remembered."""
        if self.cell not in ("gru", "lstm"):
            raise unknown("cell", self.cell, ("gru", "lstm"))
        self._head()
        self._remembered()

    def init(self, key: Key[Array, ""]) -> Params:
        keys = jax.random.split(key, 4)
        orthogonal = jax.nn.initializers.orthogonal(np.sqrt(2.0))

        def layer(key: Key[Array, ""], inputs: int) -> Params:
            return {"weight": orthogonal(key, (inputs, self.branch), jnp.float32), "bias": jnp.zeros(self.branch)}

        actor = {
            "remembered": layer(keys[0], len(self._remembered()) + self._head().size),
            "cell": self._cell().init(keys[1]),
            "seen": layer(keys[2], flat_size(self.observation)),
            **self._net().init(keys[3]),
            **self._head().init(),
        }
        return {"normalizer": init_normalizer(self.observation), "actor": actor}

    def start(self, params: Params, n: int) -> State:
        del params
        return {"memory": self._cell().start(n), "action": jnp.zeros((n, self._head().size))}

    def apply(self, key: Key[Array, ""], params: Params, carry: State, obs: Observation) -> tuple[Array, State]:
        distribution, carry = self.distribution(params, carry, obs)
        action = distribution.greedy() if self.deterministic else distribution.sample(key)
        return action, {**carry, "action": self._head().unit(action)}

    def encode(self, params: Params, obs: Observation) -> Float[Array, "*rows feature"]:
        return apply_normalizer(params["normalizer"], self.observation, obs)

    def distribution(self, params: Params, carry: State, obs: Observation) -> tuple[Any, State]:
        """Returns the distribution and a carry in which the action is still the previous one."""
        x, actor = self.encode(params, obs), params["actor"]
        memory = self._cell().step(actor["cell"], carry["memory"], self._inputs(actor, x, carry["action"]))
        return self._outcome(actor, x, memory["hidden"]), {**carry, "memory": memory}

    def features(self, params: Params, carry: State, obs: Observation) -> Float[Array, "env feature"]:
        x, actor = self.encode(params, obs), params["actor"]
        memory = self._cell().step(actor["cell"], carry["memory"], self._inputs(actor, x, carry["action"]))
        return jnp.concatenate([x, memory["hidden"]], axis=-1)

    def unroll(
        self, params: Params, carry: State, obs: Observation, action: Array, first: Bool[Array, "time env"]
    ) -> Unrolled:
        cell, actor, x = self._cell(), params["actor"], self.encode(params, obs)
        own = self._head().unit(action)
        previous = jnp.concatenate([carry["action"][None], own[:-1]])
        projected = self._inputs(actor, x, jnp.where(first[..., None], 0.0, previous))
        start = cell.start(first.shape[1])

        def step(memory, row):
            projected_t, first_t = row
            after = cell.step(actor["cell"], forget(first_t, start, memory), projected_t)
            return after, after

        last, after = jax.lax.scan(step, carry["memory"], (projected, first))
        before = jax.tree.map(lambda one, all_: jnp.concatenate([one[None], all_[:-1]]), carry["memory"], after)
        return Unrolled(
            distribution=self._outcome(actor, x, after["hidden"]),
            features=jnp.concatenate([x, after["hidden"]], axis=-1),
            before={"memory": before, "action": previous},
            last={"memory": last, "action": own[-1]},
        )

    def normalize(self, params: Params, obs: Observation, valid: Bool[Array, "*rows"]) -> Params:
        return {**params, "normalizer": update_normalizer(params["normalizer"], self.observation, obs, valid)}

    def _inputs(self, actor: Params, x: Array, previous: Array) -> Float[Array, "*rows gates"]:
        joined = jnp.concatenate([x[..., self._remembered()], previous], axis=-1)
        return self._cell().project(actor["cell"], FUNCTIONS[self.activation](dense(actor["remembered"], joined)))

    def _outcome(self, actor: Params, x: Array, hidden: Array) -> Any:
        seen = FUNCTIONS[self.activation](dense(actor["seen"], x))
        outputs = self._net().apply(actor, jnp.concatenate([hidden, seen], axis=-1))
        return self._head().distribution(actor, outputs)

    def _remembered(self) -> Int[np.ndarray, " feature"]:
        """Returns which entries of the flattened observation the memory sees."""
        leaves = named_leaves(self.observation)
        for goal in self.goals:
            if not any(is_under(name, (goal,)) for name in leaves):
                raise unknown("entry of the observation", goal, leaves)
        parts = [np.full(flat_size(space), not is_under(name, self.goals)) for name, space in leaves.items()]
        return np.flatnonzero(np.concatenate(parts))

    def _cell(self) -> Cell:
        return cell_of(self.cell, self.branch, self.memory)

    def _head(self) -> Head:
        return Head(action=self.action, initial_std=self.initial_std)

    def _net(self) -> MLP:
        return MLP(
            inputs=self.memory + self.branch,
            hidden=self.hidden,
            outputs=self._head().size,
            activation=self.activation,
            output_scale=INITIAL_OUTPUT_SCALE,
        )
