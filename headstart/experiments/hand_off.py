"""Does a policy survive being handed from one learner to another? Worlds, ways, and what was returned before and after.

A policy is learnt at home, on-policy or by cloning that one's actions, and meets the same world with other dynamics. It
is evaluated there as it came, then another learner gets 1,000 steps of it, and it is evaluated again.

Source: lecture slide "Idea 1: policy transfer".
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np

from headstart.data.collect import begin, collect, play
from headstart.experiments.sources import key_of
from headstart.learn.bc import BC
from headstart.learn.ppo import PPO, PPOState
from headstart.maths.statistics import bootstrap_interval
from headstart.nets.policies import GaussianPolicy
from headstart.run.evaluate import Evaluation
from headstart.run.train import Training, train
from headstart.tasks.catalogue import family
from headstart.tasks.fixed import Fixed
from headstart.transfer.fine_tune import FineTuning, OnPolicy
from headstart.transfer.off_policy import Experienced, OffPolicy, heir
from headstart.transfer.policy import Graft
from headstart.types import Demonstration, Params, Rollout, Task, TaskFamily

SHIFTS: dict[str, dict[str, float]] = {
    "pendulum": {"mass:rod": 1.2, "damping:joint": 0.1, "torque:motor": 1.8},
    "point_navigation": {"rotation:action": 0.4, "wind:x": 0.01, "step:point": 0.07},
    "hopper": {"mass:torso": 1.3, "friction:floor": 0.7, "delay:action": 1.0},
}
HOME_STEPS = {"pendulum": 327_680, "point_navigation": 131_072, "hopper": 131_072}


class Handed(NamedTuple):
    """What a policy returned before and after it was handed on.

    Attributes:
        zero_shot: of each evaluation episode, as it came.
        after: likewise, after the other learner has had its steps.
        steps: on the target, that it had.
    """

    zero_shot: np.ndarray
    after: np.ndarray
    steps: int

    @property
    def kept(self) -> bool:
        """Whether the return is not below the zero-shot return by more than its 95 % interval."""
        before = bootstrap_interval(self.zero_shot[:, None])
        return bootstrap_interval(self.after[:, None]).value >= before.low


@dataclass(frozen=True, kw_only=True)
class HandOff:
    """One world and one source.

    Attributes:
        world: a key of `SHIFTS`.
        seed: of everything.
        home_steps: of pretraining.
        target_steps: that the second learner gets, in whole episodes.
        evaluation_episodes: before and after.
        envs: at home, side by side.
    """

    world: str
    seed: int
    home_steps: int
    target_steps: int = 1_000
    evaluation_episodes: int = 30
    envs: int = 64

    @property
    def family(self) -> TaskFamily:
        """The world."""
        return family(self.world)

    @property
    def policy(self) -> GaussianPolicy:
        """What is learnt at home."""
        return GaussianPolicy(observation=self.family.observation, action=self.family.action)  # pyright: ignore

    def target(self) -> Task:
        """Returns the task that is met: the nominal one with other dynamics."""
        task = self.family.task()
        dynamics = {name: np.float32(value) for name, value in SHIFTS[self.world].items()}
        return task._replace(dynamics={**task.dynamics, **dynamics})

    def learnt(self) -> PPOState:
        """Learns at home by PPO."""
        learner = PPO(policy=self.policy, envs=self.envs)
        training = Training(family=self.family, learner=learner, distribution=self.home(), envs=self.envs)
        run = training.start(key_of(self.seed, "home"))
        for progress in train(training, run, self.home_steps):
            run = progress.run
        return run.learner

    def home(self) -> Fixed:
        """Returns the nominal task, always."""
        return Fixed(task=self.family.task())

    def experience(self, params: Params, steps: int = 256) -> Rollout:
        """Returns what the source sees at home, acting as it learnt to."""
        key_begin, key_act = jax.random.split(key_of(self.seed, "experience"))
        pool = self.home().sample(key_begin, (), self.envs)
        carry = begin(key_begin, self.family, self.policy, params, pool, self.envs)
        return collect(key_act, self.family, self.policy, params, carry, pool, steps)[0]

    def cloned(self, params: Params, steps: int = 2_000) -> Experienced:
        """Clones the source from what it does, greedily, in the states that it sees."""
        seen = jax.tree.map(lambda x: np.asarray(x).reshape((-1, *x.shape[2:])), self.experience(params).obs)
        acted, _ = self.policy.distribution(params, (), seen)
        learner = BC(policy=self.policy, steps=steps)
        state, _ = learner.update(
            key_of(self.seed, "clone"), learner.init(key_of(self.seed, "fresh")), Demonstration(seen, acted.greedy())
        )
        return Experienced(state.params)

    def hand(self, tuning: FineTuning, source: Any, zero_shot: np.ndarray) -> Handed:
        """Gives the target's steps to a way of fine-tuning.

        Args:
            tuning: the second learner.
            source: the state that it begins from.
            zero_shot: what the policy returned as it came.
        """
        key_start, key = jax.random.split(key_of(self.seed, "hand"))
        tasks, state, taken = Fixed(task=self.target()).sample(key, (), 1), tuning.start(key_start, source), 0
        while taken < self.target_steps:
            key, key_play, key_learn = jax.random.split(key, 3)
            episodes = play(key_play, self.family, tuning.policy, tuning.params(state), tasks, 2)
            state, _ = tuning.learn(key_learn, state, episodes)
            taken += int(Evaluation.of(episodes).length.sum())
        return Handed(zero_shot, self.evaluate(tuning.policy, tuning.params(state)), taken)

    def evaluate(self, policy: Any, params: Params) -> np.ndarray:
        """Returns what the greedy policy returns on the target, episode by episode; the same episodes for everyone."""
        greedy, tasks = dataclasses.replace(policy, deterministic=True), Fixed(task=self.target())
        pool = tasks.sample(jax.random.key(0), (), 1)
        number = self.evaluation_episodes
        return Evaluation.of(
            play(key_of(self.seed, "evaluation"), self.family, greedy, params, pool, number)
        ).episode_return

    def ways(self) -> dict[str, Callable[[PPOState], Handed]]:
        """Returns each way of handing on, as a function of the state that PPO ended in."""

        def off_policy(source: Experienced) -> Handed:
            return self.hand(OffPolicy(learner=heir(self.policy)), source, self.evaluate(self.policy, source.params))

        def on_policy(source: Experienced) -> Handed:
            learner = PPO(policy=self.policy, envs=1, epochs=10, minibatch_size=256, target_kl=0.02, critic_warmup=1)
            tuning = OnPolicy(learner=learner, graft=Graft(parts=("params",)))
            return self.hand(tuning, source, self.evaluate(self.policy, source.params))

        return {
            "PPO to SAC": lambda state: off_policy(Experienced(state.params)),
            "PPO to SAC with the source's steps": lambda state: off_policy(
                Experienced(state.params, self.experience(state.params))
            ),
            "clone to SAC": lambda state: off_policy(self.cloned(state.params)),
            "clone to PPO": lambda state: on_policy(self.cloned(state.params)),
        }
