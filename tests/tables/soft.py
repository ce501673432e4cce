"""Soft pretraining on the point world."""

import numpy as np

from headstart.maths.statistics import summarize
from tests.tables import number, result, spread
from tests.tables.transfer import rows_of


def soft():
    """One row an arm of the point world: what it needed, and what it came to."""
    found = result("soft_pretraining.json")
    shown = {"time": f"target episodes to {number(found['threshold'])}", "final": "final return", "area": "area"}
    shown |= {"settled": "until there for good"}
    lines = ["| arm | got there | stayed | " + " | ".join(shown.values()) + " |", "|---|---|---|" + "---|" * len(shown)]
    for name, arm in found["arms"].items():
        arm = {**arm, "settled": summarize(settled(found["episodes"], arm["evaluated"], found["threshold"]))}
        cells = [spread(arm[k]) for k in shown]
        lines.append(f"| {name} | {arm['reached']} of {arm['seeds']} | {arm['stayed']} | " + " | ".join(cells) + " |")
    return "\n".join(
        [
            *lines,
            "",
            found["said"],
            "",
            f"Interquartile mean over {len(found['seeds'])} seeds and its 95 % bootstrap interval, greedy policy; made "
            f"by `{found['command']}`: [soft_pretraining](../results/soft_pretraining.json).",
        ]
    )


def settled(episodes, curves, threshold):
    """Returns, for each seed, the target episodes after which it is never below the threshold again."""
    below = np.array(curves) < threshold
    last = np.where(below.any(axis=1), below.shape[1] - np.argmax(below[:, ::-1], axis=1), 0)
    return np.append(episodes, episodes[-1])[last].astype(float)


def default():
    """The command's own sources on the point world, learnt by PPO and learnt softly."""
    lines, made = [], []
    for how, said in (("soft", "SAC, softly"), ("plain", "PPO")):
        found = result(f"transfer_point_{how}.json")
        shots = sorted({arm["shots"] for arm in found["arms"]})
        lines = lines or ["| pretrained by | method | " + " | ".join(f"k = {k}" for k in shots) + " |"]
        lines += ["|---|---|" + "---|" * len(shots)] * (len(lines) == 1)
        lines += [f"| {said} {row}" for row in rows_of(found["arms"], shots)]
        made.append(f"`{found['extra']['command']}`: [transfer_point_{how}](../results/transfer_point_{how}.json)")
    return "\n".join([*lines, "", f"{len(found['seeds'])} seeds; made by {' and '.join(made)}."])


def robot():
    """The same on a MuJoCo robot."""
    found = result("soft_pretraining_half_cheetah.json")
    head = f"| arm | target episodes to {number(found['threshold'])} | got there | before the first episode | "
    lines = [head + "final return | at home, its source |", "|---|---|---|---|---|---|"]
    for name, arm in found["arms"].items():
        source = found["sources"].get(name.partition(",")[0])
        home = spread(source["returns"]) if source else ""
        first = spread(summarize(np.array(arm["evaluated"])[:, 0]))
        there = f"{arm['reached']} of {arm['seeds']}"
        lines.append(f"| {name} | {spread(arm['time'])} | {there} | {first} | {spread(arm['final'])} | {home} |")
    made = f"{len(found['seeds'])} seeds; made by `{found['command']}`: "
    made += "[soft_pretraining_half_cheetah](../results/soft_pretraining_half_cheetah.json)."
    return "\n".join([*lines, "", found["said"], "", made])


def four_goals():
    """One row a learner in the world of four goals: how often the goal that is visited least is visited."""
    found = result("four_goals.json")
    lines = ["| learner | seeds that visit all four goals | share of the goal visited least |", "|---|---|---|"]
    for name, arm in found["arms"].items():
        least = arm["share_of_least_visited_goal"]
        shares = f"{least['iqm']:.1%} [{least['low']:.1%}, {least['high']:.1%}]"
        lines.append(f"| {name} | {arm['seeds_that_visit_all']} of {len(arm['least_visited_goal'])} | {shares} |")
    said = (
        f"1,000 rollouts a seed; visited is at least {found['least_share']:.0%} of them. Made by `{found['command']}`: "
    )
    return "\n".join([*lines, "", said + "[four_goals](../results/four_goals.json)."])
