import json

import pytest

from headstart.errors import InputError
from headstart.report.call_graph import call_graph_svg, layout
from headstart.report.imitation import is_imitation, write_imitation_report

CALLS = {"root": ["a", "b", "act"], "a": ["b"], "b": ["act", "look"]}

SKILL = {
    "calls": ["act"],
    "advice": {"word": "share partly", "because": "<b>because</b>"},
    "demonstrations_needed": None,
    "modes": {
        "share": {"mode": "share", "past": [1], "reason": "Rules(): <i>off</i>", "first_wrong": "/x/d.jsonl:1: p"}
    },
    "decisions": {"call": "share"},
    "rules": {"call": "<script>alert(1)</script>"},
    "model": "Rules",
}
SUMMARY = {
    "task": "new", "past": ["old"], "selector": "decision", "root": "p", "skills": {"p": SKILL}, "curve": [[1, 0.5]],
    "alone": [[1, 0.25]], "notes": ["<img src=x>"], "command": "headstart imitate", "orders": 4, "actions": ["act"],
}  # fmt: skip


def test_every_name_stands_right_of_its_callers_and_alone_in_its_place():
    place = layout("root", CALLS)
    assert {name: column for name, (column, _) in place.items()} == {"root": 0, "a": 1, "b": 2, "act": 3, "look": 3}
    assert len(set(place.values())) == len(place)


def test_a_circle_from_a_damaged_file_ends():
    assert set(layout("a", {"a": ["b"], "b": ["a"]})) == {"a", "b"}


def test_the_graph_holds_every_edge_and_escapes_names():
    svg = call_graph_svg("root", CALLS | {"root": ["a", "b", "act", '<x"&>']}, {"root": "apart"})
    assert svg.count('class="edge"') == 7 and svg.count("<rect") == 6
    assert "<x" not in svg and "&lt;x&quot;&amp;&gt;" in svg


def test_nothing_from_a_summary_becomes_markup(tmp_path):
    (tmp_path / "summary.json").write_text(json.dumps(SUMMARY))
    page = write_imitation_report(tmp_path).read_text()
    for hostile in ("<b>because", "<i>off", "<script", "<img src"):
        assert hostile not in page
    assert "After one demonstration 0.5 of them are right on every unused one (learned alone: 0.2)" in page
    assert "d.jsonl:1: p" in page and "/x/" not in page


@pytest.mark.parametrize("damage", [{"skills": 3}, {"skills": {"p": {}}}, {"curve": [[1]]}, {"past": 1}])
def test_a_damaged_summary_is_one_line(tmp_path, damage):
    (tmp_path / "summary.json").write_text(json.dumps(SUMMARY | damage))
    with pytest.raises(InputError, match=r"summary\.json: is damaged") as caught:
        write_imitation_report(tmp_path)
    assert "\n" not in str(caught.value)


def test_other_folders_are_told_apart(tmp_path):
    assert not is_imitation(tmp_path)
    (tmp_path / "summary.json").write_text("{}")
    assert not is_imitation(tmp_path)
