"""The machine's own rate of matrix products, for given shapes: the bound that no learner on this machine can pass."""

from collections.abc import Callable
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np

Shape = tuple[int, int, int]


def layer_products(rows: int, sizes: tuple[int, ...], weights: bool, inputs: bool) -> dict[Shape, int]:
    """Counts the products (m, k, n) of one pass through a multi-layer perceptron.

    Args:
        rows: in the batch.
        sizes: of input, hidden layers, output.
        weights: whether a gradient flows back to the weights.
        inputs: whether one flows back to the inputs.
    """
    counts: dict[Shape, int] = {}
    for i, (a, b) in enumerate(pairwise(sizes)):
        passes = [(rows, a, b)]
        passes += [(a, rows, b)] if weights else []
        passes += [(rows, b, a)] if (weights and i > 0) or inputs else []
        for shape in passes:
            counts[shape] = counts.get(shape, 0) + 1
    return counts


def times(count: int, products: dict[Shape, int]) -> dict[Shape, int]:
    """Multiplies every count."""
    return {shape: count * n for shape, n in products.items()}


def together(*parts: dict[Shape, int]) -> dict[Shape, int]:
    """Adds counts."""
    return {shape: sum(part.get(shape, 0) for part in parts) for shape in dict.fromkeys(s for p in parts for s in p)}


def flops(products: dict[Shape, int]) -> int:
    """Returns the floating-point operations of all products."""
    return sum(2 * m * k * n * count for (m, k, n), count in products.items())


def jax_products(products: dict[Shape, int], repeats: int) -> Callable[[], object]:
    """Returns a call that makes all products `repeats` times in one dispatch, and nothing else.

    Each product has a left factor of its own in each repeat, so that none can be hoisted or shared.
    """
    key = jax.random.key(0)
    factors = [
        (jax.random.normal(key, (repeats, m, k)), jax.random.normal(key, (k, n)), count)
        for (m, k, n), count in products.items()
    ]
    lefts, rights = [left for left, _, _ in factors], [right for _, right, _ in factors]
    counts = [count for _, _, count in factors]

    @jax.jit
    def run(lefts, rights):
        def step(total, row):
            for left, right, count in zip(row, rights, counts, strict=True):
                for i in range(count):
                    # one entry is read, so that the product must be made; scaled, so that no two are the same
                    total = total + jnp.dot(left, right)[i % left.shape[0], 0]
                    right = jax.lax.optimization_barrier(right)
            return total, None

        return jax.lax.scan(step, jnp.float32(0), lefts)[0]

    return lambda: run(lefts, rights)


def blas_products(products: dict[Shape, int]) -> Callable[[], object]:
    """Returns a call that makes all products once with NumPy's BLAS."""
    random = np.random.default_rng(0)
    factors = [
        (
            random.normal(size=(m, k)).astype(np.float32),
            random.normal(size=(k, n)).astype(np.float32),
            np.empty((m, n), np.float32),
            count,
        )
        for (m, k, n), count in products.items()
    ]

    def run():
        for left, right, out, count in factors:
            for _ in range(count):
                np.matmul(left, right, out=out)
        return ()

    return run
