"""Pretraining and fine-tuning as pure functions of a key: many seeds are one `vmap` inside one compiled call.

What differs between arms (temperature, its schedule, the source's state) is data, so all arms share two compilations.
"""

import dataclasses
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from headstart.data.replay import Replay
from headstart.data.scan import begin_scan, rollout_scan
from headstart.learn.anneal import Annealed, AnnealedState, Fall, with_temperature
from headstart.learn.replayed import OffPolicyLearner, Replayed, ReplayedState, example
from headstart.learn.soft_q import SoftQ
from headstart.maths.schedules import LogLinear
from headstart.nets.policies import StochasticPolicy
from headstart.transfer.policy import Graft
from headstart.types import JaxFamily, Learner, Params, Rollout, State, Task


@dataclass(frozen=True, kw_only=True)
class Pretraining:
    """Learns on the abundant world at a constant temperature.

    Attributes:
        family: where steps cost nothing.
        learner: of transitions, whose temperature is in its state.
        envs: environments side by side.
        steps: of each between two updates of the learner.
        rounds: how often both.
        updates: gradient steps in each round.
        batch_size: rows of each.
        starts: transitions before the first gradient step.
    """

    family: JaxFamily
    learner: OffPolicyLearner
    envs: int = 10
    steps: int = 10
    rounds: int = 300
    updates: int = 20
    batch_size: int = 64
    starts: int = 1000

    @partial(jax.jit, static_argnames="self")
    def run(self, keys: Key[Array, " seed"], log_temperature: Float[Array, " seed"]) -> State:
        """Returns the learner's state of every seed at the end."""
        return jax.vmap(self._one)(keys, log_temperature)

    def _one(self, key: Key[Array, ""], log_temperature: Float[Array, ""]) -> State:
        key_init, key_begin, key_run = jax.random.split(key, 3)
        capacity = self.envs * self.steps * self.rounds
        learner = Replayed(
            learner=self.learner,
            capacity=capacity,
            updates=self.updates,
            batch_size=self.batch_size,
            starts=min(self.starts, capacity),
        )
        state = learner.init(key_init)
        state = state._replace(learner=with_temperature(self.learner, state.learner, log_temperature))
        tasks = pool(self.family, self.envs)
        carry = begin_scan(key_begin, self.family, learner.policy, learner.params(state), tasks, self.envs)

        def one_round(at: tuple[State, Any], key: Key[Array, ""]) -> tuple[tuple[State, Any], None]:
            (state, carry), (key_roll, key_learn) = at, jax.random.split(key)
            params = learner.params(state)
            rollout, carry = rollout_scan(key_roll, self.family, learner.policy, params, carry, tasks, self.steps)
            state, _ = learner.update(key_learn, state, rollout)
            return (state, carry), None

        (state, _), _ = jax.lax.scan(one_round, (state, carry), jax.random.split(key_run, self.rounds))
        return state.learner


