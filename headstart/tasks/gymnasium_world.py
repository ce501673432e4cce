"""Any Gymnasium environment as a family: the user's own world, or a target that may only be tried, not read."""

import functools
import json
import weakref
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple

import jax
import numpy as np

from headstart.errors import Fault, InputError, in_a_line
from headstart.spaces import ParameterSpace
from headstart.tasks.gymnasium_batch import gather
from headstart.tasks.gymnasium_board import Board, board_on, board_size
from headstart.tasks.gymnasium_building import build, describe
from headstart.tasks.gymnasium_processes import Processes
from headstart.tasks.gymnasium_spaces import arranged, from_json
from headstart.tasks.gymnasium_stepping import Misbehaved
from headstart.tasks.gymnasium_worker import RESET, STEP
from headstart.types import ActionSpace, Observation, ObservationSpace, Outcome, Task

Argument = str | int | float | bool | None


@jax.tree_util.register_static
class Handle:
    """Holds running environments inside a state without being one of its arrays."""

    def __init__(self, worlds: Any):
        self.worlds = worlds


class WorldState(NamedTuple):
    """Running environments, good for one more command.

    Attributes:
        obs: what was seen last.
        success: 1 or 0 where the environment's info said so in the last step, else -1.
        turn: which command this state came from.
        handle: of the environments.
    """

    obs: Observation
    success: np.ndarray
    turn: np.ndarray
    handle: Handle


