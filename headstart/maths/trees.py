"""Leaves of a pytree by path: names such as `params/actor/hidden_0/weight`."""

from typing import Any

import jax
from jaxtyping import PyTree


def path_name(path: tuple[Any, ...]) -> str:
    """Joins the keys of a tree path by slashes, whatever containers it passes.

    Example:
        >>> import jax
        >>> [(path, _)] = jax.tree_util.tree_flatten_with_path({"actor": [1.0]})[0]
        >>> path_name(path)
        'actor/0'
    """
    return jax.tree_util.keystr(path, simple=True, separator="/")


def named_leaves(tree: PyTree) -> dict[str, Any]:
    """Returns every leaf under its path, in the tree's own order."""
    return {path_name(path): leaf for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]}


def is_under(name: str, prefixes: tuple[str, ...]) -> bool:
    """Tells whether a path is one of the prefixes or lies below one; `""` is above everything."""
    return any(prefix == "" or name == prefix or name.startswith(prefix + "/") for prefix in prefixes)
