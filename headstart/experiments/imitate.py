"""`headstart imitate`: learn a hierarchical controller from annotated demonstrations, with help from past tasks."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from headstart.data.call_graph import CallGraph, call_graph, findings
from headstart.data.demonstrations import read_demonstrations
from headstart.errors import Fault, InputError, unknown
from headstart.experiments.set_table import past_sources
from headstart.share.bundle import write_controller
from headstart.share.hierarchical import Controller, LearnedSkill
from headstart.share.pooling import ShortestDescription
from headstart.share.rule_model import Rules, explain
from headstart.share.select import MODES, Choice, Mode, Selection
from headstart.share.skill_steps import SkillSteps, incompatible, tabulate
from headstart.share.validate import held_out


class Imitated(NamedTuple):
    """What was learned.

    Attributes:
        controller: which runs.
        graph: who calls whom.
        choices: for each skill, how past tasks were used.
        notes: doubtful places in the demonstrations, and past skills that could not be used; for people.
        curve: how many demonstrations against how many skills right on the unused ones, mean over the orders.
        enough: for each skill, the mean number of demonstrations after which it is right on all unused ones; None
            where never.
    """

    controller: Controller
    graph: CallGraph
    choices: dict[str, Choice]
    notes: tuple[str, ...]
    curve: tuple[tuple[int, float], ...]
    enough: dict[str, float | None]


@dataclass(frozen=True, kw_only=True)
class Imitate:
    """Hierarchical imitation of one task.

    Attributes:
        task: the new task, as the demonstrations name it.
        demonstrations: a JSON Lines file, or a folder of them.
        past: past tasks, as `TASK=PATH`.
        selector: `decision` chooses for every decision by description length; `skill` for every skill by folds over
            whole demonstrations, as the paper does.
        modes: which modes `skill` may use.
        orders: random orders in which it is measured how many demonstrations each skill needs; 0 for none.
        accuracy: within which an argument is right, in the units of the demonstrations.
        seed: of the orders.
        out: a folder to be written: `controller/` and `summary.json`. None writes nothing.
    """

    task: str
    demonstrations: str
    past: tuple[str, ...] = ()
    selector: Literal["decision", "skill"] = "decision"
    modes: tuple[Mode, ...] = MODES
    orders: int = 20
    accuracy: float = 1e-6
    seed: int = 0
    out: str | None = None


def imitate(options: Imitate) -> Imitated:
    """Learns a controller, and says what it used and how much was needed.

    Args:
        options: what to learn from and how.

    Returns:
        What was learned.

    Raises:
        InputError: the demonstrations cannot be read or learned from, or an option cannot be.
        Fault: the results cannot be written.
    """
    _check(options)
    sources = past_sources(options.past)
    tasks = {options.task: read_demonstrations(options.demonstrations, options.task)}
    for source in sources:
        if source.task in tasks:
            raise InputError(f"task {source.task!r} is named twice; a past task must differ from the new one")
        tasks[source.task] = read_demonstrations(source.path, source.task)
    graphs = {task: call_graph(given) for task, given in tasks.items()}
    notes = [f"{found.where}: {found.what}" for found in findings(tasks[options.task])]
    skills = tabulate(tasks)
    for task in [source.task for source in sources]:
        reasons = [incompatible(tasks[options.task], tasks[task], skill) for skill in skills]
        notes += [f"past task {task!r}: {reason}" for reason in reasons if reason]
        if all(reasons):
            notes.append(
                f"past task {task!r} has no skill in common with {options.task!r}: every skill is learned alone"
            )
    choices = {name: _choose(options, steps, np.flatnonzero(steps.task == 0)) for name, steps in skills.items()}
    graph = graphs[options.task]
    learned = {name: LearnedSkill(skills[name].layout, one.model, one.params) for name, one in choices.items()}
    controller = Controller(root=graph.root, root_args=graph.root_args, skills=learned, actions=graph.actions)
    curve, enough = _needed(options, skills, len(tasks[options.task]))
    imitated = Imitated(controller, graph, choices, tuple(notes), curve, enough)
    if options.out is not None:
        write_controller(Path(options.out) / "controller", controller)
        _write(Path(options.out) / "summary.json", summary(options, imitated))
    return imitated


def summary(options: Imitate, imitated: Imitated) -> dict[str, Any]:
    """What `summary.json` holds."""
    skills = {}
    for name, choice in imitated.choices.items():
        layout = imitated.controller.skills[name].layout
        skills[name] = {
            "mode": choice.mode,
            "past": [options.past[index - 1].partition("=")[0] for index in choice.past],
            "model": type(choice.model).__name__,
            "calls": list(imitated.graph.calls[name]),
            "decisions": dict(choice.detail),
            "rules": explain(choice.params, layout) if isinstance(choice.model, Rules) else {},
            "refused": [one._asdict() for one in choice.refused],
            "demonstrations_needed": imitated.enough.get(name),
        }
    return {
        "task": options.task,
        "past": list(options.past),
        "selector": options.selector,
        "root": imitated.graph.root,
        "actions": list(imitated.graph.actions),
        "skills": skills,
        "curve": [list(point) for point in imitated.curve],
        "notes": list(imitated.notes),
    }


def _check(options: Imitate) -> None:
    for mode in options.modes:
        if mode not in MODES:
            raise unknown("mode", mode, MODES)
    if not options.modes or options.orders < 0 or not 0 < options.accuracy < np.inf:
        raise InputError("expected at least one mode, orders from 0 and an accuracy above 0")
    if options.selector not in ("decision", "skill"):
        raise unknown("selector", options.selector, ("decision", "skill"))


def _choose(options: Imitate, steps: SkillSteps, demonstrations: np.ndarray) -> Choice:
    rules = Rules(accuracy=options.accuracy)
    if options.selector == "decision":
        ours = ShortestDescription(rules=rules)
        return ours.choose(steps, steps.weights(demonstrations), ours.study(steps))
    modes: tuple[Mode, ...] = tuple(mode for mode in MODES if mode in options.modes)
    return Selection(modes=modes, accuracy=options.accuracy).choose(options.seed, steps, demonstrations)


def _needed(
    options: Imitate, skills: dict[str, SkillSteps], number: int
) -> tuple[tuple[tuple[int, float], ...], dict[str, float | None]]:
    """The curve, and for each skill the mean number of demonstrations after which it is right on all unused ones."""
    if number < 2 or not options.orders:
        return (), {}
    right = np.zeros((options.orders, number - 1, len(skills)), bool)
    ours = ShortestDescription(rules=Rules(accuracy=options.accuracy))
    known = {name: ours.study(steps) for name, steps in skills.items()} if options.selector == "decision" else {}
    for order in range(options.orders):
        arrival = np.random.default_rng((options.seed, order)).permutation(number)
        for index, (name, steps) in enumerate(skills.items()):
            for n in range(1, number):
                if known:
                    choice = ours.choose(steps, steps.weights(arrival[:n]), known[name])
                else:
                    choice = _choose(options, steps, arrival[:n])
                unused = steps.weights(arrival[n:])
                if held_out(choice.model, choice.params, steps, unused, options.accuracy).right:
                    right[order, n - 1 :, index] = True  # measured as the first time, as the lecture's table is
                    break
    curve = tuple((n + 1, float(mean)) for n, mean in enumerate(right.sum(axis=2).mean(axis=0)))
    never = ~right[:, -1]
    first = right.argmax(axis=1) + 1
    enough = {name: None if never[:, i].any() else float(first[:, i].mean()) for i, name in enumerate(skills)}
    last = max((n for n, mean in curve if mean < len(skills)), default=0)
    return curve[: last + 1], enough


def _write(path: Path, content: dict[str, Any]) -> None:
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise Fault(f"cannot write {path}: {error.strerror or error}") from error
