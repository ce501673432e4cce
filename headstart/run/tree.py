"""A pytree as a table of named arrays, and back: what a checkpoint stores of a state."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from headstart.errors import InputError

KEY_KINDS = ("threefry2x32", "rbg", "unsafe_rbg")


class Leaf(NamedTuple):
    """One entry of the table.

    Attributes:
        path: where in the tree, such as `state.params['w']`.
        dtype: of the stored array: for a random key, of its data.
        shape: of the stored array.
        key: the kind of random generator, None for an ordinary array.
    """

    path: str
    dtype: str
    shape: tuple[int, ...]
    key: str | None


def describe(tree: PyTree) -> tuple[Leaf, ...]:
    """Returns the table's entries without touching the arrays; leaves may be `jax.ShapeDtypeStruct`.

    Raises:
        InputError: a leaf is not an array or a number, or two leaves have one path.
    """
    leaves = tuple(_describe(path, leaf) for path, leaf in _paths(tree))
    names = {leaf.path for leaf in leaves}
    if len(names) != len(leaves):
        raise InputError("two leaves of the state have the same path; give the dictionary keys different texts")
    return leaves


def to_arrays(tree: PyTree) -> dict[str, np.ndarray]:
    """Returns the leaves as NumPy arrays by path; random keys as their data. Nothing is copied that need not be."""
    return {path: np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf) for path, leaf in _paths(tree)}


def from_arrays(like: PyTree, arrays: dict[str, np.ndarray]) -> PyTree:
    """Puts arrays back into the structure of `like`, as the kind of array (JAX, NumPy, number) that `like` has there.

    The caller has compared `describe(like)` with what was stored.
    """
    restored = [_restore(leaf, arrays[path]) for path, leaf in _paths(like)]
    return jax.tree.unflatten(jax.tree.structure(like), restored)


def differences(stored: tuple[Leaf, ...], like: PyTree) -> list[str]:
    """Returns a phrase for each leaf that is stored otherwise than `like` has it; empty if they fit."""
    expected, found = {leaf.path: leaf for leaf in describe(like)}, {leaf.path: leaf for leaf in stored}
    problems = [f"{path} is missing" for path in expected if path not in found]
    problems += [f"{path} is not expected" for path in found if path not in expected]
    for path in expected.keys() & found.keys():
        if (have := found[path]) != (want := expected[path]) and have._replace(key=want.key) != want:
            problems.append(f"{path} is {have.dtype}{list(have.shape)}, not {want.dtype}{list(want.shape)}")
        elif have.key != want.key and not (have.key in KEY_KINDS and want.key == _short_kind(have.key)):
            problems.append(f"{path} is a random key of kind {have.key}, not {want.key}")
    return sorted(problems)


def _paths(tree: PyTree) -> list[tuple[str, Any]]:
    return [("state" + jax.tree_util.keystr(path), leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)]


def _describe(path: str, leaf: Any) -> Leaf:
    if isinstance(leaf, (bool, int, float)):
        leaf = np.asarray(leaf)
    if not hasattr(leaf, "dtype") or not hasattr(leaf, "shape"):
        raise InputError(f"{path} is a {type(leaf).__name__}; a state holds arrays, put the rest into `extra`")
    if not _is_key(leaf):
        return Leaf(path, np.dtype(leaf.dtype).name, tuple(leaf.shape), None)
    content = jax.eval_shape(jax.random.key_data, leaf)
    # of an abstract key only the dtype is known, which names its kind in short
    kind = str(leaf.dtype) if isinstance(leaf, jax.ShapeDtypeStruct) else str(jax.random.key_impl(leaf))
    return Leaf(path, content.dtype.name, content.shape, kind)


def _short_kind(kind: str) -> str:
    return str(jax.eval_shape(lambda: jax.random.key(0, impl=kind)).dtype)


def _is_key(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _restore(like: Any, array: np.ndarray) -> Any:
    if isinstance(like, (bool, int, float)):
        return type(like)(array.item())
    if _is_key(like):
        for kind in KEY_KINDS:
            if _short_kind(kind) == str(like.dtype):
                return jax.random.wrap_key_data(jnp.array(array), impl=kind)
    if isinstance(like, np.generic):
        return array[()]
    return array if isinstance(like, np.ndarray) else jnp.array(array)  # a copy: donated buffers must be JAX's own
