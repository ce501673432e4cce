"""The ring against a list that does the same."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.data import replay as replay_module
from headstart.data.replay import Replay, Transitions, memory_bytes, row_bytes
from headstart.errors import InputError
from headstart.types import Rollout, Task

EXAMPLE = Transitions({"a": jnp.zeros(2), "b": jnp.zeros((), jnp.int32)}, *[jnp.zeros(())] * 2, {}, jnp.zeros((), bool))
EXAMPLE = EXAMPLE._replace(next_obs=EXAMPLE.obs)


def rollout(start, steps, envs, valid=None):
    """A rollout whose rewards count up from `start`, in order of time."""
    number = (start + jnp.arange(steps * envs, dtype=jnp.float32)).reshape(steps, envs)
    never = jnp.zeros((steps, envs), bool)
    obs = {"a": jnp.stack([number, -number], -1), "b": number.astype(jnp.int32)}
    valid = jnp.ones((steps, envs), bool) if valid is None else valid
    return Rollout(obs, number, number, obs, number % 2 == 0, never, never, valid, Task({}, {}))


def held(state):
    return sorted(int(x) for x in np.array(state.rows.reward)[: int(state.size)])


ADD = jax.jit(lambda ring, state, batch: ring.add(state, batch), static_argnums=0, donate_argnums=1)


def test_forgets_the_oldest_first_and_skips_rows_that_are_not_valid():
    ring, expected, rng = Replay(capacity=10), [], np.random.default_rng(0)
    state = ring.init(EXAMPLE)
    for round_ in range(7):
        valid = rng.random((2, 3)) < 0.7
        state = ADD(ring, state, rollout(6 * round_, 2, 3, jnp.asarray(valid)))
        expected = (expected + [6 * round_ + i for i in range(6) if valid.reshape(-1)[i]])[-10:]
        assert held(state) == sorted(expected)


def test_all_fields_of_a_row_stay_together():
    ring = Replay(capacity=7)
    state = ADD(ring, ADD(ring, ring.init(EXAMPLE), rollout(0, 2, 3)), rollout(6, 2, 3))
    rows = ring.sample(jax.random.key(0), state, 50)
    np.testing.assert_array_equal(rows.obs["a"], jnp.stack([rows.reward, -rows.reward], -1))
    np.testing.assert_array_equal(rows.obs["b"], rows.reward.astype(jnp.int32))
    np.testing.assert_array_equal(rows.terminated, rows.reward % 2 == 0)


def test_of_a_rollout_longer_than_the_ring_the_end_is_kept():
    ring = Replay(capacity=4)
    assert held(ADD(ring, ring.init(EXAMPLE), rollout(0, 3, 3))) == [5, 6, 7, 8]


def test_a_rollout_of_nothing_valid_changes_nothing():
    ring = Replay(capacity=4)
    state = ring.add(ring.init(EXAMPLE), rollout(0, 1, 3))
    after = ring.add(state, rollout(100, 1, 3, jnp.zeros((1, 3), bool)))
    jax.tree.map(np.testing.assert_array_equal, after, state)


def test_draws_every_row_that_is_there_equally_and_none_that_is_not():
    ring = Replay(capacity=100)
    state = ring.add(ring.init(EXAMPLE), rollout(1, 2, 4))
    drawn = np.array(ring.sample(jax.random.key(0), state, 8000).reward).astype(int)
    counts = np.bincount(drawn, minlength=9)
    assert counts[0] == 0
    assert np.all(np.abs(counts[1:] - 1000) < 5 * np.sqrt(1000))


def test_the_ring_is_written_in_place():
    ring = Replay(capacity=1000)
    state = ring.init(EXAMPLE)
    before = state.rows.reward.unsafe_buffer_pointer()
    assert ADD(ring, state, rollout(0, 2, 3)).rows.reward.unsafe_buffer_pointer() == before


def test_more_than_the_memory_is_refused_with_a_capacity_that_fits(monkeypatch):
    monkeypatch.setattr(replay_module, "memory_bytes", lambda: 1000)
    assert row_bytes(EXAMPLE) == 8 + 4 + 4 + 4 + 8 + 4 + 1
    with pytest.raises(InputError, match="a capacity of 24 fits"):
        Replay(capacity=25).init(EXAMPLE)
    assert Replay(capacity=24).init(EXAMPLE).size == 0


def test_the_limit_of_the_container_counts(monkeypatch, tmp_path):
    (tmp_path / "memory.max").write_text("1234\n")
    monkeypatch.setattr(replay_module, "CGROUP_LIMITS", (tmp_path / "memory.max",))
    assert memory_bytes() == 1234
    (tmp_path / "memory.max").write_text("max\n")
    assert memory_bytes() > 1e8


def test_a_ring_without_room_is_refused():
    with pytest.raises(InputError, match="at least 1"):
        Replay(capacity=0)
