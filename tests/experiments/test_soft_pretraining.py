"""Soft pretraining: the table's numbers by hand, and one small study from key to verdict."""

import dataclasses
import json

import jax
import numpy as np
import pytest

from headstart.__main__ import main
from headstart.errors import InputError
from headstart.experiments.reproduce_soft_pretraining import described, plain
from headstart.experiments.soft_arms import DETERMINISTIC as HARD
from headstart.experiments.soft_arms import END, ROBOT, SCALES, SCRATCH, Arm, Design, Scale
from headstart.experiments.soft_host import SoftHost
from headstart.experiments.soft_pretraining import SoftPretraining
from headstart.experiments.soft_table import Measured, held_out, measure, rounded, row, said, threshold_of, verdict
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
    assert found.reached == 2 and found.stayed == 2
    never = measure(EPISODES, SCRATCH_CURVE, np.ones((2, 8)), SCRATCH_CURVE, threshold=11.0)
    np.testing.assert_allclose(never.time, [8.0, 8.0])  # the whole budget, and not less
    assert never.reached == 0 and never.stayed == 0
    lost = measure(EPISODES, SOFT_CURVE[:, [0, 2, 4, 0, 0]], np.ones((2, 8)), SCRATCH_CURVE, threshold=19.0)
    assert lost.reached == 2 and lost.stayed == 0


def test_an_arm_that_needs_no_episode_is_held_to_have_needed_some():
    found = measure(EPISODES, SOFT_CURVE + 50.0, np.ones((2, 8)), SCRATCH_CURVE, threshold=11.0)
    np.testing.assert_allclose(found.time, [2.0, 2.0])


def arm(time, final):
    zero = np.zeros(len(time))
    return Measured(zero, zero, np.array(time, float), len(time), len(time), np.array(final, float), zero)


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


def test_what_is_chosen_by_some_seeds_is_measured_on_others():
    arms = {
        "lucky": arm([1, 1, 1, 1, 40, 40, 40, 40], [30] * 8),  # best where it is chosen, and nowhere else
        "steady": arm([4] * 8, [30] * 8),
        "hard": arm([20] * 8, [30] * 8),
        "scratch": arm([20] * 8, [30] * 8),
    }
    rivals = (("lucky", "steady"), ("hard",), ("scratch",))
    found = held_out(arms, *rivals)
    assert found["best"] == "lucky" and not found["met"]
    assert found["scratch"]["times_fewer_episodes"]["iqm"] == pytest.approx(0.5)
    all_seeds = verdict(arms, *rivals)
    assert all_seeds["best"] == "steady" and all_seeds["met"]
    assert "measured on the other: 'lucky'" in said({**all_seeds, "held_out": found})
    few = {name: one._replace(time=one.time[:6], final=one.final[:6]) for name, one in arms.items()}
    assert held_out(few, *rivals) is None


def test_the_u_says_itself_when_it_is_solved():
    assert PointRun(layout="u_maze").solved == 250.0  # a quarter of 100 steps at 10
    assert PointRun().solved is None


def test_rows_are_plain_json():
    found = measure(EPISODES, SOFT_CURVE, np.ones((2, 8)), SCRATCH_CURVE, threshold=11.0)
    assert json.loads(json.dumps(row(found)))["time"] == {"iqm": 3.0, "low": 2.0, "high": 4.0}
    assert rounded(np.array([[1.26, np.nan]])) == [[1.3, None]]


def test_worlds_between_which_no_policy_can_be_carried_are_refused(capsys, tmp_path):
    words = ["reproduce", "soft-pretraining", "--size", "tiny", "--out"]
    assert main([*words, str(tmp_path / "run"), "--source", "hopper"]) == 2
    assert "a policy of 'hopper' does not fit 'point_u_maze'" in capsys.readouterr().err
    assert main([*words, str(tmp_path / "other"), "--target", "point_u_mase"]) == 2
    assert "did you mean 'point_u_maze'" in capsys.readouterr().err
    with pytest.raises(InputError, match="a share of fine-tuning"):
        Design(source=PointRun(), target=PointRun(), scale=SCALES["tiny"], annealing=0.0)


def test_scratch_begins_at_the_middle_and_no_temperature_rises():
    design = Design(source=PointRun(), target=PointRun(), scale=SCALES["small"])
    constant, annealed, hard = (design.schedule(Arm(*arm)) for arm in ((SCRATCH, False), ("high", True), (HARD, True)))
    assert constant.start == constant.end == design.temperatures["middle"]
    assert annealed.end == END and annealed.updates == round(design.annealing * 60 * 100)
    assert hard.end == hard.start < END  # already there


def test_a_small_study_from_key_to_json():
    scale = Scale(seeds=2, rounds=3, episodes=2, every=1, updates=2, hidden=8, batch_size=8)
    design = Design(source=PointRun(horizon=12), target=PointRun(layout="u_maze", horizon=12), scale=scale)
    study = SoftPretraining(design=design, episodes=3)
    source = study.pretrain("middle")
    assert source.returns.shape == (2,) and source.displacement.shape == (2, 3, 2)
    other = SoftPretraining(design=dataclasses.replace(design, seed=1)).keys[0]
    assert jax.random.key_data(other).tolist() == jax.random.key_data(study.keys[1]).tolist(), "a seed is a seed"
    tuned = study.tune(Arm("middle", True), source)
    assert tuned.evaluated.shape == (2, 3) and tuned.practised.shape == (2, 2) and tuned.path.shape == (2, 2, 12, 2)
    scratch = study.tune(Arm(SCRATCH, True), None)
    # the first episode is played before anything is learnt; greedy policies this fresh do not move yet
    assert (tuned.practised[:, 0] != scratch.practised[:, 0]).all(), "the source is carried over"
    kept = json.loads(json.dumps(described(1.0, source), allow_nan=False))
    assert 0 <= kept["diagnosis"]["coverage"] <= 1 and len(kept["displacement"]) == 2
    assert len(json.loads(json.dumps(plain(tuned)))["path"][0][0]) == 4


def test_the_same_study_on_a_world_outside_jax():
    scale = Scale(seeds=1, rounds=11, episodes=1, every=1, updates=2, hidden=8, batch_size=8, evaluation_episodes=1)
    worlds = (Pendulum(), Pendulum())  # whichever world: the seam is one
    study = SoftHost(design=Design(source=worlds[0], target=worlds[1], scale=scale, temperatures=ROBOT))
    source = study.pretrain("middle")
    lived = study.tune(Arm("middle", True), source)
    assert lived.evaluated.shape == (1, 2) and lived.practised.shape == (1, 1) and lived.path is None
    assert set(plain(lived)) == {"evaluated", "practised"} and "directions" not in described(0.2, source)
