"""What the page says of records that were written before a question was asked."""

import dataclasses

import numpy as np

from headstart.report.adaptation import bands, grey, sentences
from headstart.report.records import Adaptation

INTERVALS = np.array([[0.9, 1.0, 1.1]])
BEFORE = Adaptation(
    method="posterior",
    seed="0",
    names=("mass:torso",),
    units=("kg",),
    prior=INTERVALS,
    posteriors=((1, INTERVALS), (3, INTERVALS)),
    unidentified=("mass:torso",),
    remaining={"mass:torso": 0.9},
    excitement={},
    replay={"measured": INTERVALS},
)


def test_a_record_of_before_is_said_not_to_tell_what_was_left_and_to_hold_no_noise():
    assert "was not recorded" in sentences(BEFORE) and "not expected to be identified" in grey(BEFORE)
    assert "A forecast takes the simulator to be able to be the target" in sentences(BEFORE)
    assert "dynamics alone, without the sensors' noise" in bands(BEFORE)
    simopt = dataclasses.replace(BEFORE, method="simopt", remaining={}, unidentified=(), replay=None)
    assert "was not recorded" in sentences(simopt) and grey(simopt) == bands(simopt) == ""


def test_what_was_left_after_each_number_of_episodes_is_said():
    found = dataclasses.replace(BEFORE, left=((1, ("mass:torso",)), (3, ())), replay_noise=True)
    said = sentences(found)
    assert "Not identified after k = 1: mass:torso." in said
    assert "After k = 3, every parameter was narrowed down." in said
    assert "SimOpt" not in said and "SimOpt has no forecast" in sentences(dataclasses.replace(found, method="simopt"))
    assert grey(found) == "Names in grey were not identified after k = 3." and "that was estimated" in bands(found)
