import jax
import numpy as np
import pytest

from headstart.adapt.coordinates import Coordinates
from headstart.adapt.widening import HIGH, LOW, Widening
from headstart.errors import InputError
from headstart.spaces import Parameter, ParameterSpace
from headstart.types import Rollout, Task

SPACE = ParameterSpace(
    tuple(Parameter(name=f"mass:{part}", unit="kg", nominal=0.5, low=0.0, high=1.0) for part in ("foot", "leg"))
)
BASE = Task(SPACE.nominal(), {})
LIMITS = {"mass:foot": (0.4, 0.7), "mass:leg": (0.4, 0.7)}


def widening(**changes):
    fields = {"queue": 4, "step": 0.08, "wide": 1.0, "narrow": 0.0, "envs": 4, **changes}
    return Widening(coordinates=Coordinates(SPACE, tuple(SPACE)), base=BASE, limits=LIMITS, **fields)


def episodes(rows, returns):
    """One-step episodes: `rows` are the values of both parameters in each environment."""
    values = np.float32(rows)
    dynamics = {name: values[None, :, i] for i, name in enumerate(SPACE)}
    reward = np.float32([returns])
    flags = np.zeros_like(reward, bool)
    return Rollout((), reward[..., None], reward, (), ~flags, flags, ~flags, ~flags, Task(dynamics, {}))


def at_high(state, n=4):
    rows = np.full((4, 2), 0.5)
    rows[:n, 0] = state.ends[HIGH, 0]
    return rows


def opened(distribution):
    """A state whose ranges are open already, so that low and high ends are apart."""
    state = distribution.init(jax.random.key(0))
    return state._replace(ends=np.array([[0.45, 0.45], [0.55, 0.55]]))


def test_an_end_moves_outwards_after_a_full_queue_of_success_and_inwards_after_failure():
    d = widening()
    state = opened(d)
    half, _ = d.update(jax.random.key(0), state, episodes(at_high(state, 2), [2.0] * 4))  # two of four: nothing moves
    np.testing.assert_array_equal(half.ends, state.ends)
    assert half.count[HIGH, 0] == 2
    full, metrics = d.update(jax.random.key(0), half, episodes(at_high(state, 2), [2.0] * 4))
    np.testing.assert_allclose(full.ends, [[0.45, 0.45], [0.63, 0.55]])
    assert full.count.sum() == 0 and metrics["adapt/ends_moved"] == 1
    shrunk, _ = d.update(jax.random.key(0), full, episodes(at_high(full), [-1.0] * 4))
    np.testing.assert_allclose(shrunk.ends[HIGH, 0], 0.55)


def test_between_the_thresholds_nothing_moves_and_the_queue_is_emptied():
    d = widening()
    state = opened(d)
    after, _ = d.update(jax.random.key(0), state, episodes(at_high(state), [0.5] * 4))
    np.testing.assert_array_equal(after.ends, state.ends)
    assert after.count.sum() == 0


def test_a_range_that_is_a_point_opens_to_both_sides():
    d = widening()
    state = d.init(jax.random.key(0))
    state, _ = d.update(jax.random.key(0), state, episodes(np.full((4, 2), 0.5), [2.0] * 4))
    np.testing.assert_allclose(state.ends, [[0.42, 0.42], [0.58, 0.58]])


def test_low_and_high_are_mirror_images():
    d = widening()
    state = opened(d)
    low = np.full((4, 2), 0.5)
    low[:, 1] = state.ends[LOW, 1]
    after, _ = d.update(jax.random.key(0), state, episodes(low, [2.0] * 4))
    np.testing.assert_allclose(after.ends, [[0.45, 0.4], [0.55, 0.55]])  # 0.37, but for the limit


def test_never_beyond_the_limits_and_never_inverted():
    d = widening()
    state = opened(d)
    for _ in range(5):
        state, _ = d.update(jax.random.key(0), state, episodes(at_high(state), [2.0] * 4))
    np.testing.assert_allclose(state.ends[HIGH, 0], 0.7)
    for _ in range(9):
        state, _ = d.update(jax.random.key(0), state, episodes(at_high(state), [-2.0] * 4))
    assert (state.ends[HIGH] >= state.ends[LOW]).all()
    np.testing.assert_allclose(state.ends[HIGH, 0], 0.5)  # where it began


def test_an_episode_longer_than_a_rollout_counts_with_all_of_its_return():
    d = widening(queue=1)
    state = opened(d)
    part = episodes(at_high(state), [0.6] * 4)
    open_end = part._replace(terminated=np.zeros_like(part.terminated))
    state, _ = d.update(jax.random.key(0), state, open_end)
    later = part._replace(first=np.zeros_like(part.first))
    state, _ = d.update(jax.random.key(0), state, later)
    np.testing.assert_allclose(state.ends[HIGH, 0], 0.63)  # 0.6 + 0.6 is a success; 0.6 alone is none


def test_half_of_the_episodes_are_at_an_end_and_the_others_within():
    d = widening()
    state = opened(d)
    tasks = d.sample(jax.random.key(1), state, 2000)
    points = d.coordinates.vector(tasks.dynamics)
    ends = np.float32(state.ends)
    at = (np.isclose(points, ends[LOW]) | np.isclose(points, ends[HIGH])).sum(axis=1)
    assert set(at) == {0, 1} and abs(at.mean() - 0.5) < 0.04
    assert (points >= ends[LOW] - 1e-6).all() and (points <= ends[HIGH] + 1e-6).all()


@pytest.mark.parametrize(
    ("changes", "says"), [({"narrow": 1.0}, "below wide"), ({"at_boundary": 1.5}, "share"), ({"queue": 0}, "above 0")]
)
def test_bad_input_is_named(changes, says):
    with pytest.raises(InputError, match=says):
        widening(**changes)
