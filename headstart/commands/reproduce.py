"""`headstart reproduce`: measure a claim of the lecture again, and keep what came out with the command that made it."""

import importlib
import resource
import shlex
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from headstart.commands.compiled import arithmetic
from headstart.commands.diverging import tell_diverged
from headstart.commands.folders import inside, new_folder, taken_back
from headstart.errors import Fault, InputError
from headstart.experiments.claims import CLAIMS, Reproduced, Request, Work, claim, side_by_side
from headstart.options import Reproduce
from headstart.processors import usable
from headstart.report.diverged import read_diverged
from headstart.run import disk, lock, strict_json
from headstart.run.record import create_run, git_commit, read_config, versions

OPTIONS = ("source", "target", "demonstrations")  # of single claims, each of which says which it understands
PROCESSES = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
QUIET_SECONDS = 5.0  # between two plain lines


def run(options: Reproduce) -> int:
    """Measures the claim and returns the exit status."""
    if (options.seeds is not None and not 1 <= options.seeds <= 10_000) or not 0 <= options.seed < 1 << 31:
        raise InputError(
            f"--seeds {options.seeds} --seed {options.seed}: 1 to 10000 seeds are needed, the first from 0"
        )
    given = {name: str(value) for name in OPTIONS if (value := getattr(options, name)) is not None}
    settings = {"claim": options.claim, "size": options.size, "seeds": options.seeds, "given": given}
    claim(options.claim, given)  # before anything is written
    settings["deterministic"] = side_by_side(options.claim)
    arithmetic(settings["deterministic"])
    folder = options.out or new_folder("reproduce", options.claim)
    before = inside(folder)
    create_run(folder, "reproduce", options.seed, settings)
    with taken_back(folder, before):
        return carry_out(settings, options.seed, folder)


def resume(path: Path) -> int:
    """Goes on in the folder of an interrupted run: what its claim kept there is not measured again."""
    config = read_config(path)
    if (path / "result.json").exists():
        raise InputError(f"{path}: is finished; its result.json holds what came out")
    return carry_out(config["settings"], config["seed"], path, resumed=True)


def carry_out(settings: dict[str, Any], seed: int, folder: Path, resumed: bool = False) -> int:
    """Does the work, shows how far it is, prints the table and writes `result.json`."""
    size, seeds, given = settings["size"], settings["seeds"], settings["given"]
    request = Request(size=size, seeds=seeds, seed=seed, given=given, folder=folder)
    console, began = Console(), time.monotonic()
    with lock.hold(folder):
        found = shown(claim(settings["claim"], given)(request), console, settings["claim"])
        about = {
            "command": command(settings, seed),
            "size": size,
            "seed": seed,
            "resumed": resumed,  # then the seconds are those of the last attempt
            "seconds": round(time.monotonic() - began, 1),
            "processor_seconds": round(sum(sum(resource.getrusage(who)[:2]) for who in PROCESSES), 1),
            "cores": len(usable()),
            "versions": versions(),
            "git": git_commit(),
        }
        if diverged := sum(told.diverged for told in read_diverged(folder)):
            about["diverged_steps"] = diverged
        result = {"claim": settings["claim"], **about, **found.result}
        keep(folder / "result.json", result)
        page = CLAIMS[settings["claim"]].page if settings["claim"] in CLAIMS else None
        if page is not None:
            importlib.import_module(page).write_page(result, folder)
    console.print(found.table, highlight=False, soft_wrap=True, markup=False)
    tell_diverged(console, folder)
    console.print(f"\n{folder / 'result.json'}", highlight=False, soft_wrap=True, markup=False)
    return 0


def keep(path: Path, content: dict[str, Any]) -> None:
    """Writes a result, in the order of its fields: tables are made from it. Raises `Fault` if the disk refuses."""
    strict_json.encode(content)  # refuses what would not come back equal
    try:
        disk.replace_file(path, strict_json.readable(content).encode() + b"\n")
    except OSError as error:
        raise Fault(f"{path}: cannot be written ({error.strerror})") from None


def shown(work: Work, console: Console, title: str) -> Reproduced:
    """Takes the work to its end, with a bar, or with plain lines where the output is no terminal."""
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f}%  {task.fields[found]}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    spoken = -QUIET_SECONDS
    with bars:
        bar = bars.add_task(title, total=1.0, found="")
        while True:
            try:
                step = next(work)
            except StopIteration as finished:
                return finished.value
            bars.update(bar, completed=step.share, found=step.found)
            if not console.is_terminal and time.monotonic() - spoken >= QUIET_SECONDS:
                spoken = time.monotonic()
                console.print(f"{title}: {step.share:.0%}, {step.found}", highlight=False, markup=False, soft_wrap=True)


def command(settings: dict[str, Any], seed: int) -> str:
    """Writes the command that measures the same again."""
    words = ["headstart", "reproduce", settings["claim"], "--size", settings["size"]]
    words += [] if settings["seeds"] is None else ["--seeds", str(settings["seeds"])]
    words += ["--seed", str(seed)] if seed else []
    for name, value in settings["given"].items():
        words += [f"--{name}", value]
    return shlex.join(words)
