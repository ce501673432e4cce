"""Soft pretraining on worlds outside JAX (MuJoCo, any Gymnasium environment): one seed after the other."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Key

from headstart.data.collect import play
from headstart.experiments.soft_arms import Arm, Design, Lived, Source
from headstart.learn.anneal import with_temperature
from headstart.learn.replayed import Replayed
from headstart.nets.random_actions import RandomActions
from headstart.run.evaluate import Evaluation
from headstart.run.train import Training, train
from headstart.tasks.fixed import Fixed
from headstart.transfer.diagnosis import diagnose, laid_out
from headstart.transfer.soft import Softly
from headstart.types import Params, Rollout, State, TaskFamily

ENVS, STEPS, UPDATES = 10, 10, 20  # of pretraining: a round, as in the worlds inside JAX
LONGEST = 1000  # steps that an episode of a world with a clock of its own is taken to have
LOOKED_AT = 3  # episodes of each source, and of random actions


@dataclass(frozen=True, kw_only=True)
class SoftHost:
    """Runs a design seed by seed. Target episodes are whole episodes of the target's nominal task.

    Attributes:
        design: of SAC arms.
    """

    design: Design

    def pretrain(self, name: str) -> Source:
        """Trains the source of every seed at its temperature, and looks at what it became."""
        design, learner = self.design, self.design.learner(name)
        states, returns, found = [], [], []
        for seed in design.seeds:
            key_train, key_look = jax.random.split(jax.random.fold_in(jax.random.key(seed), 0))
            states.append(self.learnt(key_train, name))
            params, nobody = learner.params(states[-1]), RandomActions(action=design.source.action)
            ours = whole(key_look, design.source, learner.policy, params, LOOKED_AT)
            theirs = whole(key_look, design.source, nobody, {}, LOOKED_AT)
            returns.append(Evaluation.of(ours).episode_return.mean())
            found.append(diagnose(learner.policy, params, laid_out(ours), laid_out(theirs))._asdict())
        return Source(states, np.array(returns), found, None)

    def learnt(self, key: Key[Array, ""], name: str) -> State:
        """Trains one source."""
        design, scale = self.design, self.design.scale
        capacity = scale.rounds * ENVS * STEPS
        replayed = Replayed(
            learner=design.learner(name), capacity=capacity, updates=UPDATES, starts=min(1000, capacity),
            batch_size=scale.batch_size,
        )  # fmt: skip
        key_init, key_run = jax.random.split(key)
        state = replayed.init(key_init)
        log_temperature = jax.numpy.float32(math.log(design.temperatures[name]))
        state = state._replace(learner=with_temperature(replayed.learner, state.learner, log_temperature))
        tasks = Fixed(task=design.source.task())
        training = Training(family=design.source, learner=replayed, distribution=tasks, envs=ENVS, steps=STEPS)
        run = training.start(key_run, state)
        for progress in train(training, run, scale.rounds * ENVS * STEPS):
            run = progress.run
        return run.learner.learner

    def tune(self, arm: Arm, source: Source | None) -> Lived:
        """Fine-tunes every seed of an arm on the target."""
        lived = [self.lived(seed, arm, None if source is None else source.state[i]) for i, seed in self._numbered()]
        evaluated, practised = zip(*lived, strict=True)
        return Lived(np.array(evaluated), np.array(practised))

    def lived(self, seed: int, arm: Arm, source: State | None) -> tuple[list[float], list[float]]:
        """Fine-tunes one seed; returns the greedy returns at each point, and those of the episodes in between."""
        design, scale, target = self.design, self.design.scale, self.design.target
        tuning: Any = Softly(
            learner=design.learner(arm.source),  # pyright: ignore[reportArgumentType]
            schedule=design.schedule(arm),
            graft=design.graft(arm.source),
            updates_per_step=scale.updates / (target.horizon or LONGEST),
            batch_size=scale.batch_size,
            capacity=scale.episodes * (target.horizon or LONGEST),
        )
        greedy = dataclasses.replace(tuning.policy, deterministic=True)
        key_start, key_evaluate, key_run = jax.random.split(jax.random.fold_in(jax.random.key(seed), 2), 3)
        state, evaluated, practised = tuning.start(key_start, source), [], []
        for episode in range(scale.episodes + 1):
            if episode % scale.every == 0:
                seen = whole(key_evaluate, target, greedy, tuning.params(state), scale.evaluation_episodes)
                evaluated.append(float(Evaluation.of(seen).episode_return.mean()))
            if episode < scale.episodes:
                key_play, key_learn = jax.random.split(jax.random.fold_in(key_run, episode))
                played = whole(key_play, target, tuning.policy, tuning.params(state), 1)
                practised.append(float(Evaluation.of(played).episode_return[0]))
                state, _ = tuning.learn(key_learn, state, played)
        return evaluated, practised

    def _numbered(self) -> enumerate[int]:
        return enumerate(self.design.seeds)


def whole(key: Key[Array, ""], world: TaskFamily, policy: Any, params: Params, episodes: int) -> tuple[Rollout, ...]:
    """Plays whole episodes of the nominal task."""
    return play(key, world, policy, params, Fixed(task=world.task()).sample(key, (), episodes), episodes)
