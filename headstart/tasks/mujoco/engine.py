"""MuJoCo's C engine for a batch of environments, each with a model, and so dynamics, of its own."""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

import copy
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import mujoco
import numpy as np
from jaxtyping import Float, Int
from mujoco.rollout import Rollout

from headstart.processors import usable
from headstart.tasks import stopwatch
from headstart.tasks.mujoco.model import STATE, settle
from headstart.tasks.mujoco.randomize import Randomizer

STEPPING: set["Engine"] = set()  # engines at work now, in all threads of this process
FAN_ROWS = 4096  # states in one call of the engine: their buffers stay in the processor's cache
Values = Float[np.ndarray, "env parameter"]
State = Float[np.ndarray, "env state"]
Control = Float[np.ndarray, "env *physics action"]
Positions = Float[np.ndarray, "env body 3"]
Forces = Float[np.ndarray, "env all 6"]


class Engine:
    """Models, buffers and threads for `n` environments. Holds no state of a world: only a memo of the dynamics.

    Each call starts from the full physical state that it is given and from nothing else, so the same state, dynamics
    and control give the same bits, whatever was computed before. Not to be called from two threads at a time.
    """

    def __init__(self, randomizer: Randomizer, n: int, threads: int):
        """Copies the model for each environment."""
        # a world that breaks is found by its state; each warning would else be a line in a file where the user stands
        mujoco.set_mju_user_warning(lambda text: None)
        stopwatch.stop()
        model, robot = randomizer.model, randomizer.robot
        self.randomizer = randomizer
        self.held: Values = np.tile(randomizer.nominal, (n, 1))
        self._models = [copy.copy(model) for _ in range(n)]
        self._views = [randomizer.views(each) for each in self._models]
        self._scratch = mujoco.MjData(model)
        self._threads = [mujoco.MjData(model) for _ in range(max(1, threads))]
        self.most = self.share = threads  # that share the physics of one call; 0 for the calling thread alone
        self._pools: dict[int, Rollout] = {}
        self._steps = robot.about.frame_skip
        self._bodies = model.nbody if robot.about.forces else 0  # whose contact forces are asked for
        self._watched = [model.body(name).id for name in robot.about.watched]
        # a Runge-Kutta step computes positions once more after the sensors, and these are what Gymnasium reads
        late = bool(self._watched) and model.opt.integrator == mujoco.mjtIntegrator.mjINT_RK4
        self._single = late or robot.about.forces  # what the engine's own rollout does not report
        self._control = np.empty((n, self._steps, model.nu))
        self._states = np.empty((n, self._steps, mujoco.mj_stateSize(model, STATE)))
        self._sensors = np.empty((n, self._steps, model.nsensordata)) if self._watched else None
        self._fan: tuple[np.ndarray, np.ndarray] | None = None  # buffers of `fan`, as large as was needed so far

    def leave_room(self) -> None:
        """Takes as many threads as are left: half of them beside another engine, none on a processor of its own.

        A thread that keeps to one processor steps half of a batch, and the other half's is as busy: with threads beside
        both, each half came to wait for the other, and a step took up to twice as long.
        """
        beside = self.most // 2 if self.most > 3 else 0  # one thread would only add a hand-over to the calling thread
        self.share = 0 if len(usable()) == 1 else beside if len(STEPPING) > 1 else self.most

    def hold(self, values: Values) -> None:
        """Gives each environment's model the dynamics of its row, unless it has them already."""
        if values is self.held:
            return
        different = values != self.held
        rows = np.flatnonzero(np.logical_or.reduce(different, axis=1))
        if rows.size:
            derived = np.logical_or.reduce(different[rows] & self.randomizer.derived, axis=1)
            entries = self.randomizer.entries(values[rows])
            for place, row in enumerate(rows.tolist()):
                self.randomizer.write(self._models[row], self._views[row], entries[place])
                if derived[place]:
                    settle(self._models[row], self._scratch)
        self.held = values

    def step(
        self, state: State, control: Control, rows: Int[np.ndarray, " row"] | None = None
    ) -> tuple[State, Positions, Forces]:
        """Steps environments by `frame_skip` physics steps.

        Args:
            state: of every environment.
            control: for each of them, or for each of their physics steps.
            rows: which of them are stepped; None is all. What is returned for the others means nothing.

        Returns:
            The states afterwards, and of the last forward pass the positions of the watched bodies and the contact
            forces on all bodies, where they are asked for. The clock of an environment that diverged stands still, or
            its state is not finite.
        """
        if rows is None:
            return self._advance(self._models, state, control)
        after, positions = state.copy(), np.zeros((len(state), len(self._watched), 3))
        forces = np.zeros((len(state), self._bodies, 6))
        if not rows.size:  # MuJoCo's rollout of no environment ends the process
            return after, positions, forces
        stepped = self._advance([self._models[row] for row in rows], state[rows], control[rows])
        after[rows], positions[rows], forces[rows] = stepped
        return after, positions, forces

    def fan(
        self, state: Float[np.ndarray, "env row state"], control: Float[np.ndarray, "env row action"]
    ) -> Float[np.ndarray, "env row state"]:
        """Steps many states under the dynamics of each of the first environments; positions of bodies are not given."""
        envs, rows, width = state.shape
        models = [model for model in self._models[:envs] for _ in range(rows)]
        flat, pushed = state.reshape(-1, width), control.reshape(envs * rows, -1)
        parts = [slice(i, i + FAN_ROWS) for i in range(0, len(flat), FAN_ROWS)]
        size = min(len(flat), FAN_ROWS)
        if self._fan is None or len(self._fan[0]) < size:
            self._fan = np.empty((size, self._steps, pushed.shape[1])), np.empty((size, self._steps, width))
        forces, states = self._fan
        after, (pool, threads) = np.empty_like(flat), self._pool(self.most)
        for part in parts:
            n = len(flat[part])
            forces[:n] = pushed[part, None]
            pool.rollout(
                models[part],
                threads,
                flat[part],
                forces[:n],
                skip_checks=True,
                nstep=self._steps,
                state=states[:n],
            )
            after[part] = states[:n, -1]
        return after.reshape(state.shape)

    def forward(self, state: State, rows: Int[np.ndarray, " row"]) -> Float[np.ndarray, "row body 3"]:
        """Computes where the watched bodies of some environments are, without a step."""
        positions = np.empty((len(rows), len(self._watched), 3))
        for place, row in enumerate(rows.tolist() if self._watched else ()):
            mujoco.mj_setState(self._models[row], self._scratch, state[row], STATE)
            mujoco.mj_kinematics(self._models[row], self._scratch)
            positions[place] = self._scratch.xpos[self._watched]
        return positions

    def model(self, row: int) -> mujoco.MjModel:
        """Returns a copy of an environment's model, to look at."""
        return copy.copy(self._models[row])

    def _advance(self, models: list[mujoco.MjModel], state: State, control: Control) -> tuple[State, Positions, Forces]:
        if self._single:
            return self._advance_one_by_one(models, state, control)
        n = len(state)
        self._control[:n] = control[:, None] if control.ndim == 2 else control
        pool, threads = self._pool(self.share)
        pool.rollout(
            models,
            threads,
            state,
            self._control[:n],
            skip_checks=True,
            nstep=self._steps,
            state=self._states[:n],
            sensordata=None if self._sensors is None else self._sensors[:n],
        )
        after = self._states[:n, -1].copy()
        seen = np.empty((n, 0, 3)) if self._sensors is None else self._sensors[:n, -1].reshape(n, -1, 3).copy()
        return after, seen, np.empty((n, 0, 6))

    def _pool(self, threads: int) -> tuple[Rollout, list[mujoco.MjData]]:
        # made when it is first asked for: its threads keep to the processors of the thread that makes them
        if threads not in self._pools:
            self._pools[threads] = Rollout(nthread=threads)
        return self._pools[threads], self._threads[: max(1, threads)]

    def _advance_one_by_one(
        self, models: list[mujoco.MjModel], state: State, control: Control
    ) -> tuple[State, Positions, Forces]:
        after, positions, scratch = np.empty_like(state), np.empty((len(state), len(self._watched), 3)), self._scratch
        forces = np.empty((len(state), self._bodies, 6))
        for row, model in enumerate(models):
            mujoco.mj_setState(model, scratch, state[row], STATE)
            scratch.qacc_warmstart[:] = 0.0
            if control.ndim == 2:
                scratch.ctrl[:] = control[row]
                mujoco.mj_step(model, scratch, nstep=self._steps)
            for now in control[row] if control.ndim == 3 else ():
                scratch.ctrl[:] = now
                mujoco.mj_step(model, scratch)
            mujoco.mj_getState(model, scratch, after[row], STATE)
            positions[row] = scratch.xpos[self._watched]
            if self._bodies:
                mujoco.mj_rnePostConstraint(model, scratch)
                forces[row] = scratch.cfrc_ext
        return after, positions, forces


