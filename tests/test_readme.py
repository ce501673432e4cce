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


READINGS = {
    "steps": "held-out steps are right (A)",
    "demonstrations": "held-out demonstrations are right (B)",
    "unused": "what was chosen is right on every unused one",
}
TEACHERS = {
    "exact": "is exact",
    "trembling": "trembles by 1 cm, 1 cm, 1 degree",
    "slipping": "annotates 5 % of steps wrongly",
}
OURS, ALONE = "rules, per decision", "rules, independent"


def imitation():
    found, robust = result("set_table.json"), result("robust_selection.json")
    unseen, speed = result("unseen_domains.json"), result("imitation_speed.json")
    lines = []
    for new, of in found["tasks"].items():
        number = of["demonstrations"][new]
        past = ", ".join(f"{of['demonstrations'][one]} of {one}" for one in of["past"])
        lines += [
            f"| {new}, {number} demonstrations, after {past}: needed until | " + " | ".join(READINGS.values()) + " |",
            "|---|" + "---|" * len(READINGS),
        ]
        for arm, readings in of["arms"].items():
            lines.append(f"| {arm} | " + " | ".join(needed(readings.get(name)) for name in READINGS) + " |")
        lines.append("")
    slide = next(iter(found["tasks"].values()))["slide"]
    said = ", ".join(f"{arm} {'failed' if pair is None else f'{pair[0]} ± {pair[1]}'}" for arm, pair in slide.items())
    lines += [
        f"Mean ± standard error over {found['orders']} random orders; made by `{found['command']}`. On the lecture's "
        f"slide (SetTable after ClearTable): {said}. {seconds_said(speed)}",
        "",
        "| a simulated teacher who | " + " | ".join(robust["teachers"]["exact"]["arms"]) + " | fewer, same, more |",
        "|---|" + "---|" * (len(robust["teachers"]["exact"]["arms"]) + 1),
    ]
    for teacher, name in TEACHERS.items():
        of = robust["teachers"][teacher]
        cells = " | ".join(counted(one) for one in of["arms"].values())
        lines.append(f"| {name} | {cells} | {sides(of)} |")
    lines += [
        "",
        f"Demonstrations until right on clean ones, mean over {robust['lessons']} lessons (`{robust['command']}`); the "
        f"last column counts lessons in which `{OURS}` needed fewer, as many and more than `{ALONE}`. On "
        f"{unseen['lessons']} random programs that nobody looked at (`{unseen['command']}`): {unseen_said(unseen)}",
    ]
    return "\n".join(lines)


def seconds_said(speed):
    controller = max(one["controller_seconds"] for one in speed["directions"].values())
    spent, goal = speed["processor_seconds_a_core"], speed["limits"]["seconds"]
    return (
        f"{speed['orders']} orders of both directions take {spent:.0f} s of each of two cores "
        f"(goal: 100 in {goal:.0f} s); one controller {controller:.2f} s."
    )


def counted(of):
    if of["mean"] is None:
        return "failed"
    lost = f" (never in {of['failed']})" if of["failed"] else ""
    return f"{of['mean']:.2f} ± {of['standard_error']:.2f}{lost}"


def sides(of):
    return ", ".join(str(of[f"{OURS} beside {ALONE}"][name]) for name in ("fewer", "as many", "more"))


def unseen_said(unseen):
    fixed = unseen["prices"]["as fixed"]
    ours, alone = (counted(fixed["arms"][arm]) for arm in (OURS, ALONE))
    others = [sides(of) for price, of in unseen["prices"].items() if price != "as fixed"]
    return (
        f"{ours} against {alone} alone (fewer, as many, more: {sides(fixed)}); at half and twice the price of a number "
        f"and two thirds and one and a half of that of a slip: {'; '.join(others)}."
    )


def needed(reading):
    if reading is None:
        return ""
    of = reading["all"]
    return counted(of)


TABLETOP = {
    "SetTable after ClearTable": "tabletop_set_table.json",
    "three-level pyramid": "tabletop_pyramid3.json",
}


