import json

import numpy as np
import pytest

from headstart.data.call_graph import call_graph, findings
from headstart.errors import Fault, InputError
from headstart.experiments.table_twin import PLACES, Teacher, new_table, teach
from headstart.share.bundle import read_controller, write_controller
from headstart.share.hierarchical import Controller, Decided, Frame, Interpreter, LearnedSkill
from headstart.share.rule_model import Rules
from headstart.share.skill_models import PerCounter, Polynomial, Table
from headstart.share.skill_steps import tabulate


class Program:
    """A program from a function; `p` and `q` are its procedures, `a` its action."""

    procedures = ("p", "q")
    actions = ("a",)

    def __init__(self, decide):
        self.decide = decide


class Echo:
    def __init__(self):
        self.acted = []

    def act(self, action, args):
        self.acted.append((action, args))
        return args


def learn(demonstrations, model=None) -> Controller:
    model = model or Rules()
    skills = {
        name: LearnedSkill(steps.layout, model, model.fit(steps, steps.weights(np.arange(len(demonstrations)))))
        for name, steps in tabulate({"new": demonstrations}).items()
    }
    graph = call_graph(demonstrations)
    return Controller(root=graph.root, root_args=graph.root_args, skills=skills, actions=graph.actions)


@pytest.fixture(scope="module")
def taught():
    return teach("set", 10)


@pytest.fixture(scope="module")
def controller(taught):
    return learn(taught)


def test_calls_returns_counters_and_values_by_hand():
    def decide(frame):
        if frame.procedure == "q":
            return Decided("a", (frame.args[0] + 1,)) if frame.returned is None else Decided(None, frame.value)
        return Decided("q", (1.0,)) if frame.counter < 2 else Decided(None, frame.value)

    world = Echo()
    made = Interpreter().run(Program(decide), world, "p")
    assert world.acted == [("a", (2.0,)), ("a", (2.0,))]
    assert [step[:7] for step in made.steps] == [
        ("p", (), 0, None, (), "q", (1.0,)),
        ("q", (1.0,), 0, None, (), "a", (2.0,)),
        ("q", (1.0,), 1, "a", (2.0,), None, (2.0,)),
        ("p", (), 1, "q", (2.0,), "q", (1.0,)),
        ("q", (1.0,), 0, None, (), "a", (2.0,)),
        ("q", (1.0,), 1, "a", (2.0,), None, (2.0,)),
        ("p", (), 2, "q", (2.0,), None, (2.0,)),
    ]
    assert [len(moment.steps) for moment in made.time_steps] == [2, 3, 2]
    assert findings([made]) == ()


def test_a_controller_that_never_returns_is_stopped_with_its_stack():
    with pytest.raises(Fault, match=r"stopped after 50 steps without returning; stack: p\(3\) at 50 after a") as caught:
        Interpreter(most_steps=50).run(Program(lambda frame: Decided("a")), Echo(), "p", (3.0,))
    assert "\n" not in str(caught.value)


def test_depth_is_bounded():
    with pytest.raises(Fault, match=r"stopped at depth 5; stack: p\(\) at 0 > q\(\) at 0 > p\(\)"):
        Interpreter(most_depth=5).run(Program(lambda f: Decided("q" if f.procedure == "p" else "p")), Echo(), "p")


@pytest.mark.parametrize(
    ("decided", "said"),
    [
        (Decided("nowhere"), "'nowhere' is neither a procedure nor an action; stack: p"),
        (Decided("a", (float("nan"),)), "a with numbers that are not finite"),
        (Decided("a", (), 0.2), "confidence 0.20, less than 0.5"),
    ],
)
def test_a_bad_decision_never_reaches_the_world(decided, said):
    world = Echo()
    with pytest.raises(Fault, match=said):
        Interpreter(least_confidence=0.5).run(Program(lambda frame: decided), world, "p")
    assert world.acted == []


@pytest.mark.parametrize("answer", [None, 3, ["x"], [float("inf")]])
def test_a_world_that_answers_nonsense_is_a_fault(answer):
    class Broken:
        def act(self, action, args):
            return answer

    with pytest.raises(Fault, match=r"'a' answered .* stack: p"):
        Interpreter().run(Program(lambda frame: Decided("a")), Broken(), "p")


def test_a_learned_controller_sets_tables_that_it_never_saw(controller):
    for index in range(20):
        world = new_table(np.random.default_rng((99, index)), "set")
        things = set(world.things)
        Interpreter().run(controller, world, controller.root, controller.root_args)
        assert set(world.placed) == things
        for thing, place in world.placed.items():
            np.testing.assert_allclose(place, PLACES[thing], atol=1e-9)


