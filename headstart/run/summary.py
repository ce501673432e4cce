"""`summary.json`: what came out of a study, one entry for each method and number of target episodes.

`SCHEMA` (JSON Schema, the subset that `_check` knows) is the definition; `docs/summary.schema.json` is its copy for
others.
"""

import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from headstart.errors import Fault, InputError
from headstart.run import disk, strict_json
from headstart.run.record import check_format, read_json

FORMAT = 1
LIMIT = 64 << 20

_COUNT = {"type": "integer", "minimum": 0}
_NUMBER = {"type": "number"}
_NUMBERS = {"type": "array", "items": _NUMBER}
_TEXT = {"type": "string"}


def _object(properties: dict[str, Any], optional: tuple[str, ...] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


_ARM = _object(
    {
        "method": _TEXT,
        "shots": _COUNT,
        "iqm": _NUMBER,
        "low": _NUMBER,
        "high": _NUMBER,
        "per_seed": _NUMBERS,
        "adaptation_episodes": _COUNT,
        "selection_episodes": _COUNT,
        "evaluation_episodes": _COUNT,
        "target_steps": _COUNT,
        "wall_seconds": {"type": "number", "minimum": 0},
    }
)
_CURVE = _object({"method": _TEXT, "episodes": _NUMBERS, "per_seed": {"type": "array", "items": _NUMBERS}})
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "headstart summary",
    "description": "Results of transfer to a target. Returns are undiscounted; intervals are 95 % over seeds.",
} | _object(
    {
        "format": {"type": "integer", "minimum": 1},
        "source": _TEXT,
        "target": _TEXT,
        "size": {"type": "string", "enum": ["tiny", "small", "full"]},
        "shots": {"type": "array", "items": _COUNT},
        "seeds": {"type": "array", "items": {"type": "integer"}},
        "versions": {"type": "object", "additionalProperties": _TEXT},
        "arms": {"type": "array", "items": _ARM},
        "curves": {"type": "array", "items": _CURVE},
        "extra": {"type": "object"},
    },
    optional=("curves", "extra"),
)


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One method with one number of target episodes.

    Attributes:
        method: such as `scratch`, `zero-shot randomized`.
        shots: target episodes that were allowed.
        iqm: interquartile mean of `per_seed`.
        low: lower end of its 95 % interval.
        high: upper end.
        per_seed: mean evaluation return of each seed.
        adaptation_episodes: target episodes that each seed learnt from (the most that any seed did).
        selection_episodes: target episodes that each seed used to choose, likewise.
        evaluation_episodes: target episodes that each seed was measured with, likewise.
        target_steps: environment steps of adaptation and selection, likewise.
        wall_seconds: of this arm, all seeds.
    """

    method: str
    shots: int
    iqm: float
    low: float
    high: float
    per_seed: tuple[float, ...]
    adaptation_episodes: int
    selection_episodes: int
    evaluation_episodes: int
    target_steps: int
    wall_seconds: float


@dataclass(frozen=True, kw_only=True)
class Curve:
    """A learning curve against target episodes.

    Attributes:
        method: whose.
        episodes: target episodes used when each point was measured, axis `point`.
        per_seed: return, axes `seed point`.
    """

    method: str
    episodes: tuple[float, ...]
    per_seed: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Everything in a `summary.json`.

    Attributes:
        source: family that was learnt on.
        target: world that was transferred to.
        size: `tiny`, `small` or `full`.
        shots: numbers of target episodes that were compared.
        seeds: of the repetitions.
        versions: of what a result depends on.
        arms: one for each method and number of shots.
        curves: learning curves, where there are any.
        extra: anything else, plain JSON; a reader may ignore it.
    """

    source: str
    target: str
    size: str
    shots: tuple[int, ...]
    seeds: tuple[int, ...]
    versions: dict[str, str]
    arms: tuple[Arm, ...]
    curves: tuple[Curve, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Returns the plain JSON value, checked against `SCHEMA`. Raises `InputError` naming the field."""
        value = {"format": FORMAT} | _lists(asdict(self))
        value = {name: item for name, item in value.items() if item or name not in ("curves", "extra")}
        validate(value, "summary")
        return value


def validate(value: Any, where: str) -> None:
    """Raises `InputError` naming the first field that is not as `SCHEMA` says, or that contradicts another."""
    _check(value, SCHEMA, where)
    seen = set()
    for i, arm in enumerate(value["arms"]):
        name = f"{where}.arms[{i}]"
        if (arm["method"], arm["shots"]) in seen:
            raise InputError(
                f"{name}: {strict_json.printable(arm['method'])!r} with {arm['shots']} shots is there twice"
            )
        seen.add((arm["method"], arm["shots"]))
        if len(arm["per_seed"]) != len(value["seeds"]):
            raise InputError(f"{name}.per_seed: {len(arm['per_seed'])} values for {len(value['seeds'])} seeds")
        if arm["low"] > arm["high"]:
            raise InputError(f"{name}: low {arm['low']} is above high {arm['high']}")


def write_summary(path: Path, summary: Summary) -> None:
    """Writes `summary.json`: a reader sees the old one or this one, whole. Raises `InputError`, `Fault`."""
    content = strict_json.encode(summary.to_json())
    try:
        disk.replace_file(path, content + b"\n")
    except OSError as error:
        raise Fault(
            f"{path}: cannot be written ({error.strerror}); {len(content) + disk.RESERVE} bytes are needed"
        ) from None


def read_summary(path: Path) -> Summary:
    """Reads the `summary.json` at `path`.

    Raises:
        InputError: missing, empty, damaged, of a newer format, or not as the schema says.
    """
    value = read_json(path, LIMIT, "summary.json")
    check_format(value, path, FORMAT)
    validate(value, str(path))
    arms = tuple(Arm(**_tuples(arm)) for arm in value["arms"])
    curves = tuple(Curve(**_tuples(curve)) for curve in value.get("curves", ()))
    rest = {name: item for name, item in value.items() if name != "format"}
    return Summary(**(_tuples(rest) | {"arms": arms, "curves": curves}))


def _check(value: Any, schema: dict[str, Any], where: str) -> None:
    if "type" in schema and not _is(value, schema["type"]):
        raise InputError(f"{where}: must be of type {schema['type']}, not {type(value).__name__}")
    if "enum" in schema and value not in schema["enum"]:
        raise InputError(f"{where}: {strict_json.printable(value, 40)!r} is none of {', '.join(schema['enum'])}")
    if "minimum" in schema and value < schema["minimum"]:
        raise InputError(f"{where}: {value} is below {schema['minimum']}")
    for i, item in enumerate(value if isinstance(value, list) else ()):
        _check(item, schema.get("items", {}), f"{where}[{i}]")
    for name in schema.get("required", ()):
        if name not in value:
            raise InputError(f"{where}: {name!r} is missing")
    for name, item in value.items() if isinstance(value, dict) else ():
        inner = schema.get("properties", {}).get(name, schema.get("additionalProperties", {}))
        if inner is False:
            raise InputError(f"{where}: {name[:80]!r} is not a field of a summary")
        _check(item, inner, f"{where}.{strict_json.printable(name)}")


def _is(value: Any, kind: str) -> bool:
    if kind in ("integer", "number") and isinstance(value, bool):
        return False
    if kind == "number":
        return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    return isinstance(value, {"object": dict, "array": list, "string": str, "integer": int}[kind])


def _lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _lists(item) for name, item in value.items()}
    return [_lists(item) for item in value] if isinstance(value, (list, tuple)) else value


def _tuples(fields: dict[str, Any]) -> dict[str, Any]:
    def nested(item: Any) -> Any:
        return tuple(map(nested, item)) if isinstance(item, list) else item

    return {name: nested(item) for name, item in fields.items()}
