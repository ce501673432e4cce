"""What a transfer study has found so far: kept on the disk as pieces of work are finished, summed up at any time."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from headstart.commands.settings import policy_description
from headstart.experiments.finding import Finished, Scored
from headstart.experiments.head_start import HeadStart
from headstart.maths.statistics import summarize
from headstart.report.entries import command_line
from headstart.report.records import Arm
from headstart.run import bundle, disk, strict_json, summary
from headstart.run.ledger import Counts
from headstart.run.record import read_json, versions
from headstart.transfer.protocol import Shot

LIMIT = 64 << 20


@dataclasses.dataclass
class Findings:
    """Grows while the study runs. Of what is found, only finished pieces of work outlive an interruption.

    Attributes:
        study: that finds.
        folder: of the run.
        settings: of the run.
        scored: every evaluation so far.
        finished: pieces of work that are over.
    """

    study: HeadStart
    folder: Path
    settings: dict[str, Any]
    scored: list[Scored] = dataclasses.field(default_factory=list)
    finished: list[Finished] = dataclasses.field(default_factory=list)

    @property
    def path(self) -> Path:
        """Where findings are kept."""
        return self.folder / "findings.json"

    def add(self, found: Scored) -> None:
        """Takes one more evaluation in, and keeps the policy that it was of."""
        self.scored.append(found)
        policy, place = (
            self.study.policy_of(found.method),
            self.folder / "policies" / f"{found.method.replace(' ', '-')}-{found.seed}",
        )
        place.mkdir(parents=True, exist_ok=True)
        description = {
            **policy_description(self.study.learner_name(found.method), self.study.memory_of(found.method)),
            "family": self.settings["source"],
            "shots": found.shots,
        }
        bundle.save(place, policy, found.shot.params, policy.observation, description)

    def finish(self, found: Finished) -> None:
        """Writes down that a piece of work need not be done again."""
        self.finished.append(found)
        jobs = [list(job) for job in self.finished]
        rows = [plain(found) for found in self.scored]
        disk.replace_file(self.path, strict_json.encode({"format": 1, "finished": jobs, "scored": rows}) + b"\n")

    def recall(self) -> None:
        """Reads what finished pieces of work of an earlier attempt found; the rest is forgotten."""
        if not self.path.exists():
            return
        kept = read_json(self.path, LIMIT, "findings.json")
        self.finished = [Finished(int(seed), str(job)) for seed, job in kept["finished"]]
        known = {(found.seed, self.study.job_of(found.method)) for found in map(scored_of, kept["scored"])}
        over = {(job.seed, job.job) for job in self.finished} & known
        self.scored = [
            found for found in map(scored_of, kept["scored"]) if (found.seed, self.study.job_of(found.method)) in over
        ]

    def arms(self) -> list[summary.Arm]:
        """Sums up each method at each k over the seeds that have got there."""
        order = {method: i for i, method in enumerate(self.study.methods)}
        keys = sorted({(found.method, found.shots) for found in self.scored}, key=lambda k: (order[k[0]], k[1]))
        return [self._arm(method, shots) for method, shots in keys]

    def _arm(self, method: str, shots: int) -> summary.Arm:
        mine = sorted((f for f in self.scored if (f.method, f.shots) == (method, shots)), key=lambda f: f.seed)
        per_seed = [float(np.mean(found.shot.returns)) for found in mine]
        spread = summarize(np.array(per_seed))
        return summary.Arm(
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

    def curves(self) -> Iterator[summary.Curve]:
        """Yields the return of each adaptation episode in order, for every method that had any."""
        for method in self.study.methods:
            mine = sorted((f for f in self.scored if f.method == method), key=lambda f: (f.seed, f.shots))
            last = {found.seed: found.shot.practice for found in mine}  # of each seed the longest: it comes last
            if last and min(map(len, last.values())):
                points = min(map(len, last.values()))
                rows = tuple(tuple(map(float, practice[:points])) for practice in last.values())
                yield summary.Curve(method=method, episodes=tuple(range(1, points + 1)), per_seed=rows)

    def broken(self) -> dict[str, list[dict[str, Any]]]:
        """Says in whose episodes the target broke, of evaluation and of those learnt from, and in how many."""
        order = {method: i for i, method in enumerate(self.study.methods)}
        scored = sorted(self.scored, key=lambda found: (order[found.method], found.seed, found.shots))
        last = {(found.seed, found.method): found for found in scored}  # who has spent most
        evaluated = [_broken(found, found.shot.broken, len(found.shot.returns)) for found in scored]
        practised = [_broken(found, found.shot.broken_practice, len(found.shot.practice)) for found in last.values()]
        named = {"broken": evaluated, "broken_practice": practised}
        return {name: some for name, rows in named.items() if (some := [row for row in rows if row["broken"]])}

    def rows(self) -> list[Arm]:
        """Returns the arms as the table on the terminal wants them."""
        return [Arm(arm.method, arm.shots, arm.iqm, arm.low, arm.high, arm.per_seed) for arm in self.arms()]

    def summary(self, wall_seconds: float) -> summary.Summary:
        """Returns what is written at the end."""
        lost = {(found.seed, found.method): found.counts.lost_episodes for found in self.scored}
        return summary.Summary(
            source=self.settings["source"],
            target=self.settings["target"],
            size=self.settings["size"],
            shots=tuple(self.settings["shots"]),
            seeds=tuple(self.settings["seeds"]),
            versions=versions(),
            arms=tuple(self.arms()),
            curves=tuple(self.curves()),
            extra={
                "source_steps": self.study.source_steps if self.study.given is None else 0,
                "attempts": self.study.attempt,
                "lost_episodes": sum(lost.values()),  # begun on the target and cut by a crash, none of them learnt from
                "command": command_line({"command": "transfer", "settings": self.settings}),
                "wall_seconds": round(wall_seconds, 1),  # of this attempt
            }
            | self.broken(),
        )


def plain(found: Scored) -> dict[str, Any]:
    """Says an evaluation in plain JSON; the policy is kept in its bundle."""
    return {
        "seed": found.seed,
        "method": found.method,
        "shots": found.shots,
        "returns": [float(value) for value in found.shot.returns],
        "practice": [float(value) for value in found.shot.practice],
        "wall_seconds": found.shot.wall_seconds,
        "counts": list(found.counts),
        "broken": found.shot.broken,
        "broken_practice": found.shot.broken_practice,
    }


def _broken(found: Scored, broken: int, episodes: int) -> dict[str, Any]:
    return {
        "method": found.method,
        "shots": found.shots,
        "seed": found.seed,
        "broken": broken,
        "episodes": episodes,
    }


def scored_of(row: dict[str, Any]) -> Scored:
    """Reads what `plain` wrote."""
    returns, practice = np.array(row["returns"]), np.array(row["practice"])
    broken = row.get("broken", 0), row.get("broken_practice", 0)  # earlier findings do not say
    shot = Shot(row["shots"], returns, practice, None, row["wall_seconds"], *broken)
    return Scored(row["seed"], row["method"], row["shots"], shot, Counts(*row["counts"]))
