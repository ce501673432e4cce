"""What a target's environment says in `info` never reaches who learns from it."""

import jax
import numpy as np
import pytest

from headstart.data.collect import play
from headstart.nets.policies import GaussianPolicy
from headstart.run.ledger import Ledger
from headstart.run.target import Target
from headstart.tasks.gymnasium_world import GymnasiumFamily
from tests.tasks.gym_worlds import Telling


def world(tells, mode, isolate=False):
    function, arguments = ("telling", ()) if mode == "single" else ("telling_batch", (("mode", mode),))
    return GymnasiumFamily(
        source=f"tests.tasks.gym_worlds:{function}", arguments=(("tells", tells), *arguments), isolate=isolate
    )


def numbers(tree):
    """Every number of a pytree, whatever holds it."""
    return np.concatenate([np.asarray(leaf, float).ravel() for leaf in jax.tree.leaves(tree) if np.size(leaf)])


MODES = pytest.mark.parametrize("mode", ["single", "SAME_STEP", "NEXT_STEP", "DISABLED"])


@MODES
def test_episodes_of_a_target_that_tells_are_those_of_one_that_does_not(tmp_path, mode):
    found = {}
    for tells in (True, False):
        family = world(tells, mode)
        policy = GaussianPolicy(observation=family.observation, action=family.action)
        ledger = Ledger(path=tmp_path / f"{tells}.json", budget=4)
        target = Target(lambda: family, ledger, play)  # noqa: B023
        episodes = target.run(jax.random.key(0), policy, policy.init(jax.random.key(1)), 4, "adaptation")
        assert [episode.task.dynamics for episode in episodes] == [{}] * 4
        found[tells] = episodes
    jax.tree.map(np.testing.assert_array_equal, found[True], found[False])
    assert not np.isclose(numbers(found[True]), Telling.SECRET).any()


@MODES
def test_neither_a_world_s_state_nor_what_a_step_brings_holds_what_was_told(mode):
    family, where = world(True, mode), np.ones(2, bool)
    state = family.reset(np.arange(2), family.start(2), family.task(), where)
    for _ in range(3):
        outcome = family.step(None, state, np.zeros((2, 1), np.float32), where)
        assert not np.isclose(numbers((state.obs, state.success, outcome._replace(state=()))), Telling.SECRET).any()
        assert set(outcome.state._fields) == {"obs", "success", "turn", "handle"}  # success: for reports
        ended = outcome.terminated | outcome.truncated
        state = family.reset(np.arange(2), outcome.state, family.task(), ended)
