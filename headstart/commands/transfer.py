"""`headstart transfer`: the main job, from words to a table, a summary, a page and a film."""

import shlex
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from headstart.adapt.methods import adaptation
from headstart.adapt.ranges import randomization, read_ranges
from headstart.commands.compiled import arithmetic
from headstart.commands.diverging import tell_diverged
from headstart.commands.evaluate import policy_of_run, require_constant
from headstart.commands.findings import Findings
from headstart.commands.folders import new_folder
from headstart.commands.progress import Display
from headstart.commands.settings import privileged_of
from headstart.commands.showing import write_showing, write_spread
from headstart.errors import Fault, InputError, Interrupted
from headstart.experiments.diagnosed import diagnosis_lines
from headstart.experiments.finding import Finding, Finished, Foretold, Learning
from headstart.experiments.head_start import HeadStart
from headstart.experiments.scales import SCALES
from headstart.experiments.soft_start import PLAIN, SHOWN, SoftStart, read_schedule
from headstart.nets.policies import SquashedPolicy
from headstart.options import Transfer, whole_numbers
from headstart.report.page import write_report
from headstart.run import bundle, disk, lock, strict_json
from headstart.run.fan_out import fan_out
from headstart.run.metrics import Writer
from headstart.run.record import RunFolder, create_run, read_config, read_json
from headstart.run.summary import write_summary
from headstart.spaces import ParameterSpace
from headstart.tasks.catalogue import family
from headstart.tasks.fixed import Fixed
from headstart.tasks.targets import target, twin
from headstart.transfer.adapters import adapted, read_adapter, require_whole_state
from headstart.transfer.policy import require_same_spaces

ATTEMPTS = "attempts.json"
WORKERS = 5  # pieces of work at a time: while one thinks or waits for the target, the others' physics runs


def run(options: Transfer) -> int:
    """Runs the study and returns the exit status."""
    arithmetic(options.deterministic)
    plan = Plan.of(settings_of(options), options.out or new_folder("transfer", source_of(options)))
    create_run(plan.folder.path, "transfer", options.seed, plan.settings)
    with lock.hold(plan.folder.path):
        return carry_out(plan)


def resume(path: Path) -> int:
    """Takes an interrupted study up again: what was finished stays, the rest goes on.

    The target is not asked again for episodes that it has finished: they are kept. One that was cut counts as lost.
    """
    settings = read_config(path)["settings"]
    with lock.hold(path):
        return carry_out(Plan.of(settings, path, 1 + attempts_of(path)))


def carry_out(plan: "Plan") -> int:
    """Does all the work that is not done yet, then sums it up."""
    study, folder, console, began = plan.study, plan.folder, Console(), time.monotonic()
    findings = Findings(study, folder.path, plan.settings)
    findings.recall()
    disk.replace_file(folder.path / ATTEMPTS, strict_json.encode({"format": 1, "attempts": study.attempt}) + b"\n")
    over = {(job.seed, job.job) for job in findings.finished}
    jobs = [job for seed, name, job in ordered(study, plan.seeds) if (seed, name) not in over]
    display = Display(console, plan.title, study.shots, study.methods)
    with resumable(folder.path, console), Writer(folder.metrics) as writer, display:
        for found in fan_out(jobs, WORKERS, first_alone=True):
            if isinstance(found, Learning):
                display.learning(found)
                writer.append(found.env_steps, metrics_of(found))
            elif isinstance(found, Foretold):
                display.foretold(found)
            elif isinstance(found, Finished):
                findings.finish(found)
            else:
                findings.add(found)
                display.scored(findings.rows(), found)
    write_summary(folder.summary, findings.summary(time.monotonic() - began))
    write_spread(study, plan.settings["target"], folder.path)
    problem = write_showing(study, plan.settings["target"], plan.seeds[0], folder.path)
    if problem:
        console.print(f"no film: {problem}", highlight=False, soft_wrap=True)
    for line in diagnosis_lines(folder.path):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    tell_diverged(console, folder.path)
    console.print(f"\n{write_report(folder.path)}", highlight=False, soft_wrap=True)
    return 0


