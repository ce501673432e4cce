"""What a source policy still has left to try, as lines for people: for `headstart evaluate`."""

from collections.abc import Iterator
from typing import Any

import jax
from jaxtyping import Array, Key

from headstart.data.collect import play
from headstart.nets.random_actions import RandomActions
from headstart.tasks.fixed import Fixed
from headstart.transfer.diagnosis import diagnose, laid_out
from headstart.types import Params, TaskFamily

EPISODES = 3  # of the policy, and as many of random actions


def diagnosis_lines(key: Key[Array, ""], home: TaskFamily, policy: Any, params: Params) -> Iterator[str]:
    """Plays a few episodes at home, the policy drawing its actions, and says what they show.

    Args:
        key: same key, same lines.
        home: where the policy was learnt.
        policy: feed-forward; of one with a memory nothing is said, since its states are more than it sees.
        params: of the policy.
    """
    if jax.tree.leaves(policy.start(params, 1)):
        return
    tasks = Fixed(task=home.task()).sample(key, (), EPISODES)
    ours = play(key, home, policy, params, tasks, EPISODES)
    nobody = RandomActions(action=home.action)
    theirs = play(key, home, nobody, {}, tasks, EPISODES)  # pyright: ignore[reportArgumentType]
    found = diagnose(policy, params, laid_out(ours), laid_out(theirs))
    yield f"diagnosis on {home.name}: {found.line()}"
    yield found.sentence()
