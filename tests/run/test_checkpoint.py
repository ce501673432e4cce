"""A state goes to disk and comes back bit for bit, or not at all."""

import json
import warnings
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import load_file

from headstart.errors import InputError
from headstart.run import checkpoint, sealed, strict_json


class Inner(NamedTuple):
    weight: Any
    key: Any


class State(NamedTuple):
    learner: Inner
    table: dict
    rest: tuple


NAN_WITH_PAYLOAD = np.array([0x7FC12345, 0xFFC00001, 0x7F812345], np.uint32).view(np.float32)


def state() -> State:
    """Everything that a training state may hold."""
    return State(
        Inner(jnp.arange(6.0).reshape(2, 3), jax.random.key(7)),
        {
            "keys": jax.random.split(jax.random.key(1, impl="rbg"), 3),
            "nan": NAN_WITH_PAYLOAD.copy(),
            "jax nan": jnp.asarray(NAN_WITH_PAYLOAD),
            "f64": np.array([1 / 3, np.inf, -0.0, 5e-324]),
            "i64": np.array([2**62, -(2**63)], np.int64),
            "u64": np.array(2**64 - 1, np.uint64),
            "u8": np.arange(5, dtype=np.uint8),
            "bool": np.array([[True], [False]]),
            "it's": np.float16(1.5),
        },
        (np.zeros((0, 4)), jnp.zeros((3, 0), jnp.int32), None, (), np.asarray(True), jnp.float32(2), 3, 2.5, False),
    )


def bits(leaf: Any) -> tuple:
    if hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return str(leaf.dtype), np.asarray(jax.random.key_data(leaf)).tobytes(), leaf.shape
    array = np.asarray(leaf)
    return array.dtype.name, array.tobytes(), array.shape


def assert_same_bits(found: Any, expected: Any) -> None:
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert bits(one) == bits(other)
        assert isinstance(one, jax.Array) == isinstance(other, jax.Array)


def test_every_kind_of_leaf_comes_back_bit_for_bit(tmp_path):
    extra = {"generator": {"state": 2**127 + 1}, "rate": 0.1, "name": "ü\u2028", "none": None, "list": [1, [True]]}
    assert checkpoint.save(tmp_path / "checkpoints", 12, state(), extra) == tmp_path / "checkpoints" / "step_12"
    loaded = checkpoint.load_newest(tmp_path / "checkpoints", state())
    assert (loaded.step, loaded.extra) == (12, extra)
    assert_same_bits(loaded.state, state())


def test_an_abstract_state_is_enough_to_load(tmp_path):
    tree = {"key": jax.random.key(3), "keys": jax.random.split(jax.random.key(4, impl="rbg")), "w": jnp.ones((2,))}
    checkpoint.save(tmp_path, 0, tree, {})
    assert_same_bits(checkpoint.load_newest(tmp_path, jax.eval_shape(lambda: tree)).state, tree)


def test_numpy_leaves_come_back_writable_and_views_are_stored_as_they_look(tmp_path):
    grid = np.arange(12.0).reshape(3, 4)
    tree = {"transposed": grid.T, "strided": grid[::2, ::-1], "big endian": np.arange(3, dtype=">i4")}
    checkpoint.save(tmp_path, 1, tree, {})
    found = checkpoint.load_newest(tmp_path, tree).state
    for name, array in tree.items():
        np.testing.assert_array_equal(found[name], array)
        found[name][:] = 0


def test_the_file_is_plain_safetensors(tmp_path):
    checkpoint.save(tmp_path, 1, {"w": np.arange(3.0), "b": np.asarray(True)}, {})
    found = load_file(tmp_path / "step_1" / "state.safetensors")
    np.testing.assert_array_equal(found["state['w']"], np.arange(3.0))
    assert found["state['b']"].shape == ()


def test_the_newest_two_stay_and_the_highest_number_wins(tmp_path):
    for step in (5, 90, 100, 1000):
        checkpoint.save(tmp_path, step, {"n": np.asarray(step)}, {})
    assert checkpoint.steps(tmp_path) == [100, 1000]
    assert checkpoint.load_newest(tmp_path, {"n": np.asarray(0)}).state["n"] == 1000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step_100", "step_1000"]


def test_a_damaged_one_gives_one_warning_and_the_next_older_is_used(tmp_path):
    for step in (1, 2, 3):
        checkpoint.save(tmp_path, step, {"n": np.asarray(step)}, {}, keep=3)
    (tmp_path / "step_3" / "manifest.json").unlink()
    (tmp_path / "step_2" / "state.safetensors").write_bytes(b"")
    with pytest.warns(RuntimeWarning) as caught:
        assert checkpoint.load_newest(tmp_path, {"n": np.asarray(0)}).step == 1
    assert len(caught) == 1
    assert "step_3" in str(caught[0].message) and "step_2" in str(caught[0].message)


def test_nothing_sound_lists_what_was_tried(tmp_path):
    for step in (1, 2):
        checkpoint.save(tmp_path, step, {"n": np.asarray(step)}, {})
        (tmp_path / f"step_{step}" / "state.safetensors").unlink()
    with pytest.raises(InputError, match=r"no checkpoint is sound; tried step_2 \(.*\); step_1 \("):
        checkpoint.load_newest(tmp_path, {"n": np.asarray(0)})
    with pytest.raises(InputError, match="there is no checkpoint"):
        checkpoint.load_newest(tmp_path / "nowhere", {"n": np.asarray(0)})


