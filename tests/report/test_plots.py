"""What a figure is about can be seen in it."""

from pathlib import Path

import numpy as np
import pytest

from headstart.report.plots import learning
from headstart.report.records import LearningCurve, RunContents


@pytest.mark.parametrize("episodes", [1, 3])
def test_a_curve_is_seen_however_short_it_is(episodes):
    at = np.arange(1, episodes + 1)
    curve = LearningCurve("scratch", at, at * 1.0, at - 0.5, at + 0.5)
    run = RunContents(path=Path("x"), source="hopper", target="robot", arms=(), notes={}, curves=(curve,))
    figure = learning(run)
    assert figure is not None
    lines = figure.axes[0].get_lines()
    assert any(len(line.get_xdata()) > 1 or line.get_marker() not in ("", "None") for line in lines)
