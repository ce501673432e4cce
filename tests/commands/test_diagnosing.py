"""The diagnosis as `headstart evaluate` prints it."""

import jax
import jax.numpy as jnp

from headstart.commands.diagnosing import diagnosis_lines
from headstart.nets.policies import GaussianPolicy
from headstart.tasks.point_run import PointRun

HOME = PointRun(horizon=20)
POLICY = GaussianPolicy(observation=HOME.observation, action=HOME.action, hidden=(8,))
KEY = jax.random.key(0)


def lines(log_std):
    params = POLICY.init(KEY)
    params = {**params, "actor": {**params["actor"], "log_std": jnp.full(2, log_std, jnp.float32)}}
    return list(diagnosis_lines(KEY, HOME, POLICY, params))


def test_a_certain_source_is_told_apart_from_one_that_still_tries():
    numbers, verdict = lines(-6.0)
    assert numbers.startswith("diagnosis on point_run: entropy") and "coverage" in numbers
    assert "deterministic on 100% of its states; expect slow fine-tuning" in verdict
    assert "something left to try" in lines(0.0)[1]
