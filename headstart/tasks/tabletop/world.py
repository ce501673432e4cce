"""The table-top world: a batch of tables and robots, named actions, real contacts.

`TableTop` is pure: states in, states out. `Standing` is one table that remembers its state, for interpreters that
expect a world that can be acted in. Physics is MuJoCo's `rollout`, one call for a whole motion: the same state and
motion give the same bits, whatever else is in the batch and whatever was done before.
"""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import mujoco
import numpy as np
from jaxtyping import Bool, Float, Int
from mujoco.rollout import Rollout

from headstart.errors import Fault, InputError
from headstart.tasks import stopwatch
from headstart.tasks.tabletop.camera import Camera, head_camera
from headstart.tasks.tabletop.layout import TOP
from headstart.tasks.tabletop.model import compiled
from headstart.tasks.tabletop.perception import locate
from headstart.tasks.tabletop.robot import HOME, JOINTS, PERIOD, checked, plan
from headstart.tasks.tabletop.tasks import Poses, TableTask
from headstart.tasks.tabletop.things import Thing

STATE = mujoco.mjtState.mjSTATE_FULLPHYSICS
Numbers = tuple[float, ...]
Call = tuple[str, Numbers]


class TableState(NamedTuple):
    """A batch of tables. Immutable: what is done to it gives another one.

    Attributes:
        physics: MuJoCo's full physical state.
        command: what each joint was told last.
        looks: how often the camera was asked: the noise of a look depends on it and on the seed alone.
        seed: of each table.
        present: which things each table's task has.
    """

    physics: Float[np.ndarray, "env state"]
    command: Float[np.ndarray, "env joint"]
    looks: Int[np.ndarray, " env"]
    seed: Int[np.ndarray, " env"]
    present: Bool[np.ndarray, "env thing"]

    def at(self, rows: np.ndarray | slice) -> "TableState":
        """Some of the tables."""
        return TableState(*(part[rows] for part in self))


