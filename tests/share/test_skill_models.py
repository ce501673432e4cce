import json

import numpy as np
import pytest

from headstart.data.demonstrations import AnnotatedDemonstration, ProcedureStep, TimeStep
from headstart.errors import InputError
from headstart.experiments.table_twin import base_offset, teach
from headstart.share.rule_model import Rules, explain
from headstart.share.skill_mlp import Mlp
from headstart.share.skill_models import PerCounter, Polynomial, Prediction, Table
from headstart.share.skill_steps import tabulate
from headstart.share.validate import (
    OverDemonstrations,
    OverSteps,
    cross_validate,
    held_out,
    judge,
)

CLOSED = [
    Table(),
    Polynomial(degree=1),
    Polynomial(degree=2),
    Polynomial(degree=3),
    PerCounter(),
    PerCounter(model=Polynomial(degree=1)),
    Rules(),
]
MODELS = [*CLOSED, Mlp(updates=400)]


def demonstrate(rows) -> AnnotatedDemonstration:
    """Rows of (args, counter, returned, value, call, call_args) of one procedure `p`."""
    steps = (ProcedureStep("p", *row) for row in rows)
    moments = tuple(TimeStep(step.call, step.call_args, (step,)) for step in steps)
    return AnnotatedDemonstration("d", "t", moments, "there:1")


def skill(*demonstrations, past=()):
    return tabulate({"new": demonstrations, "past": past} if past else {"new": demonstrations})["p"]


def program(x: float) -> list[tuple]:
    """go(2x + 1), then return x + 1."""
    return [((x,), 0, None, (), "go", (2 * x + 1,)), ((x,), 1, "go", (), None, (x + 1,))]


@pytest.fixture(scope="module")
def known():
    return skill(*(demonstrate(program(x)) for x in (0.0, 1.0, 2.0, 5.0)))


def test_steps_are_encoded_as_arguments_counter_returned_value():
    one = skill(demonstrate([((7.0,), 0, None, (), "look", ()), ((7.0,), 1, "look", (3.0, 4.0), None, ())]))
    assert one.layout.names == ("args[0]", "counter", "returned", "value[0]", "value[1]")
    np.testing.assert_array_equal(one.inputs, [[7, 0, 0, 0, 0], [7, 1, 1, 3, 4]])
    assert one.layout.calls == ("look", None) and one.call.tolist() == [0, 1]


def test_equal_steps_are_counted_and_not_repeated():
    one = skill(demonstrate(program(1.0) * 3), demonstrate(program(1.0)), demonstrate(program(2.0)))
    np.testing.assert_array_equal(one.counts, [[3, 3, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1]])
    np.testing.assert_array_equal(one.weights(np.array([0, 1])), [4, 4, 0, 0])


def test_a_past_task_whose_arguments_have_another_length_stays_out():
    past = demonstrate([((1.0, 2.0), 0, None, (), None, (1.0,))])
    one = tabulate({"new": [demonstrate(program(1.0))], "past": [past]})["p"]
    assert one.counts[one.task == 1].sum() == 0


