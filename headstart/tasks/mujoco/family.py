"""A robot as a family of tasks: batched, with dynamics of its own for each environment."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal, NamedTuple

import jax
import mujoco
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from headstart.errors import InputError
from headstart.processors import usable
from headstart.spaces import Box, ParameterSpace
from headstart.tasks.mujoco import draws
from headstart.tasks.mujoco.engine import Engines
from headstart.tasks.mujoco.model import STATE, compiled
from headstart.tasks.mujoco.parameters import DELAY, JITTER, LONGEST_DELAY, NOISE
from headstart.tasks.mujoco.prediction import predict
from headstart.tasks.mujoco.randomize import Randomizer
from headstart.tasks.mujoco.readback import read
from headstart.tasks.mujoco.robot import Physics, Robot, direction_and_speed
from headstart.tasks.turn import TURN
from headstart.types import Outcome, Task

_INITIAL, _NOISE, _TASK, _LATE = 1, 2, 3, 4  # streams of random numbers
_MOST_FORESEEN = 4096  # steps
_ALL = slice(None)
_LARGEST = 1e6  # a position or velocity beyond this is a simulation that diverged; MuJoCo's own limit is 1e10


class WorldState(NamedTuple):
    """All that a batch of environments is; a checkpoint needs nothing else. Arrays are never written to.

    Attributes:
        physics: MuJoCo's full physical state: time, positions, velocities.
        bodies: where the watched bodies were in the engine's last forward pass.
        forces: what contacts did to all bodies in it, where the robot asks for that.
        queue: the latest actions, newest first.
        error: what the sensors add to the observation in this step.
        dynamics: the value of each of the family's parameters, in their order.
        reward: what is asked for.
    """

    physics: Float[np.ndarray, "env state"]
    bodies: Float[np.ndarray, "env body 3"]
    forces: Float[np.ndarray, "env all 6"]
    queue: Float[np.ndarray, "env delay action"]
    error: Float[np.ndarray, "env channel"]
    dynamics: Float[np.ndarray, "env parameter"]
    reward: dict[str, Float[np.ndarray, " env"]]


@dataclass(frozen=True, kw_only=True)
class MujocoFamily:
    """Simulated robots whose dynamics, direction and speed vary from task to task.

    With nominal tasks, step by step what Gymnasium's environment does, to rounding: `mujoco.rollout` starts each
    control step without the constraint solver's last solution.

    Attributes:
        robot: the model file and the functions of its state.
        threads: that share the physics of one batch; 0 for the calling thread alone.
        warm_start: whether the constraint solver may start from its last solution within a control step. Without, the
            world is bit for bit Gymnasium's with the same option, and slower.
    """

    robot: Robot
    threads: int = field(default_factory=lambda: len(usable()))
    warm_start: bool = True
    kind: Literal["host"] = "host"
    can_snapshot: bool = True
    turn: ClassVar = TURN

    @property
    def name(self) -> str:
        return self.robot.about.name

    @property
    def horizon(self) -> int | None:
        return self.robot.about.horizon

    @property
    def observation(self) -> Box:
        return Box((len(self.robot.about.scale),))

    @cached_property
    def action(self) -> Box:
        low, high = self._model.actuator_ctrlrange.T
        return Box((self._model.nu,), tuple(low.tolist()), tuple(high.tolist()))

    @property
    def dynamics(self) -> ParameterSpace:
        return self._randomizer.space

    @cached_property
    def rewards(self) -> ParameterSpace:
        return direction_and_speed(self.robot.about)

    def task(self) -> Task:
        dynamics, reward = self._nominal()
        return Task(dynamics, reward, _told(reward))

    def sample(self, key: Key[Array, ""], n: int) -> Task:
        """Draws directions and speeds where the robot runs; the dynamics are nominal."""
        dynamics, reward = (_repeated(part, n) for part in self._nominal())
        if self.robot.about.speeds is not None:
            high, low = np.asarray(jax.random.key_data(key), np.uint64)
            unit = draws.uniform((high << np.uint64(32) | low) + np.arange(n, dtype=np.uint64), 2, _TASK)
            slowest, fastest = self.robot.about.speeds
            reward["direction"] = np.where(unit[:, 0] < 0.5, -1.0, 1.0).astype(np.float32)
            reward["speed"] = (slowest + (fastest - slowest) * unit[:, 1]).astype(np.float32)
        return Task(dynamics, reward, _told(reward))

    def start(self, n: int) -> WorldState:
        physics = np.zeros((n, mujoco.mj_stateSize(self._model, STATE)))
        physics[:, 1 : 1 + self._model.nq] = self._model.qpos0
        dynamics = np.tile(self._randomizer.nominal, (n, 1))
        reward = {name: np.full(n, value, np.float64) for name, value in self.rewards.nominal().items()}
        bodies = np.zeros((n, len(self.robot.about.watched), 3))
        forces = np.zeros((n, self._model.nbody if self.robot.about.forces else 0, 6))
        queue = np.zeros((n, 1 + LONGEST_DELAY, self._model.nu))
        error = np.zeros((n, len(self.robot.about.scale)))
        return WorldState(physics, bodies, forces, queue, error, dynamics, reward)

    def reset(self, seeds: Int[Any, " env"], state: WorldState, tasks: Task, where: Bool[Any, " env"]) -> WorldState:
        rows = np.flatnonzero(where)
        if not rows.size:
            return state
        everyone, seeds = np.asarray(seeds), np.asarray(seeds)[rows].astype(np.uint64)
        qpos, qvel = self.robot.initial(draws.uniform(seeds, self.robot.about.draws, _INITIAL), self._model.qpos0)
        dynamics = _with(state.dynamics, rows, self._randomizer.values(tasks.dynamics, rows))
        physics = _with(state.physics, rows, np.concatenate([np.zeros((len(rows), 1)), qpos, qvel], axis=1))
        with self._engines.lend(dynamics, state.dynamics) as engine:
            bodies = engine.forward(physics, rows)
        return WorldState(
            physics=physics,
            bodies=_with(state.bodies, rows, bodies),
            forces=_with(state.forces, rows, 0.0),
            queue=_with(state.queue, rows, 0.0),
            error=_with(state.error, rows, self._error(seeds, dynamics[rows], everyone, rows)),
            dynamics=dynamics,
            reward=self._asked(state.reward, tasks.reward, rows),
        )

    def observe(self, state: WorldState) -> Float[np.ndarray, "env channel"]:
        return self.exact(state) + state.error

    def exact(self, state: WorldState) -> Float[np.ndarray, "env channel"]:
        """Returns what sensors without noise would say."""
        return self.robot.observe(self._split(state))

    def step(self, seeds: Int[Any, " env"], state: WorldState, action: Any, where: Bool[Any, " env"]) -> Outcome:
        with TURN:
            where, action = np.asarray(where), np.asarray(action)
            rows = None if where.all() else np.flatnonzero(where)
            queue = np.concatenate([action[:, None], state.queue[:, :-1]], axis=1, dtype=np.float64)
            control = self._control(np.asarray(seeds), queue, state.dynamics)
        with self._engines.lend(state.dynamics) as engine:
            physics, bodies, forces = engine.step(state.physics, control, rows)
        with TURN:
            error = self._error(np.asarray(seeds), state.dynamics, np.asarray(seeds))
            after = WorldState(physics, bodies, forces, queue, error, state.dynamics, state.reward)
            if rows is None and self._all_intact(state, after):
                return self._judged(state, after, action, where)
            return self._judged_in_part(state, after, action, where)

    def foresee(self, seeds: Int[Any, "time env"], state: WorldState) -> None:
        """Draws at once what steps with these seeds will need; they come out the same, and sooner.

        Between two steps the processor's caches are the physics', and each of some dozens of array operations costs
        several times what it costs in a loop of its own.
        """
        if not state.dynamics[:, self._randomizer.column[NOISE]].any():
            return
        if len(self._foreseen) > _MOST_FORESEEN:  # of rollouts that were cut off
            self._foreseen.clear()
        seeds, channels = np.asarray(seeds), len(self._scale)
        errors = draws.normal(seeds.ravel(), channels, _NOISE).reshape(*seeds.shape, channels) * self._scale
        self._foreseen.update(zip((row.tobytes() for row in seeds), errors, strict=True))

    def place(
        self, state: WorldState, qpos: Float[Any, "env position"], qvel: Float[Any, "env velocity"]
    ) -> WorldState:
        """Puts every environment into a given pose at time 0; waiting actions are forgotten."""
        clock = np.zeros((len(state.physics), 1))
        physics = np.concatenate([clock, np.asarray(qpos, np.float64), np.asarray(qvel, np.float64)], axis=1)
        with self._engines.lend(state.dynamics) as engine:
            bodies = engine.forward(physics, np.arange(len(physics)))
        forces, queue = np.zeros_like(state.forces), np.zeros_like(state.queue)
        return state._replace(physics=physics, bodies=bodies, forces=forces, queue=queue)

    @property
    def typical_size(self) -> Float[np.ndarray, " channel"]:
        """The unit of the sensors' noise in each observed channel."""
        return self._scale

    @property
    def unpredictable(self) -> str | None:
        """Says in one line why `predict` cannot be used; None where it can."""
        if self.robot.about.unseen is None:
            return f"{self.name}: its observation is not its whole state, so that a recorded state cannot be set"
        return None

    def predict(
        self,
        dynamics: Mapping[str, Float[Any, " particle"]],
        obs: Float[np.ndarray, "row channel"],
        queue: Float[np.ndarray, "row lag action"],
    ) -> tuple[Float[np.ndarray, "particle row channel"], Bool[np.ndarray, "particle row"]]:
        """Puts the world into each observed state and asks what would be seen one control step later.

        What `step` does from there, to rounding, where `obs` is exact. The sensors' noise and the
        jitter of latency are left out.

        Args:
            dynamics: values of parameters for each particle; what is not named is nominal.
            obs: states, as observed.
            queue: what was asked for, newest first: in this step, in the one before, and so on. Shorter than a
                particle's delay, it is filled up with zeros, as after a reset.

        Returns:
            The next observations in double precision, and whether each is one: not where the world broke, nor where a
            velocity of `obs` was cut by the sensor's limits, so that the state is not known.

        Raises:
            InputError: where a state cannot be set from an observation, with the reason.
        """
        if self.unpredictable:
            raise InputError(f"{self.unpredictable}; use a method that compares observations only, such as simopt")
        return predict(self, self._engines, dynamics, obs, queue)

    def physics(self, state: WorldState) -> Physics:
        """Returns joint positions and velocities, to draw a picture of or to start from."""
        return self._split(state)

    def models(self, state: WorldState, rows: Sequence[int] | None = None) -> list[mujoco.MjModel]:
        """Returns a copy of the model of each environment, or of some, with its dynamics."""
        with self._engines.lend(state.dynamics) as engine:
            return [engine.model(row) for row in (range(len(state.physics)) if rows is None else rows)]

    def parameters(self, model: mujoco.MjModel) -> dict[str, float]:
        """Reads the physical parameters back from a model. Delay, jitter and noise are not in a model."""
        return read(self._randomizer, model)

    @cached_property
    def _model(self) -> mujoco.MjModel:
        about = self.robot.about
        return compiled(about.asset, about.watched, self.warm_start, about.walls, about.euler, about.masses)

    @cached_property
    def _randomizer(self) -> Randomizer:
        return Randomizer(self._model, self.robot)

    @cached_property
    def _engines(self) -> Engines:
        return Engines(self._randomizer, self.threads)

    @cached_property
    def _scale(self) -> Float[np.ndarray, " channel"]:
        return np.array(self.robot.about.scale)

    def _nominal(self) -> tuple[dict[str, Any], dict[str, Any]]:
        return self.dynamics.nominal(), self.rewards.nominal()

    def _split(self, state: WorldState) -> Physics:
        end = 1 + self._model.nq
        forces = state.forces if self.robot.about.forces else None
        return Physics(state.physics[:, 1:end], state.physics[:, end : end + self._model.nv], state.bodies, forces)

    def _judged(self, before: WorldState, after: WorldState, action: np.ndarray, valid: Any) -> Outcome:
        now = self._split(after)
        ended: Any = self.robot.terminated(now)
        reward: Any = self.robot.reward(self._split(before), now, action, after.reward, ended)
        return Outcome(after, reward, ended, np.zeros_like(valid), valid)

    def _judged_in_part(
        self, before: WorldState, after: WorldState, action: np.ndarray, where: Bool[np.ndarray, " env"]
    ) -> Outcome:
        """Judges a step of which some environments rested or broke: these stay what they were, which is finite."""
        intact = self._intact(before, after)
        kept = ~(where & intact)
        action = np.where(kept[:, None], np.zeros((), action.dtype), action)
        outcome = self._judged(before, _keep(kept, before, after), action, intact | ~where)
        reward: Any = np.where(kept, 0.0, outcome.reward)
        return outcome._replace(reward=reward, terminated=outcome.terminated & ~kept)

    def _control(
        self,
        seeds: Int[np.ndarray, " env"],
        queue: Float[np.ndarray, "env delay action"],
        dynamics: Float[np.ndarray, "env parameter"],
    ) -> Float[np.ndarray, "env *physics action"]:
        """Returns what reaches the motors: for a whole control step, or for each physics step where latency jitters.

        An action takes the episode's delay and, drawn anew in each step from an exponential distribution, some more. At
        the share u of a control step, with a latency of l control steps, the motors do the action of ⌈l − u⌉ steps ago.

        Source: Peng et al. 2018 (arXiv 1710.06537), section IV-C: Δt ~ Δt₀ + Exp(λ), λ drawn for each episode.
        """
        every = np.arange(len(queue))
        delay, jitter = dynamics[:, self._randomizer.column[DELAY]], dynamics[:, self._randomizer.column[JITTER]]
        if not jitter.any():
            return queue[every, delay.astype(np.intp)]
        late = np.log1p(-draws.uniform(seeds, 1, _LATE))
        late *= -jitter[:, None]
        late += delay[:, None]
        ago = np.ceil(late - self._shares)
        np.minimum(ago, LONGEST_DELAY, out=ago)  # at the least it is 0: no share is larger than 1
        return queue[every[:, None], ago.astype(np.intp)]

    def _error(
        self,
        seeds: Int[np.ndarray, " row"],
        dynamics: Float[np.ndarray, "row parameter"],
        everyone: Int[np.ndarray, " env"],
        rows: Int[np.ndarray, " row"] | slice = _ALL,
    ) -> Float[np.ndarray, "row channel"]:
        """Returns what the sensors of some rows add; it may have been foreseen, by the seeds of everyone."""
        noise, channels = dynamics[:, self._randomizer.column[NOISE]], len(self._scale)
        if not noise.any():
            return np.zeros((len(seeds), channels))
        foreseen = self._foreseen.pop(everyone.tobytes(), None)
        error = draws.normal(seeds, channels, _NOISE) * self._scale if foreseen is None else foreseen[rows]
        error *= noise[:, None]
        return error

    @cached_property
    def _foreseen(self) -> dict[bytes, Float[np.ndarray, "env channel"]]:
        """What the sensors add in steps to come, by the seeds of the step; a memo of draws and no state."""
        return {}

    @cached_property
    def _shares(self) -> Float[np.ndarray, " physics"]:
        """Where the middle of each physics step lies in a control step."""
        return (np.arange(self.robot.about.frame_skip) + 0.5) / self.robot.about.frame_skip

    @cached_property
    def _least(self) -> float:
        # the engine stops the clock of an environment at its first warning: bad positions, bad control, full buffers
        return (self.robot.about.frame_skip - 0.5) * self._model.opt.timestep

    def _all_intact(self, before: WorldState, after: WorldState) -> bool:
        """Says whether every environment is intact: `_intact` in one go, since at nearly every step all are."""
        elapsed, rest = after.physics[:, 0] - before.physics[:, 0], after.physics[:, 1:]
        return bool(elapsed.min() > self._least and rest.max() < _LARGEST and rest.min() > -_LARGEST)

    def _intact(self, before: WorldState, after: WorldState) -> Bool[np.ndarray, " env"]:
        largest = np.abs(after.physics[:, 1:]).max(axis=1)
        # what is no number is less than nothing
        return (after.physics[:, 0] - before.physics[:, 0] > self._least) & (largest < _LARGEST)

    def _asked(
        self, old: dict[str, np.ndarray], given: dict[str, Any], rows: Int[np.ndarray, " row"]
    ) -> dict[str, np.ndarray]:
        for name in given:
            self.rewards[name]  # raises for a name that does not exist
        return {
            name: _with(value, rows, np.asarray(given[name])[rows]) if name in given else value
            for name, value in old.items()
        }


def _keep(kept: Bool[np.ndarray, " env"], before: WorldState, after: WorldState) -> WorldState:
    """Returns the state afterwards, but the one before where `kept`. A step changes no dynamics and no reward."""
    rows = np.flatnonzero(kept)
    changed = ("physics", "bodies", "forces", "queue", "error")
    old = {name: _with(getattr(after, name), rows, getattr(before, name)[rows]) for name in changed}
    return after._replace(**old)


def _with(array: np.ndarray, rows: Int[np.ndarray, " row"], values: Any) -> np.ndarray:
    """Returns a copy in which some rows are others."""
    array = array.copy()
    array[rows] = values
    return array


def _repeated(part: dict[str, Any], n: int) -> dict[str, Any]:
    return {name: np.repeat(value, n) for name, value in part.items()}


def _told(reward: dict[str, np.ndarray]) -> np.ndarray | tuple[()]:
    """What a task-aware agent is told: the reward's parameters, in their order, on a last axis."""
    return np.stack(list(reward.values()), axis=-1) if reward else ()
