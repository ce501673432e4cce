"""How many demonstrations until a task is mastered physically, with and without past tasks, at the table top.

Demonstrations arrive one at a time in random order. After each, every skill of the new task is fitted in each arm's way
and the controller is examined at tables of its own (`tabletop_exam`); the figure is the first number of demonstrations
at which at least 95 of 100 physical executions succeed. The arms are the lecture's (share: the past only; union;
independent; selection, the paper's, per skill by folds over steps) and ours (rules per decision, beside the same rules
without the past, which tells apart what the model class does and what sharing does).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from headstart.data.call_graph import call_graph
from headstart.data.demonstrations import AnnotatedDemonstration
from headstart.errors import InputError
from headstart.experiments.set_table import summarise
from headstart.experiments.tabletop_demonstrations import Teaching, teach
from headstart.experiments.tabletop_exam import Exam
from headstart.maths.statistics import wilson_interval
from headstart.share.hierarchical import Controller, LearnedSkill
from headstart.share.pooling import PastRules, ShortestDescription
from headstart.share.remembering import Remembering
from headstart.share.rule_model import Rules
from headstart.share.rules import Search
from headstart.share.select import MODES, PAPER_CLASSES, Mode, Selection
from headstart.share.skill_steps import tabulate
from headstart.share.slips import surprise
from headstart.share.validate import OverSteps
from headstart.tasks.tabletop import TableTask

Learn = Callable[[str, np.ndarray], LearnedSkill]  # a skill from the first demonstrations of an order
CHECKED = 12  # controllers counted as lost without physics that are run all the same, to see whether that was just
PAST_SEED, NEW_SEED = 1, 2


@dataclass(frozen=True, kw_only=True)
class TabletopStudy:
    """The experiment.

    Attributes:
        new: the task to be mastered.
        past: tasks that were demonstrated before.
        number: demonstrations of the new task that there are.
        past_number: of each past task.
        orders: random orders.
        tables: of the examination.
        accuracy: within which an argument is right for a selector, in the units of the demonstrations.
        teaching: how the demonstrations are made.
        seed: of the orders.
        arms: which are measured; empty is all that make sense.
    """

    new: TableTask
    past: tuple[TableTask, ...] = ()
    number: int = 40
    past_number: int = 45
    orders: int = 100
    tables: int = 100
    accuracy: float = 1e-6
    teaching: Teaching = field(default_factory=Teaching)
    seed: int = 0
    arms: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if min(self.number, self.past_number, self.orders, self.tables) < 1 or self.accuracy <= 0:
            raise InputError("a study needs at least one demonstration, order and table, and an accuracy above 0")
        if any(task.name == self.new.name for task in self.past):
            raise InputError(f"task {self.new.name!r} is named twice; a past task must differ from the new one")

    def prepare(self) -> "Prepared":
        """Makes the demonstrations and the examination: most of the physics."""
        tasks = {self.new.name: teach(self.new, self.number, NEW_SEED, self.teaching)}
        for task in self.past:
            tasks[task.name] = teach(task, self.past_number, PAST_SEED, self.teaching)
        return Prepared(self, tasks, Exam(self.new, self.tables, pixel_noise=self.teaching.pixel_noise))


class Outcome(NamedTuple):
    """One arm in one order.

    Attributes:
        enough: demonstrations until mastered; None where never.
        successes: of the executions then.
        examined: controllers that were examined physically.
        simulated: of their executions, those that had to be run since a decision differs from the teacher's.
    """

    enough: int | None
    successes: int
    examined: int
    simulated: int


class Priced(NamedTuple):
    """Our selector for a teacher who slips so often: the nats of a slip, the rules alone, with past tasks, theirs."""

    slip: float
    rules: Remembering
    ours: ShortestDescription
    known: dict[str, PastRules]


class Prepared:
    """Demonstrations and tables, and what does not depend on the order."""

    def __init__(self, study: TabletopStudy, tasks: Mapping[str, Sequence[AnnotatedDemonstration]], exam: Exam) -> None:
        """Tabulates the demonstrations, the new task's first."""
        self.study, self.exam = study, exam
        self.steps = tabulate(tasks)
        self.graph = call_graph(tasks[study.new.name])
        self.paper = tuple(Remembering(model) for model in PAPER_CLASSES)
        self._priced: dict[float, Priced] = {}
        self.lost: list[Controller] = []  # of every arm and order the last one before it was mastered
        self._learned: dict[tuple[str, str, bytes], LearnedSkill] = {}

    @property
    def arms(self) -> dict[str, Learn]:
        """How each arm learns a skill."""
        shared: dict[str, tuple[Mode, ...]] = {"share": ("share",), "union": ("union",), "selection": MODES}
        modes: dict[str, tuple[Mode, ...]] = {"independent": ("independent",)}
        modes |= shared if self.study.past else {}
        arms: dict[str, Learn] = {name: self._by_folds(name, of) for name, of in modes.items()}
        arms["rules, independent"] = self._by_rules
        if self.study.past:
            arms["rules, per decision"] = self._by_decision
        return {name: learn for name, learn in arms.items() if not self.study.arms or name in self.study.arms}

    def measure(self, order: int) -> dict[str, Outcome]:
        """Measures every arm in one order."""
        arrival = np.random.default_rng((self.study.seed, order)).permutation(self.study.number)
        return {name: self._first(name, learn, arrival) for name, learn in self.arms.items()}

    def controller(self, learn: Learn, chosen: np.ndarray) -> Controller:
        """Learns all skills from some demonstrations."""
        skills = {name: learn(name, chosen) for name in self.steps}
        return Controller(
            root=self.graph.root, root_args=self.graph.root_args, skills=skills, actions=self.graph.actions
        )

    def _first(self, name: str, learn: Learn, arrival: np.ndarray) -> Outcome:
        waiting, examined, simulated = list(self.steps), 0, 0
        lost_at, mark, n = 0, None, 0
        alone = name == "share"  # learns nothing from the new demonstrations, save which model class to take
        for n in (1, len(arrival)) if alone else range(1, len(arrival) + 1):
            hopeless = np.zeros(len(self.exam.worlds), bool)
            for skill in waiting:  # the one that failed last is asked first
                hopeless |= self.exam.compare(skill, learn(skill, arrival[:n]))[1]
                if self._is_lost(hopeless):
                    waiting = [skill, *(other for other in waiting if other != skill)]
                    break
            if self._is_lost(hopeless):
                lost_at = n
                continue
            examined += 1
            mark = self.exam.mark(self.controller(learn, arrival[:n]))
            simulated += mark.simulated
            if mark.mastered:
                break
        if lost_at:
            self.lost.append(self.controller(learn, arrival[:lost_at]))
        if mark is None or not mark.mastered:
            return Outcome(None, 0, examined, simulated)
        return Outcome(n, mark.successes, examined, simulated)

    def _is_lost(self, hopeless: np.ndarray) -> bool:
        return int(hopeless.sum()) > self.exam.allowed

    def _by_folds(self, arm: str, modes: tuple[Mode, ...]) -> Learn:
        selection = Selection(models=self.paper, validator=OverSteps(), modes=modes, accuracy=self.study.accuracy)

        def learn(skill: str, chosen: np.ndarray) -> LearnedSkill:
            steps = self.steps[skill]
            key = (arm, skill, np.sort(chosen).tobytes())
            if key not in self._learned:
                choice = selection.choose(self.study.seed, steps, chosen)
                self._learned[key] = LearnedSkill(steps.layout, choice.model, choice.params)
            return self._learned[key]

        return learn

    def _at_the_price(self, chosen: np.ndarray, with_past: bool) -> "Priced":
        """Our selector, at the price of a slip of this teacher as far as the demonstrations tell."""
        task = next(iter(self.steps.values())).task
        used = task > 0 if with_past else np.zeros(len(task), bool)
        used[chosen] = True
        slip = surprise(self.steps, used)
        if slip not in self._priced:
            ours = ShortestDescription(rules=Rules(search=Search(slip=slip), accuracy=self.study.accuracy))
            known = {name: ours.study(steps) for name, steps in self.steps.items()} if self.study.past else {}
            self._priced[slip] = Priced(slip, Remembering(ours.rules), ours, known)
        return self._priced[slip]

    def _by_rules(self, skill: str, chosen: np.ndarray) -> LearnedSkill:
        steps, rules = self.steps[skill], self._at_the_price(chosen, with_past=False).rules
        return LearnedSkill(steps.layout, rules, rules.fit(steps, steps.weights(chosen)))

    def _by_decision(self, skill: str, chosen: np.ndarray) -> LearnedSkill:
        steps = self.steps[skill]
        priced = self._at_the_price(chosen, with_past=True)
        key = (f"decision at {priced.slip}", skill, steps.weights(chosen).tobytes())
        if key not in self._learned:
            choice = priced.ours.choose(steps, steps.weights(chosen), priced.known[skill])
            self._learned[key] = LearnedSkill(steps.layout, choice.model, choice.params)
        return self._learned[key]


