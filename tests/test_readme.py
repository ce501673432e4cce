"""Every number in the README comes from a file in `results/`: the tables are made here, and held against the page.

`python tests/test_readme.py` writes them into the page.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"


def result(name):
    return json.loads((ROOT / "results" / name).read_text())


def number(value):
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.2g}"


def transfer():
    found = result("transfer_hopper.json")
    shots = sorted({arm["shots"] for arm in found["arms"]})
    lines = ["| return on the target | " + " | ".join(f"k = {k}" for k in shots) + " |"]
    lines.append("|---|" + "---|" * len(shots))
    for method in dict.fromkeys(arm["method"] for arm in found["arms"]):
        cells = {arm["shots"]: arm for arm in found["arms"] if arm["method"] == method}
        texts = [
            f"{number(cells[k]['iqm'])} [{number(cells[k]['low'])}, {number(cells[k]['high'])}]" if k in cells else ""
            for k in shots
        ]
        lines.append(f"| {method} | " + " | ".join(texts) + " |")
    versions = found["versions"]
    lines += ["", verdict(found["arms"])]
    lines += [
        "",
        f"Interquartile mean over {len(found['seeds'])} seeds and its 95 % bootstrap interval, undiscounted return of "
        f"{max(arm['evaluation_episodes'] for arm in found['arms'])} evaluation episodes for each seed; made by "
        f"`{found['extra']['command']}` in {found['extra']['wall_seconds'] / 60:.1f} minutes on two cores, MuJoCo "
        f"{versions['mujoco']}, JAX {versions['jax']}: [results/transfer_hopper.json](results/transfer_hopper.json). "
        "The oracle goes on from the randomized source on the target as if that cost nothing.",
    ]
    return "\n".join(lines)


def verdict(arms):
    """Says what beat what: only where the intervals do not touch."""
    at = {(arm["method"], arm["shots"]): arm for arm in arms}
    tuned = [(at[f"fine-tune {kind}", k], at["scratch", k]) for kind in ("nominal", "randomized") for k in (1, 5, 20)]
    won = sum(arm["low"] > scratch["high"] for arm, scratch in tuned)
    nominal, randomized = at["zero-shot nominal", 0], at["zero-shot randomized", 0]
    clear = randomized["low"] > nominal["high"]
    pairs = sum(r > n for n, r in zip(nominal["per_seed"], randomized["per_seed"], strict=True))
    more = "beats" if clear else "is above" if randomized["iqm"] > nominal["iqm"] else "is below"
    seeds = len(nominal["per_seed"])
    doubt = "" if clear else f", but the intervals overlap (better in {pairs} of {seeds} seeds): no proof"
    return (
        f"Fine-tuning a pretrained policy beat learning from scratch, with intervals that do not touch, in {won} of "
        f"{len(tuned)} comparisons (two sources, three k). Zero-shot, randomized pretraining {more} nominal{doubt}."
    )


SECTIONS: dict[str, Callable[[], str]] = {"transfer": transfer}


def between(name, page):
    return re.search(rf"(<!-- {name}: [^>]*-->\n)(.*?)(<!-- end -->)", page, flags=re.S)


@pytest.mark.parametrize("name", SECTIONS)
def test_the_page_says_what_the_results_say(name):
    found = between(name, README.read_text())
    assert found and found[2].strip() == SECTIONS[name]().strip()


def test_no_section_is_left_out():
    assert re.findall(r"<!-- (\w+): made by", README.read_text()) == list(SECTIONS)


if __name__ == "__main__":
    page = README.read_text()
    for name, make in SECTIONS.items():
        found = between(name, page)
        page = page[: found.start(2)] + "\n" + make() + "\n\n" + page[found.end(2) :]
    README.write_text(page)
