"""What can be seen, done and varied: spaces of observations and actions, and of a task's parameters."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from headstart.errors import InputError, unknown


@dataclass(frozen=True)
class Box:
    """Real vectors or images between bounds.

    Attributes:
        shape: of one value, without batch axes.
        low: lower bound: one number for all entries, or a tuple with one for each (in row-major order).
        high: upper bound, likewise.
        dtype: of one value, `"float32"` or `"uint8"`.
    """

    shape: tuple[int, ...]
    low: float | tuple[float, ...] = -math.inf
    high: float | tuple[float, ...] = math.inf
    dtype: str = "float32"

    def bounds(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the lower and upper bounds as arrays of `shape`."""
        low = np.broadcast_to(np.asarray(self.low, self.dtype), math.prod(self.shape)).reshape(self.shape)
        high = np.broadcast_to(np.asarray(self.high, self.dtype), math.prod(self.shape)).reshape(self.shape)
        return low, high


@dataclass(frozen=True)
class Discrete:
    """One of `n` choices, numbered from 0."""

    n: int


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """One number that may vary between tasks.

    Attributes:
        name: by convention `kind:part`, such as `mass:thigh`, `friction:floor`, `delay:action`, `goal:x`.
        unit: of the value: `"kg"`, `"N m"`, `"control steps"`, or `"× nominal"` for a factor on the model's own value.
        nominal: the value in the plain world.
        low: the smallest value that is physically legal (not the range to randomize over).
        high: the largest one.
        scale: `"log"` where a factor matters rather than a difference.
        integer: whether only whole values are legal.
    """

    name: str
    unit: str
    nominal: float
    low: float
    high: float
    scale: Literal["linear", "log"] = "linear"
    integer: bool = False

    def __post_init__(self):
        """Refuses bounds that no world could obey."""
        if not self.low <= self.nominal <= self.high:
            raise InputError(f"parameter {self.name!r}: nominal {self.nominal} is outside [{self.low}, {self.high}]")
        if self.scale == "log" and self.low <= 0:
            raise InputError(f"parameter {self.name!r}: a log scale needs a positive lower bound, not {self.low}")

    def check(self, low: float, high: float) -> None:
        """Raises `InputError` unless [low, high] is a legal range of this parameter."""
        if not (math.isfinite(low) and math.isfinite(high)):
            raise InputError(f"parameter {self.name!r}: the range [{low}, {high}] is not finite")
        if low > high:
            raise InputError(f"parameter {self.name!r}: the range [{low}, {high}] is inverted; write the smaller first")
        if low < self.low or high > self.high:
            raise InputError(
                f"parameter {self.name!r}: [{low}, {high}] leaves what is legal, [{self.low}, {self.high}] {self.unit}"
            )
        if self.integer and (low != int(low) or high != int(high)):
            raise InputError(f"parameter {self.name!r}: only whole values are legal, not [{low}, {high}]")


@dataclass(frozen=True)
class ParameterSpace(Mapping[str, Parameter]):
    """The named parameters of a family, in a fixed order: the one object that is randomized, adapted, tested over."""

    parameters: tuple[Parameter, ...] = ()

    def __post_init__(self):
        """Refuses two parameters of one name."""
        names = [p.name for p in self.parameters]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"parameter {name!r} is declared twice")

    def __getitem__(self, name: str) -> Parameter:
        for parameter in self.parameters:
            if parameter.name == name:
                return parameter
        raise unknown("parameter", name, list(self))

    def __contains__(self, name: object) -> bool:
        return any(parameter.name == name for parameter in self.parameters)

    def __iter__(self) -> Iterator[str]:
        return (parameter.name for parameter in self.parameters)

    def __len__(self) -> int:
        return len(self.parameters)

    def nominal(self) -> dict[str, np.ndarray]:
        """Returns the value of every parameter in the plain world, as float32 scalars."""
        return {p.name: np.asarray(p.nominal, np.float32) for p in self.parameters}

    def to_unit(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """Maps named values to the unit cube, by each parameter's own scale; axis `parameter` comes last."""
        columns = []
        for p in self.parameters:
            value = np.asarray(values[p.name], np.float64)
            low, high = (math.log(p.low), math.log(p.high)) if p.scale == "log" else (p.low, p.high)
            columns.append(((np.log(value) if p.scale == "log" else value) - low) / ((high - low) or 1.0))
        return np.stack(columns, axis=-1)

    def from_unit(self, vector: np.ndarray, dtype: type[np.floating] = np.float32) -> dict[str, np.ndarray]:
        """Maps points of the unit cube (axis `parameter` last) back to named values; the inverse of `to_unit`."""
        values = {}
        for p, column in zip(self.parameters, np.moveaxis(np.asarray(vector, np.float64), -1, 0), strict=True):
            low, high = (math.log(p.low), math.log(p.high)) if p.scale == "log" else (p.low, p.high)
            value = low + np.clip(column, 0.0, 1.0) * (high - low)
            value = np.clip(np.exp(value) if p.scale == "log" else value, p.low, p.high)
            values[p.name] = (np.rint(value) if p.integer else value).astype(dtype)
        return values
