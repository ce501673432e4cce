"""`headstart imitate`: learn a hierarchical controller from annotated demonstrations, with help from past tasks."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from headstart.data.call_graph import CallGraph, call_graph, findings
from headstart.data.demonstrations import AnnotatedDemonstration, read_demonstrations
from headstart.errors import Fault, InputError, unknown
from headstart.experiments.enough import Prepared, readings
from headstart.experiments.set_table import past_sources
from headstart.share.advice import advise
from headstart.share.bundle import write_controller
from headstart.share.hierarchical import Controller, LearnedSkill
from headstart.share.pooling import ShortestDescription
from headstart.share.rule_model import Rules, explain
from headstart.share.rules import Search
from headstart.share.select import MODES, PAPER_CLASSES, Choice, Mode, Refusal, Selection
from headstart.share.skill_steps import SkillSteps, incompatible, tabulate
from headstart.share.slips import surprise
from headstart.share.validate import OverDemonstrations, held_out


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
        alone: the curve without past tasks; empty where there are none.
        demonstrations: how many of each task.
        modes: for each skill and each mode for whole skills, why it does not hold; the empty refusal where it does.
    """

    controller: Controller
    graph: CallGraph
    choices: dict[str, Choice]
    notes: tuple[str, ...]
    curve: tuple[tuple[int, float], ...]
    enough: dict[str, float | None]
    alone: tuple[tuple[int, float], ...]
    modes: dict[str, dict[str, Refusal]]
    demonstrations: dict[str, int]


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
        accuracies: for some calls, that of each argument, as `CALL=NUMBER,NUMBER,...`.
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
    accuracies: tuple[str, ...] = ()
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
    units = units_of(options.accuracies, options.accuracy, graphs[options.task])
    skills = tabulate(tasks, units)
    for task in [source.task for source in sources]:
        reasons = [incompatible(tasks[options.task], tasks[task], skill) for skill in skills]
        notes += [f"past task {task!r}: {reason}" for reason in reasons if reason]
        if all(reasons):
            notes.append(
                f"past task {task!r} has no skill in common with {options.task!r}: every skill is learned alone"
            )
    rules = Rules(search=Search(slip=surprise(skills, np.ones(sum(map(len, tasks.values())), bool))),
                  accuracy=options.accuracy)  # fmt: skip
    choices = {name: _choose(options, rules, steps, np.flatnonzero(steps.task == 0)) for name, steps in skills.items()}
    graph = graphs[options.task]
    learned = {name: LearnedSkill(skills[name].layout, one.model, one.params) for name, one in choices.items()}
    controller = Controller(root=graph.root, root_args=graph.root_args, skills=learned, actions=graph.actions)
    curve, enough, alone = _needed(options, rules, skills, tasks, units)
    modes = {name: _whole(options, rules, steps) for name, steps in skills.items()} if sources else {}
    counts = {task: len(given) for task, given in tasks.items()}
    imitated = Imitated(controller, graph, choices, tuple(notes), curve, enough, alone, modes, counts)
    if options.out is not None:
        write_controller(Path(options.out) / "controller", controller)
        _write(Path(options.out) / "summary.json", summary(options, imitated))
    return imitated


def summary(options: Imitate, imitated: Imitated) -> dict[str, Any]:
    """What `summary.json` holds."""
    skills, past = {}, [one.partition("=")[0] for one in options.past]
    for name, choice in imitated.choices.items():
        layout = imitated.controller.skills[name].layout
        skills[name] = {
            "mode": choice.mode,
            "past": [past[index - 1] for index in choice.past],
            "model": type(choice.model).__name__,
            "calls": list(imitated.graph.calls[name]),
            "decisions": dict(choice.detail),
            "rules": explain(choice.params, layout) if isinstance(choice.model, Rules) else {},
            "refused": [one._asdict() for one in choice.refused],
            "demonstrations_needed": imitated.enough.get(name),
            "modes": {mode: one._asdict() for mode, one in imitated.modes.get(name, {}).items()},
            "advice": advise(choice, past)._asdict(),
        }
    return {
        "task": options.task,
        "past": past,
        "selector": options.selector,
        "orders": options.orders,
        "command": command(options),
        "demonstrations": imitated.demonstrations,
        "root": imitated.graph.root,
        "actions": list(imitated.graph.actions),
        "skills": skills,
        "curve": [list(point) for point in imitated.curve],
        "alone": [list(point) for point in imitated.alone],
        "notes": list(imitated.notes),
    }


def command(options: Imitate) -> str:
    """Writes the command that does the same again."""
    words = ["headstart", "imitate", "--task", options.task, "--demonstrations", options.demonstrations]
    words += ["--past", *options.past] if options.past else []
    words += ["--selector", options.selector] if options.selector != "decision" else []
    words += ["--modes", ",".join(options.modes)] if options.modes != MODES else []
    words += ["--orders", str(options.orders), "--accuracy", f"{options.accuracy:g}"]
    words += ["--accuracies", *options.accuracies] if options.accuracies else []
    return shlex.join([*words, "--seed", str(options.seed)])


