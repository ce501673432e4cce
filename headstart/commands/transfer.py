"""`headstart transfer`: the main job, from words to a table, a summary, a page and a film."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from headstart.adapt.randomize import preset
from headstart.commands.compiled import arithmetic
from headstart.commands.progress import Display
from headstart.errors import InputError
from headstart.experiments.head_start import METHODS, SCALES, HeadStart, Learning, Scored
from headstart.maths.statistics import summarize
from headstart.options import Transfer, whole_numbers
from headstart.report.folder import Arm
from headstart.report.page import write_report
from headstart.run import summary as summaries
from headstart.run.fan_out import fan_out
from headstart.run.metrics import Writer
from headstart.run.record import RunFolder, create_run, versions
from headstart.run.summary import Summary, write_summary
from headstart.tasks.catalogue import family
from headstart.tasks.fixed import Fixed
from headstart.tasks.targets import target

WORKERS = 2  # pieces of work at a time: while one thinks on one core, the other's physics runs


def run(options: Transfer) -> int:
    """Runs the study and returns the exit status."""
    arithmetic(options.deterministic)
    plan = Plan.of(options)
    study, folder = plan.study, plan.folder
    create_run(folder.path, "transfer", options.seed, plan.settings)
    console, findings = Console(), Findings(plan)
    jobs = [job for seed in plan.seeds for job in study.jobs(seed).values()]
    writer = Writer(folder.metrics)
    with Display(console, plan.title, study.shots, METHODS) as display:
        for found in fan_out(jobs, WORKERS):
            if isinstance(found, Learning):
                display.learning(found)
                writer.append(found.env_steps, metrics_of(found))
            else:
                findings.add(found)
                display.scored(findings.report_arms(), said(found))
    writer.close()
    write_summary(folder.summary, findings.summary())
    page = write_report(folder.path)
    console.print(f"\n{page}", highlight=False, soft_wrap=True)
    return 0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the words on the command line come to.

    Attributes:
        study: the experiment.
        seeds: which repetitions.
        folder: of the run.
        settings: everything resolved, for `config.json`.
        title: what is being asked.
    """

    study: HeadStart
    seeds: tuple[int, ...]
    folder: RunFolder
    settings: dict[str, Any]
    title: str

    @classmethod
    def of(cls, options: Transfer) -> "Plan":
        """Reads the options; nothing is written and nothing is begun.

        Raises:
            InputError: for the first option that cannot work.
        """
        shots, scale = whole_numbers("shots", options.shots), SCALES[options.size]
        count = scale.seeds if options.seeds is None else options.seeds
        if count < 1 or options.seed < 0:
            raise InputError(f"--seeds {count} --seed {options.seed}: at least one seed from 0 up is needed")
        source = family(options.source)
        words = options.target or f"shifted-{options.source.replace('_', '-')}:0"
        there = target(words)
        folder = RunFolder(path=options.out or new_folder(f"transfer-{options.source}"))
        study = HeadStart(
            source=source,
            build_target=lambda: there,
            nominal=Fixed(task=source.task()),
            randomized=preset(source, options.randomize),
            shots=shots,
            scale=scale,
            folder=folder.path,
        )
        settings = {
            "source": options.source,
            "target": words,
            "shots": list(shots),
            "size": options.size,
            "seeds": list(range(options.seed, options.seed + count)),
            "randomize": options.randomize,
            "deterministic": options.deterministic,
        }
        title = f"{options.source} → {words}: return after k target episodes"
        return cls(study=study, seeds=tuple(settings["seeds"]), folder=folder, settings=settings, title=title)


@dataclass
class Findings:
    """What the study has found so far; grows while it runs."""

    plan: Plan
    scored: list[Scored] = field(default_factory=list)

    def add(self, found: Scored) -> None:
        """Takes one more evaluation in."""
        self.scored.append(found)

    def arms(self) -> list[summaries.Arm]:
        """Sums up each method at each k over the seeds that have finished it."""
        order = {method: i for i, method in enumerate(METHODS)}
        keys = sorted({(found.method, found.shots) for found in self.scored}, key=lambda k: (order[k[0]], k[1]))
        return [self._arm(method, shots) for method, shots in keys]

    def _arm(self, method: str, shots: int) -> summaries.Arm:
        mine = sorted((f for f in self.scored if (f.method, f.shots) == (method, shots)), key=lambda f: f.seed)
        per_seed = [float(np.mean(found.shot.returns)) for found in mine]
        spread = summarize(np.array(per_seed))
        return summaries.Arm(
            method=method,
            shots=shots,
            iqm=spread["iqm"],
            low=spread["low"],
            high=spread["high"],
            per_seed=tuple(per_seed),
            adaptation_episodes=max(found.counts.adaptation_episodes for found in mine),
            selection_episodes=max(found.counts.selection_episodes for found in mine),
            evaluation_episodes=max(len(found.shot.returns) for found in mine),
            target_steps=max(found.counts.target_steps for found in mine),
            wall_seconds=sum(found.shot.wall_seconds for found in mine),
        )

    def curves(self) -> Iterator[summaries.Curve]:
        """Yields the return of each adaptation episode in order, for every method that had any."""
        for method in METHODS:
            mine = sorted((f for f in self.scored if f.method == method), key=lambda f: (f.seed, f.shots))
            last = {found.seed: found.shot.practice for found in mine}  # of each seed the longest, since it comes last
            if last and min(map(len, last.values())):
                points = min(map(len, last.values()))
                rows = tuple(tuple(map(float, practice[:points])) for practice in last.values())
                yield summaries.Curve(method=method, episodes=tuple(range(1, points + 1)), per_seed=rows)

    def report_arms(self) -> list[Arm]:
        """Returns the same for the table."""
        return [Arm(arm.method, arm.shots, arm.iqm, arm.low, arm.high, tuple(arm.per_seed)) for arm in self.arms()]

    def summary(self) -> Summary:
        """Returns what is written at the end."""
        settings = self.plan.settings
        return Summary(
            source=settings["source"],
            target=settings["target"],
            size=settings["size"],
            shots=tuple(settings["shots"]),
            seeds=tuple(settings["seeds"]),
            versions=versions(),
            arms=tuple(self.arms()),
            curves=tuple(self.curves()),
        )


def metrics_of(found: Learning) -> dict[str, Any]:
    """Returns a line of `metrics.jsonl`."""
    return {
        "arm": found.name,
        "seed": found.seed,
        "phase": "oracle" if found.name == "oracle" else "source",
        "rollout/ep_rew_mean": found.mean_return,
        "time/fps": found.steps_per_second,
    }


def said(found: Scored) -> str:
    """Says one evaluation in a line."""
    mean = float(np.mean(found.shot.returns))
    return f"{found.method}, k = {found.shots}, seed {found.seed}: return {mean:,.0f}"


def new_folder(name: str) -> Path:
    """Returns a folder under runs/ that does not exist yet."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    base = Path("runs") / f"{name}-{stamp}"
    return next(path for i in range(1000) if not (path := base.with_name(base.name + (f"-{i}" if i else ""))).exists())