@dataclass(frozen=True, eq=False)
class Engines:
    """The engines of a family, lent to one call at a time, so that two batches may be stepped from two threads.

    A caller gets the engine that holds its dynamics already, if it is free. Else, up to `most` engines, a new one is
    made; after that the one that was idle for longest changes its dynamics, or is put away if it is of another size: a
    batch that is no longer stepped must not make those that are change all of their models in turns.

    Attributes:
        randomizer: writes dynamics into models.
        threads: of each engine; 0 steps on the calling thread.
        most: how many engines to keep.
    """

    randomizer: Randomizer
    threads: int
    most: int = 8
    _idle: list[Engine] = field(default_factory=list)  # the one that was idle for longest comes first
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def lend(self, values: Values, held: Values | None = None) -> Iterator[Engine]:
        """Lends an engine that holds `values`, by preference the one that holds `held` now."""
        engine = self._take(values if held is None else held)
        STEPPING.add(engine)
        try:
            engine.hold(values)
            engine.leave_room()
            yield engine
        finally:
            STEPPING.discard(engine)
            with self._lock:
                self._idle.append(engine)

    def _take(self, held: Values) -> Engine:
        with self._lock:
            alike = [engine for engine in self._idle if len(engine.held) == len(held)]
            for engine in alike:
                if engine.held is held:
                    return self._out(engine)
            for engine in alike:  # a copy of what it holds, from a checkpoint perhaps
                if np.array_equal(engine.held, held):
                    return self._out(engine)
            if len(self._idle) >= self.most:
                engine = self._out(self._idle[0])
                if len(engine.held) == len(held):
                    return engine
        return Engine(self.randomizer, len(held), self.threads)

    def _out(self, engine: Engine) -> Engine:
        self._idle.remove(engine)
        return engine