def _check(options: Imitate) -> None:
    for mode in options.modes:
        if mode not in MODES:
            raise unknown("mode", mode, MODES)
    if not options.modes or options.orders < 0 or not 0 < options.accuracy < np.inf:
        raise InputError("expected at least one mode, orders from 0 and an accuracy above 0")
    if options.orders > 10_000:
        raise InputError(f"--orders {options.orders}: at most 10000 random orders")
    if options.selector not in ("decision", "skill"):
        raise unknown("selector", options.selector, ("decision", "skill"))


def units_of(accuracies: Sequence[str], accuracy: float, graph: CallGraph) -> dict[str, tuple[float, ...]]:
    """Reads `CALL=NUMBER,NUMBER,...` words as units, in multiples of the accuracy of everything else.

    Raises:
        InputError: a word has another form, or names nothing that is called.
    """
    units = {}
    for word in accuracies:
        call, _, text = word.partition("=")
        try:
            numbers = tuple(float(one) for one in text.split(","))
        except ValueError:
            numbers = ()
        if not numbers or not all(0 < one < np.inf for one in numbers):
            raise InputError(
                f"--accuracies {word!r}: expected CALL=NUMBER,NUMBER,... above 0, such as drive=0.01,0.01,1"
            )
        if call not in (called := {one for calls in graph.calls.values() for one in calls}):
            raise unknown("call", call, called)
        units[call] = tuple(one / accuracy for one in numbers)
    return units


def _choose(options: Imitate, rules: Rules, steps: SkillSteps, demonstrations: np.ndarray) -> Choice:
    if options.selector == "decision":
        ours = ShortestDescription(rules=rules)
        return ours.choose(steps, steps.weights(demonstrations), ours.study(steps))
    modes: tuple[Mode, ...] = tuple(mode for mode in MODES if mode in options.modes)
    return Selection(modes=modes, accuracy=options.accuracy).choose(options.seed, steps, demonstrations)


def _whole(options: Imitate, rules: Rules, steps: SkillSteps) -> dict[str, Refusal]:
    """What each mode for whole skills comes to with the same class of models, five folds of whole demonstrations."""
    models = (rules,) if options.selector == "decision" else PAPER_CLASSES
    found = {}
    for mode in MODES:
        one = Selection(
            models=models, validator=OverDemonstrations(most=5), modes=(mode,), accuracy=options.accuracy
        ).choose(options.seed, steps, np.flatnonzero(steps.task == 0))
        found[mode] = one.refused[-1] if one.mode is None and one.refused else Refusal(mode, one.past, "", "")
    return found


Curve = tuple[tuple[int, float], ...]


def _needed(
    options: Imitate,
    rules: Rules,
    skills: dict[str, SkillSteps],
    tasks: Mapping[str, Sequence[AnnotatedDemonstration]],
    units: Mapping[str, Sequence[float]],
) -> tuple[Curve, dict[str, float | None], Curve]:
    """The curve, for each skill the mean number of demonstrations after which it is right on all unused, and alone."""
    number = len(tasks[options.task])
    if number < 2 or not options.orders:
        return (), {}, ()
    prepared = Prepared(tasks, (), options.accuracy, units, rules.search)
    arms = ("rules, per decision", "rules, independent") if len(tasks) > 1 else ("rules, per decision",)
    right = {arm: np.zeros((options.orders, number - 1, len(skills)), bool) for arm in arms}
    for order in range(options.orders):
        arrival = np.random.default_rng((options.seed, order)).permutation(number)
        answers = readings(prepared, arrival, 1000 * order)
        for arm, at in right.items():
            for index, (name, steps) in enumerate(skills.items()):
                for n in range(1, number):
                    if options.selector == "skill" and arm == arms[0]:
                        choice = _choose(options, rules, steps, arrival[:n])
                        unused = steps.weights(arrival[n:])
                        answer = held_out(choice.model, choice.params, steps, unused, options.accuracy).right
                    else:
                        answer = answers[arm, "unused"](name, n)
                    if answer:
                        at[order, n - 1 :, index] = True  # measured as the first time, as the lecture's table is
                        break
    never, first = ~right[arms[0]][:, -1], right[arms[0]].argmax(axis=1) + 1
    enough = {name: None if never[:, i].any() else float(first[:, i].mean()) for i, name in enumerate(skills)}
    curves = {arm: at.sum(axis=2).mean(axis=0).tolist() for arm, at in right.items()}
    last = max(n for of in curves.values() for n in [next((i for i, m in enumerate(of) if m == of[-1]), 0)]) + 1
    drawn = [tuple((n + 1, mean) for n, mean in enumerate(of[: last + 1])) for of in curves.values()]
    return drawn[0], enough, drawn[1] if len(drawn) > 1 else ()


def _write(path: Path, content: dict[str, Any]) -> None:
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        partial.replace(path)
    except OSError as error:
        raise Fault(f"cannot write {path}: {error.strerror or error}") from error
