"""Policy transfer: which parts of a learner's state come from the source, and which of them stay as they came.

Source: lecture slides "Idea 1: policy transfer" and "Learning prior knowledge".
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from headstart.errors import InputError, unknown
from headstart.maths.trees import is_under, named_leaves, path_name
from headstart.spaces import Box, Discrete
from headstart.types import Learner, Metrics, Params, Policy, State, TaskFamily


@dataclass(frozen=True, kw_only=True)
class Graft:
    """Takes parts of a source's state into a fresh one, by tree path.

    Attributes:
        parts: path prefixes that come from the source; the rest keeps its fresh start. `("",)` is everything,
            `("params/actor", "params/normalizer")` the policy without the value function.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> source = {"actor": jnp.ones(2), "critic": jnp.ones(2)}
        >>> Graft(parts=("actor",)).apply(source, jax.tree.map(jnp.zeros_like, source))["critic"].tolist()
        [0.0, 0.0]
    """

    parts: tuple[str, ...] = ("",)

    def apply(self, source: State, fresh: State) -> State:
        """Returns `fresh` with the parts of `source` in place.

        Raises:
            InputError: where a part names nothing, or a leaf has another shape or type in the source.
        """
        given, wanted = named_leaves(source), named_leaves(fresh)
        for part in self.parts:
            if not any(is_under(name, (part,)) for name in wanted):
                raise unknown("part of the learner's state", part, {name.rpartition("/")[0] for name in wanted})
        wrong = [
            f"{name}: {describe(given.get(name))} in the source, {describe(leaf)} wanted"
            for name, leaf in wanted.items()
            if is_under(name, self.parts) and describe(given.get(name)) != describe(leaf)
        ]
        if wrong:
            raise InputError("the source's parameters do not fit the target's learner: " + "; ".join(wrong[:5]))

        def pick(path: tuple[Any, ...], leaf: Array) -> Array:
            name = path_name(path)
            return given[name] if is_under(name, self.parts) else leaf

        return jax.tree_util.tree_map_with_path(pick, fresh)


@dataclass(frozen=True, kw_only=True)
class Frozen:
    """A learner that leaves some parts of its state as they came.

    Attributes:
        learner: who learns.
        parts: path prefixes that no update changes.
    """

    learner: Learner
    parts: tuple[str, ...]

    @property
    def policy(self) -> Policy:
        return self.learner.policy

    def init(self, key: Key[Array, ""]) -> State:
        state = self.learner.init(key)
        for part in self.parts:
            if not any(is_under(name, (part,)) for name in named_leaves(state)):
                raise unknown("part of the learner's state", part, set(named_leaves(state)))
        return state

    @partial(jax.jit, static_argnames="self")
    def update(self, key: Key[Array, ""], state: State, batch: Any) -> tuple[State, Metrics]:
        after, metrics = self.learner.update(key, state, batch)

        def keep(path: tuple[Any, ...], new: Array, old: Array) -> Array:
            return jnp.asarray(old) if is_under(path_name(path), self.parts) else new

        return jax.tree_util.tree_map_with_path(keep, after, state), metrics

    def params(self, state: State) -> Params:
        return self.learner.params(state)


def require_same_spaces(source: TaskFamily, target: Any) -> None:
    """Refuses a target whose observations or actions are not the source's.

    Args:
        source: where the policy was learnt.
        target: anything with `name`, `observation` and `action`.

    Raises:
        InputError: with the list of differences.
    """
    found = differences("observation", source.observation, target.observation)
    found += differences("action", source.action, target.action)
    if found:
        raise InputError(
            f"a policy of {source.name!r} does not fit {target.name!r}: {'; '.join(found)}; "
            "give an --adapter, wrap the target so that its spaces agree, or choose another --source"
        )


def differences(name: str, source: Any, target: Any) -> list[str]:
    """Lists what differs between two spaces, leaf by leaf.

    Bounds of observations may differ (they are declared loosely and mean nothing to a policy); those of actions not.
    """
    there, here = named_leaves(source), named_leaves(target)
    found = []
    for path in sorted(there.keys() | here.keys()):
        label = f"{name}/{path}" if path else name
        a, b = there.get(path), here.get(path)
        if a is None or b is None:
            found.append(f"{label} is {'missing in' if b is None else 'only in'} the target")
        elif type(a) is not type(b) or (isinstance(a, Discrete) and a != b):
            found.append(f"{label} is {a} in the source and {b} in the target")
        elif isinstance(a, Box) and a.shape != b.shape:
            found.append(f"{label} has shape {list(a.shape)} in the source and {list(b.shape)} in the target")
        elif isinstance(a, Box) and name == "action" and not same_bounds(a, b):
            found.append(f"{label} has other bounds ({bounds_apart(a, b)})")
    return found


def same_bounds(a: Box, b: Box) -> bool:
    """Tells whether two boxes of one shape have the same bounds."""
    return all((x == y).all() for x, y in zip(a.bounds(), b.bounds(), strict=True))


def bounds_apart(a: Box, b: Box) -> str:
    """Says which entries of two boxes of one shape have other bounds: the first, and how many more."""
    (low, high), (other_low, other_high) = ([side.ravel() for side in box.bounds()] for box in (a, b))
    apart = np.flatnonzero((low != other_low) | (high != other_high))
    at, more = apart[0], f", and of {len(apart) - 1} more entries" if len(apart) > 1 else ""
    return (
        f"of entry {at}: {low[at]:g} to {high[at]:g} in the source and {other_low[at]:g} to {other_high[at]:g} in the "
        f"target{more}"
    )


def describe(leaf: Any) -> str:
    """Says shape and type of a leaf, or that there is none."""
    return "nothing" if leaf is None else f"{jnp.asarray(leaf).dtype}{list(jnp.shape(leaf))}"
