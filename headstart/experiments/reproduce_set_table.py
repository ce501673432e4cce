"""The lecture's table for *Set Table* after *Clear Table*, and the other way round.

On recorded demonstrations where some are given, each task after all others; on those of a simulated teacher otherwise.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headstart.data.demonstrations import read_demonstrations, write_demonstrations
from headstart.errors import InputError
from headstart.experiments.claims import Reproduced, Request, Step, Work
from headstart.experiments.set_table import SetTable, Source, table
from headstart.experiments.table_twin import TASKS, teach

ORDERS = {"tiny": 2, "small": 20, "full": 100}
TAUGHT = 40  # demonstrations of the simulated teacher for each task, about as many as were recorded


def reproduce(request: Request) -> Work:
    """Measures how many demonstrations each task needs after the others, in every mode.

    Args:
        request: `demonstrations` is a folder or file of recordings of at least two tasks.

    Yields:
        How far it is.

    Returns:
        A table for each task, and what `SetTable.stream` gives.

    Raises:
        InputError: the recordings cannot be used, or hold fewer than two tasks.
    """
    path = request.given.get("demonstrations")
    tasks = taught(request.folder / "demonstrations") if path is None else recorded(path)
    orders = ORDERS[request.size] if request.seeds is None else request.seeds
    directions: dict[str, Any] = {}
    for number, new in enumerate(tasks):
        past = tuple(Source(path=where, task=task) for task, where in tasks.items() if task != new)
        study = SetTable(new=Source(path=tasks[new], task=new), past=past, orders=orders, seed=request.seed)
        work = study.stream(request.folder / f"kept-{number}.jsonl")
        while True:
            try:
                share = (number + next(work) / orders) / len(tasks)
                yield Step(share, f"{new} after {', '.join(one.task for one in past)}")
            except StopIteration as finished:
                directions[new] = finished.value
                break
    origin = "a simulated teacher" if path is None else "recordings"
    return Reproduced(written(directions), {"demonstrations_of": origin, "orders": orders, "tasks": directions})


def written(directions: Mapping[str, Any]) -> str:
    """Writes a table for each task."""
    return "\n\n".join(
        f"{new} after {', '.join(of['past'])}: demonstrations needed, {of['orders']} random orders\n{table(of)}"
        for new, of in directions.items()
    )


def taught(folder: Path) -> dict[str, str]:
    """Lets the simulated teacher demonstrate. Returns where each task's are, the slide's new one first."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {task: str(folder / f"{task}.jsonl") for task in reversed(TASKS)}
    for task, path in paths.items():
        write_demonstrations(path, teach(task, TAUGHT))  # pyright: ignore[reportArgumentType]
    return paths


def recorded(path: str) -> dict[str, str]:
    """Finds the tasks of recordings. The last in the alphabet comes first, as on the slide."""
    tasks = sorted({one.task for one in read_demonstrations(path)}, reverse=True)
    if len(tasks) < 2:
        raise InputError(
            f"--demonstrations {path}: holds one task, {tasks[0]!r}; one that is new and one past are needed"
        )
    return dict.fromkeys(tasks, path)
