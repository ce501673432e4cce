"""The recovery study: its targets are frozen, and what it says is counted from its rows."""

import json

import numpy as np
import pytest

from headstart.experiments import reproduce_adaptation
from headstart.experiments.claims import Request, claim
from headstart.experiments.recovery import CASES, MASSES, Case, Recovery

STUDY = Recovery()


def test_targets_are_frozen_and_their_masses_between_half_and_ten_kilograms():
    for number in range(3):
        hidden, kilograms = STUDY.truth(number), STUDY.kilograms()
        assert hidden == Recovery().truth(number)
        assert all(0.49 <= hidden[name] * kilograms[name] <= 10.01 for name in MASSES)
    one, two = STUDY.show(0, CASES[3]), Recovery().show(0, CASES[3])
    np.testing.assert_array_equal(one.obs, two.obs)
    assert len(one.obs) == 10 and not (STUDY.show(1, CASES[3]).obs == one.obs).any()


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(reproduce_adaptation, "CASES", (Case("10 steps", 0.0), Case("10 steps", 1e-4)))


def test_the_claim_is_reproduced_and_goes_on_where_it_was_cut(few, tmp_path):
    work = claim("adaptation", {})(Request(size="tiny", seeds=2, folder=tmp_path))
    next(work), next(work)
    work.close()
    with (tmp_path / "rows.jsonl").open("a") as file:
        file.write('{"method": "post\n')  # cut in the middle of a line
    steps = []
    work = claim("adaptation", {})(Request(size="tiny", seeds=2, folder=tmp_path))
    while True:
        try:
            steps.append(next(work).share)
        except StopIteration as finished:
            found = finished.value
            break
    assert steps == [0.25, 0.5, 0.75, 1.0] and len(found.result["rows"]) == 4
    exact, noisy = found.result["cases"]
    assert exact["median_error"] < 1e-4 and noisy["median_error"] < 0.02
    assert 0 < noisy["simulator_steps_per_target_step"] < 10_000  # a tenth of 1000 × 100
    rows = [row for row in found.result["rows"] if row["case"][1] > 0]
    assert noisy["coverage_90"] == np.mean([row["covered"] for row in rows])
    assert "10 steps" in found.table and json.dumps(found.result)