def ordered(study: HeadStart, seeds: Sequence[int]) -> list[tuple[int, str, Callable[[], Iterator[Finding]]]]:
    """Returns all pieces of work: the first seed's, then the others', the longest first.

    So there is something of every row to look at early, and in the end nobody waits for one long piece alone.
    """
    pieces = [[(seed, name, job) for name, job in reversed(study.jobs(seed).items())] for seed in seeds]
    return [*pieces[0], *(piece for kind in zip(*pieces[1:], strict=True) for piece in kind)]


def soft_start(settings: dict[str, Any]) -> SoftStart | None:
    """Returns how soft sources are learnt and fine-tuned, where they are asked for.

    Raises:
        InputError: the schedule is none, or a policy is brought along, which was pretrained already.
    """
    if settings.get("pretrain", "plain") == "plain":
        return None
    if settings["from"] is not None:
        raise InputError(f"--pretrain soft --from {settings['from']}: that policy is pretrained already; leave one out")
    for name in ("memory", "adapt"):
        if settings.get(name, "none") != "none":
            raise InputError(f"--pretrain soft --{name} {settings[name]}: SAC does not do both; leave one out")
    return SoftStart(schedule=read_schedule(settings["anneal"]))


def attempts_of(path: Path) -> int:
    """Returns how often a study was begun or taken up so far; where that is not written down, once."""
    if not (path / ATTEMPTS).exists():
        return 1
    found = read_json(path / ATTEMPTS, 1 << 10, ATTEMPTS).get("attempts")
    return found if type(found) is int and 0 < found < 1 << 31 else 1


@contextmanager
def resumable(folder: Path, console: Console) -> Iterator[None]:
    """Says how to go on, where the work is interrupted."""
    try:
        yield
    except (Interrupted, KeyboardInterrupt, Fault):
        words = shlex.join(["headstart", "resume", str(folder)])
        console.print(f"what was finished is saved; go on with: {words}", highlight=False, soft_wrap=True)
        raise


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the settings come to.

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
    def of(cls, settings: dict[str, Any], path: Path, attempt: int = 1) -> "Plan":
        """Builds the study; nothing is written and nothing is begun.

        Raises:
            InputError: for the first setting that cannot work.
        """
        source, given = family(settings["source"]), None
        there: Any = target(settings["target"])
        if settings["from"] is not None:
            source, policy, given = policy_of_run(Path(settings["from"]), "--source", settings["source"])
            if isinstance(policy, SquashedPolicy):
                raise InputError(f"--from {settings['from']}: was learnt by SAC; give a run of `--learner ppo`")
            memory = str(bundle.describe(Path(settings["from"])).get("memory", "none"))
            if settings.get("memory", "none") not in ("none", memory):
                raise InputError(f"--memory {settings['memory']}: the policy of --from {settings['from']} has {memory}")
            words = str(bundle.describe(Path(settings["from"])).get("family"))
            settings = {**settings, "source": words, "memory": memory}
        if attempt == 1:  # a study that has begun goes on as it began
            require_constant(there, f"--target {settings['target']}")
        if settings.get("adapter"):
            there = adapted(there, source, settings["adapter"])
        require_same_spaces(source, there)
        if there.name == source.name:
            raise InputError(f"--target {settings['target']}: is the source itself; name another target")
        study = HeadStart(
            source=source,
            build_target=lambda: there,
            nominal=Fixed(task=source.task()),
            randomized=randomization(source, settings["randomize"]),
            shots=tuple(settings["shots"]),
            scale=SCALES[settings["size"]],
            folder=path,
            adaptation=adapting(settings, source, there),
            excite=settings.get("excite", False),
            given=given,
            fine_tune=settings.get("fine_tune", "on-policy"),
            soft=soft_start(settings),
            memory=settings.get("memory", "none"),
            privileged=privileged_by(settings, source),
            attempt=attempt,
        )
        for method in study.methods:
            study.policy_of(method)  # refuses what cannot be taken over before anything is learnt
        title = f"{settings['source']} → {settings['target']}: return after k target episodes"
        seeds = tuple(settings["seeds"])
        return cls(study=study, seeds=seeds, folder=RunFolder(path=path), settings=settings, title=title)


