"""What a gradient may touch, and whether its step is taken: shared by every learner."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, PyTree

from headstart.types import Params


def trainable(params: Params) -> Params:
    """Returns the part of a policy's parameters that follows a gradient: all but the normaliser."""
    return {name: part for name, part in params.items() if name != "normalizer"}


def chosen(take: Bool[Array, ""], new: PyTree[Array], old: PyTree[Array]) -> PyTree[Array]:
    """Returns `new` where the step is taken, else `old`, leaf by leaf: nothing of a refused step remains."""
    return jax.tree.map(lambda a, b: jnp.where(take, a, b), new, old)


def blank(keep: Bool[Array, "*rows"], rows: PyTree[Array]) -> PyTree[Array]:
    """Zeroes the rows that no learner may use: whatever they hold, a weight of 0 times NaN would still be NaN."""

    def leaf(x: Array) -> Array:
        return jnp.where(keep.reshape(keep.shape + (1,) * (x.ndim - keep.ndim)), x, jnp.zeros_like(x))

    return jax.tree.map(leaf, rows)


def finite_rows(rows: PyTree[Array], axes: int) -> Bool[Array, "*rows"]:
    """Tells which rows hold only finite numbers, in all leaves; the first `axes` axes of each leaf number the rows."""
    leaves = [jnp.all(jnp.isfinite(x), axis=tuple(range(axes, x.ndim))) for x in jax.tree.leaves(rows)]
    return jnp.all(jnp.stack(leaves), axis=0)
