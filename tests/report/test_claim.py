"""Claims say what the intervals allow, and no more."""

from pathlib import Path

import pytest

from headstart.report.claim import caution, claim
from headstart.report.methods import Role, role, transfer_lines, verdict
from headstart.report.records import Arm, RunContents
from headstart.report.worth import worth


def arm(method, shots, low, value, high, seeds=3):
    return Arm(method, shots, value, low, high, per_seed=(low, value, high)[:seeds])


def run(*arms):
    return RunContents(path=Path("x"), source="hopper", target="robot", arms=arms, notes={})


SCRATCH = (arm("scratch", 0, 0, 1, 2), arm("scratch", 5, 10, 20, 30))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("scratch", Role("scratch", "")), ("from_scratch", Role("scratch", "")), ("oracle", Role("oracle", "")),
        ("zero-shot nominal", Role("zero-shot", "nominal")), ("fine_tune/randomized", Role("fine-tune", "randomized")),
        ("randomized: fine-tune", Role("fine-tune", "randomized")), ("distilled", Role("other", "distilled")),
    ],
)  # fmt: skip
def test_roles_are_read_from_names(name, expected):
    assert role(name) == expected


def test_intervals_that_touch_decide_nothing():
    assert verdict(arm("a", 0, 2, 3, 4), arm("b", 0, 0, 1, 2)) == "open"
    assert verdict(arm("a", 0, 2.1, 3, 4), arm("b", 0, 0, 1, 2)) == "better"
    assert verdict(arm("b", 0, 0, 1, 2), arm("a", 0, 2.1, 3, 4)) == "worse"
    assert verdict(arm("b", 0, 0, 1, 2), None) == "open"


def test_a_clear_win_is_claimed_at_its_k_only():
    text = claim(run(*SCRATCH, arm("zero-shot nominal", 0, 5, 6, 7), arm("fine-tune nominal", 5, 25, 40, 50)))
    assert "Zero-shot nominal beat learning from scratch on robot at k = 0 target episodes" in text
    assert "fine-tune nominal" not in text.lower().replace("zero-shot nominal", "")
    text = claim(run(*SCRATCH, arm("fine-tune nominal", 0, 1, 3, 5), arm("fine-tune nominal", 5, 35, 40, 50)))
    assert "after 5 it returned 40 [35, 50], scratch 20 [10, 30]. At k = 0 there is no evidence of a difference" in text


def test_overlap_is_no_evidence():
    text = claim(run(*SCRATCH, arm("fine-tune nominal", 5, 25, 40, 50)))
    assert text.startswith("There is no evidence that hopper gave a head start on robot")
    assert "beat" not in text


def test_negative_transfer_is_said():
    text = claim(run(*SCRATCH, arm("fine-tune nominal", 5, 1, 2, 3)))
    assert "no evidence that hopper gave a head start" in text
    assert "Transfer hurt: fine-tune nominal at k = 5 did worse than scratch." in text


@pytest.mark.parametrize("seeds", [1, 2])
def test_below_three_seeds_nothing_is_concluded(seeds):
    few = [arm(a.method, a.shots, a.low, a.iqm, a.high, seeds) for a in (*SCRATCH, arm("fine-tune x", 5, 90, 91, 92))]
    assert verdict(few[2], few[1]) == "open"
    assert claim(run(*few)).startswith(f"Nothing can be concluded from {seeds} seed")
    assert "beat" not in claim(run(*few)) and "hurt" not in claim(run(*few))
    assert all(found.difference is None for found in worth(run(*few)))


def test_the_oracle_is_no_method_of_transfer():
    text = claim(run(*SCRATCH, arm("oracle", 5, 90, 95, 99), arm("fine-tune nominal", 5, 25, 40, 50)))
    assert "oracle" not in text.lower() and "no evidence" in text


def test_kinds_of_pretraining_are_compared_before_the_first_episode():
    starts = (arm("zero-shot nominal", 0, 3, 4, 5), arm("zero-shot randomized", 0, 6, 7, 8))
    assert "zero-shot randomized (7) beat zero-shot nominal (4)" in claim(run(*SCRATCH, *starts))
    close = (arm("zero-shot nominal", 0, 3, 4, 6), arm("zero-shot randomized", 0, 6, 7, 8))
    assert "no evidence of a difference between the kinds" in claim(run(*SCRATCH, *close))


@pytest.mark.parametrize("arms", [(), SCRATCH, (arm("fine-tune x", 5, 1, 2, 3),), (SCRATCH[0], arm("x", 9, 1, 2, 3))])
def test_without_a_comparison_nothing_is_claimed(arms):
    assert claim(run(*arms)).startswith("Nothing can be said")


def test_few_seeds_are_cautioned_about():
    assert "simply their range" in caution(run(*SCRATCH)) and "75 %" in caution(run(*SCRATCH))
    assert "no conclusion" in caution(run(arm("scratch", 0, 1, 1, 1, seeds=1)))
    assert caution(run()) == ""


def test_a_fine_tuned_line_begins_at_its_own_zero_shot():
    lines = transfer_lines(
        run(arm("zero-shot a", 0, 1, 2, 3), arm("zero-shot b", 0, 5, 6, 7), arm("fine-tune b", 5, 7, 8, 9))
    )
    assert [a.iqm for a in lines["fine-tune b"]] == [6, 8]


def test_worth_by_hand():
    (found,) = worth(run(*SCRATCH, arm("zero-shot a", 0, 10, 11, 12), arm("fine-tune a", 5, 30, 41, 50)))
    assert found.metrics.jump_start == 10.0  # 11 - 1
    assert found.metrics.transfer_ratio == pytest.approx((130 - 52.5) / 52.5)  # (11+41)/2·5 against (1+20)/2·5
    assert found.metrics.asymptote_gain == 21.0
    assert (found.threshold, found.metrics.time_to_threshold) == (20.0, 5.0)
    assert found.difference is not None and found.difference.low == 20.0  # seeds 30-10, 41-20, 50-30
