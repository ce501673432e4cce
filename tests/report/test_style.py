"""What the figures promise: labels that do not collide, colours told apart, names that are text."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headstart.report.numbers import listed, number, seconds
from headstart.report.style import HUES, SCRATCH, _apart, canvas, looks_of, style, to_svg


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12).map(sorted))
def test_labels_keep_their_order_and_their_distance(places):
    moved = _apart(places, 0.05)
    assert len(moved) == len(places)
    assert (np.diff(moved) >= 0.05 - 1e-9).all()


def test_labels_that_do_not_collide_stay_where_they_are():
    assert _apart([0.1, 0.5, 0.9], 0.05) == [0.1, 0.5, 0.9]
    assert _apart([0.5, 0.5], 0.1) == pytest.approx([0.45, 0.55])


def test_one_hue_for_each_origin_and_grey_for_scratch(run):
    look = looks_of([run])
    assert look["zero-shot nominal"].color == look["fine-tune nominal"].color == look["nominal"].color == HUES[0]
    assert look["zero-shot nominal"].hollow and not look["fine-tune nominal"].hollow
    assert look["fine-tune randomized"].color == HUES[1] and look["scratch"].color == SCRATCH


def luminance(color):
    channels = np.array([int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return np.where(channels <= 0.03928, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4) @ [
        0.2126,
        0.7152,
        0.0722,
    ]


def test_hues_that_stand_side_by_side_differ_in_a_grey_print():
    assert abs(luminance(HUES[0]) - luminance(HUES[1])) > 0.05


def test_a_colour_in_a_name_is_text_and_the_lines_follow_the_theme():
    with style():
        figure, axes = canvas(3, 2)
        axes.plot([0, 1], color=HUES[0])
        axes.set_title(f"{HUES[0]} $x_{{ <b>")
    text = to_svg(figure, 'a "title"')
    assert f"{HUES[0]} $x_{{ &lt;b&gt;" in text
    assert "stroke:var(--hue0)" in text and 'aria-label="a &quot;title&quot;"' in text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1234.5, "1,234"), (12.345, "12.3"), (1.005, "1"), (-0.01234, "−0.0123"), (0, "0"), (99.96, "100"), (None, "—"),
     (float("nan"), "—"), (float("inf"), "∞"), (1.5e9, "1.50e+09"), (-2e-5, "−2.00e−05")],
)  # fmt: skip
def test_numbers_are_written_to_be_compared(value, text):
    assert number(value) == text


def test_durations_and_lists_read_as_said():
    assert [seconds(v) for v in (0.2, 59, 61, 7260, None)] == ["0.2 s", "59 s", "1 min 01 s", "2 h 01 min", "—"]
    assert [listed(v) for v in ([], ["1"], ["1", "2"], ["1", "2", "3"])] == ["", "1", "1 and 2", "1, 2 and 3"]
