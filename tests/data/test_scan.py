"""The JAX half of the seam: it is the host half, compiled; nothing crosses an episode; broken steps teach nobody."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.data.host import begin_host, collect_host
from headstart.data.scan import begin_scan, clip_action, rollout_scan, task_rows
from headstart.spaces import Box, Discrete
from headstart.types import Task
from tests.jax_worlds import Always, Choosing, Drifting, JaxCounting
from tests.worlds import Constant, Counting, Remembering

KEY = jax.random.key(0)


def pool(m):
    return Task({}, {"number": jnp.arange(m, dtype=jnp.float32)})


def roll(world, n=4, steps=12, policy=None, tasks=None, key=KEY):
    policy, tasks = policy or Constant(), pool(100) if tasks is None else tasks
    carry = begin_scan(key, world, policy, {}, tasks, n)
    return rollout_scan(key, world, policy, {}, carry, tasks, steps)


def test_two_episodes_by_hand():
    rollout, carry = roll(JaxCounting(envs=1, lengths=(3,)), n=1, steps=5)
    # obs = (task, episode, step); the second episode of the only environment takes row 0 + 1·1 = 1 of the pool
    np.testing.assert_array_equal(rollout.obs[:, 0], [[0, 0, 0], [0, 0, 1], [0, 0, 2], [1, 1, 0], [1, 1, 1]])
    np.testing.assert_array_equal(rollout.next_obs[:, 0], [[0, 0, 1], [0, 0, 2], [0, 0, 3], [1, 1, 1], [1, 1, 2]])
    np.testing.assert_array_equal(rollout.reward[:, 0], [1, 2, 3, 1, 2])
    np.testing.assert_array_equal(rollout.terminated[:, 0], [False, False, True, False, False])
    np.testing.assert_array_equal(rollout.first[:, 0], [True, False, False, True, False])
    np.testing.assert_array_equal(rollout.task.reward["number"][:, 0], [0, 0, 0, 1, 1])
    assert not rollout.truncated.any() and rollout.valid.all()
    np.testing.assert_array_equal(carry.elapsed, [2])
    np.testing.assert_array_equal(carry.episode, [1])
    np.testing.assert_array_equal(carry.obs, [[1, 1, 2]])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"horizon": 4},
        {"ends": "truncated"},
        {"ends": "truncated", "horizon": 3},
        {"breaks_at": 2},
    ],
    ids=str,
)
def test_both_halves_of_the_seam_agree_field_by_field(options):
    n, steps, tasks, lengths = 4, 24, pool(100), (3, 5, 2, 7)
    host = Counting(lengths=lengths, **options)
    theirs, _ = collect_host(KEY, host, Constant(), {}, begin_host(KEY, host, Constant(), {}, tasks, n), tasks, steps)
    ours, _ = roll(JaxCounting(envs=n, lengths=lengths, **options), n=n, steps=steps)
    for field, one, two in zip(ours._fields, ours, theirs, strict=True):
        np.testing.assert_equal(jax.tree.map(np.asarray, one), two, err_msg=field)


def test_no_row_crosses_an_episode():
    n, steps = 7, 60
    world, tasks = JaxCounting(envs=n, lengths=(3, 5, 2, 7), horizon=6), pool(1000)
    rollout, carry = roll(world, n=n, steps=steps, tasks=tasks)
    environment, (number, episode, step) = np.arange(n), np.moveaxis(np.asarray(rollout.obs), -1, 0)
    np.testing.assert_array_equal(number, environment + n * episode)
    np.testing.assert_array_equal(rollout.next_obs[..., :2], rollout.obs[..., :2])
    np.testing.assert_array_equal(rollout.next_obs[..., 2], step + 1)
    np.testing.assert_array_equal(rollout.reward, step + 1)
    np.testing.assert_array_equal(rollout.task.reward["number"], number)
    ended = rollout.terminated | rollout.truncated
    np.testing.assert_array_equal(rollout.first, step == 0)
    np.testing.assert_array_equal(rollout.first[1:], ended[:-1])
    np.testing.assert_array_equal(carry.episode, ended.sum(axis=0))
    assert not (rollout.terminated & rollout.truncated).any()


def test_two_calls_go_on_where_one_would():
    world, policy, tasks = JaxCounting(envs=4), Constant(), pool(100)
    carry = begin_scan(KEY, world, policy, {}, tasks, 4)
    whole, end = rollout_scan(KEY, world, policy, {}, carry, tasks, 12)
    one, carry = rollout_scan(KEY, world, policy, {}, carry, tasks, 5)
    two, carry = rollout_scan(KEY, world, policy, {}, carry, tasks, 7)
    jax.tree.map(np.testing.assert_array_equal, whole, jax.tree.map(lambda a, b: jnp.concatenate([a, b]), one, two))
    jax.tree.map(np.testing.assert_array_equal, end, carry)


def test_the_clock_truncates_and_never_terminates():
    rollout, _ = roll(JaxCounting(envs=2, lengths=(100,), horizon=4), n=2, steps=8)
    np.testing.assert_array_equal(rollout.truncated[:, 0], [False, False, False, True] * 2)
    assert not rollout.terminated.any()


def test_a_task_that_ends_on_the_last_tick_has_terminated():
    rollout, _ = roll(JaxCounting(envs=2, lengths=(4,), horizon=4), n=2, steps=4)
    assert rollout.terminated[3].all() and not rollout.truncated.any()


def test_a_broken_step_is_marked_finite_and_cuts_the_episode():
    # whatever breaks, and in the last environment nothing; in environment 1 the episode would have ended by itself in
    # the step that breaks, but a broken step does not terminate
    world = JaxCounting(envs=4, lengths=(9, 3, 9, 3), breaks_at=3, breaks=("obs", "reward", "valid", "nothing"))
    rollout, carry = roll(world, n=4, steps=6)
    np.testing.assert_array_equal(rollout.valid[:, :3], np.array([[True, True, False] * 2] * 3).T)
    np.testing.assert_array_equal(rollout.truncated, ~rollout.valid)
    np.testing.assert_array_equal(rollout.terminated[2], [False, False, False, True])
    np.testing.assert_array_equal(rollout.next_obs[2, :3], rollout.obs[2, :3])
    np.testing.assert_array_equal(rollout.reward[2], [0, 0, 0, 3])
    np.testing.assert_array_equal(rollout.first[3], [True] * 4)
    np.testing.assert_array_equal(carry.episode, [2] * 4)
    assert rollout.valid[:, 3].all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves((rollout, carry)))


def test_a_world_that_starts_broken_gives_no_valid_row():
    rollout, _ = roll(JaxCounting(envs=2, breaks_at=0), n=2, steps=4)
    assert not rollout.valid.any() and rollout.truncated.all() and rollout.first.all()
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(rollout))


def test_an_action_that_is_not_finite_gives_no_valid_row():
    rollout, _ = roll(JaxCounting(envs=3), n=3, steps=4, policy=Always(values=(np.nan, np.inf, 0.5)))
    np.testing.assert_array_equal(rollout.valid, [[False, False, True]] * 4)
    np.testing.assert_array_equal(rollout.truncated, ~rollout.valid)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(rollout))


def test_the_world_sees_clipped_actions_and_the_rollout_keeps_the_choice():
    rollout, carry = roll(JaxCounting(envs=2), n=2, steps=2)
    np.testing.assert_array_equal(rollout.action, np.full((2, 2, 2), 3.0))
    np.testing.assert_array_equal(carry.world["action"], np.ones((2, 2)))


def test_choices_are_clipped_as_well():
    rollout, carry = roll(Choosing(), n=2, steps=1, policy=Always(values=(9,), shape=(), dtype="int32"))
    np.testing.assert_array_equal(rollout.action, [[9, 9]])
    np.testing.assert_array_equal(carry.world, [[4], [4]])


def test_bounds_may_differ_by_entry_and_be_infinite():
    space = Box((3,), (-1.0, -np.inf, 0.0), (1.0, 2.0, np.inf))
    action = jnp.array([[-5.0, -5.0, -5.0], [5.0, 5.0, 5.0]])
    np.testing.assert_array_equal(clip_action(space, action), [[-1, -5, 0], [1, 2, 5]])
    np.testing.assert_array_equal(clip_action(Discrete(3), jnp.array([-1, 1, 3])), [0, 1, 2])


def test_memory_is_reset_where_an_episode_begins():
    rollout, _ = roll(JaxCounting(envs=4, breaks_at=4), n=4, steps=20, policy=Remembering())
    np.testing.assert_array_equal(rollout.action[..., 0], rollout.obs[..., 2])


@pytest.mark.parametrize(("n", "m"), [(4, 1), (4, 3), (3, 4), (7, 7)])
def test_tasks_are_taken_round_and_round(n, m):
    episode = jnp.array([0, 1, 5, 1000, 2, 3, 70000][:n], jnp.int32)
    expected = [(i + n * int(episode[i])) % m for i in range(n)]
    np.testing.assert_array_equal(task_rows(pool(m), episode).reward["number"], expected)


def test_what_an_environment_meets_depends_on_key_step_and_environment_alone():
    few, _ = roll(Drifting(), n=2, steps=6, tasks=Task({}, {}))
    many, _ = roll(Drifting(), n=5, steps=9, tasks=Task({}, {}))
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b[:6, :2]), few, many)


def test_no_two_draws_are_the_same():
    rollout, _ = roll(Drifting(), n=5, steps=9, tasks=Task({}, {}))
    draws = np.concatenate([np.asarray(rollout.reward).ravel(), np.asarray(rollout.obs)[rollout.first].ravel()])
    assert rollout.first.sum() > 8
    assert len(np.unique(draws)) == len(draws)
    other, _ = roll(Drifting(), n=5, steps=9, tasks=Task({}, {}), key=jax.random.key(1))
    assert not np.isin(other.obs[0], rollout.obs[0]).any()


def test_seeds_can_be_vmapped_and_draw_the_same():
    keys = jax.random.split(KEY, 3)
    together, _ = jax.vmap(lambda key: roll(Drifting(), n=5, steps=9, tasks=Task({}, {}), key=key))(keys)
    for i in range(3):
        alone, _ = roll(Drifting(), n=5, steps=9, tasks=Task({}, {}), key=keys[i])
        jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b[i]), alone, together)  # noqa: B023


def test_a_second_call_of_the_same_shape_does_not_compile_again():
    roll(JaxCounting(envs=2), n=2, steps=3)
    before = rollout_scan._cache_size()
    roll(JaxCounting(envs=2), n=2, steps=3, key=jax.random.key(1))
    assert rollout_scan._cache_size() == before
