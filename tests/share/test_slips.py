import numpy as np
import pytest

from headstart.data.demonstrations import AnnotatedDemonstration, ProcedureStep, TimeStep
from headstart.experiments.table_twin import corrupt, teach
from headstart.share.rules import NEVER
from headstart.share.skill_steps import tabulate
from headstart.share.slips import contradictions, surprise


def one_call(*calls) -> AnnotatedDemonstration:
    steps = (ProcedureStep("p", (1.0,), 0, None, (), call, ()) for call in calls)
    return AnnotatedDemonstration("d", "t", tuple(TimeStep(s.call, (), (s,)) for s in steps), "there:1")


def test_slips_by_hand():
    """Ten times the same situation, twice another call: 2 of 9 repetitions; KT: 2.5 in 10, log(7.5 / 2.5) = 1.1."""
    steps = tabulate({"new": [one_call(*"aaaaabaaba")]})
    assert contradictions(steps["p"], steps["p"].weights(np.array([0]))) == (2.0, 9.0)
    assert surprise(steps, np.array([0])) == round(np.log(7.5 / 2.5))


def test_a_teacher_who_never_contradicts_himself_is_believed_and_so_is_one_who_never_repeats_himself():
    assert surprise(tabulate({"new": [one_call(*"aaaa")]}), np.array([0])) == NEVER
    assert surprise(tabulate({"new": [one_call("a")]}), np.array([0])) == NEVER
    exact = tabulate({"set": teach("set", 10)})
    assert surprise(exact, np.arange(10)) == NEVER


@pytest.mark.parametrize(("share", "low", "high"), [(0.05, 2.5, 4.0), (0.01, 4.0, 6.0)])
def test_the_rate_of_slips_is_read_off_without_any_rule(share, low, high):
    """log(0.95 / 0.05) = 2.9 and log(0.99 / 0.01) = 4.6; some slips repeat the right call and are none."""
    slipping = tabulate({"set": corrupt(teach("set", 40), share, seed=1)})
    assert low <= surprise(slipping, np.arange(40)) <= high
