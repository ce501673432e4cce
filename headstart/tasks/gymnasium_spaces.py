"""Gymnasium's spaces in headstart's words, and one value of them as flat arrays and back.

Dicts stay dicts, a Tuple becomes a dict of "0", "1", ...; `MultiBinary` becomes a vector of zeros and ones,
`MultiDiscrete` a one-hot vector where it is seen and one numbered choice where it is done. Whatever has no fixed size
(Text, Sequence, Graph) is refused. This file is imported in the worker processes, so it imports no JAX.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces

from headstart.errors import InputError
from headstart.spaces import Box, Discrete

CHOICES = 4096  # the most combinations of a MultiDiscrete action that are numbered as one choice


class Leaf(NamedTuple):
    """One array of an observation: where it lies in Gymnasium's value, and what it is on both sides."""

    path: tuple[Any, ...]
    theirs: spaces.Space
    ours: Box | Discrete


class WrongValue(Exception):
    """A value that does not belong to its space; the text says how."""


def _box(space: spaces.Box) -> Box:
    """Keeps bytes as bytes and turns every other number into float32; equal bounds become one number."""
    dtype = "uint8" if space.dtype == np.uint8 else "float32"
    with np.errstate(over="ignore"):
        low, high = np.asarray(space.low, dtype).ravel(), np.asarray(space.high, dtype).ravel()
    return Box(shape=tuple(map(int, space.shape)), low=_bound(low), high=_bound(high), dtype=dtype)


def _bound(values: np.ndarray) -> float | tuple[float, ...]:
    if values.size and np.all(values == values[0]):
        return float(values[0])
    return tuple(float(value) for value in values)


def leaves(space: spaces.Space, path: tuple[Any, ...] = ()) -> list[Leaf]:
    """Lists the arrays of an observation space, in a fixed order.

    Raises:
        InputError: for a space without a fixed size, or an empty one.
    """
    if isinstance(space, spaces.Dict | spaces.Tuple):
        members = space.spaces.items() if isinstance(space, spaces.Dict) else enumerate(space.spaces)
        found = [leaf for key, member in members for leaf in leaves(member, (*path, key))]
        if not found:
            raise InputError(f"observation space {space}: it is empty; give at least one Box or Discrete")
        return found
    if isinstance(space, spaces.Box):
        return [Leaf(path, space, _box(space))]
    if isinstance(space, spaces.Discrete):
        return [Leaf(path, space, Discrete(int(space.n)))]
    if isinstance(space, spaces.MultiBinary):
        return [Leaf(path, space, Box(shape=tuple(map(int, space.shape)), low=0.0, high=1.0))]
    if isinstance(space, spaces.MultiDiscrete):
        return [Leaf(path, space, Box(shape=(int(np.sum(space.nvec)),), low=0.0, high=1.0))]
    where = "".join(f"[{key!r}]" for key in path)
    raise InputError(
        f"observation space{where}: {type(space).__name__} has no fixed size; wrap the environment so that it gives a "
        "Box, Discrete, MultiBinary, MultiDiscrete, Dict or Tuple"
    )


def arranged(paths: list[list[str]], values: list[Any]) -> Any:
    """Arranges one value for each leaf in nested dicts; a single leaf without a name stays bare."""
    if paths == [[]]:
        return values[0]
    tree: dict[str, Any] = {}
    for path, value in zip(paths, values, strict=True):
        branch = tree
        for key in path[:-1]:
            branch = branch.setdefault(key, {})
        branch[path[-1]] = value
    return tree


def action_space(space: spaces.Space) -> Box | Discrete:
    """Returns what a policy chooses from.

    Raises:
        InputError: for spaces that are neither real vectors nor numbered choices.
    """
    if isinstance(space, spaces.Box):
        return _box(space)
    if isinstance(space, spaces.Discrete):
        return Discrete(int(space.n))
    sizes = choice_sizes(space)
    if sizes is not None and math.prod(sizes) <= CHOICES:
        return Discrete(math.prod(sizes))
    reason = f"has more than {CHOICES} combinations" if sizes is not None else "is neither a vector nor a choice"
    raise InputError(f"action space {space}: it {reason}; wrap the environment so that it takes a Box or a Discrete")


