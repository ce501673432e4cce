"""Training: which dynamics each episode of a rollout has."""

import jax
import numpy as np
import pytest

from headstart.adapt.randomize import preset
from headstart.learn.ppo import PPO
from headstart.nets.policies import GaussianPolicy
from headstart.run.train import MOST, Training
from headstart.tasks.catalogue import family


@pytest.mark.parametrize("split", [True, False])
def test_each_episode_of_a_rollout_has_dynamics_of_its_own(split):
    world = family("hopper")
    policy = GaussianPolicy(observation=world.observation, action=world.action, hidden=(8,))
    learner = PPO(policy=policy, envs=8, minibatch_size=32, value_hidden=(8,))
    training = Training(family=world, learner=learner, distribution=preset(world, "wide"), envs=8, split=split)
    after = training.advance(training.start(jax.random.key(0)))
    again = training.advance(after.run)
    mass = np.concatenate([one.rollout.task.dynamics["mass:torso"] for one in (after, again)])
    first = np.concatenate([one.rollout.first for one in (after, again)])
    episodes = [mass[begun:ended, env] for env in range(8) for begun, ended in spans(first[:, env])]
    assert len(episodes) > 3 * 8, "the policy that has learnt nothing must fall several times in a rollout"
    assert all((one == one[0]).all() for one in episodes), "dynamics stay for an episode, over rollouts too"
    values = [one[0] for one in episodes]
    assert len(set(values)) == len(values), f"{len(values) - len(set(values))} episodes have another one's torso"


def spans(first):
    """Returns where the episodes of one environment begin and end."""
    begun = np.flatnonzero(first)
    return list(zip(begun, [*begun[1:], len(first)], strict=True))


def test_pools_of_many_environments_or_short_rollouts_stay_small():
    world = family("pendulum")
    policy = GaussianPolicy(observation=world.observation, action=world.action, hidden=(8,))

    def pool(envs, steps):
        learner = PPO(policy=policy, envs=envs, minibatch_size=32)
        return Training(family=world, learner=learner, distribution=preset(world, "mild"), envs=envs, steps=steps).pool

    assert pool(64, 64) == 64 * 16
    assert pool(64, 1) == 64
    assert pool(8, 5) == 8 * 2
    assert pool(4096, 64) == MOST
    assert pool(2 * MOST, 64) == 2 * MOST
