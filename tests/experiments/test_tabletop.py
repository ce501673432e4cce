"""The teacher at the table top, what is learned from it, and the examination."""

import numpy as np
import pytest

from headstart.data.call_graph import call_graph, findings
from headstart.data.demonstrations import read_demonstrations, write_demonstrations
from headstart.errors import Fault, InputError
from headstart.experiments.tabletop_demonstrations import Teaching, Trembling, teach
from headstart.experiments.tabletop_exam import Exam, Rehearsed, Rounded
from headstart.experiments.tabletop_study import TabletopStudy, check_lost, measure
from headstart.experiments.tabletop_teacher import Teacher
from headstart.share.bundle import read_controller, write_controller
from headstart.share.hierarchical import Controller, Decided, Frame, Interpreter, LearnedSkill
from headstart.share.rule_model import Rules
from headstart.share.skill_steps import tabulate
from headstart.tasks.tabletop import ClearTable, Pyramid, SetTable, Standing, TableTop
from headstart.tasks.tabletop.robot import ARGUMENTS

TASKS = (SetTable(), ClearTable(), Pyramid(levels=2))
by_name = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


@pytest.fixture(scope="module")
def taught():
    return teach(SetTable(), 3)


@pytest.fixture(scope="module")
def exam():
    return Exam(SetTable(), tables=4)


def learn(demonstrations, task="SetTable") -> Controller:
    graph = call_graph(demonstrations)
    skills = {
        name: LearnedSkill(steps.layout, Rules(), Rules().fit(steps, steps.weights(np.arange(len(demonstrations)))))
        for name, steps in tabulate({task: demonstrations}).items()
    }
    return Controller(root=graph.root, root_args=graph.root_args, skills=skills, actions=graph.actions)


def executed(task, seed, program=None):
    teacher = Teacher(task=task)
    world = Standing(TableTop(task=task), seed)
    made = Interpreter().run(program or teacher, world, teacher.root, teacher.root_args, task=task.name)
    return world, made


@by_name
def test_the_teacher_does_the_task_and_annotates_it(task):
    worlds, made = zip(*(executed(task, seed) for seed in (0, 1)), strict=True)
    assert all(world.success for world in worlds)
    assert findings(made) == ()
    for one in made:
        for moment in one.time_steps[:-1]:
            assert len(moment.action_args) == ARGUMENTS[moment.action]
    assert set(call_graph(made).actions) <= set(ARGUMENTS)


@pytest.mark.study
@pytest.mark.parametrize("task", [*TASKS, Pyramid(levels=3), Pyramid(levels=4)], ids=lambda task: task.name)
def test_the_teacher_succeeds_in_95_of_100(task):
    assert sum(executed(task, seed)[0].success for seed in range(100)) >= 95


def test_the_tallest_pyramid_stands():
    assert executed(Pyramid(levels=4), 0)[0].success


def test_demonstrations_are_repeatable_and_survive_a_file(taught, tmp_path):
    assert teach(SetTable(), 1)[0] == taught[0]
    write_demonstrations(tmp_path / "set.jsonl", taught)
    read = read_demonstrations(tmp_path / "set.jsonl", "SetTable")
    assert [one.time_steps for one in read] == [one.time_steps for one in taught]


def test_trembling_moves_what_is_tele_operated_and_nothing_else():
    frames = [Frame("MoveToLocation", (1.0, 1.0, 300.0, 250.0))] * 400
    teacher = Teacher(task=SetTable())
    program = Trembling(program=teacher, metres=0.01, radians=0.0175, generator=np.random.default_rng(0))
    errors = np.array([program.decide(frame).args for frame in frames]) - teacher.decide(frames[0]).args
    np.testing.assert_allclose(errors.std(axis=0), [0.01, 0.01, 0.0175, 0, 0], rtol=0.12)
    home = Frame("MoveHome", (), 2, "MoveArm")
    assert program.decide(home) == teacher.decide(home)


def test_a_trembling_teacher_drives_and_records_what_it_did_not_mean():
    (one,) = teach(SetTable(), 1, teaching=Teaching(metres=0.01, degrees=1.0))
    driven = [step for step in one.steps if step.call == "MoveBaseRel"]
    meant = [Teacher(task=SetTable()).decide(Frame(*step[:5])).args for step in driven]
    errors = np.array([step.call_args for step in driven]) - meant
    np.testing.assert_allclose(errors.std(axis=0), [0.01, 0.01, np.deg2rad(1.0), 0, 0], rtol=0.7)
    done = [moment.action_args for moment in one.time_steps if moment.action == "MoveBaseRel"]
    assert done == [step.call_args for step in driven]


def test_a_careless_teacher_annotates_a_share_of_the_steps_wrongly(taught):
    careless = teach(SetTable(), 3, teaching=Teaching(slips=0.05))
    pairs = [
        (a, b) for one, other in zip(taught, careless, strict=True) for a, b in zip(one.steps, other.steps, strict=True)
    ]
    wrong = np.mean([a != b for a, b in pairs])
    assert 0.01 < wrong < 0.06  # some slips name what was right after all
    assert all(a[:5] == b[:5] for a, b in pairs)


@pytest.mark.parametrize("wrong", [{"metres": -0.1}, {"degrees": np.nan}, {"slips": 1.0}, {"pixel_noise": -1.0}])
def test_impossible_noise_is_refused_in_one_line(wrong):
    with pytest.raises(InputError, match="a teacher's noise") as caught:
        Teaching(**wrong)
    assert "\n" not in str(caught.value)


