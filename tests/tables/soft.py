"""Soft pretraining on the point world."""

from tests.tables import number, result, spread


def soft():
    """One row an arm of the point world: what it needed, and what it came to."""
    found = result("soft_pretraining.json")
    shown = {"time": f"target episodes to {number(found['threshold'])}", "final": "final return", "area": "area"}
    lines = ["| arm | got there | stayed | " + " | ".join(shown.values()) + " |", "|---|---|---|" + "---|" * len(shown)]
    for name, arm in found["arms"].items():
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
