"""The page of soft pretraining: all is in it, nothing is loaded from outside, and every number is the result's."""

import numpy as np

from headstart.experiments.soft_table import measure, row, said, table, verdict
from headstart.report.soft import curves, directions, render, walls_of, ways, write_page

EPISODES, SEEDS = [0, 2, 4], 3
NAMES = ("scratch", "deterministic", "middle")


def result_of(target="point_u_maze", rise=10.0):
    arms, tuned = {}, {}
    for number, source in enumerate(NAMES):
        for how in ("constant", "annealed"):
            curve = np.outer(np.ones(SEEDS), np.arange(3)) * rise * (1 + number) + 100.0
            tuned[f"{source}, {how}"] = {
                "evaluated": curve.tolist(),
                "practised": curve[:, :1].tolist(),
                "path": np.zeros((2, 2, 5, 2)).tolist(),
                "greedy_path": np.ones((2, 5, 2)).tolist(),
            }
    for name, kept in tuned.items():
        scratch = np.array(tuned["scratch, constant"]["evaluated"])
        arms[name] = measure(EPISODES, np.array(kept["evaluated"]), np.ones((SEEDS, 4)), scratch, threshold=115.0)
    judged = verdict(arms, ("middle, annealed",), ("deterministic, annealed",), ("scratch, annealed",))
    seen = {"coverage": 0.25, "deterministic": 0.5, "range_left": 0.75, "effective_rank": None, "features": 8.0}
    source = {
        "temperature": 0.5,
        "returns": {"iqm": 42.0, "low": 41.0, "high": 43.0},
        "directions": {"iqm": 0.5, "low": 0.4, "high": 0.6},
        "diagnosis": seen,
        "displacement": np.ones((2, 4, 2)).tolist(),
    }
    return {
        "source": "point_run",
        "target": target,
        "command": "headstart reproduce soft-pretraining <b>",
        "seeds": [0, 1, 2],
        "episodes": EPISODES,
        "threshold": 115.0,
        "verdict": judged,
        "said": said(judged),
        "sources": {"deterministic": source, "middle": source},
        "arms": {name: row(one) | tuned[name] for name, one in arms.items()},
    }


def test_the_page_holds_everything_and_loads_nothing(tmp_path):
    result = result_of()
    page = write_page(result, tmp_path).read_text()
    assert page.count("<svg") == 3 and "Where pretraining leads" in page and "Ways through the target" in page
    assert "http://" not in page.replace("http://www.w3.org", "") and "<script" not in page and "src=" not in page
    assert "&lt;b&gt;" in page and "<b>" not in page
    assert "middle, annealed" in page and "effective rank" in page and ">42<" in page


def test_a_target_without_walls_has_no_ways():
    assert ways(result_of(target="point_run")) is None and walls_of("pendulum") is None
    assert walls_of("HalfCheetah-v5") is None, "a world of the user's is not in the catalogue"
    assert render(result_of(target="point_run")).count("<svg") == 2


def test_a_panel_a_source_and_a_line_an_arm():
    result = result_of()
    assert len(directions(result).axes) == 2
    lines = curves(result).axes[0].lines
    assert len(lines) == len(result["arms"]) + 1  # and the threshold


def test_the_table_says_what_the_page_says():
    result = result_of()
    written = table(result)
    assert result["said"] in written and "middle, annealed" in written and "42.0" in written