def choice_sizes(space: spaces.Space) -> tuple[int, ...] | None:
    """Returns how many values each entry of a combined choice has; None where the space is no such thing."""
    if isinstance(space, spaces.MultiDiscrete):
        return tuple(int(n) for n in np.ravel(space.nvec))
    if isinstance(space, spaces.MultiBinary):
        return (2,) * math.prod(space.shape)
    return None


def read(leaf: Leaf, observation: Any) -> Any:
    """Takes one leaf out of an observation, as an array (or number) of the leaf's own shape.

    Raises:
        WrongValue: where it is missing, or has the wrong shape or kind of number.
    """
    value = observation
    for key in leaf.path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            raise WrongValue(f"the observation has no {key!r}, which its space promises") from None
    try:
        array = np.asarray(value)
    except (ValueError, TypeError):
        raise WrongValue(f"the observation{_at(leaf)} is not an array of numbers") from None
    space = leaf.theirs
    shape = space.shape or ()
    if array.shape != shape:
        raise WrongValue(f"the observation{_at(leaf)} has shape {array.shape}, its space says {shape}")
    if array.dtype != space.dtype and not np.can_cast(array.dtype, space.dtype or np.float64, "same_kind"):
        raise WrongValue(f"the observation{_at(leaf)} has dtype {array.dtype}, its space says {space.dtype}")
    if isinstance(space, spaces.Box):
        return array
    return _number(leaf, array)


def _number(leaf: Leaf, array: np.ndarray) -> Any:
    """Reads a choice, or several."""
    space = leaf.theirs
    if isinstance(space, spaces.MultiBinary):
        return array
    start = np.asarray(getattr(space, "start", 0))
    sizes = np.asarray(space.n if isinstance(space, spaces.Discrete) else space.nvec)  # pyright: ignore
    choice = array - start
    if np.any(choice < 0) or np.any(choice >= sizes):
        raise WrongValue(f"the observation{_at(leaf)} is {array.tolist()}, outside its space {space}")
    if isinstance(space, spaces.Discrete):
        return int(choice)
    return np.concatenate(
        [np.arange(size) == chosen for chosen, size in zip(choice.ravel(), sizes.ravel(), strict=True)]
    )


def _at(leaf: Leaf) -> str:
    return "".join(f"[{key!r}]" for key in leaf.path)


def action_writer(space: spaces.Space) -> Callable[[np.ndarray], Any]:
    """Returns what turns one action of the policy into what the environment takes."""
    shape, start = space.shape or (), np.asarray(getattr(space, "start", 0))
    if isinstance(space, spaces.Box):
        if np.issubdtype(space.dtype, np.integer):
            return lambda action: np.rint(action).astype(space.dtype)
        return lambda action: action.astype(space.dtype)  # a copy: the environment may keep it
    if isinstance(space, spaces.Discrete):
        return lambda action: int(action) + int(start)
    sizes = choice_sizes(space)
    assert sizes is not None  # or `action_space` had refused it
    return lambda action: (np.reshape(np.unravel_index(int(action), sizes), shape) + start).astype(space.dtype)


def to_json(space: Box | Discrete) -> dict[str, Any]:
    """Writes one space for the pipe between processes."""
    if isinstance(space, Discrete):
        return {"n": space.n}
    return {"shape": list(space.shape), "low": space.low, "high": space.high, "dtype": space.dtype}


def from_json(text: dict[str, Any]) -> Box | Discrete:
    """The inverse of `to_json`."""
    if "n" in text:
        return Discrete(text["n"])
    low, high = (tuple(bound) if isinstance(bound, list) else bound for bound in (text["low"], text["high"]))
    return Box(tuple(text["shape"]), low, high, text["dtype"])
