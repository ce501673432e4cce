"""How a teacher learns what random motion hardly ever does: on one robot first, and then on all of them.

From replay, as the hopper's, a pusher's teacher learns to hold its hand beside the puck (docs/log.md, "A puck that can
be pushed"): on robots that differ nothing that it finds pays on all. Where there is one robot, pushing is found; who
pushes goes on pushing where the ranges open. Each lesson learns from its own rollouts; the second one's are longer and
its minibatches larger, for what single robots teach by chance outweighs otherwise what they have in common. The first
is paid as Gymnasium pays: where effort is cheap the hand flails, and whether it finds the puck is a matter of chance.

Source: the order of lessons, lecture slide "Curriculum learning"; Bengio et al. 2009, "Curriculum learning".
"""

import dataclasses
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from headstart.learn.recurrent_ppo import RecurrentPPO
from headstart.run.train import Progress, Run, Training
from headstart.tasks.fixed import Fixed
from headstart.types import Params, TaskDistribution


class Lesson(NamedTuple):
    """One of the two, and what of the learner it sets.

    Attributes:
        rollout: steps of each environment between two updates.
        settings: of `RecurrentPPO`.
        std: exploration at its beginning, in half ranges; None goes on with what there is.
    """

    rollout: int
    settings: dict[str, Any]
    std: float | None = None


Trains = Callable[[Training, Run, int], Iterator[Progress]]  # as `headstart.run.train.train` does
FIRST_SHARE = 0.2  # of the steps
FIRST = Lesson(64, {"minibatch_size": 256, "epochs": 8})
SECOND = Lesson(
    256, {"minibatch_size": 1024, "epochs": 6, "entropy_coefficient": 1e-3, "learning_rate": 2e-4}, std=0.12
)


def schooled(
    key: Key[Array, ""],
    home: Any,
    practice: Any,
    learner: RecurrentPPO,
    tasks: TaskDistribution,
    steps: int,
    trains: tuple[Trains, Trains],
) -> Params:
    """Learns for so many steps, a fifth of them on the plain robot, and returns the policy's parameters.

    Args:
        key: of everything that is drawn.
        home: where the first lesson is.
        practice: where the second one is: the same, but for what is paid.
        learner: with the settings that both lessons share.
        tasks: of the second lesson.
        steps: environment steps of both.
        trains: in each of them, to its end.
    """
    keys = jax.random.split(key)
    first = int(steps * FIRST_SHARE)
    state = taught(keys[0], home, settled(learner, FIRST, first), Fixed(task=home.task()), FIRST, first, trains[0])
    last = settled(learner, SECOND, steps - first)
    return taught(keys[1], practice, last, tasks, SECOND, steps - first, trains[1], begun(last, state, SECOND)).params


def settled(learner: RecurrentPPO, lesson: Lesson, steps: int) -> RecurrentPPO:
    """Returns a learner with a lesson's settings, whose learning rate falls to zero in the second one only."""
    falls = lesson is SECOND
    decay = -(-steps // (learner.envs * lesson.rollout)) if falls else None
    return dataclasses.replace(learner, **lesson.settings, decay=decay)


def begun(learner: RecurrentPPO, state: Any, lesson: Lesson) -> Any:
    """Returns what a lesson before ended in as what this one begins with: as bold as it says, and with a new count."""
    params = state.params
    if lesson.std is not None:
        actor = params["actor"]
        params = {**params, "actor": {**actor, "log_std": jnp.full_like(actor["log_std"], math.log(lesson.std))}}
    return state._replace(params=params, updates=jnp.zeros_like(state.updates))


def taught(
    key: Key[Array, ""],
    home: Any,
    learner: RecurrentPPO,
    tasks: TaskDistribution,
    lesson: Lesson,
    steps: int,
    trains: Trains,
    fresh: Any = None,
) -> Any:
    """Trains for one lesson."""
    training = Training(family=home, learner=learner, distribution=tasks, steps=lesson.rollout, split=False)
    run = training.start(key, fresh)
    for progress in trains(training, run, steps):
        run = progress.run
    return run.learner
