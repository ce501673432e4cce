"""How the parameters of tasks are written into a MuJoCo model that already exists.

Every write starts from the values that the compiler left, never from those that are there now, so nothing accumulates.
Recompiling the model would do the same a hundred times more slowly.
"""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import mujoco
import numpy as np
from jaxtyping import Bool, Float, Int

from headstart.errors import InputError, unknown
from headstart.spaces import ParameterSpace
from headstart.tasks.mujoco.parameters import Target, targets
from headstart.tasks.mujoco.rigid import Inertia, attach
from headstart.tasks.mujoco.robot import Robot
from headstart.tasks.mujoco.touching import grip

_MODEL = ("body_mass", "body_inertia", "body_ipos", "body_iquat")
_MODEL += ("geom_friction", "pair_friction", "dof_damping", "dof_armature", "actuator_gear")
_MODEL += ("actuator_gainprm", "actuator_biasprm")
_OPTION = ("gravity", "density", "viscosity")
# kinds on which constants depend that the compiler derives: inverse weights, mean inertia, subtree masses
_DERIVED = ("mass", "payload", "armature", "gear")


@dataclass(frozen=True, eq=False)
class Randomizer:
    """The parameters of one model: their space, and their way into the model and out of it.

    Attributes:
        model: as compiled. Read, never written to.
        robot: whose model it is.
    """

    model: mujoco.MjModel
    robot: Robot

    @cached_property
    def targets(self) -> tuple[Target, ...]:
        """Every parameter and its place, in the order of the columns of `values`."""
        return targets(self.model, self.robot)

    @cached_property
    def space(self) -> ParameterSpace:
        """What may vary."""
        return ParameterSpace(tuple(target.parameter for target in self.targets))

    @cached_property
    def column(self) -> dict[str, int]:
        """The column of each parameter."""
        return {target.parameter.name: column for column, target in enumerate(self.targets)}

    @cached_property
    def nominal(self) -> Float[np.ndarray, " parameter"]:
        """The values of the plain world."""
        return np.array([target.parameter.nominal for target in self.targets])

    @cached_property
    def derived(self) -> Bool[np.ndarray, " parameter"]:
        """Which parameters need `settle` after they were written."""
        return np.array([name.partition(":")[0] in _DERIVED for name in self.column])

    @cached_property
    def defaults(self) -> dict[str, np.ndarray]:
        """The snapshot that every write starts from: only the arrays that some parameter changes."""
        written = {name for target in self.targets for name in target.fields}
        written |= set(_MODEL[:4]) if "payload" in written else set()
        pairs = {"pair_friction"} if self.model.npair else set()
        written |= {"geom_friction", *pairs} if "friction" in written else set()
        defaults = {name: getattr(self.model, name).copy() for name in _MODEL if name in written}
        return defaults | {
            name: np.atleast_1d(getattr(self.model.opt, name)) * 1.0 for name in _OPTION if name in written
        }

    @cached_property
    def places(self) -> dict[str, slice]:
        """Where each array lies in a row of `flat`: all of them one after the other, so that one product writes all."""
        ends = np.cumsum([default.size for default in self.defaults.values()]).tolist()
        return {name: slice(end - self.defaults[name].size, end) for name, end in zip(self.defaults, ends, strict=True)}

    @cached_property
    def plain(self) -> Float[np.ndarray, " entry"]:
        """The defaults, one after the other."""
        return np.concatenate([default.ravel() for default in self.defaults.values()])

    @cached_property
    def factors(self) -> Int[np.ndarray, " entry"]:
        """For each entry, the column whose value multiplies it; one past the last is no factor at all."""
        factors = {name: np.full(default.shape, len(self.targets)) for name, default in self.defaults.items()}
        for column, (parameter, fields, indices) in enumerate(self.targets):
            for name in fields:
                if name in factors and parameter.unit == "× nominal":
                    factors[name][list(indices)] = column
        return np.concatenate([factor.ravel() for factor in factors.values()])

    @cached_property
    def absolutes(self) -> tuple[Int[np.ndarray, " entry"], Int[np.ndarray, " entry"]]:
        """The entries whose values stand for themselves, and the column of each."""
        plain = [(column, target) for column, target in enumerate(self.targets) if target.parameter.unit != "× nominal"]
        pairs = [
            (self.places[name].start + index, column)
            for column, target in plain
            for name in target.fields
            if name in self.defaults
            for index in target.indices
        ]
        entries, columns = np.array(pairs, int).reshape(-1, 2).T
        return entries, columns

    def values(self, dynamics: Mapping[str, Any], rows: Int[np.ndarray, " row"]) -> Float[np.ndarray, "row p"]:
        """Reads the named parameters of some environments; what is not named is nominal.

        Args:
            dynamics: a batch of tasks' dynamics, axis `env` first.
            rows: the environments that are meant.

        Raises:
            InputError: for an unknown name, or a value that no world can have.
        """
        for name in dynamics:
            if name not in self.column:
                raise unknown("parameter", name, list(self.column))
        if len(dynamics) == len(self.column):  # as they come, all at once
            values = np.array([dynamics[name] for name in self.column], np.float64)[:, rows].T
        else:
            values = np.repeat(self.nominal[None], len(rows), axis=0)
            for name, given in dynamics.items():
                values[:, self.column[name]] = np.asarray(given)[rows]
        legal = (values >= self._limits[0]) & (values <= self._limits[1])
        if not legal.all():
            row, column = np.argwhere(~legal)[0]
            parameter = self.targets[column].parameter
            raise InputError(
                f"parameter {parameter.name!r}: {values[row, column]:g} is not in "
                f"[{parameter.low}, {parameter.high}] {parameter.unit}"
            )
        return values

    def arrays(self, values: Float[np.ndarray, "row parameter"]) -> dict[str, Float[np.ndarray, "row ..."]]:
        """Computes the model's arrays for each row of values, from the defaults."""
        with_one = np.ones((len(values), values.shape[1] + 1))
        with_one[:, :-1] = values
        flat = with_one[:, self.factors]
        flat *= self.plain
        entries, columns = self.absolutes
        flat[:, entries] = values[:, columns]
        arrays = {name: flat[:, place].reshape(-1, *shape) for name, place, shape in self._shapes}
        self._slip(with_one, arrays)
        self._load(values, arrays)
        return arrays

    def views(self, model: mujoco.MjModel) -> dict[str, np.ndarray]:
        """Returns views of a model's own arrays, by the names that `arrays` uses; scalars have none."""
        model_views = {name: getattr(model, name) for name in self.defaults if name in _MODEL}
        return model_views | ({"gravity": model.opt.gravity} if "gravity" in self.defaults else {})

    def write(
        self, model: mujoco.MjModel, views: dict[str, np.ndarray], arrays: dict[str, np.ndarray], row: int
    ) -> None:
        """Writes one row into a model of the same shape; `settle` must follow where constants derive from it."""
        for name, array in arrays.items():
            if name in views:
                views[name][...] = array[row]
            else:
                setattr(model.opt, name, float(array[row, 0]))

    def _slip(self, with_one: np.ndarray, arrays: dict[str, np.ndarray]) -> None:
        """Makes the sliding friction of every contact with the floor what was asked for.

        MuJoCo takes the larger coefficient of two geoms, so scaling one of them may do nothing. Where friction differs
        from nominal, each geom gets the coefficient that its contact with the floor shall have, and the floor the
        smallest of these.
        """
        columns, factors, floor, base = self._contacts
        changed = (with_one[:, columns] != 1.0).any(axis=1)
        if not changed.any():
            return
        slide = with_one[:, factors].prod(axis=1)
        slide *= base
        slide[:, floor] = slide.min(axis=1)  # its own is infinite
        where = slice(None) if changed.all() else changed
        arrays["geom_friction"][where, :, 0] = slide[where]
        if self.model.npair:  # both directions along the floor
            arrays["pair_friction"][where, :, :2] = grip(slide[where], self.model)[:, :, None]

    def _load(self, values: np.ndarray, arrays: dict[str, np.ndarray]) -> None:
        """Fixes the payload to its carrier, where there is one."""
        if self.robot.about.carrier is None:
            return
        column = self.column[f"payload:{self.robot.about.carrier}"]
        rows, (body,) = np.flatnonzero(values[:, column]), self.targets[column].indices
        if rows.size:
            names = ("body_mass", "body_ipos", "body_inertia", "body_iquat")
            bare = Inertia._make(arrays[name][rows, body] for name in names)
            loaded = attach(bare, values[rows, column], self.robot.about.carry_at)
            for name, array in zip(names, loaded, strict=True):
                arrays[name][rows, body] = array

    @cached_property
    def _contacts(self) -> tuple[list[int], Int[np.ndarray, "friction geom"], int, Float[np.ndarray, " geom"]]:
        """What `_slip` needs.

        Returns:
            The columns of friction; for each of them and each geom that column where it counts for the geom, and one
            past the last, which holds a factor of 1, where it does not; the floor; the plain friction of each geom
            with the floor, infinite for the floor itself.
        """
        columns = [column for column, target in enumerate(self.targets) if target.fields == ("friction",)]
        if not columns:
            return [], np.empty((0, 0), int), 0, np.empty(0)
        floor, default = self.model.geom(self.robot.about.floor).id, self.defaults["geom_friction"][:, 0]
        factors = np.full((len(columns), len(default)), len(self.targets))
        for place, column in enumerate(columns):
            factors[place, list(self.targets[column].indices)] = column
        base = np.maximum(default, default[floor])
        base[floor] = np.inf
        return columns, factors, floor, base

    @cached_property
    def _shapes(self) -> tuple[tuple[str, slice, tuple[int, ...]], ...]:
        """The name, the place and the shape of each array."""
        return tuple((name, place, self.defaults[name].shape) for name, place in self.places.items())

    @cached_property
    def _limits(self) -> tuple[np.ndarray, np.ndarray]:
        # in single precision, in which values travel
        parameters = [target.parameter for target in self.targets]
        return np.array([p.low for p in parameters], np.float32), np.array([p.high for p in parameters], np.float32)
