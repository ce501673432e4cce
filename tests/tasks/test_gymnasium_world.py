"""What a Gymnasium family shows of an environment, and what it hides."""

import subprocess
import sys

import jax
import numpy as np
import pytest

from headstart.errors import Fault, InputError
from headstart.spaces import Box, Discrete
from headstart.tasks.gymnasium_world import GymnasiumFamily
from headstart.types import Task


def family(function, *arguments, isolate=False):
    return GymnasiumFamily(source=f"tests.tasks.gym_worlds:{function}", arguments=arguments, isolate=isolate)


def started(world, n=2):
    return world.reset(np.arange(n), world.start(n), world.task(), np.ones(n, bool))


def test_every_space_is_kept_as_a_pytree_or_flattened():
    world = GymnasiumFamily(source="tests.tasks.gym_worlds:Nested", isolate=False)
    assert world.observation == {
        "observation": {"image": Box((2, 2, 3), 0.0, 255.0, "uint8"), "kind": Discrete(3)},
        "pair": {"0": Box((2,), 0.0, 1.0), "1": Box((5,), 0.0, 1.0)},
    }
    assert world.action == Discrete(6)
    outcome = world.step(None, started(world), np.array([5, 1]), np.ones(2, bool))
    obs = world.observe(outcome.state)
    assert obs["observation"]["image"].dtype == np.uint8 and (obs["observation"]["image"] == 200).all()
    np.testing.assert_array_equal(obs["observation"]["kind"], [1, 1])  # 6 counted from 5
    np.testing.assert_array_equal(obs["pair"]["0"], [[0, 1], [0, 1]])
    # action 5 of 2 x 3 is (1, 2), action 1 is (0, 1): seen as one-hot
    np.testing.assert_array_equal(obs["pair"]["1"], [[0, 1, 0, 0, 1], [1, 0, 0, 1, 0]])


def test_choices_are_numbered_from_zero_on_our_side():
    world = family("numbered")
    assert (world.observation, world.action) == (Discrete(3), Discrete(3))
    outcome = world.step(None, started(world, 3), np.array([0, 1, 2]), np.ones(3, bool))
    np.testing.assert_array_equal(world.observe(outcome.state), [0, 1, 2])


@pytest.mark.parametrize("mode", ["SAME_STEP", "NEXT_STEP"])
def test_a_batch_that_cannot_reset_one_of_its_own_says_so(mode):
    world = family("foreign", ("size", 2), ("mode", mode))
    state = started(world)  # first episodes of 1 and of 3 steps
    first = np.array([True, False])
    with pytest.raises(Fault, match=f"environment 1, .*cannot be reset before its episode ends .AutoresetMode.{mode}"):
        world.reset(np.arange(2), state, world.task(), ~first)
    state = started(world)
    for _ in range(3):  # the first one's end passes unasked for, and another episode of its has begun
        state = world.step(None, state, np.zeros((2, 1), np.float32), ~first).state
    with pytest.raises(Fault, match=r"environment 0, .*cannot be reset before its episode ends"):
        world.reset(np.arange(2), state, world.task(), first)


@pytest.mark.parametrize("key", ["is_success", "success"])
def test_goal_environments_are_understood_and_both_words_for_success_read(key):
    world = family("reaching", ("key", key))
    assert set(world.observation) == {"observation", "achieved_goal", "desired_goal"}
    state, states = started(world), []
    assert (state.success == -1).all()
    for _ in range(3):
        outcome = world.step(None, state, np.array([[1.0], [-1.0]], np.float32), np.ones(2, bool))
        state = outcome.state
        states.append(state)
    assert [state.success.tolist() for state in states] == [[0, 0], [0, 0], [1, 0]]
    assert outcome.truncated.tolist() == [True, False] and not outcome.terminated.any()


def test_only_the_environments_that_are_meant_move():
    world = family("counting")
    state = started(world, 3)
    before = world.observe(state).copy()
    outcome = world.step(None, state, np.zeros((3, 1), np.float32), np.array([False, True, False]))
    after = world.observe(outcome.state)
    np.testing.assert_array_equal(after - before, [[0, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]])
    assert outcome.valid.tolist() == [False, True, False]


@pytest.mark.parametrize("isolate", [True, False])
def test_same_seeds_same_bits_wherever_the_environment_lives(isolate):
    def trajectory(isolate, seed):
        world = GymnasiumFamily(source="gym:Hopper-v5", isolate=isolate)
        state = world.reset(np.array([seed, 5]), world.start(2), world.task(), np.ones(2, bool))
        seen = [world.observe(state)]
        for t in range(8):
            action = np.sin(np.arange(6, dtype=np.float32) + t).reshape(2, 3)
            state = world.step(None, state, action, np.ones(2, bool)).state
            seen.append(world.observe(state))
        world.close(state)
        return np.stack(seen)

    first = trajectory(False, 4)
    np.testing.assert_array_equal(first, trajectory(isolate, 4))
    assert (first[:, 0] != trajectory(False, 3)[:, 0]).any()


def test_a_family_of_ours_can_be_a_target_in_a_process_of_its_own():
    world = GymnasiumFamily(source="gym:headstart/PointUMaze-v0")
    state = world.reset(np.array([3]), world.start(1), world.task(), np.ones(1, bool))
    assert np.isfinite(world.step(None, state, np.zeros((1, 2), np.float32), np.ones(1, bool)).reward).all()
    world.close(state)


def test_what_was_seen_does_not_change_afterwards():
    world = family("counting")
    state = started(world)
    seen = world.observe(state)
    copy = seen.copy()
    world.step(None, state, np.zeros((2, 1), np.float32), np.ones(2, bool))
    np.testing.assert_array_equal(seen, copy)


def test_a_state_is_a_pytree_of_arrays():
    state = started(family("counting"))
    assert all(isinstance(leaf, np.ndarray) for leaf in jax.tree.leaves(state))


def test_a_function_may_return_a_function():
    assert family("a_builder").observation.shape == (4,)


def test_a_task_that_says_anything_is_refused():
    world = family("counting")
    with pytest.raises(InputError, match="it takes no task, yet mass:torso were given"):
        world.reset(np.arange(2), world.start(2), Task({"mass:torso": np.ones(2)}, {}), np.ones(2, bool))


SECRET = """
import sys, numpy as np
from headstart.tasks.targets import target
world = target("shifted-hopper:3")
state = world.reset(np.arange(2), world.start(2), world.task(), np.ones(2, bool))
state = world.step(None, state, np.zeros((2, 3), np.float32), np.ones(2, bool)).state
assert world.observation.shape == (11,) and len(world.dynamics) == 0
assert "mujoco" not in sys.modules, "the parent holds a simulator"
words = ("model", "mass", "friction", "damping", "unwrapped")
found, todo, seen = [], [("state", state), ("world", world)], set()
while todo:
    path, thing = todo.pop()
    if id(thing) in seen or len(path) > 200:
        continue
    seen.add(id(thing))
    members = dict(getattr(thing, "__dict__", {})) | (thing._asdict() if hasattr(thing, "_asdict") else {})
    members |= dict(enumerate(thing)) if isinstance(thing, (list, tuple)) else thing if isinstance(thing, dict) else {}
    found += [f"{path}.{name}" for name in members if any(word in str(name) for word in words)]
    todo += [(f"{path}.{name}", member) for name, member in members.items()]
print(found)
"""


def test_the_handle_of_a_target_holds_no_simulator_and_no_parameter():
    done = subprocess.run([sys.executable, "-c", SECRET], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "[]", "")