def test_damaged_ones_do_not_count_among_those_that_stay(tmp_path):
    for step in (1, 2):
        checkpoint.save(tmp_path, step, {"n": np.asarray(step)}, {})
    (tmp_path / "step_2" / "state.safetensors").write_bytes(b"short")
    checkpoint.save(tmp_path, 3, {"n": np.asarray(3)}, {})
    assert checkpoint.steps(tmp_path) == [1, 2, 3]


def test_a_sound_checkpoint_is_never_overwritten_a_damaged_one_is_replaced(tmp_path):
    checkpoint.save(tmp_path, 1, {"n": np.asarray(1)}, {})
    checkpoint.save(tmp_path, 1, {"n": np.asarray(1)}, {})  # the same again is no conflict: a save that was retried
    with pytest.raises(InputError, match="never overwritten"):
        checkpoint.save(tmp_path, 1, {"n": np.asarray(2)}, {})
    (tmp_path / "step_1" / "state.safetensors").write_bytes(b"")
    checkpoint.save(tmp_path, 1, {"n": np.asarray(2)}, {})
    assert checkpoint.load_newest(tmp_path, {"n": np.asarray(0)}).state["n"] == 2


@pytest.mark.parametrize(
    ("like", "named"),
    [
        ({"w": np.zeros(3), "b": np.zeros(1)}, r"state\['b'\] is missing"),
        ({}, r"state\['w'\] is not expected"),
        ({"w": np.zeros(4)}, r"state\['w'\] is float64\[3\], not float64\[4\]"),
        ({"w": np.zeros(3, np.float32)}, r"float64\[3\], not float32\[3\]"),
    ],
)
def test_other_settings_are_refused_by_name(tmp_path, like, named):
    checkpoint.save(tmp_path, 1, {"w": np.zeros(3)}, {})
    with pytest.raises(InputError, match=named):
        checkpoint.load_newest(tmp_path, like)


def test_another_kind_of_random_key_is_refused(tmp_path):
    checkpoint.save(tmp_path, 1, {"key": jax.random.key(0, impl="rbg")}, {})
    with pytest.raises(InputError, match="kind rbg, not unsafe_rbg"):
        checkpoint.load_newest(tmp_path, {"key": jax.random.key(0, impl="unsafe_rbg")})


def test_a_newer_format_names_both_versions(tmp_path):
    path = checkpoint.save(tmp_path, 1, {"w": np.zeros(3)}, {}) / "manifest.json"
    facts = json.loads(path.read_bytes()) | {"format": 7, "headstart": "9.1.0", "compression": "new"}
    path.write_bytes(sealed.stamp(facts))
    with pytest.raises(InputError, match=r"headstart 9\.1\.0 in format 7.*headstart 0\.1\.0.*up to 1"):
        checkpoint.load_newest(tmp_path, {"w": np.zeros(3)})


def test_two_saves_of_one_state_have_the_same_bytes(tmp_path):
    for name in ("one", "two"):
        checkpoint.save(tmp_path / name, 4, state(), {"b": 1, "a": 2})
    for file in ("state.safetensors", "manifest.json"):
        assert (tmp_path / "one/step_4" / file).read_bytes() == (tmp_path / "two/step_4" / file).read_bytes()


@pytest.mark.parametrize(
    ("step", "tree", "extra", "keep", "named"),
    [
        (-1, {}, {}, 2, "step: -1"),
        (True, {}, {}, 2, "step: True"),
        (1, {}, {}, 1, "keep: 1"),
        (1, {"a": "text"}, {}, 2, r"state\['a'\] is a str"),
        (1, {"a": np.array(["x"])}, {}, 2, "dtype .* cannot be stored"),
        (1, {"a": np.array([None])}, {}, 2, "dtype object cannot be stored"),
        (1, {}, {"a": float("nan")}, 2, "nan cannot be written as JSON"),
        (1, {}, {1: 2}, 2, "the key 1 is no string"),
        (1, {}, {"a": (1, 2)}, 2, "a tuple cannot be written as JSON"),
        (1, {}, {"a": np.zeros(1)}, 2, "a ndarray cannot be written"),
    ],
)
def test_what_cannot_be_stored_is_refused_before_the_disk_is_touched(tmp_path, step, tree, extra, keep, named):
    with pytest.raises(InputError, match=named):
        checkpoint.save(tmp_path / "checkpoints", step, tree, extra, keep=keep)
    assert list(tmp_path.iterdir()) == []


def test_leftovers_of_killed_saves_are_swept_and_links_among_them_not_followed(tmp_path):
    outside, folder = tmp_path / "outside", tmp_path / "checkpoints"
    outside.mkdir()
    (outside / "canary").write_text("alive")
    (folder / ".new-step_1-99").mkdir(parents=True)
    (folder / ".new-step_1-99" / "state.safetensors").write_text("half")
    (folder / ".old-step_0-99").symlink_to(outside)
    checkpoint.save(folder, 1, {"w": np.zeros(3)}, {})
    assert [path.name for path in folder.iterdir()] == ["step_1"]
    assert (outside / "canary").read_text() == "alive"


def test_an_empty_state_is_a_state(tmp_path):
    checkpoint.save(tmp_path, 0, (), {"only": "extra"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert checkpoint.load_newest(tmp_path, ()).extra == {"only": "extra"}


def test_json_has_one_text_for_each_value():
    assert strict_json.encode({"b": 1, "a": [True, None, "ü"]}) == b'{"a":[true,null,"\\u00fc"],"b":1}'
