"""The host half of the seam: nothing crosses an episode, ends are what they are, broken steps teach nobody."""

import time
from dataclasses import dataclass, field

import jax
import numpy as np
import pytest

from headstart.data.host import begin_host, collect_host
from headstart.data.seeds import Seeds, mix
from headstart.errors import Fault
from headstart.types import Task
from tests.worlds import Constant, Counting, Remembering

KEY = jax.random.key(0)


def pool(m):
    return Task({}, {"number": np.arange(m, dtype=np.float32)})


def roll(world, n=4, steps=12, policy=None, m=None, **options):
    policy = policy or Constant()
    tasks = pool(m or n)
    carry = begin_host(KEY, world, policy, {}, tasks, n)
    return collect_host(KEY, world, policy, {}, carry, tasks, steps, **options)


def test_two_episodes_by_hand():
    rollout, carry = roll(Counting(lengths=(3,)), n=1, steps=5, m=2)
    # obs = (task, episode, step): task 0, then row 0 + 1·1 = 1 of the pool
    np.testing.assert_array_equal(rollout.obs[:, 0], [[0, 0, 0], [0, 0, 1], [0, 0, 2], [1, 1, 0], [1, 1, 1]])
    np.testing.assert_array_equal(rollout.next_obs[:, 0], [[0, 0, 1], [0, 0, 2], [0, 0, 3], [1, 1, 1], [1, 1, 2]])
    np.testing.assert_array_equal(rollout.reward[:, 0], [1, 2, 3, 1, 2])
    np.testing.assert_array_equal(rollout.terminated[:, 0], [False, False, True, False, False])
    np.testing.assert_array_equal(rollout.first[:, 0], [True, False, False, True, False])
    np.testing.assert_array_equal(rollout.task.reward["number"][:, 0], [0, 0, 0, 1, 1])
    assert not rollout.truncated.any() and rollout.valid.all()
    np.testing.assert_array_equal(carry.elapsed, [2])
    np.testing.assert_array_equal(carry.episode, [1])


@pytest.mark.parametrize("n", [1, 4, 16, 17], ids=lambda n: f"{n} environments")
def test_no_row_crosses_an_episode(n):
    rollout, _ = roll(Counting(lengths=(3, 5, 2, 7)), n=n, steps=40)
    same = rollout.obs[..., 1] == rollout.next_obs[..., 1]
    assert same.all(), "next_obs belongs to the episode of obs"
    np.testing.assert_array_equal(rollout.next_obs[..., 2], rollout.obs[..., 2] + 1)
    np.testing.assert_array_equal(rollout.first[1:], (rollout.terminated | rollout.truncated)[:-1])
    np.testing.assert_array_equal(rollout.first, rollout.obs[..., 2] == 0)
    expected = (np.arange(n) + n * rollout.obs[..., 1]) % n
    np.testing.assert_array_equal(rollout.obs[..., 0], expected)


def test_a_batch_in_one_does_what_its_halves_do():
    world, policy, tasks = Counting(lengths=(3, 5)), Constant(), pool(16)
    whole, parted = (begin_host(KEY, world, policy, {}, tasks, 16, split=split) for split in (False, True))
    assert len(whole.world) == 1 and len(parted.world) == 2
    for _ in range(2):
        (one, whole), (two, parted) = (
            collect_host(KEY, world, policy, {}, carry, tasks, 9) for carry in (whole, parted)
        )
        jax.tree.map(np.testing.assert_array_equal, one, two)
    assert len(whole.world) == 1


def test_two_calls_are_one_long_call():
    world, policy, tasks = Counting(lengths=(3, 5)), Constant(), pool(16)
    carry = begin_host(KEY, world, policy, {}, tasks, 16)
    whole, end = collect_host(KEY, world, policy, {}, carry, tasks, 20)
    one, carry = collect_host(KEY, world, policy, {}, carry, tasks, 9)
    two, carry = collect_host(KEY, world, policy, {}, carry, tasks, 11)
    pasted = jax.tree.map(lambda a, b: np.concatenate([a, b]), one, two)
    jax.tree.map(np.testing.assert_array_equal, whole, pasted)
    jax.tree.map(np.testing.assert_array_equal, end, carry)


def test_the_clock_truncates_and_never_terminates():
    rollout, _ = roll(Counting(lengths=(100,), horizon=4), n=2, steps=8)
    np.testing.assert_array_equal(rollout.truncated[:, 0], [False, False, False, True] * 2)
    assert not rollout.terminated.any()


def test_a_task_that_ends_on_the_last_tick_has_terminated():
    rollout, _ = roll(Counting(lengths=(4,), horizon=4), n=2, steps=4)
    assert rollout.terminated[3].all() and not rollout.truncated.any()


def test_the_worlds_own_clock_is_kept():
    rollout, _ = roll(Counting(lengths=(3,), ends="truncated"), n=2, steps=6)
    np.testing.assert_array_equal(rollout.truncated[:, 0], [False, False, True] * 2)


