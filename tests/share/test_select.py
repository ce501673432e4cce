import numpy as np
import pytest

from headstart.data.demonstrations import AnnotatedDemonstration, ProcedureStep, TimeStep
from headstart.experiments.table_twin import corrupt, teach, tremble
from headstart.share.pooling import ShortestDescription
from headstart.share.rule_model import Rules, explain
from headstart.share.select import Selection, subsets
from headstart.share.skill_models import Polynomial, Table
from headstart.share.skill_steps import incompatible, tabulate
from headstart.share.validate import OverDemonstrations, OverSteps, held_out


def demonstrate(*rows) -> AnnotatedDemonstration:
    steps = (ProcedureStep("p", *row) for row in rows)
    return AnnotatedDemonstration("d", "t", tuple(TimeStep(s.call, s.call_args, (s,)) for s in steps), "there:1")


def line(slope: float, start: int, stop: int) -> list[AnnotatedDemonstration]:
    return [demonstrate(((float(x),), 0, None, (), "go", (slope * x,))) for x in range(start, stop)]


def chosen(new, *past, selector=None):
    steps = tabulate({"new": new} | {f"past{i}": one for i, one in enumerate(past)})["p"]
    return (selector or Selection(models=(Polynomial(degree=1),))).choose(0, steps, np.flatnonzero(steps.task == 0))


def ours(new, *past):
    steps = tabulate({"new": new} | {f"past{i}": one for i, one in enumerate(past)})
    selector = ShortestDescription()
    return {
        name: selector.choose(of, of.weights(np.flatnonzero(of.task == 0)), selector.study(of))
        for name, of in steps.items()
    }


def test_every_subset_of_past_tasks_is_tried_largest_first():
    steps = tabulate({"new": line(1, 0, 2), "a": line(1, 0, 2), "b": line(1, 0, 2), "c": line(1, 0, 2)})["p"]
    assert subsets(steps) == ((1, 2, 3), (1, 2), (1, 3), (2, 3), (1,), (2,), (3,))
    assert subsets(steps, most=2) == ((1, 2, 3), (1,), (2,), (3,))


def test_the_same_skill_is_shared_from_one_demonstration():
    choice = chosen(line(2, 0, 1), line(2, 3, 9))
    assert (choice.mode, choice.past, choice.refused) == ("share", (1,), ())


def test_a_contradictory_past_is_refused_with_the_first_wrong_step_and_the_skill_learned_alone():
    choice = chosen(line(2, 0, 5), line(-1, 0, 5))
    assert choice.mode == "independent" and choice.past == ()
    assert [(one.mode, one.past) for one in choice.refused] == [("share", (1,)), ("union", (1,))]
    assert "argument 0 of 'go' is off by" in choice.refused[0].reason
    assert choice.refused[0].first_wrong == "there:1: p(1) at 0: the teacher called go(2)"
    assert choice.refused[1].reason.startswith("Polynomial(degree=1): even in training")


def test_of_two_past_tasks_the_one_that_fits_is_found():
    choice = chosen(line(2, 0, 5), line(-1, 0, 5), line(2, 5, 9))
    assert (choice.mode, choice.past) == ("share", (2,))


def test_union_is_taken_where_neither_is_enough_alone():
    """The new data has x = 0, 1, the past x = 5: only together do they span the plane of two inputs."""
    new = [demonstrate(((float(x), 1.0), 0, None, (), "go", (x + 1.0,))) for x in (0, 1, 0, 1)]
    past = [demonstrate(((1.0, float(y)), 0, None, (), "go", (1.0 + y,))) for y in (0, 2)]
    choice = chosen(new, past, selector=Selection(models=(Polynomial(degree=1),), modes=("share", "union")))
    assert choice.mode == "union"


def test_modes_that_are_not_allowed_are_not_used():
    choice = chosen(
        line(2, 0, 5), line(2, 0, 5), selector=Selection(models=(Polynomial(degree=1),), modes=("independent",))
    )
    assert choice.mode == "independent" and choice.refused == ()


def test_nothing_that_validates_is_said_and_still_gives_a_model():
    generator = np.random.default_rng(0)
    noise = [demonstrate(((float(x),), 0, None, (), "go", (float(generator.normal()),))) for x in range(6)]
    choice = chosen(noise, selector=Selection(models=(Polynomial(degree=1), Table())))
    assert choice.mode is None and choice.model == Polynomial(degree=1)
    assert len(choice.refused) == 2 and all(one.first_wrong for one in choice.refused)


def test_one_demonstration_cannot_be_validated_over_demonstrations():
    steps = tabulate({"new": [demonstrate(*[((1.0,), 0, None, (), "go", (1.0,))] * 4)]})["p"]
    by = {v: Selection(validator=v).choose(0, steps, np.array([0])).mode for v in (OverSteps(), OverDemonstrations())}
    assert by == {OverSteps(): "independent", OverDemonstrations(): None}