class Tuned(NamedTuple):
    """What fine-tuning gave, of every seed.

    Attributes:
        evaluated: mean return of the greedy policy after 0, 1, 2, ... of the points in time.
        practised: return of each target episode, the policy drawing its actions.
        path: the first two entries of what was observed in each target episode: where the point was, in m.
        greedy_path: likewise in the last greedy episode.
        learner: the learner's state at the end.
    """

    evaluated: Float[Array, "seed point"]
    practised: Float[Array, "seed episode"]
    path: Float[Array, "seed episode time 2"]
    greedy_path: Float[Array, "seed time 2"]
    learner: State


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """Learns from whole episodes of the scarce world, one at a time, beginning with what a source brings.

    Attributes:
        family: the target; its horizon is the length of every episode.
        learner: as in pretraining.
        graft: what of the source's state is carried over; the rest, the optimiser's moments among it, begins anew.
        episodes: of the target.
        every: episodes between two evaluations.
        updates: gradient steps after each episode.
        batch_size: rows of each.
        evaluation_episodes: greedy ones, for each evaluation; they are not learnt from.
    """

    family: JaxFamily
    learner: OffPolicyLearner
    graft: Graft = field(default_factory=lambda: Graft(parts=("params", "critics", "targets")))
    episodes: int = 60
    every: int = 2
    updates: int = 100
    batch_size: int = 64
    evaluation_episodes: int = 4

    def run(self, keys: Key[Array, " seed"], source: State | None, fall: Fall) -> Tuned:
        """Fine-tunes every seed's source; None begins from scratch, by the same compiled program.

        Args:
            keys: of all randomness.
            source: learner's states, axis `seed` in front.
            fall: of the temperature, axis `seed` in every leaf.
        """
        begun = jax.jit(jax.vmap(self.learner.init))(keys)
        if source is not None:
            begun = jax.vmap(self.graft.apply)(source, begun)
        return self._all(keys, begun, fall)

    @partial(jax.jit, static_argnames="self")
    def _all(self, keys: Key[Array, " seed"], begun: State, fall: Fall) -> Tuned:
        return jax.vmap(self._one)(keys, begun, fall)

    def _one(self, key: Key[Array, ""], begun: State, fall: Fall) -> Tuned:
        key_evaluate, key_run = jax.random.split(key)
        annealed = Annealed(learner=self.learner, schedule=LogLinear(start=1.0, end=1.0, updates=1))  # `fall` counts
        horizon = self.family.horizon or 1
        learner = Replayed(
            learner=annealed,
            capacity=horizon * self.episodes,
            updates=self.updates,
            batch_size=self.batch_size,
            starts=1,
        )
        annealed_state = AnnealedState(frozen(self.learner, begun, fall), fall, jnp.zeros((), jnp.int32))
        state = ReplayedState(annealed_state, Replay(capacity=learner.capacity).init(example(learner.policy)))
        greedy = dataclasses.replace(learner.policy, deterministic=True)  # pyright: ignore[reportArgumentType]

        def evaluate(state: State) -> tuple[Array, Array]:
            rollout = self.play(key_evaluate, greedy, learner.params(state), self.evaluation_episodes)
            return jnp.sum(rollout.reward, axis=0).mean(), place(rollout)[:, 0]

        def one_episode(state: State, key: Key[Array, ""]) -> tuple[State, tuple[Array, Array]]:
            key_play, key_learn = jax.random.split(key)
            rollout = self.play(key_play, learner.policy, learner.params(state), 1)
            state, _ = learner.update(key_learn, state, rollout)
            return state, (jnp.sum(rollout.reward), place(rollout)[:, 0])

        def between(state: State, keys: Key[Array, " episode"]) -> tuple[State, tuple[Array, ...]]:
            state, (practised, path) = jax.lax.scan(one_episode, state, keys)
            return state, (practised, path, *evaluate(state))

        first, _ = evaluate(state)
        keys = jax.random.split(key_run, self.episodes).reshape(-1, self.every)
        state, (practised, path, evaluated, greedy_path) = jax.lax.scan(between, state, keys)
        return Tuned(
            evaluated=jnp.concatenate([first[None], evaluated]),
            practised=practised.reshape(-1),
            path=path.reshape(-1, *path.shape[2:]),
            greedy_path=greedy_path[-1],
            learner=state.learner.learner,
        )

    def play(self, key: Key[Array, ""], policy: StochasticPolicy, params: Params, episodes: int) -> Rollout:
        """Plays whole episodes side by side, leaves `time episode ...`."""
        return play_whole(key, self.family, policy, params, episodes)


def frozen(learner: Learner, state: State, fall: Fall) -> State:
    """Freezes the noise of a sampling network that is annealed, to shrink to one vector with the temperature.

    Where the temperature does not fall the noise stays fresh. A policy without noise vectors stays as it is.

    Source: Haarnoja et al. 2017 (arXiv 1702.08165), section 5.3.
    """
    if not isinstance(learner, SoftQ):
        return state
    falls, most = fall.end < fall.start, float(learner.policy.noises)
    noise = {**state.params["noise"], "size": jnp.where(falls, most, 0.0)}
    rate = jnp.where(falls, (most - 1.0) / fall.updates, 0.0)
    return state._replace(params={**state.params, "noise": noise}, softness=state.softness._replace(noise_rate=rate))


def play_whole(
    key: Key[Array, ""], family: JaxFamily, policy: StochasticPolicy, params: Params, episodes: int
) -> Rollout:
    """Plays whole episodes of a world whose only end is its horizon, side by side; leaves `time episode ...`."""
    key_begin, key_roll = jax.random.split(key)
    tasks = pool(family, episodes)
    carry = begin_scan(key_begin, family, policy, params, tasks, episodes)
    return rollout_scan(key_roll, family, policy, params, carry, tasks, family.horizon or 1)[0]


def place(rollout: Rollout) -> Float[Array, "time episode 2"]:
    """Returns where the point came to in each step."""
    return rollout.next_obs[..., :2]


def pool(family: JaxFamily, n: int) -> Task:
    """Returns the nominal task, n times."""
    return jax.tree.map(lambda leaf: jnp.broadcast_to(jnp.asarray(leaf), (n, *jnp.shape(leaf))), family.task())