def settings_of(options: Transfer) -> dict[str, Any]:
    """Resolves the words of the command line to plain JSON. Raises `InputError` for numbers that cannot work."""
    count = SCALES[options.size].seeds if options.seeds is None else options.seeds
    pretrain, anneal = pretraining_of(options)
    read_schedule(anneal)  # refuses what is none, used or not
    if options.anneal and options.pretrain is None and pretrain == "plain":
        raise InputError(f"--anneal {anneal}: is for soft sources; add --pretrain soft, or leave it out")
    if not 1 <= count <= 1000 or not 0 <= options.seed < 1 << 31:
        raise InputError(f"--seeds {count} --seed {options.seed}: 1 to 1000 seeds are needed, the first from 0 up")
    return {
        "source": source_of(options),
        "target": options.target or twin(source_of(options)),
        "from": None if options.from_run is None else str(options.from_run),
        "shots": list(whole_numbers("shots", options.shots)),
        "size": options.size,
        "seeds": list(range(options.seed, options.seed + count)),
        "randomize": read_ranges(options.randomize),
        "fine_tune": options.fine_tune,
        "pretrain": pretrain,
        "anneal": anneal,
        "adapter": None if options.adapter is None else read_adapter(options.adapter),
        "memory": options.memory,
        "critic": options.critic,
        "adapt": options.adapt,
        "excite": options.excite,
        "deterministic": options.deterministic,
    }


def source_of(options: Transfer) -> str:
    """Returns the family that is asked for; else the cheaper hopper, and the true one where dynamics are estimated."""
    return options.source or ("hopper_euler" if options.adapt == "none" else "hopper")


def pretraining_of(options: Transfer) -> tuple[str, str]:
    """Returns how sources are pretrained, and the schedule: as asked for, else as was shown to be better."""
    source = source_of(options).replace("-", "_")
    alone = options.from_run is None and options.memory == options.adapt == "none" and options.fine_tune == "on-policy"
    shown = "soft" if source in SHOWN and alone else "plain"
    return options.pretrain or shown, options.anneal or SHOWN.get(source, PLAIN)


def adapting(settings: dict[str, Any], source: Any, there: Any) -> Any:
    """Builds the way to adapt to a target; None for none. Raises `InputError` where it cannot work."""
    name = settings.get("adapt", "none")  # a run of an earlier version has none
    if name == "none":
        if settings.get("excite", False):
            raise InputError("--excite chooses how to play for --adapt posterior; give that too")
        return None
    if max(settings["shots"]) == 0:
        raise InputError(f"--adapt {name} --shots 0: no target episode is allowed, so there is nothing to adapt to")
    if settings.get("excite", False) and name != "posterior":
        raise InputError(f"--excite --adapt {name}: only the posterior can say what an episode would tell; use it")
    if settings.get("excite", False) and settings.get("pretrain", "plain") == "soft":
        raise InputError("--excite --pretrain soft: the ways of playing are those of a plain source; leave one out")
    if name == "posterior" and settings.get("adapter"):
        require_whole_state(there, "--adapt posterior")
    return adaptation(name, source, randomization(source, settings["randomize"]))


def privileged_by(settings: dict[str, Any], source: Any) -> ParameterSpace:
    """Returns what the critic of a source with memory is told. Raises `InputError` where there is no such source."""
    critic = settings.get("critic", "plain")  # a run of an earlier version does not say
    if critic != "plain" and settings["from"] is not None:
        raise InputError(f"--critic {critic} --from {settings['from']}: a run brings its policy alone; leave one out")
    return privileged_of(critic, settings.get("memory", "none"), source, randomized=True)


def metrics_of(found: Learning) -> dict[str, Any]:
    """Returns a line of `metrics.jsonl`."""
    return {
        "arm": found.name,
        "seed": found.seed,
        "phase": "oracle" if found.name == "oracle" else "source",
        "rollout/ep_rew_mean": found.mean_return,
        "time/fps": found.steps_per_second,
    }
