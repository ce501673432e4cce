"""Runs side by side."""

import io

import pytest
import rich.console

from headstart.errors import InputError
from headstart.report.compare import comparison_table, names, read_runs, write_comparison
from tests.report.example_run import arms, make_run
from tests.report.test_page import Audit


@pytest.fixture
def two(tmp_path):
    return [make_run(tmp_path / "first"), make_run(tmp_path / "<second>", arms=arms()[:6], target="other")]


def test_the_table_holds_every_arm_of_every_run(two):
    out = io.StringIO()
    rich.console.Console(file=out, width=100).print(comparison_table(read_runs(two)))
    assert out.getvalue().count("scratch") == 4 and "—" in out.getvalue() and "<second>" in out.getvalue()


def test_the_page_is_self_contained_and_escaped(two, tmp_path):
    text = write_comparison(two, tmp_path / "compare.html").read_text(encoding="utf-8")
    audit = Audit(text)
    assert all(reference.startswith("#") for reference in audit.references)
    assert "<second>" not in text and text.count("<svg") == 1 and text.count('class="claim"') == 2


def test_runs_without_arms_are_compared_all_the_same(two, tmp_path):
    for path in two:
        (path / "summary.json").unlink()
    assert "None of these runs" in write_comparison(two, tmp_path / "compare.html").read_text(encoding="utf-8")


def test_runs_of_one_name_are_told_apart(tmp_path):
    runs = read_runs([make_run(tmp_path / day / "hopper") for day in ("monday", "tuesday")])
    assert names(runs) == ["monday/hopper", "tuesday/hopper"]


def test_one_run_or_the_same_twice_is_refused(two):
    with pytest.raises(InputError, match="2 to"):
        read_runs(two[:1])
    with pytest.raises(InputError, match="twice"):
        read_runs([two[0], two[0]])
