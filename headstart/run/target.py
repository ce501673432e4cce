"""The target behind a meter: it can be played, at a price, and not looked into.

What the handle keeps to itself is kept from every ordinary way of asking (attributes, repr, copies, pickles, errors,
the tasks in what it returns). It guards against mistakes in a study, not against code that wants to cheat.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn, Protocol
from weakref import WeakKeyDictionary

import jax
import numpy as np
from jaxtyping import Array, Key

from headstart.errors import Fault, InputError
from headstart.run.ledger import PURPOSES, Counts, Ledger, Purpose
from headstart.run.tape import Tape
from headstart.types import ActionSpace, HostFamily, ObservationSpace, Params, Policy, Rollout, Task


class Play(Protocol):
    """Plays each of `episodes` episodes to its end: `headstart.data.collect.play`."""

    def __call__(
        self, key: Key[Array, ""], family: Any, policy: Policy, params: Params, tasks: Task, episodes: int
    ) -> tuple[Rollout, ...]: ...


class _Sealed(NamedTuple):
    family: HostFamily
    ledger: Ledger
    play: Play
    tape: Tape | None


_SEALED: WeakKeyDictionary["Target", _Sealed] = WeakKeyDictionary()  # here, and so nowhere on the handle


class Target:
    """A metered handle on a scarce world: its spaces, its horizon, its name, and `run`.

    Args:
        build: makes the world; called once, here, so that the caller never holds it.
        ledger: where every episode is charged.
        play: how episodes are played.
        tape: where finished episodes are kept, and read from instead of being played again; None keeps none.
    """

    __slots__ = ("__weakref__", "action", "horizon", "name", "observation")
    observation: ObservationSpace
    action: ActionSpace
    horizon: int | None
    name: str

    def __init__(self, build: Callable[[], HostFamily], ledger: Ledger, play: Play, tape: Tape | None = None):
        family = build()
        for field in ("observation", "action", "horizon", "name"):
            object.__setattr__(self, field, getattr(family, field))
        _SEALED[self] = _Sealed(family, ledger, play, tape)

    def run(
        self, key: Key[Array, ""], policy: Policy, params: Params, episodes: int, purpose: Purpose
    ) -> tuple[Rollout, ...]:
        """Plays episodes on the target, each charged to the ledger before it begins.

        Adaptation and selection play one episode after the other, as a robot would; evaluation, which no budget limits,
        is charged at once. The random numbers of the three purposes are apart even for one key.

        Args:
            key: same key, purpose and policy, same episodes.
            policy: who acts.
            params: of the policy.
            episodes: how many, at least 1.
            purpose: what they are used for.

        Returns:
            One record an episode, axes `time env=1`. Of the task only `spec`, what an agent may be told, is left in it.

        Raises:
            BudgetExceeded: the budget does not allow all of them; none was begun.
            Fault: the target broke; what it had begun stays charged.
        """
        tape = _SEALED[self].tape
        if tape is None or tape.left(purpose) < episodes:
            _SEALED[self].ledger.require(purpose, episodes - (tape.left(purpose) if tape else 0))
        key = jax.random.fold_in(key, PURPOSES.index(purpose))
        if purpose == "evaluation":
            return self._charged(key, policy, params, episodes, purpose)
        keys = [jax.random.fold_in(key, episode) for episode in range(episodes)]
        return tuple(rollout for k in keys for rollout in self._charged(k, policy, params, 1, purpose))

    def _charged(
        self, key: Key[Array, ""], policy: Policy, params: Params, episodes: int, purpose: Purpose
    ) -> tuple[Rollout, ...]:
        tape = _SEALED[self].tape
        kept = None if tape is None else tape.play_back(purpose, _like(self), params)
        if kept is not None:
            return kept
        if tape is not None:
            tape.require_room()
        _SEALED[self].ledger.charge(purpose, episodes)
        played = _play(self, key, policy, params, episodes)
        if isinstance(played, str):  # raised out here, since the frames of a traceback would hold the world
            raise Fault(f"target {self.name!r} broke in an episode of {purpose}: {played}")
        bare = tuple(rollout._replace(task=Task({}, {}, rollout.task.spec)) for rollout in played)
        if tape is not None:
            tape.record(purpose, bare, params)
        _SEALED[self].ledger.add_steps(purpose, sum(int(np.shape(rollout.reward)[0]) for rollout in played))
        return bare

    def counts(self) -> Counts:
        """Returns what was used of this target so far."""
        return _SEALED[self].ledger.counts()

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a target is fixed; {name!r} cannot be set")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"a target is fixed; {name!r} cannot be deleted")

    def __repr__(self) -> str:
        return f"Target({self.name!r})"

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise InputError(
            f"target {self.name!r}: a metered handle cannot be copied or pickled; build it where it is used"
        )


def freely(build: Callable[[], HostFamily], ledger: Ledger, play: Play) -> Target:
    """Builds the target of an oracle: no limit, and a ledger of its own so that its use is never mixed with a study's.

    Raises:
        InputError: the ledger has a budget.
    """
    if ledger.budget is not None:
        raise InputError(f"{ledger.path}: an oracle plays freely; give it a ledger of its own with budget=None")
    return Target(build, ledger, play)


def _like(target: Target) -> Rollout:
    """Returns a rollout of the target's structure, for a tape to fill."""
    obs, spec = jax.tree.map(lambda _: 0, target.observation), _SEALED[target].family.task().spec
    return Rollout(obs, 0, 0, obs, 0, 0, 0, 0, Task({}, {}, spec))  # pyright: ignore[reportArgumentType]


def _play(
    target: Target, key: Key[Array, ""], policy: Policy, params: Params, episodes: int
) -> tuple[Rollout, ...] | str:
    """Returns the episodes, or one line about what broke."""
    family, _, play, _ = _SEALED[target]
    task_key, play_key = jax.random.split(key)
    try:
        return play(play_key, family, policy, params, family.sample(task_key, episodes), episodes)
    except Exception as error:  # the target is the user's code: anything may come out of it
        return f"{type(error).__name__}: {error}".replace("\n", " ")[:300]
