"""No transition crosses an episode, whatever the batching and the autoreset mode: every row is read and judged."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.data.collect import begin, collect
from headstart.tasks.gymnasium_world import GymnasiumFamily
from tests.tasks.gym_worlds import plan

MODES = ("DISABLED", "NEXT_STEP", "SAME_STEP")


@dataclass(frozen=True)
class Still:
    """Always chooses 0."""

    def init(self, key):
        return {}

    def start(self, params, n):
        return ()

    def apply(self, key, params, carry, obs):
        return jnp.zeros((obs.shape[0], 1)), carry


def family(function, *, isolate=False, **arguments):
    source = f"tests.tasks.gym_worlds:{function}"
    return GymnasiumFamily(source=source, arguments=tuple(arguments.items()), isolate=isolate, workers=3)


def wrong_rows(rollout):
    """Judges every row by what it says of itself; returns the number of wrong ones and of whole episodes."""
    obs, after = np.asarray(rollout.obs), np.asarray(rollout.next_obs)
    wrong = episodes = 0
    for env in range(obs.shape[1]):
        last = None
        for t in range(obs.shape[0]):
            if not rollout.valid[t, env]:
                wrong += not rollout.truncated[t, env]
                continue
            who, episode, step, length = obs[t, env].astype(int).tolist()
            planned, task_ends = plan(who, episode)
            ends = step + 1 == planned
            right = length == planned and (after[t, env] == obs[t, env] + [0, 0, 1, 0]).all()
            right &= rollout.reward[t, env] == step + 1
            right &= rollout.terminated[t, env] == (ends and task_ends)
            right &= rollout.truncated[t, env] == (ends and not task_ends)
            right &= rollout.first[t, env] == (step == 0) or last is None
            if last is not None:
                identity, before, reached, over = last
                right &= who == identity and (
                    (episode > before and step == 0) if over else (episode == before and step == reached)
                )
            last = (who, episode, step + 1, ends)
            wrong, episodes = wrong + (not right), episodes + bool(ends)
    return wrong, episodes


def played(family, n, steps):
    key, policy, tasks = jax.random.key(n), Still(), family.task()
    carry = begin(key, family, policy, {}, tasks, n)
    rollout, carry = collect(key, family, policy, {}, carry, tasks, steps)
    for state in carry.world:
        family.close(state)
    return rollout


CASES = [  # together more than 10,000 episodes
    *((1, family("counting"), 1.0), (8, family("counting"), 1.0), (5, family("counting", isolate=True), 1.0)),
    *((size, family("sync", size=size, mode=mode), 1.0) for size in (1, 4) for mode in MODES),
    *((6, family("sync", size=3, mode=mode, isolate=True), 1.0) for mode in MODES),
    *((size, family("foreign", size=size, mode=mode), 1.0) for size in (1, 8) for mode in MODES),
    *((2, family("asynchronous", size=2, mode=mode, isolate=True), 0.2) for mode in MODES),
]


@pytest.mark.parametrize(("n", "world", "share"), CASES, ids=lambda x: getattr(x, "name", str(x)))
def test_no_row_of_a_counting_environment_is_wrong(n, world, share):
    rollout = played(world, n, int(share * 2700 / n))
    wrong, episodes = wrong_rows(rollout)
    assert wrong == 0
    assert episodes >= share * 450  # of 4 steps on average; a fifth of the steps is lost where resets take one
    rests = n > 1 and "foreign" in world.name and "NEXT_STEP" in world.name
    assert rests == (not rollout.valid.all())


def test_the_judge_sees_a_mistake():
    rollout = played(family("counting"), 1, 60)
    assert wrong_rows(rollout)[0] == 0
    end = int(np.argmax(rollout.terminated[:, 0]))
    assert wrong_rows(rollout._replace(terminated=rollout.truncated, truncated=rollout.terminated))[0] > 0
    crossed = rollout.next_obs.copy()
    crossed[end] = rollout.obs[end + 1]
    assert wrong_rows(rollout._replace(next_obs=crossed))[0] == 1
