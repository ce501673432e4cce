"""Returns and lengths are those of whole episodes, however time is cut into rollouts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headstart.run import checkpoint, episodes
from headstart.types import Rollout, Task


def rollout(reward, terminated=None, truncated=None, valid=None, first=None):
    reward = np.asarray(reward, np.float32)
    no = np.zeros(reward.shape, bool)
    pick = lambda flags, default: default if flags is None else np.asarray(flags, bool)  # noqa: E731
    ends = pick(terminated, no), pick(truncated, no)
    return Rollout(reward, reward, reward, reward, *ends, pick(first, no), pick(valid, ~no), Task({}, {}))


def test_two_environments_by_hand():
    # environment 0: 1+2 ends (terminated), then 4 goes on; environment 1: 10 ends (truncated), 20+40 ends (terminated)
    state = episodes.track(
        episodes.start(2),
        rollout([[1, 10], [2, 20], [4, 40]], [[0, 0], [1, 0], [0, 1]], [[0, 1], [0, 0], [0, 0]]),
    )
    assert (state.finished, state.steps, state.invalid_steps) == (3, 6, 0)
    np.testing.assert_array_equal(state.returns[:3], [10, 3, 60])
    np.testing.assert_array_equal(state.lengths[:3], [1, 2, 2])
    np.testing.assert_array_equal(state.running_return, [4, 0])
    assert episodes.metrics(state) == {
        "rollout/episodes": 3.0,
        "rollout/ep_rew_mean": pytest.approx(73 / 3),
        "rollout/ep_len_mean": pytest.approx(5 / 3),
        "faults/invalid_steps": 0.0,
    }


def test_nothing_is_said_of_returns_before_an_episode_ended():
    state = episodes.track(episodes.start(1), rollout([[1.0]]))
    assert episodes.metrics(state) == {"rollout/episodes": 0.0, "faults/invalid_steps": 0.0}


def test_the_window_keeps_the_last_hundred():
    ends = np.ones((250, 1), bool)
    state = episodes.track(episodes.start(1), rollout(np.arange(250.0)[:, None], truncated=ends))
    assert episodes.metrics(state)["rollout/ep_rew_mean"] == np.mean(np.arange(150, 250))
    assert state.finished == 250


def test_an_episode_that_a_fault_cut_is_counted_as_a_fault_and_not_as_an_episode():
    state = episodes.track(
        episodes.start(1), rollout([[1], [99], [5]], truncated=[[0], [1], [1]], valid=[[1], [0], [1]])
    )
    assert (state.finished, state.invalid_steps) == (1, 1)
    assert episodes.metrics(state)["rollout/ep_rew_mean"] == 5.0


def test_success_is_read_where_episodes_end():
    record = rollout([[1.0, 1.0]] * 3, terminated=[[0, 1], [0, 0], [1, 1]])
    state = episodes.track(episodes.start(2), record, success=np.array([[True, False], [True, True], [False, True]]))
    assert episodes.metrics(state)["rollout/success_rate"] == pytest.approx(1 / 3)
    assert "rollout/success_rate" not in episodes.metrics(episodes.track(episodes.start(2), record))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.lists(st.integers(0, 12), min_size=1, max_size=6))
def test_any_cutting_of_time_gives_the_same_bits(seed, n, pieces):
    generator = np.random.default_rng(seed)
    shape = (sum(pieces), n)
    whole = rollout(
        generator.normal(size=shape),
        generator.random(shape) < 0.2,
        generator.random(shape) < 0.1,
        generator.random(shape) < 0.9,
    )
    at_once = episodes.track(episodes.start(n), whole)
    in_pieces, begin = episodes.start(n), 0
    for length in pieces:
        part = slice(begin, begin + length)
        in_pieces = episodes.track(in_pieces, rollout(*(np.asarray(getattr(whole, f))[part] for f in
                                                        ("reward", "terminated", "truncated", "valid"))))  # fmt: skip
        begin += length
    for one, other in zip(at_once, in_pieces, strict=True):
        assert one.dtype == other.dtype and one.tobytes() == other.tobytes()


def test_the_old_state_is_not_changed_and_the_state_survives_a_checkpoint(tmp_path):
    before = episodes.start(2)
    after = episodes.track(before, rollout(np.ones((5, 2)), truncated=np.ones((5, 2))))
    assert all(one.tobytes() == other.tobytes() for one, other in zip(before, episodes.start(2), strict=True))
    checkpoint.save(tmp_path, 1, after, {})
    found = checkpoint.load_newest(tmp_path, before).state
    assert all(one.tobytes() == other.tobytes() for one, other in zip(found, after, strict=True))