def test_learning_from_a_learned_controller_gives_its_teacher(controller, taught):
    """What the interpreter records is data of the same form: a controller can teach."""
    made = []
    for index in range(10):
        world = new_table(np.random.default_rng((0, 1, index)), "set")
        made.append(Interpreter().run(controller, world, "tidy", (1.0,), name=f"set-{index}", task="set"))
    for one, given in zip(made, taught, strict=True):
        assert [step[:6] for step in one.steps] == [step[:6] for step in given.steps]


def test_a_step_that_was_never_taught_stops_the_run_and_says_so():
    with pytest.raises(Fault, match=r"home\(\) at 7 after go is nothing that 'home' was taught"):
        learn(teach("set", 1), Table()).decide(Frame("home", (), 7, "go"))


@pytest.mark.parametrize("model", [Table(decimals=3), Polynomial(), PerCounter(), Rules()], ids=repr)
def test_a_bundle_decides_as_what_was_written(tmp_path, model, taught):
    one = learn(taught, model)
    write_controller(tmp_path / "c", one)
    write_controller(tmp_path / "c", one)  # replaces itself
    again = read_controller(tmp_path / "c")
    assert (again.root, again.root_args, again.actions, again.procedures) == (
        one.root, one.root_args, one.actions, one.procedures)  # fmt: skip
    for step in taught[0].steps:
        frame = Frame(*step[:5])
        assert again.decide(frame) == one.decide(frame)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c"]


def test_a_bundle_with_a_flipped_bit_is_refused(tmp_path, taught):
    write_controller(tmp_path / "c", learn(taught, Polynomial()))
    path = tmp_path / "c" / "controller.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="SHA-256 differs"):
        read_controller(tmp_path / "c")


def test_a_missing_bundle_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_controller(tmp_path)


def test_200_tampered_bundles_are_refused_or_harmless(tmp_path, controller, taught):
    """The hash of the arrays is right, the JSON is not: nothing may break but with one line."""
    write_controller(tmp_path / "c", controller)
    path = tmp_path / "c" / "controller.json"
    text, generator, refused = path.read_text(), np.random.default_rng(0), 0
    values = [None, -1, 3, 1e308, "x", [], {}, [[0]], True]
    for _ in range(200):
        manifest = json.loads(text)
        node, parent, key = manifest, manifest, "root"
        while isinstance(node, dict | list) and node and generator.random() < 0.85:
            parent = node
            key = list(node)[generator.integers(len(node))] if isinstance(node, dict) else generator.integers(len(node))
            node = node[key]
        parent[key] = values[generator.integers(len(values))]
        path.write_text(json.dumps(manifest))
        try:
            read = read_controller(tmp_path / "c")
            for step in taught[0].steps[:30]:
                if step.procedure in read.skills:
                    read.decide(Frame(*step[:5]))
        except (InputError, Fault) as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 50


def test_the_teacher_is_a_program_like_any_other():
    world = new_table(np.random.default_rng(5), "clear")
    count = len(world.things)
    made = Interpreter().run(Teacher(), world, "tidy", (0.0,))
    assert len(world.placed) == count and world.things == []
    assert made.time_steps[-1].action is None


class Lamp:
    """A world that shows a number beside what its actions answer: a decision may need it."""

    def __init__(self, shown):
        self.shown, self.acted = shown, []

    def observe(self):
        return (self.shown, 7.0)

    def act(self, action, args):
        self.acted.append((action, args))
        self.shown -= 1.0
        return ()


def press_until_dark(frame):
    return Decided("a", (2 * frame.observation[0],)) if frame.observation[0] > 0.5 else Decided(None)


def test_an_observation_is_recorded_and_decided_by(tmp_path):
    taught = [Interpreter().run(Program(press_until_dark), Lamp(float(n)), "p", task="dim") for n in (3, 5, 1, 4)]
    assert [step.observation for step in taught[0].steps] == [(3.0, 7.0), (2.0, 7.0), (1.0, 7.0), (0.0, 7.0)]
    controller = learn(taught)
    assert controller.skills["p"].layout.names[-2:] == ("observation[0]", "observation[1]")
    write_controller(tmp_path / "controller", controller)
    world = Lamp(6.0)
    Interpreter().run(read_controller(tmp_path / "controller"), world, "p")
    np.testing.assert_allclose(
        [args for _, args in world.acted], [[12.0], [10.0], [8.0], [6.0], [4.0], [2.0]], atol=1e-9
    )


def test_an_observation_that_is_no_numbers_is_a_fault():
    class Blind(Echo):
        def observe(self):
            return ("dark",)

    with pytest.raises(Fault, match=r"the observation answered \('dark',\), not a list of numbers; stack: p"):
        Interpreter().run(Program(lambda frame: Decided(None)), Blind(), "p")