def test_the_world_sees_clipped_actions_and_the_rollout_keeps_the_choice():
    rollout, carry = roll(Counting(), n=2, steps=2)
    np.testing.assert_array_equal(rollout.action, np.full((2, 2, 2), 3.0))
    np.testing.assert_array_equal(carry.world[0]["action"], np.ones((2, 2)))


def test_a_broken_step_is_marked_finite_and_cuts_the_episode():
    rollout, _ = roll(Counting(lengths=(9,), breaks_at=3), n=2, steps=6)
    np.testing.assert_array_equal(rollout.valid[:, 0], [True, True, False] * 2)
    np.testing.assert_array_equal(rollout.truncated[:, 0], [False, False, True] * 2)
    assert not rollout.terminated.any()
    for leaf in jax.tree.leaves(rollout):
        assert np.isfinite(leaf).all()
    np.testing.assert_array_equal(rollout.next_obs[2], rollout.obs[2])


def test_memory_is_reset_where_an_episode_begins():
    rollout, _ = roll(Counting(lengths=(3, 5)), n=16, steps=20, policy=Remembering())
    np.testing.assert_array_equal(rollout.action[..., 0], rollout.obs[..., 2])


def test_once_plays_one_episode_and_rests():
    rollout, carry = roll(Counting(lengths=(3, 5)), n=2, steps=8, resting=np.zeros(2, bool))
    np.testing.assert_array_equal(rollout.valid.sum(axis=0), [3, 5])
    np.testing.assert_array_equal(rollout.terminated.sum(axis=0), [1, 1])
    np.testing.assert_array_equal(carry.world[0]["step"], [3, 5])
    np.testing.assert_array_equal(carry.world[0]["episode"], [0, 0])


def test_seeds_do_not_depend_on_how_many_environments_there_are():
    seeds = Seeds(KEY)
    np.testing.assert_array_equal(seeds.steps(5, np.arange(3)), seeds.steps(5, np.arange(8))[:3])
    everything = np.concatenate([seeds.steps(t, np.arange(50)) for t in range(50)] + [seeds.resets(7, np.arange(50))])
    assert len(np.unique(everything)) == len(everything)
    assert (everything >= 0).all()


def test_mix_is_splitmix64():
    # first outputs of SplitMix64 seeded with 1234567, as published with the reference implementation
    state, outputs = 1234567, []
    for _ in range(2):
        outputs.append(int(mix(np.uint64(state))))
        state = (state + 0x9E3779B97F4A7C15) % 2**64
    assert outputs == [6457827717110365317, 3203168211198807973]


def test_a_world_that_is_not_wanted_is_never_begun():
    world, tasks, resting = Counting(lengths=(3,)), pool(2), np.array([False, True])
    carry = begin_host(KEY, world, Constant(), {}, tasks, 2, resting=resting)
    rollout, carry = collect_host(KEY, world, Constant(), {}, carry, tasks, 5, resting=resting)
    np.testing.assert_array_equal(carry.world[0]["episode"], [0, -1])
    np.testing.assert_array_equal(rollout.valid.sum(axis=0), [3, 0])


@dataclass(frozen=True, kw_only=True)
class Failing:
    """A world of which one half batch raises at once while the other is stepped slowly; counts the slow one's steps."""

    world: Counting
    slow: list = field(default_factory=list)

    def __getattr__(self, name):
        return getattr(self.world, name)

    def step(self, seeds, state, action, where):
        if state["number"][0] > 0:
            raise Fault("the second half broke")
        self.slow.append(1)
        time.sleep(0.01)
        return self.world.step(seeds, state, action, where)


def test_a_half_that_fails_stops_the_other():
    world = Failing(world=Counting(lengths=(9,)))
    with pytest.raises(Fault, match="second half broke"):
        roll(world, n=16, steps=300)
    assert len(world.slow) < 300


def test_a_running_episode_keeps_the_task_that_it_began_with():
    world, first, later = Counting(lengths=(3, 5)), pool(4), Task({}, {"number": np.arange(10, 17, dtype=np.float32)})
    carry = begin_host(KEY, world, Constant(), {}, first, 4)
    _, carry = collect_host(KEY, world, Constant(), {}, carry, first, 4)
    rollout, carry = collect_host(KEY, world, Constant(), {}, carry, later, 7)
    number = rollout.task.reward["number"]
    np.testing.assert_array_equal(number, rollout.obs[..., 0], "what is recorded is what the world was given")
    np.testing.assert_array_equal(number[0], [0, 1, 2, 3])
    # environment 0 began episode 1 with row 4 % 4 of the first pool, ends it after 2 steps, then takes row 8 % 7
    np.testing.assert_array_equal(number[:, 0], [0, 0, 11, 11, 11, 15, 15])
    np.testing.assert_array_equal(carry.task.reward["number"], carry.obs[..., 0])
