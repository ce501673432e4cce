"""The metered handle: played at a price, and not looked into."""

import copy
import pickle
import traceback
from dataclasses import dataclass, field
from types import FunctionType, MethodType, ModuleType

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.errors import Fault, InputError
from headstart.run.ledger import BudgetExceeded, Counts, Ledger
from headstart.run.target import Target, freely
from headstart.spaces import Box, Parameter, ParameterSpace
from headstart.types import Rollout, Task

SECRET = 0.8437215
LENGTH = 3


@dataclass(frozen=True, kw_only=True)
class SecretFamily:
    """A host world whose dynamics nobody may read."""

    touched: list
    secret: float = SECRET
    kind: str = "host"
    horizon: int = LENGTH
    name: str = "secret world"
    observation: Box = field(default_factory=lambda: Box((2,)))
    action: Box = field(default_factory=lambda: Box((1,), -1.0, 1.0))

    @property
    def dynamics(self):
        return ParameterSpace((Parameter(name="mass", unit="kg", nominal=self.secret, low=0.1, high=2.0),))

    def sample(self, key, n):
        return Task({"mass": jnp.full((n,), self.secret)}, {"goal": jnp.full((n,), self.secret)}, jnp.zeros((n, 1)))


def play(key, family, policy, params, tasks, episodes):
    """Stands for the seam: each record tells the key that it was played with."""
    family.touched.append((tuple(np.asarray(jax.random.key_data(key)).tolist()), episodes))
    if params == "break":
        raise RuntimeError("motor\nburnt")
    steps = np.zeros((LENGTH, 1))
    tasks = jax.tree.map(lambda leaf: np.broadcast_to(leaf[:1], (LENGTH, 1, *leaf.shape[1:])), tasks)
    one = Rollout(steps, steps, steps, steps, steps > 0, steps > 0, steps > 0, steps == 0, tasks)
    return tuple(one for _ in range(episodes))


def metered(tmp_path, budget=3, **more):
    touched = []
    ledger = Ledger(path=tmp_path / "ledger.json", budget=budget)
    return Target(lambda: SecretFamily(touched=touched), ledger, play), touched, ledger


def test_each_episode_is_charged_and_its_steps_are_counted(tmp_path):
    target, touched, ledger = metered(tmp_path)
    assert len(target.run(jax.random.key(0), None, None, 2, "adaptation")) == 2
    assert len(target.run(jax.random.key(0), None, None, 1, "selection")) == 1
    assert len(target.run(jax.random.key(0), None, None, 20, "evaluation")) == 20
    assert ledger.counts() == target.counts() == Counts(2, 1, 20, 2 * LENGTH, LENGTH, 20 * LENGTH)
    assert [episodes for _, episodes in touched] == [1, 1, 1, 20]


def test_one_episode_too_many_raises_before_the_world_is_touched(tmp_path):
    target, touched, ledger = metered(tmp_path, budget=3)
    target.run(jax.random.key(0), None, None, 3, "adaptation")
    del touched[:]
    for purpose in ("adaptation", "selection"):
        with pytest.raises(BudgetExceeded, match="3 of 3"):
            target.run(jax.random.key(1), None, None, 1, purpose)
    assert touched == [] and ledger.counts().budgeted_episodes == 3
    target.run(jax.random.key(1), None, None, 1, "evaluation")


def test_asking_for_more_than_is_left_begins_none(tmp_path):
    target, touched, ledger = metered(tmp_path, budget=3)
    with pytest.raises(BudgetExceeded):
        target.run(jax.random.key(0), None, None, 4, "adaptation")
    assert touched == [] and ledger.counts() == Counts()


def test_an_episode_is_on_the_books_when_the_world_is_first_touched(tmp_path):
    ledger = Ledger(path=tmp_path / "ledger.json", budget=3)
    seen = []

    def look(key, family, policy, params, tasks, episodes):
        seen.append(ledger.counts().adaptation_episodes)
        return play(key, family, policy, params, tasks, episodes)

    target = Target(lambda: SecretFamily(touched=[]), ledger, look)
    target.run(jax.random.key(0), None, None, 3, "adaptation")
    assert seen == [1, 2, 3]


def test_an_episode_that_breaks_stays_charged_and_says_what_broke(tmp_path):
    target, _, ledger = metered(tmp_path)
    with pytest.raises(Fault, match="'secret world' broke in an episode of adaptation: RuntimeError: motor burnt"):
        target.run(jax.random.key(0), None, "break", 2, "adaptation")
    assert ledger.counts() == Counts(adaptation_episodes=1)


