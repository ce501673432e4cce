"""Soft pretraining on worlds inside JAX: all seeds of an arm are one compiled call."""

import math
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from headstart.experiments.soft_arms import Arm, Design, Lived, Source
from headstart.experiments.soft_runs import Pretraining, Tuning, play_whole
from headstart.learn.anneal import Fall
from headstart.nets.random_actions import RandomActions
from headstart.transfer.diagnosis import diagnose
from headstart.types import State

SHOWN = (0, 1, 2, 3)  # target episodes whose paths are kept


@dataclass(frozen=True, kw_only=True)
class SoftPretraining:
    """Runs a design, with one call for all seeds of a source or an arm.

    Attributes:
        design: between worlds inside JAX, which end by their horizon alone.
        episodes: of each source policy, to look at what it does.
    """

    design: Design
    episodes: int = 50

    @property
    def keys(self) -> Key[Array, " seed"]:
        """One key a seed."""
        return jax.vmap(jax.random.key)(jnp.array(self.design.seeds))

    def pretrain(self, name: str) -> Source:
        """Trains the source of every seed at its temperature, and looks at what it became."""
        design, scale = self.design, self.design.scale
        learner, world = design.learner(name), as_jax(design.source)
        pretraining = Pretraining(family=world, learner=learner, rounds=scale.rounds, batch_size=scale.batch_size)
        state = pretraining.run(fold(self.keys, 0), jnp.full(scale.seeds, math.log(design.temperatures[name])))
        return self.look(learner.policy, state)

    def look(self, policy: Any, state: State) -> Source:
        """Plays every seed's source policy on its own world, and diagnoses it."""
        world = as_jax(self.design.source)
        nobody: Any = RandomActions(action=world.action)
        keys = fold(self.keys, 1)
        played = jax.jit(jax.vmap(lambda key, params: play_whole(key, world, policy, params, self.episodes)))
        rollouts = jax.tree.map(np.asarray, played(keys, state.params))
        wandering = jax.jit(lambda key: play_whole(key, world, nobody, {}, self.episodes))(keys[0])
        wandering, found = jax.tree.map(np.asarray, wandering), []
        for seed in range(len(keys)):
            params, rollout = jax.tree.map(lambda x: x[seed], (state.params, rollouts))  # noqa: B023
            found.append(diagnose(policy, params, rollout, wandering)._asdict())
        moved = rollouts.next_obs[:, -1, :, :2] - rollouts.obs[:, 0, :, :2]
        return Source(state, rollouts.reward.sum(axis=1).mean(axis=1), found, moved)

    def tune(self, arm: Arm, source: Source | None) -> Lived:
        """Fine-tunes every seed of an arm on the target."""
        design, scale = self.design, self.design.scale
        tuning = Tuning(
            family=as_jax(design.target),
            learner=design.learner(arm.source),
            graft=design.graft(arm.source),
            episodes=scale.episodes,
            every=scale.every,
            updates=scale.updates,
            batch_size=scale.batch_size,
            evaluation_episodes=scale.evaluation_episodes,
        )
        fall = jax.tree.map(lambda x: jnp.tile(x, scale.seeds), Fall.of(design.schedule(arm)))
        tuned = tuning.run(fold(self.keys, 2), None if source is None else source.state, fall)
        tuned = jax.tree.map(np.asarray, tuned._replace(learner=()))
        shown = [episode for episode in SHOWN if episode < scale.episodes]
        return Lived(tuned.evaluated, tuned.practised, tuned.path[:, shown], tuned.greedy_path)


def as_jax(world: Any) -> Any:
    """Takes a family for one inside JAX, which whoever made the design has seen to."""
    return world


def fold(keys: Key[Array, " seed"], number: int) -> Key[Array, " seed"]:
    """Derives another key for every seed."""
    return jax.vmap(lambda key: jax.random.fold_in(key, number))(keys)
