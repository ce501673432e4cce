"""Demonstrations needed, on recordings and with simulated teachers."""

from tests.tables import result

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