@pytest.mark.parametrize(
    ("past", "said"),
    [
        ([], "has no skill 'p'"),
        ([demonstrate(((1.0, 2.0), 0, None, (), "go", (1.0,)))], "has 2 arguments in the past task and 1"),
        ([demonstrate(((1.0,), 0, None, (), "go", (1.0, 2.0)))], "calls 'go' with 2 numbers in the past task and 1"),
        (line(1, 0, 1), ""),
    ],
)
def test_a_past_skill_that_cannot_be_shared_says_why(past, said):
    reason = incompatible(line(1, 0, 1), past, "p")
    assert said in reason and bool(said) == bool(reason)


def test_a_past_task_with_no_skill_in_common_changes_nothing():
    other = [one._replace(time_steps=tuple(
        m._replace(steps=tuple(s._replace(procedure="q") for s in m.steps)) for m in one.time_steps))
        for one in line(1, 0, 3)]  # fmt: skip
    assert chosen(line(2, 0, 5), other).mode == "independent"
    assert ours(line(2, 0, 5), other)["p"].mode == "independent"


def test_ours_decides_for_every_decision_of_the_twin_alone():
    choices = ours(teach("set", 2), teach("clear", 12))
    assert {name: one.mode for name, one in choices.items() if one.mode == "share"} == dict.fromkeys(
        ("home", "approach", "grasp"), "share")  # fmt: skip
    handle, put = dict(choices["handle"].detail), dict(choices["put"].detail)
    assert handle["call"] == "share"  # giving up when nothing is found, learned while clearing
    assert handle["fetch[0]"] == handle["fetch[1]"] == "independent"  # the order of things, only in setting
    assert put["call"] == "share" and put["go[0]"] == "independent"
    (order,) = [one for one in choices["handle"].refused if one.reason.startswith("fetch[0]")]
    assert "handle(1, 0) at 0: the teacher called fetch(1, 1)" in order.first_wrong


def test_ours_keeps_one_rule_for_a_task_number_that_is_passed_on():
    """put's first argument is the task: constant in each task's data, the same copy in both together."""
    choices = ours(teach("set", 2), teach("clear", 12))
    steps = tabulate({"set": teach("set", 2)})["handle"]
    assert dict(choices["handle"].detail)["put[0]"] == "union"
    assert explain(choices["handle"].params, steps.layout)["put[0]"] == "args[0]"


def enough(new, past, selector, accuracy=1e-6, clean=None):
    """Demonstrations after which every skill is right on a clean set of others."""
    test = clean or teach("set", 30, seed=5)
    steps = tabulate({"set": new, "clear": past, "test": test})
    for n in range(1, len(new) + 1):
        right = True
        for of in steps.values():
            restricted = of._replace(task=np.where(of.task == 2, 9, of.task), counts=of.counts)
            train = of._replace(task=restricted.task[restricted.task < 2], counts=of.counts[of.task < 2])
            if selector == "ours":
                ours = ShortestDescription(rules=Rules(accuracy=accuracy))
                params = ours.choose(train, of.weights(np.arange(n)), ours.study(train)).params
            else:
                params = Rules(accuracy=accuracy).fit(train, of.weights(np.arange(n)))
            if not held_out(Rules(), params, of, of.weights(of.task == 2), max(accuracy, 1e-6)).right:
                right = False
                break
        if right:
            return n
    return len(new) + 1


def test_ours_needs_fewer_demonstrations_than_learning_alone():
    counts = {one: enough(teach("set", 8, seed=2), teach("clear", 15), one) for one in ("ours", "alone")}
    assert counts["ours"] < counts["alone"], counts


def test_ours_does_no_worse_than_alone_with_a_trembling_hand():
    new, past = (tremble(teach(task, 10, seed=2), "approach", 0.005, seed=3) for task in ("set", "clear"))
    counts = {one: enough(new, past, one, accuracy=0.02) for one in ("ours", "alone")}
    assert counts["ours"] <= counts["alone"], counts


def test_wrong_annotations_are_not_learned_where_right_ones_are_the_rule():
    """With 5 % wrong, what both tasks share is still shared, and right on clean demonstrations."""
    new, past = (corrupt(teach(task, 12, seed=2), 0.05, seed=3) for task in ("set", "clear"))
    steps = tabulate({"set": new, "clear": past, "test": teach("set", 20, seed=5)})
    for name in ("home", "grasp", "tidy"):
        of = steps[name]
        train = of._replace(task=of.task[of.task < 2], counts=of.counts[of.task < 2])
        ours = ShortestDescription()
        params = ours.choose(train, of.weights(np.arange(12)), ours.study(train)).params
        assert held_out(Rules(), params, of, of.weights(of.task == 2), 1e-6).right, name