def test_same_key_same_episodes_and_purposes_never_share_random_numbers(tmp_path):
    target, touched, _ = metered(tmp_path, budget=None)
    keys = {}
    for purpose in ("adaptation", "selection", "evaluation"):
        for seed in range(5):
            target.run(jax.random.key(seed), None, None, 3, purpose)
        keys[purpose] = [key for key, _ in touched]
        del touched[:]
    assert len(set(keys["adaptation"])) == 15 and len(set(keys["evaluation"])) == 5
    for one, other in (("adaptation", "selection"), ("adaptation", "evaluation"), ("selection", "evaluation")):
        assert not set(keys[one]) & set(keys[other])
    target.run(jax.random.key(4), None, None, 3, "adaptation")
    assert [key for key, _ in touched] == keys["adaptation"][-3:]


def reachable(thing):
    """Walks everything that ordinary Python gives away: attributes, dictionaries, slots, closures, items."""
    seen, waiting, found = set(), [thing], []
    while waiting:
        item = waiting.pop()
        if id(item) in seen or isinstance(item, (type, ModuleType)):
            continue
        seen.add(id(item))
        found.append(item)
        if isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, (list, tuple, set, frozenset)):
            waiting += list(item)
        if isinstance(item, (FunctionType, MethodType)):
            function = item.__func__ if isinstance(item, MethodType) else item
            waiting += [cell.cell_contents for cell in getattr(function, "__closure__", None) or ()]
            waiting += [getattr(function, name, None) for name in ("__dict__", "__defaults__", "__kwdefaults__")]
        if type(item).__module__.startswith(("headstart", "test_target")) or item is thing:
            for name in dir(item):
                if name not in ("__globals__", "__class__", "__init_subclass__", "__subclasshook__"):
                    waiting.append(getattr(item, name, None))
    return found


def reveals(things):
    return [item for item in things if isinstance(item, (SecretFamily, ParameterSpace)) or item == SECRET]


def leaky(tmp_path):
    class Leaky:
        def __init__(self):
            self.family = SecretFamily(touched=[])

    return Leaky()


def test_the_walk_finds_a_family_that_is_not_hidden(tmp_path):
    family = SecretFamily(touched=[])

    def closure():
        return family

    assert reveals(reachable(leaky(tmp_path))) and reveals(reachable(closure)) and reveals(reachable([family]))


def test_nothing_that_the_handle_gives_away_leads_to_the_world(tmp_path):
    target, _, _ = metered(tmp_path)
    assert not reveals(item for item in reachable(target) if not hasattr(item, "__array__"))
    assert repr(target) == str(target) == "Target('secret world')"
    assert not hasattr(target, "__dict__")
    public = {name for name in dir(target) if not name.startswith("_")}
    assert public == {"observation", "action", "horizon", "name", "run", "counts"}
    assert str(SECRET) not in f"{target!r} {target.observation} {target.action}"


def test_the_handle_cannot_be_copied_pickled_or_changed(tmp_path):
    target, _, _ = metered(tmp_path)
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(InputError, match="cannot be copied or pickled"):
            attempt(target)
    with pytest.raises(AttributeError):
        target.name = "other"
    with pytest.raises(AttributeError):
        target.budget = 100
    with pytest.raises(TypeError):
        vars(target)


def test_records_carry_only_what_an_agent_may_be_told(tmp_path):
    target, _, _ = metered(tmp_path)
    for purpose in ("adaptation", "evaluation"):
        (record,) = target.run(jax.random.key(0), None, None, 1, purpose)
        assert record.task.dynamics == {} and record.task.reward == {}
        assert record.task.spec.shape == (LENGTH, 1, 1)


def test_no_frame_of_an_error_holds_the_world(tmp_path):
    target, _, _ = metered(tmp_path, budget=1)
    for params, episodes in (("break", 1), (None, 1)):
        with pytest.raises((Fault, BudgetExceeded)) as caught:
            target.run(jax.random.key(0), None, params, episodes, "adaptation")
        assert caught.value.__context__ is None
        frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)][1:]  # without this test's own
        assert frames and not any(isinstance(item, SecretFamily) for f in frames for item in f.f_locals.values())


def test_an_oracle_plays_freely_on_books_of_its_own(tmp_path):
    with pytest.raises(InputError, match="a ledger of its own"):
        freely(lambda: SecretFamily(touched=[]), Ledger(path=tmp_path / "study.json", budget=5), play)
    oracle = freely(lambda: SecretFamily(touched=[]), Ledger(path=tmp_path / "oracle.json", budget=None), play)
    oracle.run(jax.random.key(0), None, None, 50, "adaptation")
    assert oracle.counts() == Counts(adaptation_episodes=50, adaptation_steps=50 * LENGTH)
    assert Ledger(path=tmp_path / "study.json", budget=5).counts() == Counts()
