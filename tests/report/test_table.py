"""The table in the terminal and in the page."""

import io

import rich.console

from headstart.report.records import Arm
from headstart.report.table import html_table, terminal_table

SCRATCH, BETTER, WORSE = (Arm("scratch", 1, 2.0, 1.0, 3.0), Arm("good", 1, 5.0, 4.0, 6.0), Arm("bad", 1, 0.5, 0.1, 0.9))


def printed(table, width=80):
    out = io.StringIO()
    rich.console.Console(file=out, width=width, color_system=None).print(table)
    return out.getvalue()


def test_cells_to_come_show_an_ellipsis_until_their_arm_finishes():
    plan = {"shots": (0, 1), "methods": ("scratch", "good")}
    assert printed(terminal_table([], **plan)).count("…") == 4
    one = printed(terminal_table([SCRATCH], **plan))
    assert one.count("…") == 3 and "[1, 3]" in one


def test_only_separate_intervals_are_marked():
    text = printed(terminal_table([SCRATCH, BETTER, WORSE, Arm("same", 1, 3.5, 2.5, 4.5)]))
    assert "▲ 5" in text and "▼ 0.5" in text and "▲ 3.5" not in text


def test_markup_in_a_name_is_text():
    assert "[red]x[/red]" in printed(terminal_table([Arm("[red]x[/red]", 0, 1, 1, 1)]))
    assert "<b>" not in html_table([Arm("<b>", 0, 1, 1, 1)])


def test_names_of_methods_break_between_words_however_wide_the_intervals_are():
    methods = ("zero-shot randomized+gru", "fine-tune randomized+gru")
    arms = [Arm(method, k, 1412.0, 1096.0, 1779.0) for method in methods for k in (0, 1, 5, 20)]
    text = printed(terminal_table(arms))
    assert "…" not in text and text.count("randomized+gru") == 2 and "zero-shot" in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_default_table_fits_a_terminal_of_80_columns(run):
    lines = printed(terminal_table(run.arms, shots=run.shots)).splitlines()
    assert "…" not in "".join(lines) and max(map(len, lines)) <= 80


def test_the_page_marks_what_the_terminal_marks():
    text = html_table([SCRATCH, BETTER, WORSE])
    assert text.count('class="better"') == text.count('class="worse"') == 1