def tabletop():
    found = {name: result(file) for name, file in TABLETOP.items()}
    arms = list(dict.fromkeys(arm for one in found.values() for arm in one["arms"]))
    arms.sort(key=lambda arm: arm not in ("share", "union"))
    lines = ["| demonstrations until mastered | " + " | ".join(found) + " |", "|---|" + "---|" * len(found)]
    for arm in arms:
        lines.append(f"| {arm} | " + " | ".join(mastered(one, arm) for one in found.values()) + " |")
    first, *others = found.values()
    assert all(one["orders"] == first["orders"] and one["tables"] == first["tables"] for one in others)
    teacher = " and ".join(str(one["teacher"]["successes"]) for one in found.values())
    lines += [
        "",
        f"Mean ± standard error over {first['orders']} random orders; mastered is success in 95 % of the executions at "
        f"{first['tables']} tables that nobody learned from (the teacher: {teacher}). Made by `{first['command']}` and "
        "its like.",
    ]
    return "\n".join(lines)


def mastered(found, arm):
    if arm not in found["arms"]:
        return ""
    of = found["arms"][arm]
    if of["mean"] is None:
        return "failed"
    text = f"{of['mean']:.2f} ± {of['standard_error']:.2f}"
    return f"{text} (failed in {of['failed']})" if of["failed"] else text


def speed():
    """One row a goal: what was measured, the goal, and whether it was met."""
    ppo, sac = result("ppo_hopper.json")["found"], result("sac_updates.json")
    hopper, scan = result("collection.json")["families"]["hopper"], result("jax_collection.json")
    maze = max(row["steps_per_second"] for row in scan["rows"] if row["family"] == "point_maze")
    memory = result("recurrent_ppo.json")["found"]
    rows = [
        ("PPO training beside sbx", ppo["sbx"]["ratio"], 3.0, "×", "ppo_hopper"),
        ("PPO training beside Stable-Baselines3", ppo["stable_baselines3"]["ratio"], 4.0, "×", "ppo_hopper"),
        ("PPO training beside the bare physics", ppo["bare"]["ratio"], 0.65, "×", "ppo_hopper"),
        ("SAC updates beside sbx", sac["times_sbx_one_a_call"], 1.5, "×", "sac_updates"),
        ("SAC beside the machine's own matrix products", sac["share_of_matrix_products"], 0.7, "×", "sac_updates"),
        ("point maze in `collect`", maze / 1e6, 1.0, "M steps/s", "jax_collection"),
        ("reset with other dynamics beside compiling anew", hopper["reset"]["ratio"], 10.0, "×", "collection"),
        *(
            (f"PPO with {name} beside PPO without memory", memory[kind]["ratio"], 0.4, "×", "recurrent_ppo")
            for kind, name in (("gru", "a GRU"), ("lstm", "an LSTM"))
        ),
    ]
    lines = ["| | measured | goal | | file |", "|---|---|---|---|---|"]
    for name, value, goal, unit, file in rows:
        verdict = "met" if value >= goal else "not met"
        link = f"[{file}](results/{file}.json)"
        lines.append(f"| {name} | {value:.2f} {unit} | {goal:g} {unit} | {verdict} | {link} |")
    share = hopper["randomization"]["share"]
    verdict = "met" if share <= 0.05 else "not met"
    link = "[collection](results/collection.json)"
    lines.append(f"| cost of full randomization of the hopper | {share:.1%} | at most 5% | {verdict} | {link} |")
    return "\n".join(lines)


def soft():
    """One row an arm of the point world: what it needed, and what it came to."""
    found = result("soft_pretraining.json")
    shown = {"time": f"target episodes to {number(found['threshold'])}", "final": "final return", "area": "area"}
    lines = ["| arm | got there | stayed | " + " | ".join(shown.values()) + " |", "|---|---|---|" + "---|" * len(shown)]
    for name, arm in found["arms"].items():
        cells = [f"{number(arm[k]['iqm'])} [{number(arm[k]['low'])}, {number(arm[k]['high'])}]" for k in shown]
        lines.append(f"| {name} | {arm['reached']} of {arm['seeds']} | {arm['stayed']} | " + " | ".join(cells) + " |")
    return "\n".join(
        [
            *lines,
            "",
            found["said"],
            "",
            f"Interquartile mean over {len(found['seeds'])} seeds and its 95 % bootstrap interval, greedy policy; made "
            f"by `{found['command']}`: [results/soft_pretraining.json](results/soft_pretraining.json).",
        ]
    )


SECTIONS: dict[str, Callable[[], str]] = {
    "transfer": transfer,
    "soft": soft,
    "imitation": imitation,
    "tabletop": tabletop,
    "speed": speed,
}


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
