"""`dynamics.json`: what the source was sampled from and, after the run, what the target was. For the report only."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from headstart.errors import Fault
from headstart.run import disk, strict_json
from headstart.spaces import ParameterSpace

FORMAT = 1
MOST_SAMPLES = 200  # of each parameter: as many dots as a picture can hold


def write_dynamics(
    path: Path, space: ParameterSpace, sampled: Mapping[str, Any], target: Mapping[str, float] | None = None
) -> None:
    """Writes the spread of each parameter.

    Args:
        path: of `dynamics.json`.
        space: the source's parameters.
        sampled: `Task.dynamics` of tasks that the source learned on, axis `task` first; others are passed over.
        target: the target's values by the same names, where its maker reveals them. Call with it only after the last
            episode: a learner must not be able to read it.

    Raises:
        Fault: the disk refused.
    """
    source = {
        name: np.asarray(sampled[name], np.float64).reshape(-1)[:MOST_SAMPLES] for name in space if name in sampled
    }
    value = {
        "format": FORMAT,
        "units": {name: parameter.unit for name, parameter in space.items()},
        "nominal": {name: float(parameter.nominal) for name, parameter in space.items()},
        "source": {name: [float(v) for v in values[np.isfinite(values)]] for name, values in source.items()},
        "target": None if target is None else {name: float(v) for name, v in target.items()},
    }
    try:
        disk.replace_file(Path(path), strict_json.encode(value) + b"\n")
    except OSError as error:
        raise Fault(f"{path}: cannot be written ({error.strerror}); make room") from None