@dataclass(frozen=True, kw_only=True)
class TableTop:
    """A family of tables.

    Attributes:
        task: what is there and where it belongs.
        pixel_noise: standard deviation of each pixel coordinate that perception reports; they come in halves.
        threads: that compute physics.
    """

    task: TableTask
    pixel_noise: float = 0.5
    threads: int = 1

    def __post_init__(self) -> None:
        if not (0 <= self.pixel_noise < math.inf and self.threads >= 1):
            raise InputError(
                f"a table top needs pixel noise from 0 and a thread or more, not {self.pixel_noise} and {self.threads}"
            )

    def reset(self, seeds: Sequence[int]) -> TableState:
        """Lays tables. The same seed is the same table, whatever its neighbours.

        Args:
            seeds: one for each table, from 0.

        Returns:
            The tables, at rest.

        Raises:
            InputError: there is no seed, or one is negative.
        """
        if not len(seeds) or min(seeds) < 0:
            raise InputError("tables are laid by seeds from 0, one for each table; expected at least one")
        model, n = compiled(self.task.things), len(seeds)
        scratch = mujoco.MjData(model)
        states = np.empty((n, mujoco.mj_stateSize(model, STATE)))
        present = np.empty((n, len(self.task.things)), bool)
        for row, seed in enumerate(seeds):
            generator = np.random.default_rng((seed, 0))
            places = self.task.draw(generator)
            turns = generator.uniform(-np.pi, np.pi, len(places)) / 2
            present[row] = places[:, 2] > TOP
            mujoco.mj_resetData(model, scratch)
            scratch.qpos[_robot(model)] = HOME
            free = scratch.qpos[_things(model)]
            free[:, :3] = places
            free[:, 3:] = np.stack([np.cos(turns), 0 * turns, 0 * turns, np.sin(turns)], axis=1)
            scratch.qpos[_things(model)] = free
            mujoco.mj_getState(model, scratch, states[row], STATE)
        return TableState(states, np.tile(HOME, (n, 1)), np.zeros(n, int), np.asarray(seeds, int), present)

    def act(self, state: TableState, calls: Sequence[Call]) -> tuple[TableState, list[Numbers]]:
        """Does one named action at each table.

        Args:
            state: of the tables.
            calls: name and arguments, one for each table.

        Returns:
            The tables afterwards, and what each action returned: `LocateObject` class, colour and pixel (zeros where
            nothing was found), the others nothing.

        Raises:
            InputError: there is no such action.
            Fault: arguments are of the wrong number, or the physics broke.
        """
        after, answers, _ = self.film(state, calls, every=0)
        return after, answers

    def film(
        self, state: TableState, calls: Sequence[Call], every: int = 10
    ) -> tuple[TableState, list[Numbers], list[Float[np.ndarray, "frame position"]]]:
        """Does one named action at each table and keeps poses on the way.

        Args:
            state: of the tables.
            calls: one for each table.
            every: physics steps from one pose to the next; 0 keeps none.

        Returns:
            As `act`, and the poses of each table.
        """
        if len(calls) != len(state.seed):
            raise InputError(f"{len(state.seed)} tables need as many actions, not {len(calls)}")
        answers: list[Numbers] = [()] * len(calls)
        poses: list[np.ndarray] = [np.empty((0, compiled(self.task.things).nq))] * len(calls)
        motions: dict[int, np.ndarray] = {}
        looks = state.looks.copy()
        for row, (action, args) in enumerate(calls):
            args = checked(action, tuple(args))
            if action == "LocateObject":
                answers[row] = self._look(state, row, args)
                looks[row] += 1
            else:
                motions[row] = plan(action, args, state.command[row], self.base(state)[row])
        physics, command = state.physics.copy(), state.command.copy()
        for length in sorted({len(motion) for motion in motions.values()}):
            rows = [row for row, motion in motions.items() if len(motion) == length]
            passed = self._advance(state.physics[rows], np.stack([motions[row] for row in rows]))
            for row, states in zip(rows, passed, strict=True):
                physics[row], command[row] = states[-1], motions[row][-1]
                if every:
                    poses[row] = states[every - 1 :: every, 1 : 1 + compiled(self.task.things).nq]
        return state._replace(physics=physics, command=command, looks=looks), answers, poses

    def put(
        self, state: TableState, row: int, thing: int, place: tuple[float, float, float], tilt: float = 0.0
    ) -> TableState:
        """Takes a thing and puts it elsewhere, at rest: another start, or a case to be judged.

        Args:
            state: of the tables.
            row: which table.
            thing: which thing.
            place: of its middle, m.
            tilt: about the x axis, rad.
        """
        model, physics = compiled(self.task.things), state.physics.copy()
        where = 1 + _things(model)[thing]
        physics[row, where] = (*place, math.cos(tilt / 2), math.sin(tilt / 2), 0.0, 0.0)
        speed = 1 + model.nq + model.jnt_dofadr[model.body(f"thing{thing}").jntadr[0]]
        physics[row, speed : speed + 6] = 0.0
        return state._replace(physics=physics)

    def base(self, state: TableState) -> Float[np.ndarray, "env 3"]:
        """Where the base of each robot is: x, y (m), heading (rad)."""
        return state.physics[:, 1:4]

    def poses(self, state: TableState, row: int) -> Poses:
        """Where the things of one table are."""
        free = state.physics[row, 1:][_things(compiled(self.task.things))]
        x, y = free[:, 4], free[:, 5]
        return Poses(free[:, :3], 1 - 2 * (x**2 + y**2), state.present[row])

    def right(self, state: TableState) -> list[Bool[np.ndarray, " thing"]]:
        """Which things (for a pyramid: which places) of each table are as they should be; absent ones count so."""
        every = [self.poses(state, row) for row in range(len(state.seed))]
        return [self.task.right(poses) | ~poses.present for poses in every]

    def success(self, state: TableState) -> Bool[np.ndarray, " env"]:
        """Whether all is as it should be at each table."""
        return np.array([right.all() for right in self.right(state)])

    def seconds(self, state: TableState) -> Float[np.ndarray, " env"]:
        """How long each table has been in motion."""
        return state.physics[:, 0]

    def camera(self, state: TableState, row: int) -> Camera:
        """The camera of one robot, from where its joints are."""
        joints = state.physics[row, 1:][_robot(compiled(self.task.things))]
        return head_camera(joints[:3], joints[JOINTS.index("pan")], joints[JOINTS.index("tilt")])

    def _look(self, state: TableState, row: int, args: Numbers) -> Numbers:
        noise = np.random.default_rng((state.seed[row], 1, state.looks[row])).normal(0.0, self.pixel_noise, 2)
        return locate(self.camera(state, row), self.task.things, self.poses(state, row).place, args, noise)

    def _advance(self, physics: np.ndarray, motion: np.ndarray) -> Float[np.ndarray, "env time state"]:
        model = compiled(self.task.things)
        pool, scratch = _engine(self.task.things, self.threads)
        states = np.empty((*motion.shape[:2], physics.shape[1]))
        pool.rollout(
            [model] * len(physics), scratch, physics, motion, nstep=motion.shape[1], state=states, skip_checks=True
        )
        clock = physics[:, 0] + motion.shape[1] * PERIOD
        if not (np.isfinite(states[:, -1]).all() and np.allclose(states[:, -1, 0], clock)):
            raise Fault("the physics of a table broke; its state is no longer finite")
        return states


class Standing:
    """One table that remembers: a world of named actions for an interpreter."""

    def __init__(self, family: TableTop, seed: int, every: int = 0):
        """Lays the table of a seed. `every` keeps a pose each so many physics steps, for a film."""
        self.family, self.every = family, every
        self.state = family.reset([seed])
        self.poses: list[np.ndarray] = []

    def act(self, action: str, args: Numbers) -> Numbers:
        """Does an action. See `TableTop.act`."""
        self.state, answers, poses = self.family.film(self.state, [(action, args)], self.every)
        self.poses.append(poses[0])
        return answers[0]

    @property
    def success(self) -> bool:
        """Whether all is as it should be."""
        return bool(self.family.success(self.state)[0])


@cache
def _engine(things: tuple[Thing, ...], threads: int) -> tuple[Rollout, list[mujoco.MjData]]:
    mujoco.set_mju_user_warning(lambda text: None)  # a world that breaks is found by its state
    stopwatch.stop()
    model = compiled(things)
    return Rollout(nthread=threads if threads > 1 else 0), [mujoco.MjData(model) for _ in range(max(1, threads))]


@cache
def _robot(model: mujoco.MjModel) -> np.ndarray:
    return np.array([model.joint(name).qposadr[0] for name in JOINTS])


@cache
def _things(model: mujoco.MjModel) -> np.ndarray:
    bodies = (model.body(f"thing{index}") for index in range(model.nbody) if _named(model, f"thing{index}"))
    return np.array([np.arange(7) + model.jnt_qposadr[body.jntadr[0]] for body in bodies])


def _named(model: mujoco.MjModel, name: str) -> bool:
    return mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, name) >= 0
