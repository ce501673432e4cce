"""The four contracts and the records that pass between them.

Everything that changes during a run is *state*, an immutable pytree of arrays; everything else is a *field* of a frozen
dataclass, so that the configuration is the object. To change a behaviour, wrap the object; nothing is subclassed.
"""

from contextlib import AbstractContextManager
from typing import Any, Literal, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from headstart.spaces import Box, Discrete, ParameterSpace

Params = PyTree[Array]
State = PyTree[Array]
Observation = PyTree[Array]
Metrics = dict[str, Float[Array, ""]]
ObservationSpace = PyTree[Box | Discrete]
ActionSpace = Box | Discrete


class Task(NamedTuple):
    """A task is dynamics + reward (the lecture's definition). A batch of tasks has a leading axis in every leaf.

    Attributes:
        dynamics: named physical parameters, in the units that the family's parameter space states.
        reward: what is asked for: a goal, a direction, a speed, weights.
        spec: what the agent may be told about the task: a vector, an index, a text, a goal image. `()` is nothing.
    """

    dynamics: dict[str, Float[Array, "..."]]
    reward: dict[str, Float[Array, "..."]]
    spec: PyTree[Array] = ()


class Rollout(NamedTuple):
    """What a world did, and nothing that a learner thought. Axes `time env` in front of every leaf.

    Attributes:
        obs: what the policy saw.
        action: what the policy chose, before the world clipped it to its bounds.
        reward: of the step from `obs` to `next_obs`.
        next_obs: the true next observation, also where an episode ends; never the first of the next episode.
        terminated: the task ended here: nothing is worth anything afterwards, no bootstrap.
        truncated: the clock, or a fault, ended the record here: bootstrap from `next_obs`.
        first: `obs` is the first of an episode; memory is reset here.
        valid: False where the world broke (not finite, simulation diverged): no learner may use this row. The row is
            filled with finite numbers, and the episode is cut there by `truncated`.
        task: the task of each step.
    """

    obs: Observation
    action: Array
    reward: Float[Array, "time env"]
    next_obs: Observation
    terminated: Bool[Array, "time env"]
    truncated: Bool[Array, "time env"]
    first: Bool[Array, "time env"]
    valid: Bool[Array, "time env"]
    task: Task


class Demonstration(NamedTuple):
    """Observations and the actions that a demonstrator chose there. Axis `time` in front of every leaf."""

    obs: Observation
    action: Array


class Outcome(NamedTuple):
    """What one step of a world gives: unbatched from a `JaxFamily`, batched from a `HostFamily`.

    Attributes:
        state: the world afterwards.
        reward: of this step.
        terminated: the task ended.
        truncated: the world itself cut the episode (its own clock). A family's `horizon` is counted by the seam.
        valid: False where the world broke in this step.
    """

    state: State
    reward: Float[Array, "..."]
    terminated: Bool[Array, "..."]
    truncated: Bool[Array, "..."]
    valid: Bool[Array, "..."]


@runtime_checkable
class TaskFamily(Protocol):
    """A set of tasks that share spaces: what can vary, and how to make one."""

    kind: Literal["jax", "host"]
    horizon: int | None  # control steps until truncation; None: the world keeps its own clock

    @property
    def name(self) -> str: ...
    @property
    def observation(self) -> ObservationSpace: ...
    @property
    def action(self) -> ActionSpace: ...
    @property
    def dynamics(self) -> ParameterSpace: ...  # physical parameters
    @property
    def rewards(self) -> ParameterSpace: ...  # goal, direction, speed
    def task(self) -> Task: ...  # the nominal task, unbatched
    def sample(self, key: Key[Array, ""], n: int) -> Task: ...  # the family's own spread of rewards, nominal dynamics


class JaxFamily(TaskFamily, Protocol):
    """A world of pure, unbatched JAX functions. The seam vectorises them and compiles whole rollouts."""

    def reset(self, key: Key[Array, ""], task: Task) -> State: ...
    def observe(self, state: State, task: Task) -> Observation: ...
    def step(self, key: Key[Array, ""], state: State, action: Array, task: Task) -> Outcome: ...


class HostFamily(TaskFamily, Protocol):
    """A world outside JAX (MuJoCo's C engine, any Gymnasium environment). Batched over NumPy arrays, axis `env` first.

    `where` says which environments are meant; the others are left as they are (a target that has finished its episode
    is not touched again). `seeds` are 64-bit integers that the seam derives from its key, one for each environment and
    episode or step. A family whose worlds cannot be rewound says `can_snapshot = False`: its states are then good for
    one step only, and a checkpoint is taken at the borders of episodes.

    What a family may offer beside this is `TakesTurns` and `Foresees`.
    """

    can_snapshot: bool

    def start(self, n: int) -> State: ...  # n environments, none of which has been reset
    def reset(self, seeds: Int[Any, " env"], state: State, tasks: Task, where: Bool[Any, " env"]) -> State: ...
    def observe(self, state: State) -> Observation: ...
    def step(self, seeds: Int[Any, " env"], state: State, action: Any, where: Bool[Any, " env"]) -> Outcome: ...


@runtime_checkable
class TakesTurns(Protocol):
    """A host family that thinks in this process between two calls of its physics, and holds `turn` while it does.

    The seam holds the same lock for what it does itself: see `headstart.tasks.turn`.
    """

    @property
    def turn(self) -> AbstractContextManager[Any]: ...


@runtime_checkable
class Foresees(Protocol):
    """A host family that can prepare for many steps at once, which comes out the same, and sooner."""

    def foresee(self, seeds: Int[Any, "time env"], state: State) -> None: ...


class TaskDistribution(Protocol):
    """Where tasks come from: randomization, an adapted posterior, a curriculum, a lifelong sequence."""

    def init(self, key: Key[Array, ""]) -> State: ...
    def sample(self, key: Key[Array, ""], state: State, n: int) -> Task: ...
    def update(self, key: Key[Array, ""], state: State, feedback: Any) -> tuple[State, Metrics]: ...


class Policy(Protocol):
    """Acts on a batch. The carry is `()`, a recurrent memory, a plan to warm-start, or the active skill."""

    def init(self, key: Key[Array, ""]) -> Params: ...
    def start(self, params: Params, n: int) -> State: ...
    def apply(self, key: Key[Array, ""], params: Params, carry: State, obs: Observation) -> tuple[Array, State]: ...


class Learner(Protocol):
    """Learns from batches. Its fields are hyper-parameters; whatever changes during a run is in its state."""

    @property
    def policy(self) -> Policy: ...
    def init(self, key: Key[Array, ""]) -> State: ...
    def update(self, key: Key[Array, ""], state: State, batch: Any) -> tuple[State, Metrics]: ...
    def params(self, state: State) -> Params: ...
