"""Several seeds of one training in one program: every one a row of the same arrays.

A seed draws the same random numbers as it does alone. Its arithmetic is the same to rounding only: XLA adds up a batch
of matrix products in another order.
"""

from collections.abc import Iterator, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from headstart.errors import InputError
from headstart.run.train import Progress, Run, Training


def start_many(training: Training, keys: Sequence[Key[Array, ""]]) -> Run:
    """Begins one run for each key; leaves get an axis `seed` in front.

    Raises:
        InputError: the world is not one of JAX, whose steps alone can be vectorised over seeds.
    """
    if training.family.kind != "jax":
        raise InputError(
            f"--seeds {len(keys)}: {training.family.name!r} is no JAX world, so its seeds do not run in one program; "
            "train one run for each --seed"
        )
    runs = [jax.tree.map(jnp.asarray, training.start(key)) for key in keys]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *runs)


def train_many(training: Training, run: Run, env_steps: int) -> Iterator[Progress]:
    """Yields after each update of all seeds until each has taken `env_steps` environment steps.

    Args:
        training: of each seed.
        run: from `start_many`.
        env_steps: of each seed.
    """
    advance = jax.jit(jax.vmap(training.advance))  # not by `training`, whose tasks are arrays: here it is one object
    while int(run.env_steps[0]) < env_steps:
        progress = advance(run)
        run = progress.run
        yield progress


def seed_of(tree, i: int):
    """Returns one seed's part of anything that has the axis `seed` in front."""
    return jax.tree.map(lambda leaf: leaf[i], tree)
