"""The diagnosis as `headstart evaluate` and `headstart transfer` give it."""

import math

import jax
import jax.numpy as jnp

from headstart.commands.diagnosing import diagnosis_lines
from headstart.experiments import diagnosed
from headstart.nets.memory import policy_with
from headstart.nets.policies import GaussianPolicy
from headstart.report.diagnosis import diagnosis_table, read_diagnoses
from headstart.tasks.point_run import PointRun
from headstart.transfer.diagnosis import Diagnosis

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


def test_of_a_policy_with_a_memory_nothing_is_said():
    policy = policy_with("gru", HOME.observation, HOME.action)
    assert list(diagnosis_lines(KEY, HOME, policy, policy.init(KEY))) == []


def test_what_is_written_is_what_the_page_and_the_terminal_say(tmp_path):
    certain = Diagnosis(-9.0, 0.01, 0.93, math.nan, 4.0, 64, 600)
    for seed, found in enumerate((certain, certain._replace(range_left=0.03))):
        diagnosed.write_diagnosis(tmp_path, "nominal", seed, found, 0.02)
    diagnosed.write_diagnosis(tmp_path, "randomized", 0, None, None)
    (line,) = diagnosed.diagnosis_lines(tmp_path)  # of the first seed
    assert line.startswith("nominal source: this source has become deterministic on 93% of its states")
    assert line.endswith("pretrain with temperature ≥ 0.2")  # ten times hotter
    found = read_diagnoses(tmp_path)
    assert list(found) == ["nominal"] and found["nominal"]["range_left"] == [0.01, 0.03]
    assert "coverage" not in found["nominal"]  # could not be told
    table = diagnosis_table(found)
    assert "<td>2% [1%, 3%]</td><td>93% [93%, 93%]</td><td>–</td>" in table


def test_a_damaged_diagnosis_is_left_out_of_the_page(tmp_path):
    for name, text in {"a": "{", "b": "[]", "c": '{"source": "x", "diagnosis": {"entropy": "<b>"}}'}.items():
        (tmp_path / f"diagnosis-{name}-0.json").write_text(text)
    assert read_diagnoses(tmp_path) == {}