class InProcess:
    """The same interface as `Processes`, in this process: for tests, and for functions that live in `__main__`."""

    def __init__(self, name: str, order: dict[str, Any], description: dict[str, Any], n: int):
        self.name, self.description, self.turn = name, description, 0
        built = [_guarded(name, order) for _ in range(n // description["size"])]
        self.board: Board = board_on(bytearray(board_size(description, n, 1)), description, n, 1)
        self.board.lost[:] = True
        self.environments = gather(built, self.board, 0, 0)

    def command(self, byte: bytes, rows: np.ndarray) -> None:
        """Resets or steps the marked rows; raises `Fault` where an environment breaks."""
        del rows  # the board has them
        try:
            with np.errstate(over="ignore", invalid="ignore"):
                self.environments.reset() if byte == RESET else self.environments.step()
        except (Exception, SystemExit) as error:
            row = error.row if isinstance(error, Misbehaved) else int(self.board.at[0])
            what = error.what if isinstance(error, Misbehaved) else in_a_line(error)
            place = f"environment {row}, in process, seed {self.board.seed[row]}, step {self.board.steps[row]}"
            doing = "resetting" if byte == RESET else "stepping"
            raise Fault(f"target {self.name} ({place}) {what} while {doing}") from error
        self.turn += 1

    def close(self) -> None:
        """Closes the environments."""
        self.environments.close()


def _guarded(name: str, order: dict[str, Any]) -> Any:
    try:
        return build(order["source"], order["arguments"])
    except InputError:
        raise
    except Exception as error:
        raise Fault(f"target {name} (in process) {in_a_line(error)} while being built") from error


MOST_IDLE = 2  # batches of environments that wait for their next use; building one takes about a second
_idle: list[tuple[tuple[Any, ...], Processes]] = []


def idle_worlds(kind: tuple[Any, ...]) -> Processes | None:
    """Takes environments that nobody uses any more, none of which counts as reset."""
    for i, (other, worlds) in enumerate(_idle):
        if other == kind:
            del _idle[i]
            worlds.board.lost[:] = True
            return worlds
    return None


def keep_idle(kind: tuple[Any, ...], worlds: Processes) -> None:
    """Keeps environments whose last state is gone, unless they have been closed; the longest idle make room."""
    if not worlds.workers:
        return
    _idle.append((kind, worlds))
    while len(_idle) > MOST_IDLE:
        _idle.pop(0)[1].close()


@functools.cache
def _describe(source: str, arguments: str, isolate: bool, start_timeout: float) -> dict[str, Any]:
    """Builds one environment, asks for its spaces and drops it."""
    order = {"source": source, "arguments": json.loads(arguments)}
    if isolate:
        worlds = Processes(source, order, None, 0, 1, start_timeout, start_timeout)
        worlds.close()
        return worlds.description
    env = _guarded(source, order)
    description = describe(env)
    env.close()
    return description


@dataclass(frozen=True, kw_only=True)
class GymnasiumFamily:
    """One task whose dynamics nobody is told: an environment that is reset and stepped, and nothing else.

    The environments run in child processes, several in each. A row that is not finite comes back as `valid=False`
    with its episode cut; an environment that raises, hangs, dies or breaks its own spaces raises `Fault`, which names
    it, its worker, its seed and its step. Through the handle there is no way to the environment's model.

    Every reset passes its seed to the environment (31 bits of it), so an episode depends on its seed alone.

    Attributes:
        source: `gym:ID`, or `package.module:function` that returns an environment or a function that builds one.
        arguments: passed to it by name; what JSON can say.
        isolate: False keeps the environments in this process, where they can hang it or end it.
        workers: how many child processes each `start` uses, at most.
        timeout: seconds for one step or reset of a worker's environments before it counts as hung.
        start_timeout: seconds for importing and building.
        horizon: control steps until truncation, where the environment's own clock is not to decide.

    Example:
        >>> family = GymnasiumFamily(source="gym:CartPole-v1", isolate=False)
        >>> family.action
        Discrete(n=2)
    """

    source: str
    arguments: tuple[tuple[str, Argument], ...] = ()
    isolate: bool = True
    workers: int = 2
    timeout: float = 30.0
    start_timeout: float = 120.0
    horizon: int | None = None

    kind: ClassVar[Literal["jax", "host"]] = "host"
    can_snapshot: ClassVar[bool] = False

    def __post_init__(self):
        """Refuses what cannot work, before any process is started."""
        if ":" not in self.source or self.source.startswith(":") or self.source.endswith(":"):
            raise InputError(f"target {self.source!r}: write gym:ID, as in gym:Hopper-v5, or package.module:function")
        for name, value in (("workers", self.workers), ("timeout", self.timeout), ("horizon", self.horizon)):
            if value is not None and not value > 0:
                raise InputError(f"target {self.source!r}: {name} is {value}; it must be positive")

    @property
    def name(self) -> str:
        """The id or function, with its arguments."""
        short = self.source.removeprefix("gym:") if self.source.startswith("gym:") else self.source.split(":")[1]
        said = ", ".join(f"{name}={value!r}" for name, value in self.arguments)
        return f"{short}({said})" if said else short

    @property
    def description(self) -> dict[str, Any]:
        """What the environment says about itself: spaces, its own clock, whether it is a batch of environments."""
        return _describe(self.source, json.dumps(dict(self.arguments)), self.isolate, self.start_timeout)

    @property
    def observation(self) -> ObservationSpace:
        """Nested dicts of `Box` and `Discrete`, as the environment has them."""
        description = self.description
        return arranged(description["paths"], [from_json(space) for space in description["observation"]])

    @property
    def action(self) -> ActionSpace:
        """What a policy chooses from."""
        return from_json(self.description["action"])

    @property
    def dynamics(self) -> ParameterSpace:
        """Nothing: they are the environment's own affair."""
        return ParameterSpace()

    @property
    def rewards(self) -> ParameterSpace:
        """Nothing: goals, if any, are drawn by the environment."""
        return ParameterSpace()

    def task(self) -> Task:
        return Task(dynamics={}, reward={})

    def sample(self, key: Any, n: int) -> Task:
        del key, n  # there is one task, and no array in it
        return self.task()

    def start(self, n: int) -> WorldState:
        """Builds `n` environments, none of which has been reset.

        Raises:
            InputError: where there is no such environment, or it has spaces that nobody could learn on.
            Fault: where building it fails or takes longer than `start_timeout`.
        """
        description = self.description
        if n < 1 or n % description["size"]:
            raise InputError(f"target {self.name}: {n} environments asked for; it comes in {description['size']}s")
        order = {"source": self.source, "arguments": dict(self.arguments)}
        if not self.isolate:
            return self._state(Handle(InProcess(self.name, order, description, n)))
        kind = (self.source, self.arguments, n, self.workers, self.timeout)
        worlds = idle_worlds(kind)
        if worlds is None:
            worlds = Processes(self.name, order, description, n, self.workers, self.timeout, self.start_timeout)
        handle = Handle(worlds)
        weakref.finalize(handle, keep_idle, kind, worlds)
        return self._state(handle)

    def reset(self, seeds: Any, state: WorldState, tasks: Task, where: Any) -> WorldState:
        """Begins new episodes where `where` says; the other environments go on.

        Raises:
            InputError: for a task that says anything: the dynamics of these worlds cannot be set.
            Fault: where an environment breaks.
        """
        if tasks.dynamics or tasks.reward:
            names = ", ".join([*tasks.dynamics, *tasks.reward])
            raise InputError(f"target {self.name}: it takes no task, yet {names} were given; use family.task()")
        worlds = self._worlds(state)
        where = np.asarray(where, bool)
        if not where.any():
            return state
        worlds.board.where[:] = where
        worlds.board.seed[where] = np.asarray(seeds)[where].astype(np.int64) & 0x7FFFFFFF
        worlds.command(RESET, where)
        return self._state(state.handle)

    def observe(self, state: WorldState) -> Observation:
        return state.obs

    def step(self, seeds: Any, state: WorldState, action: Any, where: Any) -> Outcome:
        """Steps the environments that `where` marks once; one whose episode has ended must be reset first.

        Raises:
            Fault: where an environment breaks, or an action is not finite.
        """
        del seeds  # a Gymnasium environment draws from its own generator, seeded by `reset`
        worlds = self._worlds(state)
        board = worlds.board
        action = np.asarray(action)
        if action.shape != board.action.shape:
            raise InputError(f"target {self.name}: actions have shape {action.shape}, it takes {board.action.shape}")
        if not np.isfinite(action).all():
            row = int(np.flatnonzero(~np.isfinite(action.reshape(len(action), -1)).all(axis=1))[0])
            raise Fault(f"target {self.name} (environment {row}): the policy's action is not finite")
        board.action[...] = action
        where = np.asarray(where, bool)
        board.where[:] = where
        worlds.command(STEP, where)
        after = self._state(state.handle)
        columns: Any = tuple(np.array(c) for c in (board.reward, board.terminated, board.truncated, board.valid))
        return Outcome(after, *columns)

    def close(self, state: WorldState) -> None:
        """Ends the environments behind a state; also happens by itself when the last state of theirs is dropped."""
        state.handle.worlds.close()

    def _state(self, handle: Handle) -> WorldState:
        worlds = handle.worlds
        obs = arranged(worlds.description["paths"], [np.array(leaf) for leaf in worlds.board.obs])
        return WorldState(obs, np.array(worlds.board.success), np.asarray(worlds.turn), handle)

    def _worlds(self, state: WorldState) -> Any:
        worlds = state.handle.worlds
        if int(state.turn) != worlds.turn:
            raise Fault(f"target {self.name}: an old state was used; its worlds have moved on and cannot be rewound")
        return worlds
