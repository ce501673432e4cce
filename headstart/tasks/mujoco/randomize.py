"""How the parameters of tasks are written into a MuJoCo model that already exists.

Every write starts from the values that the compiler left, never from those that are there now, so nothing accumulates.
Recompiling the model would do the same a hundred times more slowly.
"""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

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


class _Contacts(NamedTuple):
    """What the friction of contacts with the floor needs.

    Attributes:
        columns: of friction.
        factors: for each of them and each geom that column where it counts for the geom, and one past the last, which
            holds a factor of 1, where it does not.
        floor: the geom.
        base: the plain friction of each geom with the floor, infinite for the floor itself.
        pairs: the geoms of each pair that the model names.
        entries: where sliding friction stands: of each geom, and of each pair in both directions.
    """

    columns: Int[np.ndarray, " friction"]
    factors: Int[np.ndarray, "friction geom"]
    floor: int
    base: Float[np.ndarray, " geom"]
    pairs: Int[np.ndarray, "2 pair"]
    entries: Int[np.ndarray, " sliding"]


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
        """Where each array lies in a row of `entries`: one after the other, so that one product computes all."""
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
            values = np.array([dynamics[name] for name in self.column], np.float64).take(rows, axis=1).T
        else:
            values = np.repeat(self.nominal[None], len(rows), axis=0)
            for name, given in dynamics.items():
                values[:, self.column[name]] = np.asarray(given)[rows]
        legal = values >= self._limits[0]
        legal &= values <= self._limits[1]
        if not legal.all():
            row, column = np.argwhere(~legal)[0]
            parameter = self.targets[column].parameter
            raise InputError(
                f"parameter {parameter.name!r}: {values[row, column]:g} is not in "
                f"[{parameter.low}, {parameter.high}] {parameter.unit}"
            )
        return values

    def entries(self, values: Float[np.ndarray, "row parameter"]) -> Float[np.ndarray, "row entry"]:
        """Computes the model's arrays for each row of values, from the defaults; they lie as in `places`."""
        with_one = np.ones((len(values), values.shape[1] + 1))
        with_one[:, :-1] = values
        flat = with_one.take(self.factors, axis=1)  # several times as fast as an index, for the few rows of a reset
        flat *= self.plain
        entries, columns = self.absolutes
        flat[:, entries] = values.take(columns, axis=1)
        self._slip(with_one, flat)
        self._load(values, flat)
        return flat

    def arrays(self, entries: Float[np.ndarray, "row entry"]) -> dict[str, Float[np.ndarray, "row ..."]]:
        """Returns the arrays in `entries`, by their names; views of them."""
        return {name: entries[:, place].reshape(-1, *self.defaults[name].shape) for name, place in self.places.items()}

    def views(self, model: mujoco.MjModel) -> list[tuple[np.ndarray, slice]]:
        """Returns views of a model's own arrays, each as a vector, and their places; scalars have none."""
        named = [(getattr(model, name), name) for name in self.defaults if name in _MODEL]
        named += [(model.opt.gravity, "gravity")] if "gravity" in self.defaults else []
        return [(array.reshape(-1), self.places[name]) for array, name in named]

    def write(
        self, model: mujoco.MjModel, views: list[tuple[np.ndarray, slice]], entries: Float[np.ndarray, " entry"]
    ) -> None:
        """Writes one row into a model of the same shape; `settle` must follow where constants derive from it."""
        for view, place in views:
            view[:] = entries[place]
        for name in self._scalars:
            setattr(model.opt, name, entries.item(self.places[name].start))

    def _slip(self, with_one: np.ndarray, entries: np.ndarray) -> None:
        """Makes the sliding friction of every contact with the floor what was asked for.

        MuJoCo takes the larger coefficient of two geoms, so scaling one of them may do nothing. Where friction differs
        from nominal, each geom gets the coefficient that its contact with the floor shall have, and the floor the
        smallest of these.
        """
        contacts = self._contacts
        # the reductions of ufuncs themselves: those of arrays take twice as long for the few rows of a reset
        changed = np.logical_or.reduce(with_one.take(contacts.columns, axis=1) != 1.0, axis=1)
        number = np.count_nonzero(changed)
        if not number:
            return
        if number < len(changed):
            with_one = with_one[changed]
        slide = np.multiply.reduce(with_one.take(contacts.factors, axis=1), axis=1)
        slide *= contacts.base
        slide[:, contacts.floor] = np.minimum.reduce(slide, axis=1)  # its own is infinite
        if self.model.npair:  # both directions along the floor
            gripped = grip(slide, *contacts.pairs)
            slide = np.concatenate([slide, gripped, gripped], axis=1)
        if number < len(changed):
            entries[np.ix_(changed, contacts.entries)] = slide
        else:
            entries[:, contacts.entries] = slide

    def _load(self, values: np.ndarray, entries: np.ndarray) -> None:
        """Fixes the payload to its carrier, where there is one."""
        if self.robot.about.carrier is None:
            return
        column = self.column[f"payload:{self.robot.about.carrier}"]
        rows, (body,) = np.flatnonzero(values[:, column]), self.targets[column].indices
        if rows.size:
            arrays = self.arrays(entries)
            names = ("body_mass", "body_ipos", "body_inertia", "body_iquat")
            bare = Inertia._make(arrays[name][rows, body] for name in names)
            loaded = attach(bare, values[rows, column], self.robot.about.carry_at)
            for name, array in zip(names, loaded, strict=True):
                arrays[name][rows, body] = array

    @cached_property
    def _contacts(self) -> "_Contacts":
        columns = [column for column, target in enumerate(self.targets) if target.fields == ("friction",)]
        if not columns:
            return _Contacts(
                np.empty(0, int), np.empty((0, 0), int), 0, np.empty(0), np.empty((2, 0), int), np.empty(0, int)
            )
        floor, default = self.model.geom(self.robot.about.floor).id, self.defaults["geom_friction"][:, 0]
        factors = np.full((len(columns), len(default)), len(self.targets))
        for place, column in enumerate(columns):
            factors[place, list(self.targets[column].indices)] = column
        base = np.maximum(default, default[floor])
        base[floor] = np.inf
        both = np.stack([self.model.pair_geom1, self.model.pair_geom2])
        width = self.defaults["geom_friction"].shape[1]
        entries = [self.places["geom_friction"].start + width * np.arange(len(default))]
        if self.model.npair:
            pairs = self.places["pair_friction"].start + self.defaults["pair_friction"].shape[1] * np.arange(
                self.model.npair
            )
            entries += [pairs, pairs + 1]
        return _Contacts(np.array(columns), factors, floor, base, both, np.concatenate(entries))

    @cached_property
    def _scalars(self) -> tuple[str, ...]:
        """The options of the model that are single numbers."""
        return tuple(name for name in _OPTION if name in self.defaults and name != "gravity")

    @cached_property
    def _limits(self) -> tuple[np.ndarray, np.ndarray]:
        # in single precision, in which values travel
        parameters = [target.parameter for target in self.targets]
        return np.array([p.low for p in parameters], np.float32), np.array([p.high for p in parameters], np.float32)