def test_a_learned_controller_lays_tables_that_it_never_saw(taught, exam, tmp_path):
    write_controller(tmp_path / "c", learn(taught))
    controller = read_controller(tmp_path / "c")
    world, _ = executed(SetTable(), 555, controller)
    assert world.success
    mark = exam.mark(controller)
    assert mark.mastered and mark.successes == mark.tables == 4 and mark.interval.low > 0.5


def test_executions_are_remembered_to_the_last_bit():
    family, teacher = TableTop(task=SetTable()), Teacher(task=SetTable())
    world, plain = Rehearsed(family, 12), Standing(family, 12)
    for _ in range(2):
        Interpreter().run(Rounded(program=teacher), world.begin(), teacher.root, teacher.root_args)
    simulated = world.simulated
    Interpreter().run(teacher, plain, teacher.root, teacher.root_args)
    np.testing.assert_array_equal(world.now.state.physics, plain.state.physics)
    assert world.success and simulated == len(plain.poses)


class Astray:
    """A program that does something else at one procedure's step."""

    def __init__(self, program, procedure, change):
        self.program, self.procedure, self.change = program, procedure, change
        self.procedures, self.actions = program.procedures, program.actions

    def decide(self, frame):
        decided = self.program.decide(frame)
        return self.change(decided) if frame.procedure == self.procedure and decided.args else decided


@pytest.mark.parametrize(
    ("procedure", "change"),
    [
        ("PlaceObject", lambda one: one._replace(args=(one.args[0] + 0.04, *one.args[1:]))),  # 4 cm off, or too high
        ("GraspObject", lambda one: one._replace(args=(0.0,)) if one.call == "MoveGripper" else one),
        ("MoveToLocation", lambda one: one._replace(args=(one.args[0] + 0.06, *one.args[1:]))),
    ],
)
def test_a_program_that_goes_astray_fails_physically(procedure, change):
    world, _ = executed(SetTable(), 0, Astray(Teacher(task=SetTable()), procedure, change))
    assert not world.success


def test_an_examination_runs_what_differs_and_counts_what_fails(taught, exam):
    right = learn(taught)
    skill = right.skills["PlaceObject"]

    class Shifted:
        def __init__(self, by):
            self.by = by

        def predict(self, params, layout, inputs):
            found = skill.model.predict(params, layout, inputs)
            shifted = np.where(np.isin(layout.calls, ["MoveBaseAbs"])[found.call], self.by, 0.0)
            found.arguments[:, 0] += shifted
            return found

    def shifted(by):
        skills = {**right.skills, "PlaceObject": skill._replace(model=Shifted(by))}
        return Controller(root=right.root, root_args=right.root_args, skills=skills, actions=right.actions)

    near, far = exam.mark(shifted(0.01)), exam.mark(shifted(0.04))
    assert near.mastered and near.simulated == 4 and near.successes == 4
    assert not far.mastered and far.simulated == 1 and far.first_fault == "not everything is where it belongs"
    lost, run = exam.mark(shifted(0.06)), exam.mark(shifted(0.06), shortcut=False)
    assert lost.lost and not lost.mastered and lost.simulated == 0
    assert not run.mastered and run.simulated == 1


def test_a_controller_of_another_task_or_without_a_skill_fails(taught, exam):
    right = learn(taught)
    other = Controller(root="MoveObjects", root_args=(0.0,), skills=right.skills, actions=right.actions)
    assert not exam.mark(other).mastered
    fewer = {name: skill for name, skill in right.skills.items() if name != "GraspObject"}
    assert not exam.mark(Controller(root="MoveObjects", root_args=(1.0,), skills=fewer, actions=right.actions)).mastered


def test_a_program_that_calls_nothing_known_is_stopped_before_it_acts():
    program = Astray(Teacher(task=SetTable()), "MoveHome", lambda one: Decided("Jump", (1.0,)))
    with pytest.raises(Fault, match="'Jump' is neither a procedure nor an action"):
        executed(SetTable(), 0, program)


def test_the_study_has_the_pattern_of_the_slide_and_goes_on_where_it_stopped():
    arms = ("share", "rules, independent", "rules, per decision")
    study = TabletopStudy(new=SetTable(), past=(ClearTable(),), number=4, past_number=2, orders=2, tables=3, arms=arms)
    prepared = study.prepare()
    first, last = measure(study, prepared, {})
    assert last["orders"] == 2 and last["arms"]["share"]["failed"] == 2
    ours, alone = (last["arms"][f"rules, {one}"] for one in ("per decision", "independent"))
    assert ours["failed"] == 0 and (alone["mean"] is None or ours["mean"] <= alone["mean"])
    again = list(measure(study, prepared, {"outcomes": {arm: of[:1] for arm, of in last["outcomes"].items()}}))
    assert len(again) == 1 and again[0]["outcomes"] == last["outcomes"]
    assert check_lost(prepared, 1)["mastered"] == 0
    assert first["orders"] == 1


@pytest.mark.parametrize("wrong", [{"orders": 0}, {"tables": 0}, {"accuracy": 0.0}, {"past": (SetTable(),)}])
def test_impossible_studies_are_refused_in_one_line(wrong):
    with pytest.raises(InputError) as caught:
        TabletopStudy(**({"new": SetTable()} | wrong))
    assert "\n" not in str(caught.value)
