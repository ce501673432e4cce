"""The four-goal study: what it counts, in policies whose ways are known; and, as a study, the claim."""

import json
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.errors import InputError
from headstart.experiments.four_goals import FourWays
from headstart.tasks.four_goals import GOALS, nearest_goal

KEY = jax.random.key(0)
STUDY = FourWays(episodes=400)


@dataclass(frozen=True, kw_only=True)
class Compass:
    """Steps 0.9 towards a goal: near the origin one drawn among those it knows, further out the nearest."""

    ways: tuple[int, ...] = (0, 1, 2, 3)

    def init(self, key):
        return {}

    def start(self, params, n):
        return ()

    def apply(self, key, params, carry, obs):
        drawn = jnp.asarray(self.ways)[jax.random.randint(key, (len(obs),), 0, len(self.ways))]
        goal = jnp.where(jnp.linalg.norm(obs, axis=-1) < 0.6, drawn, nearest_goal(obs))
        return 0.18 * jnp.asarray(GOALS)[goal], carry


def test_counts_where_episodes_end_and_where_first_steps_point():
    visits = jax.jit(lambda: STUDY.visits(KEY, Compass(), {}))()
    assert visits.goals.sum() == 400 and visits.first.sum() == 400
    for counts in (visits.goals, visits.first):
        np.testing.assert_allclose(counts / 400, 0.25, atol=0.08)
    # five steps of 0.9 from the origin: action 5 · 30 · 0.81, distances 4.1, 3.2, 2.3, 1.4, 0.5 squared, and the bonus
    expected = -5 * 30 * 0.81 - (4.1**2 + 3.2**2 + 2.3**2 + 1.4**2 + 0.5**2) + 10
    np.testing.assert_allclose(visits.returns, expected, atol=5.0)


def test_a_policy_with_one_way_has_one_way():
    visits = jax.jit(lambda: STUDY.visits(KEY, Compass(ways=(2,)), {}))()
    np.testing.assert_array_equal(visits.goals, [0, 0, 400, 0])
    np.testing.assert_array_equal(visits.first, [0, 0, 400, 0])


def test_a_short_run_learns_the_same_twice_and_other_seeds_differ():
    small = FourWays(rounds=2, envs=4, random_steps=16, updates=2, batch_size=8, episodes=20, hidden=(8,))
    visits = small.run([3, 3, 4])
    np.testing.assert_array_equal(visits.goals[0], visits.goals[1])
    assert visits.returns[0] == visits.returns[1] != visits.returns[2]


def test_other_methods_are_refused():
    with pytest.raises(InputError, match="did you mean 'sac'"):
        FourWays(method="sacs")


@pytest.mark.study
def test_soft_q_learning_visits_all_four_goals_in_every_seed():
    visits = FourWays().run(range(5))
    assert np.all(visits.goals >= 100)


def test_the_result_file_says_what_the_documentation_says():
    arms = json.loads((Path(__file__).parents[2] / "results/four_goals.json").read_text())["arms"]
    visits = {name: (arm["seeds_that_visit_all"], len(arm["seeds"])) for name, arm in arms.items()}
    assert visits == {
        "soft Q-learning": (5, 5),
        "SAC, automatic temperature": (0, 5),
        "SAC, the same temperature": (5, 5),
    }
    assert arms["soft Q-learning"]["settings"]["learner"] == repr(FourWays().learner()), "measured with other settings"