def measure(study: TabletopStudy, prepared: Prepared, known: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Measures order by order.

    Args:
        study: the experiment.
        prepared: its demonstrations and tables.
        known: a result that was left off; its orders are not measured again.

    Yields:
        The result so far, after every order.
    """
    outcomes: dict[str, list[list[int | None]]] = known.get("outcomes", {})
    began = min((len(of) for of in outcomes.values()), default=0)
    for order in range(began, study.orders):
        for arm, outcome in prepared.measure(order).items():
            outcomes.setdefault(arm, []).append(list(outcome))
        yield report(study, prepared, outcomes)
    if began >= study.orders:
        yield report(study, prepared, outcomes)


def report(study: TabletopStudy, prepared: Prepared, outcomes: dict[str, list[list[int | None]]]) -> dict[str, Any]:
    """What a result file holds, from what each order gave."""
    passed = int(prepared.exam.passed.sum())
    arms = {}
    for arm, of in outcomes.items():
        executed = [(int(s or 0), study.tables) for enough, s, *_ in of if enough is not None]
        successes, executions = sum(s for s, _ in executed), sum(t for _, t in executed)
        arms[arm] = summarise([enough for enough, *_ in of]) | {
            "successes_when_mastered": successes,
            "executions_when_mastered": executions,
            "interval_when_mastered": list(wilson_interval(successes, executions)) if executions else None,
            "examined": sum(int(examined or 0) for _, _, examined, _ in of),
            "executions_that_differ_from_the_teachers": sum(int(simulated or 0) for *_, simulated in of),
        }
    return {
        "claim": f"{study.new.name} after {' and '.join(task.name for task in study.past) or 'nothing'}",
        "demonstrations": study.number,
        "past_demonstrations": {task.name: study.past_number for task in study.past},
        "orders": max((len(of) for of in outcomes.values()), default=0),
        "tables": study.tables,
        "accuracy": study.accuracy,
        "teaching": {
            "metres": study.teaching.metres,
            "degrees": study.teaching.degrees,
            "slips": study.teaching.slips,
            "pixel_noise": study.teaching.pixel_noise,
        },
        "teacher": {"successes": passed, "interval": list(wilson_interval(passed, study.tables))},
        "arms": arms,
        "outcomes": outcomes,
    }


def check_lost(prepared: Prepared, most: int = CHECKED) -> dict[str, int]:
    """Runs controllers that were counted as lost: would one have mastered the task?

    Args:
        prepared: after its orders were measured.
        most: how many, drawn from the last of every arm and order before it was mastered.

    Returns:
        The numbers of controllers, of executions until each had failed, and of controllers that did not fail.
    """
    order = np.random.default_rng(prepared.study.seed).permutation(len(prepared.lost))[:most]
    marks = [prepared.exam.mark(prepared.lost[index], shortcut=False) for index in order.tolist()]
    executions = sum(mark.simulated for mark in marks)
    return {"controllers": len(marks), "executions": executions, "mastered": sum(mark.mastered for mark in marks)}
