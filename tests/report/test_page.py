"""The page: self-contained, escaped, complete where a run is and honest where it is not."""

import base64
import html.parser
import json
import re
import shutil

import pytest
from PIL import Image

from headstart.errors import Fault, InputError
from headstart.report.page import write_report
from tests.report.example_run import arms, curves, make_run

HOSTILE = [
    '<script>alert("1")</script>', '"><img src=x onerror=alert(1)>', "</style></title><h1>", "$\\frac{1}{",
    "a\x00\u202eb", "'; --> <!-- ]]>", "&lt;script&gt;",
]  # fmt: skip
VOID = {"meta", "br", "img", "input", "link", "hr"}


class Audit(html.parser.HTMLParser):
    """Collects every tag, every reference and every handler, and checks that tags are balanced."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.references, self.handlers, self.text = [], set(), [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.references += [v for k, v in attributes if k in ("src", "href", "xlink:href", "data", "action", "poster")]
        self.handlers += [k for k, _ in attributes if k.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        self.text.append(text)


def page(path):
    return write_report(path).read_text(encoding="utf-8")


def test_the_page_is_whole(example):
    text = (example / "report.html").read_text(encoding="utf-8")
    audit = Audit(text)
    assert 'class="missing"' not in text
    assert text.count("<svg") == 5 and "video" in audit.tags
    for part in ("hopper", "gym:Hopper-v5, shifted", "beat learning from scratch", "headstart transfer --source hopper",
                 "0.10.2", "mass:torso", "settings.learner.learning_rate", "simply their range"):  # fmt: skip
        assert part in " ".join(audit.text)


def test_nothing_outside_is_referred_to(example):
    text = (example / "report.html").read_text(encoding="utf-8")
    references = Audit(text).references
    assert references and all(r.startswith(("data:", "#")) for r in references)
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?\s*(?:https?:)?//", text)
    assert not re.search(r"url\(\s*[\"']?(?!#)", text) and "@import" not in text
    assert "default-src 'none'" in text


def test_ids_are_unique(example):
    ids = re.findall(r'\sid="([^"]+)"', (example / "report.html").read_text(encoding="utf-8"))
    assert len(ids) == len(set(ids))


def test_the_page_is_small_and_its_film_inside(example):
    assert (example / "report.html").stat().st_size < 3_000_000
    film = re.search(r'src="data:video/mp4;base64,([^"]+)"', (example / "report.html").read_text(encoding="utf-8"))
    assert base64.b64decode(film[1]) == (example / "video.mp4").read_bytes()


def test_the_figures_lie_beside_the_page(example):
    for name in ("few_shot", "learning", "training", "dynamics", "ledger"):
        with Image.open(example / f"{name}.png") as image:
            assert min(image.size) > 300


def test_the_same_run_gives_the_same_page(example, tmp_path):
    shutil.copytree(example, tmp_path / "example")
    assert page(tmp_path / "example") == (example / "report.html").read_text(encoding="utf-8")


def test_hostile_names_are_shown_as_text(tmp_path):
    name, rows = " ".join(HOSTILE), [entry for entry in arms() if entry["method"] == "fine-tune nominal"]
    named = [entry | {"method": hostile} for hostile in HOSTILE for entry in rows]
    path = make_run(
        tmp_path / "run", source=name, target=name, size=name, versions={name: name}, arms=arms() + named,
        curves=[curve | {"method": hostile} for curve, hostile in zip(curves(), HOSTILE, strict=False)],
    )  # fmt: skip
    config = {"command": name, "settings": {hostile: {name: hostile} for hostile in HOSTILE} | {"x": name}}
    varied = {
        "source": {h: [1, 2] for h in HOSTILE},
        "units": {h: h for h in HOSTILE},
        "target": dict.fromkeys(HOSTILE, 3),
    }
    lines = [{"step": i, "arm": hostile, "eval/mean_reward": i} for hostile in HOSTILE for i in (1, 2)]
    (path / "config.json").write_text(json.dumps(config))
    (path / "ledger-x.json").write_text(json.dumps({name: name}))
    (path / "dynamics.json").write_text(json.dumps(varied))
    (path / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    audit = Audit(page(path))
    assert audit.tags.isdisjoint({"script", "iframe", "object", "embed", "link", "base", "form", "img"})
    assert audit.handlers == []
    assert all(r.startswith(("data:", "#")) for r in audit.references)
    shown = " ".join(audit.text)
    assert all(hostile in shown for hostile in HOSTILE if hostile.isprintable())


def test_missing_parts_have_a_sentence_in_their_place(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    audit = Audit(page(tmp_path))
    for sentence in (
        "Nothing can be said yet", "There is no summary.json in this run.", "No film was made in this run.",
        "This run recorded no learning curves on the target.", "This run recorded no dynamics.",
        "This run recorded no use of the target.", "This run recorded no versions.",
        "There is no metrics.jsonl in this run", "No method here has a from-scratch curve to compare with.",
    ):  # fmt: skip
        assert sentence in " ".join(audit.text)


def test_one_arm_alone_makes_a_page(tmp_path):
    assert "Nothing can be said about transfer" in page(make_run(tmp_path / "run", arms=arms()[:1], curves=[]))


def test_a_failed_write_leaves_the_old_page(example, tmp_path, monkeypatch):
    shutil.copytree(example, tmp_path / "run")
    before = (tmp_path / "run" / "report.html").read_bytes()

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(Fault, match="No space left"):
        write_report(tmp_path / "run")
    assert (tmp_path / "run" / "report.html").read_bytes() == before
    assert not list((tmp_path / "run").glob(".*"))


def test_no_run_no_report(tmp_path):
    with pytest.raises(InputError):
        write_report(tmp_path / "absent")