@pytest.mark.parametrize("model", MODELS, ids=repr)
class TestEveryModel:
    def test_reproduces_what_it_was_taught(self, model, known):
        weights = known.weights(np.arange(4))
        tolerance = 0.05 if isinstance(model, Mlp) else 1e-9
        assert held_out(model, model.fit(known, weights), known, weights, tolerance).right

    def test_is_pure(self, model, known):
        weights = known.weights(np.arange(3))
        before = weights.copy()
        one, two = (model.predict(model.fit(known, weights), known.layout, known.inputs) for _ in range(2))
        for a, b in zip(one, two, strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(weights, before)

    def test_confidence_is_between_nothing_and_sure(self, model, known):
        params = model.fit(known, known.weights(np.arange(2)))
        far = known.inputs * 100 - 3
        predicted = model.predict(params, known.layout, np.concatenate([known.inputs, far]))
        assert ((predicted.confidence >= 0) & (predicted.confidence <= 1)).all()
        assert predicted.call.shape == predicted.confidence.shape == (len(known.inputs) * 2,)
        assert np.isfinite(predicted.arguments).all()

    def test_believes_the_majority_where_steps_contradict(self, model):
        rows = program(1.0)
        wrong = [rows[0], (*rows[1][:5], (9.0,))]
        one = skill(*[demonstrate(rows)] * 40, demonstrate(wrong))
        predicted = model.predict(model.fit(one, one.weights(np.arange(41))), one.layout, one.inputs[:2])
        assert one.layout.calls[predicted.call[1]] is None
        assert abs(predicted.arguments[1, 0] - 2.0) < 0.3

    def test_learns_from_a_single_step(self, model):
        one = skill(demonstrate([((), 0, None, (), None, ())]))
        predicted = model.predict(model.fit(one, one.weights(np.arange(1))), one.layout, one.inputs)
        assert predicted.call.tolist() == [0] and predicted.arguments.shape == (1, 0)


@pytest.mark.parametrize("model", [m for m in CLOSED if not isinstance(m, Table)], ids=repr)
def test_a_linear_program_is_extended_exactly(model, known):
    weights = known.weights(np.arange(4))
    unseen = skill(*(demonstrate(program(x)) for x in (3.0, 4.5)))
    predicted = model.predict(model.fit(known, weights), known.layout, unseen.inputs)
    np.testing.assert_allclose(predicted.arguments[:, 0], [7, 4, 10, 5.5], atol=1e-9)
    np.testing.assert_array_equal(predicted.call, [0, 1, 0, 1])


def test_a_table_knows_nothing_else(known):
    table = Table()
    predicted = table.predict(table.fit(known, known.weights(np.arange(1))), known.layout, known.inputs)
    np.testing.assert_array_equal(predicted.call, [0, 1, -1, -1, -1, -1, -1, -1])
    np.testing.assert_array_equal(predicted.confidence, [1, 1, 0, 0, 0, 0, 0, 0])


def test_scaled_inputs_keep_a_quadratic_of_pixels_exact_to_a_millionth():
    generator = np.random.default_rng(0)
    rows = []
    for x, y in generator.uniform(0, 640, (30, 2)).tolist():
        rows.append(((1.0, x, y), 0, None, (), "drive", base_offset(1, x, y)))
    one = skill(*(demonstrate([row]) for row in rows))
    model = Polynomial(degree=2)
    params = model.fit(one, one.weights(np.arange(12)))
    assert held_out(model, params, one, one.weights(np.arange(12, 30)), 1e-6).right
    params["scale"] = params["scale"] * 1.001  # the law can fail
    assert not held_out(model, params, one, one.weights(np.arange(12, 30)), 1e-6).right


def test_a_polynomial_of_many_inputs_stays_affordable():
    generator = np.random.default_rng(0)
    rows = [(tuple(row), 0, None, (), "go", (float(sum(row)),)) for row in generator.normal(size=(150, 100)).tolist()]
    one = skill(*(demonstrate([row]) for row in rows))
    params = Polynomial(degree=3).fit(one, one.weights(np.arange(150)))
    assert params["degree"] == 1 and params["classifier"].shape[0] == 101


def test_rules_find_the_program_that_the_teacher_wrote():
    steps = tabulate({"set": teach("set", 8)})
    rules = Rules()

    def found(name):
        return explain(rules.fit(steps[name], steps[name].weights(np.arange(8))), steps[name].layout)

    assert found("handle")["put[1]"] == "value[0]"
    assert found("tidy")["handle[1]"] == "counter -1"
    assert found("tidy")["handle[0]"] == "1"
    assert found("home")["reach[0]"] == "0.45"
    assert found("grasp")["reach[0]"] == "by returned {0: by args[0] {1: 0.36; 2: 0.42}; 2: 0.65}"


def test_rules_read_a_rare_branch_as_a_test_and_not_as_a_slip():
    """Two give-ups among many: what came back decides, and a number never seen gives up as well."""
    rows = [((float(i),), 1, "look", (float(i % 3 + 1),), "take", ()) for i in range(12)]
    rows += [((40.0,), 1, "look", (0.0,), None, ()), ((50.0,), 1, "look", (0.0,), None, ())]
    one = skill(*(demonstrate([row]) for row in rows))
    params = Rules().fit(one, one.weights(np.arange(14)))
    new = skill(*(demonstrate([row]) for row in rows), demonstrate([((3.0,), 1, "look", (0.0,), None, ())]))
    predicted = Rules().predict(params, new.layout, new.inputs[-1:])
    assert new.layout.calls[predicted.call[0]] is None


def test_rules_do_not_believe_one_wrong_annotation_among_many():
    rows = [((float(i),), 0, None, (), "go", (3.0 * i * i + 1.0,)) for i in range(60)]
    rows[7] = (*rows[7][:5], (999.0,))
    one = skill(*(demonstrate([row]) for row in rows))
    params = Rules().fit(one, one.weights(np.arange(60)))
    predicted = Rules().predict(params, one.layout, one.inputs)
    np.testing.assert_allclose(np.delete(predicted.arguments[:, 0], 7), [3 * i * i + 1 for i in range(60) if i != 7])
    assert predicted.arguments[7, 0] == pytest.approx(3 * 49 + 1)


def test_rules_end_a_loop_by_comparing_the_counter_with_an_argument():
    """As in building a level of a pyramid: loop(n) acts n times and returns. Learned from n = 2, 3, 5 for 4 and 7."""

    def loop(n):
        rows = [((float(n),), i, "a" if i else None, (), "a", (float(i),)) for i in range(n)]
        return demonstrate([*rows, ((float(n),), n, "a", (), None, ())])

    one = skill(*(loop(n) for n in (2, 3, 5, 4, 7)))
    params = Rules().fit(one, one.weights(np.arange(3)))
    assert held_out(Rules(), params, one, one.weights(np.array([3, 4])), 1e-9).right
    assert explain(params, one.layout)["call"] == "if args[0] - counter > 0.5 {a} else {return}"


def test_rules_survive_json():
    steps = tabulate({"set": teach("set", 3)})["put"]
    params = Rules().fit(steps, steps.weights(np.arange(3)))
    again = json.loads(json.dumps(params))
    for a, b in zip(
        Rules().predict(params, steps.layout, steps.inputs),
        Rules().predict(again, steps.layout, steps.inputs),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)


def test_folds_over_steps_use_every_step_once(known):
    folds = OverSteps().folds(0, known, np.arange(3))
    assert folds.shape[0] == 6
    np.testing.assert_array_equal(folds.sum(axis=0), known.weights(np.arange(3)))
    assert OverSteps(most=4).folds(0, known, np.arange(3)).shape[0] == 4


def test_folds_over_demonstrations_never_split_one(known):
    folds = OverDemonstrations().folds(0, known, np.arange(4))
    assert folds.shape[0] == 4
    assert all((folds == row).all(axis=1).any() for row in known.counts)
    assert OverDemonstrations().folds(0, known, np.arange(1)) is None


def test_validator_a_accepts_what_validator_b_refuses():
    """Each demonstration repeats itself, and none is like another: folds over steps see the answer, B does not."""
    one = skill(*(demonstrate([((x,), 0, None, (), "go", (x**7 % 5,))] * 4) for x in (1.0, 2.0, 3.0, 4.0)))
    nothing = np.zeros(one.counts.shape[1])
    by_steps = OverSteps(most=4).folds(1, one, np.arange(4))
    by_demonstrations = OverDemonstrations().folds(1, one, np.arange(4))
    assert cross_validate(Table(), one, by_steps, nothing, 1e-6).right
    verdict = cross_validate(Table(), one, by_demonstrations, nothing, 1e-6)
    assert not verdict.right and verdict.reason == "4 of 4 calls are wrong" and verdict.first_wrong >= 0


def test_the_short_cuts_of_cross_validation_change_no_verdict():
    steps = tabulate({"set": teach("set", 6)})

    def plainly(model, of, folds):
        total = folds.sum(axis=0)
        return all(
            (total - fold).any() and held_out(model, model.fit(of, total - fold), of, fold, 1e-6).right
            for fold in folds
        )

    for of in steps.values():
        for model in (Table(), Polynomial(degree=2), PerCounter()):
            for validator in (OverSteps(most=5), OverDemonstrations()):
                folds = validator.folds(3, of, np.arange(6))
                quick = cross_validate(model, of, folds, np.zeros(of.counts.shape[1]), 1e-6).right
                assert quick == plainly(model, of, folds), (of.layout.procedure, model, validator)


def test_errors_are_measured_in_the_unit_of_each_argument():
    one = demonstrate([((), 0, None, (), "go", (1.0, 90.0))])
    steps = tabulate({"new": [one]}, {"go": (1.0, 100.0)})["p"]
    said = Prediction(np.array([0]), np.array([[1.005, 90.9]]), np.ones(1))
    assert judge(steps, np.array([0]), np.ones(1), said, 0.01).right  # 5 mm and 0.9 degrees
    off = judge(steps, np.array([0]), np.ones(1), said._replace(arguments=np.array([[1.0, 92.0]])), 0.01)
    assert off.reason == "argument 1 of 'go' is off by 2 (RMSE)"
    with pytest.raises(InputError, match="'go' has 2 arguments, and 1 units are given"):
        tabulate({"new": [one]}, {"go": (1.0,)})
