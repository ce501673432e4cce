"""One adapter that shows any family to Gymnasium and to whatever is built on it."""

import dataclasses
from functools import partial
from typing import Any, ClassVar

import gymnasium
import jax
import numpy as np
from gymnasium import spaces

from headstart.errors import Fault, InputError
from headstart.spaces import Box, Discrete
from headstart.tasks.catalogue import family as family_by_name
from headstart.tasks.own_family import sound_family
from headstart.types import Task, TaskFamily

SEEDS = 2**31


def gymnasium_space(space: Any) -> spaces.Space:
    """Turns a pytree of our spaces into Gymnasium's."""
    if isinstance(space, Box):
        low, high = space.bounds()
        return spaces.Box(low, high, space.shape, np.dtype(space.dtype).type)
    if isinstance(space, Discrete):
        return spaces.Discrete(space.n)
    return spaces.Dict({name: gymnasium_space(member) for name, member in space.items()})


class FamilyEnv(gymnasium.Env):
    """A single environment of a family.

    `info` says `is_success` and `success` where the task has a goal to be near. The clock is Gymnasium's `TimeLimit`,
    which `gymnasium.make` adds.

    Args:
        family: a family, or its name.
        task: to play, unbatched; the family's nominal one where none is given.
        sampled: draw a task of the family's own at every reset instead. What may be told about it is then seen too: the
            observation is `{"state": ..., "task": ...}`.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": []}

    def __init__(
        self,
        family: str | TaskFamily,
        task: Task | None = None,
        sampled: bool = False,
        render_mode: str | None = None,
    ):
        if render_mode is not None:
            raise InputError(f"render_mode {render_mode!r}: these environments draw no pictures; leave it out")
        if task is not None and sampled:
            raise InputError("give either a task or sampled=True, not both")
        self.family: Any = _single(family_by_name(family) if isinstance(family, str) else family)
        self.render_mode, self._sampled = None, sampled
        self._task: Any = self.family.task() if task is None else task
        self._play: Any = _JaxPlay(self.family) if self.family.kind == "jax" else _HostPlay(self.family)
        self.action_space = gymnasium_space(self.family.action)
        seen = gymnasium_space(self.family.observation)
        told = np.shape(self._task.spec)
        self._tells = sampled and told != (0,)
        if self._tells:
            seen = spaces.Dict({"state": seen, "task": spaces.Box(-np.inf, np.inf, told, np.float32)})
        self.observation_space = seen

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begins an episode. `options={"task": Task}` plays that one from now on."""
        super().reset(seed=seed)
        if options and "task" in options:
            self._task = options["task"]
        elif self._sampled:
            key = jax.random.key(int(self.np_random.integers(SEEDS)))
            self._task = jax.tree.map(lambda leaf: np.asarray(leaf)[0], self.family.sample(key, 1))
        self._play.reset(int(self.np_random.integers(SEEDS)), self._task)
        return self._seen(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Steps once. Where the world breaks, the episode is truncated and `info["broken"]` is True."""
        if isinstance(self.action_space, spaces.Box):
            action = np.clip(np.asarray(action, np.float32), self.action_space.low, self.action_space.high)
        outcome = self._play.step(int(self.np_random.integers(SEEDS)), action, self._task)
        seen = self._seen()
        terminated, broken = bool(outcome.terminated), not bool(outcome.valid)
        info: dict[str, Any] = {"broken": True} if broken else self._success(terminated)
        return seen, float(outcome.reward), terminated, bool(outcome.truncated) or broken, info

    def set_state(self, qpos: Any, qvel: Any) -> None:
        """Puts a robot into a pose, as Gymnasium's MuJoCo environments do; waiting actions are forgotten.

        Args:
            qpos: joint positions, in m and rad.
            qvel: joint velocities, in m/s and rad/s.

        Raises:
            InputError: for a family that is no robot, or for other shapes than its own.
        """
        if not hasattr(self.family, "place"):
            raise InputError(f"{self.family.name} has no joints; set_state is for the MuJoCo families")
        self._play.place(np.asarray(qpos, np.float64), np.asarray(qvel, np.float64))

    def _seen(self) -> Any:
        """Observes, in the types of the observation space."""
        obs = self._play.observe()
        if self._tells:
            obs = {"state": obs, "task": np.array(self._task.spec, np.float32)}
        return _like(self.observation_space, obs)

    def _success(self, terminated: bool) -> dict[str, bool]:
        """Says whether the goal is near, where there is one: in the words of Stable-Baselines3 and of Meta-World."""
        goal, radius = self._task.reward.get("goal"), getattr(self.family, "goal_radius", None)
        if goal is None or radius is None:
            return {}
        place = np.asarray(self._play.observe())[: np.size(goal)]
        near = terminated or bool(np.linalg.norm(place - np.asarray(goal)) <= radius)
        return {"is_success": near, "success": near}


def as_environment(made: Any) -> gymnasium.Env:
    """Shows a family of the user's, or a robot, to who plays Gymnasium's environments, with its clock.

    Raises:
        InputError: it is not sound.
    """
    family = sound_family(made)
    env = FamilyEnv(family)
    return env if family.horizon is None else gymnasium.wrappers.TimeLimit(env, family.horizon)


def _single(family: Any) -> Any:
    """Makes a family fit for one environment: threads that share a batch of one are a loss."""
    has_threads = any(field.name == "threads" for field in dataclasses.fields(family))
    return dataclasses.replace(family, threads=0) if has_threads else family


def _like(space: spaces.Space, value: Any) -> Any:
    """Copies an observation into the types that a space says."""
    if isinstance(space, spaces.Dict):
        return {name: _like(member, value[name]) for name, member in space.spaces.items()}
    if isinstance(space, spaces.Discrete):
        return np.int64(value)
    return np.array(value, space.dtype)


@partial(jax.jit, static_argnums=0)  # the family is static: all environments of one share what is compiled
def _reset(family: Any, seed: Any, task: Any) -> tuple[Any, Any]:
    state = family.reset(jax.random.key(seed), task)
    return state, family.observe(state, task)


@partial(jax.jit, static_argnums=0)
def _step(family: Any, seed: Any, state: Any, action: Any, task: Any) -> tuple[Any, Any]:
    outcome = family.step(jax.random.key(seed), state, action, task)
    return outcome, family.observe(outcome.state, task)


class _JaxPlay:
    """Plays one environment of pure functions: a reset or a step, and what is seen then, are one compiled call."""

    def __init__(self, family: Any):
        self._reset, self._step = partial(_reset, family), partial(_step, family)
        self._state: Any = None
        self._obs: Any = None

    def reset(self, seed: int, task: Task) -> None:
        self._state, self._obs = self._reset(np.uint32(seed), task)

    def step(self, seed: int, action: Any, task: Task) -> Any:
        _begun(self._state)
        outcome, self._obs = self._step(np.uint32(seed), self._state, action, task)
        self._state = outcome.state
        return outcome

    def observe(self) -> Any:
        return self._obs


class _HostPlay:
    """Plays a batch of one."""

    def __init__(self, family: Any):
        self._family, self._world, self._here = family, family.start(1), np.ones(1, bool)
        self._state: Any = None

    def reset(self, seed: int, task: Task) -> None:
        tasks = jax.tree.map(lambda leaf: np.asarray(leaf)[None], task)
        self._state = self._family.reset(np.array([seed]), self._world, tasks, self._here)

    def step(self, seed: int, action: Any, task: Task) -> Any:
        _begun(self._state)
        outcome = self._family.step(np.array([seed]), self._state, np.asarray(action)[None], self._here)
        self._state = outcome.state
        first: Any = [np.asarray(column)[0] for column in outcome[1:]]
        return type(outcome)(outcome.state, *first)

    def observe(self) -> Any:
        return jax.tree.map(lambda leaf: np.asarray(leaf)[0], self._family.observe(self._state))

    def place(self, qpos: np.ndarray, qvel: np.ndarray) -> None:
        _begun(self._state)
        now = self._family.physics(self._state)
        wanted = (now.qpos.shape[1:], now.qvel.shape[1:])
        if (qpos.shape, qvel.shape) != wanted:
            raise InputError(f"set_state: qpos and qvel have shapes {qpos.shape}, {qvel.shape}; they must be {wanted}")
        self._state = self._family.place(self._state, qpos[None], qvel[None])


def _begun(state: Any) -> None:
    if state is None:
        raise Fault("the environment was stepped before its first reset; call reset() first")
