"""Soft pretraining: the table's numbers by hand, and one small study from key to verdict."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from headstart.__main__ import main
from headstart.errors import InputError
from headstart.experiments import soft_pretraining
from headstart.experiments.reproduce_soft_pretraining import described, lived
from headstart.experiments.soft_pretraining import SCRATCH, Arm, Scale, SoftPretraining
from headstart.experiments.soft_table import Measured, measure, rounded, row, threshold_of, verdict
from headstart.tasks.pendulum import Pendulum
from headstart.tasks.point_run import PointRun

EPISODES = [0, 2, 4, 6, 8]
SCRATCH_CURVE = np.array([[0.0, 0.0, 0.0, 10.0, 10.0], [2.0, 2.0, 2.0, 2.0, 2.0]])
SOFT_CURVE = np.array([[4.0, 20.0, 20.0, 20.0, 20.0], [2.0, 4.0, 12.0, 20.0, 20.0]])


def test_the_threshold_is_midway_between_a_fresh_policy_and_the_best_end():
    # a fresh policy returns (0 + 2)/2 = 1; the best arm ends at the mean of (20, 20) and (12 + 20 + 20)/3
    best = (20.0 + 52.0 / 3) / 2
    assert threshold_of({"a": SCRATCH_CURVE, "b": SOFT_CURVE}, "a") == pytest.approx((1.0 + best) / 2)


def test_an_arms_answers_by_hand():
    found = measure(EPISODES, SOFT_CURVE, np.ones((2, 8)), SCRATCH_CURVE, threshold=11.0)
    np.testing.assert_allclose(found.jump_start, [4.0, 0.0])
    np.testing.assert_allclose(found.time, [2.0, 4.0])
    np.testing.assert_allclose(found.final, [20.0, 52.0 / 3])
    np.testing.assert_allclose(found.area, [(12 + 20 * 3) * 2 / 8, (3 + 8 + 16 + 20) * 2 / 8])
    assert found.reached == 2
    never = measure(EPISODES, SCRATCH_CURVE, np.ones((2, 8)), SCRATCH_CURVE, threshold=11.0)
    np.testing.assert_allclose(never.time, [8.0, 8.0])  # the whole budget, and not less
    assert never.reached == 0


def test_an_arm_that_needs_no_episode_is_held_to_have_needed_some():
    found = measure(EPISODES, SOFT_CURVE + 50.0, np.ones((2, 8)), SCRATCH_CURVE, threshold=11.0)
    np.testing.assert_allclose(found.time, [2.0, 2.0])


def arm(time, final):
    zero = np.zeros(len(time))
    return Measured(zero, zero, np.array(time, float), len(time), np.array(final, float), zero)


@pytest.mark.parametrize(
    ("soft_time", "soft_final", "met"),
    [
        ([4, 4, 5, 5, 4, 5], 30, True),  # a third of the episodes, and as good in the end
        ([4, 4, 5, 5, 4, 5], 20, False),  # as fast, and worse in the end
        ([9, 9, 10, 10, 9, 10], 30, False),  # faster, but not by enough
    ],
)
def test_the_verdict(soft_time, soft_final, met):
    arms = {
        "soft": arm(soft_time, [soft_final] * 6),
        "softer": arm([99] * 6, [99] * 6),
        "hard": arm([15] * 6, [30] * 6),
        "scratch": arm([20] * 6, [30] * 6),
    }
    found = verdict(arms, ("softer", "soft"), ("hard",), ("scratch",))
    assert found["best"] == "soft" and found["met"] == met
    assert found["scratch"]["times_fewer_episodes"]["iqm"] == pytest.approx(20 / np.mean(sorted(soft_time)[1:-1]))


def test_rows_are_plain_json():
    found = measure(EPISODES, SOFT_CURVE, np.ones((2, 8)), SCRATCH_CURVE, threshold=11.0)
    assert json.loads(json.dumps(row(found)))["time"] == {"iqm": 3.0, "low": 2.0, "high": 4.0}
    assert rounded(np.array([[1.26, np.nan]])) == [[1.3, None]]


def test_worlds_between_which_no_policy_can_be_carried_are_refused(capsys, tmp_path):
    with pytest.raises(InputError, match="does not fit"):
        SoftPretraining(source=PointRun(), target=Pendulum(), scale=soft_pretraining.SCALES["tiny"])
    words = ["reproduce", "soft-pretraining", "--out"]
    assert main([*words, str(tmp_path / "run"), "--source", "hopper"]) == 2
    assert "hopper: not a world inside JAX" in capsys.readouterr().err
    assert main([*words, str(tmp_path / "other"), "--target", "point_u_mase"]) == 2
    assert "did you mean 'point_u_maze'" in capsys.readouterr().err


def test_scratch_begins_at_the_middle_and_no_temperature_rises():
    study = SoftPretraining(source=PointRun(), target=PointRun(), scale=soft_pretraining.SCALES["small"])
    middle = soft_pretraining.TEMPERATURES["middle"]
    assert study.schedule(Arm(SCRATCH, False)).start == study.schedule(Arm(SCRATCH, False)).end == middle
    annealed = study.schedule(Arm("high", True))
    assert annealed.end == soft_pretraining.END and annealed.updates == round(study.annealing * 40 * 50)
    hard = study.schedule(Arm("deterministic", True))
    assert hard.end == hard.start < soft_pretraining.END  # already there


def test_a_small_study_from_key_to_json():
    scale = Scale(seeds=2, rounds=3, episodes=2, every=1, updates=2, hidden=8, batch_size=8)
    worlds = (PointRun(horizon=12), PointRun(layout="u_maze", horizon=12))
    study = SoftPretraining(source=worlds[0], target=worlds[1], scale=scale, episodes=3)
    source = study.pretrain("middle")
    assert source.returns.shape == (2,) and source.displacement.shape == (2, 3, 2)
    alone = dataclasses.replace(study, seed=1, scale=dataclasses.replace(scale, seeds=2)).keys[0]
    assert jax.random.key_data(alone).tolist() == jax.random.key_data(study.keys[1]).tolist(), "a seed is a seed"
    tuned = study.tune(Arm("middle", True), source)
    assert tuned.evaluated.shape == (2, 3) and tuned.practised.shape == (2, 2) and tuned.path.shape == (2, 2, 12, 2)
    scratch = study.tune(Arm(SCRATCH, True), None)
    assert not np.allclose(tuned.evaluated[:, 0], scratch.evaluated[:, 0]), "the source is carried over"
    kept = json.loads(json.dumps(described("middle", source)))
    assert kept["temperature"] == soft_pretraining.TEMPERATURES["middle"] and 0 <= kept["diagnosis"]["coverage"] <= 1
    assert len(lived(study, Arm("middle", True), source)["path"][0]) == 2
