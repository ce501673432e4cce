"""What a check of an environment finds, and the recorded episodes that it looks at."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import gymnasium
import numpy as np

PROBLEM, WARNING, GOOD = "problem", "warning", "good"


class Finding(NamedTuple):
    """What one law says.

    Attributes:
        severity: `"problem"`: learning or transfer would go wrong; `"warning"`: it may; `"good"`.
        what: was found, in a sentence.
        where: it was found: the call, the seed, the step.
        change: what to do about it.
    """

    severity: str
    what: str
    where: str = ""
    change: str = ""


class Step(NamedTuple):
    """One step of a recorded episode. Arrays are copies."""

    action: Any
    obs: Any
    reward: Any
    terminated: Any
    truncated: Any
    info: Any


def problem(what: str, where: str, change: str) -> Finding:
    """Builds a finding of the worst kind."""
    return Finding(PROBLEM, what, where, change)


def warning(what: str, where: str, change: str) -> Finding:
    """Builds a finding of the middle kind."""
    return Finding(WARNING, what, where, change)


def copied(value: Any) -> Any:
    """Copies nested dicts, tuples and arrays."""
    if isinstance(value, dict):
        return {key: copied(member) for key, member in value.items()}
    if isinstance(value, tuple):
        return tuple(map(copied, value))
    return np.array(value) if isinstance(value, np.ndarray) else value


def same(one: Any, other: Any) -> bool:
    """Says whether two nested values are equal, bit for bit; NaN equals NaN."""
    if isinstance(one, dict):
        return isinstance(other, dict) and one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    return np.array_equal(np.asarray(one), np.asarray(other), equal_nan=np.asarray(one).dtype.kind in "fc")


def play(env: gymnasium.Env, seed: int, steps: int, then: Callable[[Any], None] = lambda obs: None) -> list[Step]:
    """Plays one episode with random actions, at most `steps` long; `then` is shown what was returned, uncopied."""
    env.action_space.seed(seed)
    obs, _ = env.reset(seed=seed)
    then(obs)
    recorded = []
    for _ in range(steps):
        action = env.action_space.sample()
        obs, *rest = env.step(copied(action))
        recorded.append(Step(action, copied(obs), *map(copied, rest)))
        then(obs)
        if recorded[-1].terminated or recorded[-1].truncated:
            break
    return recorded


def episodes(env: gymnasium.Env, steps: int) -> Iterator[tuple[int, list[Step]]]:
    """Plays episodes with seeds 0, 1, ... until `steps` are spent."""
    seed = 0
    while steps > 0:
        recorded = play(env, seed, steps)
        yield seed, recorded
        steps, seed = steps - max(1, len(recorded)), seed + 1


def trace(recorded: list[Step]) -> tuple[Any, ...]:
    """Keeps what a learner would see of an episode."""
    return tuple((step.obs, step.reward, step.terminated, step.truncated) for step in recorded)


def spoil(obs: Any) -> None:
    """Overwrites every array of an observation."""
    members = obs.values() if isinstance(obs, dict) else obs if isinstance(obs, tuple) else ()
    for member in members:
        spoil(member)
    if isinstance(obs, np.ndarray) and obs.flags.writeable:
        obs[...] = 77
