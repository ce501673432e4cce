"""Demonstrations needed where controllers are executed."""

from tests.tables import result

TABLETOP = {
    "SetTable after ClearTable": "tabletop_set_table.json",
    "three-level pyramid": "tabletop_pyramid3.json",
    "four-level after three-level": "tabletop_pyramid4.json",
    "SetTable, 5 % of steps wrongly annotated": "tabletop_slips.json",
    "SetTable, a teacher who trembles": "tabletop_noise.json",
}


def tabletop():
    """One column a study."""
    found = {name: result(file) for name, file in TABLETOP.items()}
    arms = list(dict.fromkeys(arm for one in found.values() for arm in one["arms"]))
    arms.sort(key=lambda arm: arm not in ("share", "union"))
    lines = ["| demonstrations until mastered | " + " | ".join(found) + " |", "|---|" + "---|" * len(found)]
    for arm in arms:
        lines.append(f"| {arm} | " + " | ".join(mastered(one, arm) for one in found.values()) + " |")
    sizes = {
        "random orders": [one["orders"] for one in found.values()],
        "tables that nobody learned from": [one["tables"] for one in found.values()],
        "of which the teacher masters": [one["teacher"]["successes"] for one in found.values()],
    }
    lines += [f"| {what} | " + " | ".join(map(str, each)) + " |" for what, each in sizes.items()]
    first = next(iter(found.values()))
    lines += [
        "",
        "Mean ± standard error over the orders; mastered is success in 95 % of the executions. Made by "
        f"`{first['command']} pyramid3 pyramid4 slips noise`.",
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
