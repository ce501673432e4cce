"""What a few target episodes say about the simulator, and what a policy makes of it."""

import numpy as np

from headstart.maths.statistics import paired_difference
from tests.tables import result, spread
from tests.tables.transfer import rows_of, title_of


def adaptation():
    """The arms at each k, and how much of the gap to the oracle is closed."""
    found = result("adaptation_transfer.json")
    shots = sorted({arm["shots"] for arm in found["arms"]})
    lines = [title_of(shots), "|---|" + "---|" * len(shots), *rows_of(found["arms"], shots), "", closed(found)]
    lines += [
        "",
        f"Interquartile mean over {len(found['seeds'])} seeds and its 95 % interval; made by "
        f"`{found['extra']['command']}`: [adaptation_transfer](../results/adaptation_transfer.json). With three seeds "
        f"it takes {timed()} minutes on two cores (goal: 6).",
    ]
    return "\n".join(lines)


def timed():
    """Minutes of the run of the default number of seeds, with nothing else running."""
    return f"{result('adaptation_transfer_timed.json')['extra']['wall_seconds'] / 60:.1f}"


def closed(found):
    """Says how much of the gap from the unadapted policy to the oracle each k closes, and whether return rises."""
    at = {arm["shots"]: np.array(arm["per_seed"]) for arm in found["arms"] if arm["method"] == "adapted"}
    oracle = next(np.array(arm["per_seed"]) for arm in found["arms"] if arm["method"] == "oracle")
    ks = sorted(k for k in at if k)
    shares = []
    for k in ks:
        mean, low, high = share((at[k] - at[0]).tolist(), (oracle - at[0]).tolist())
        shares.append(f"{mean:.0%} [{low:.0%}, {high:.0%}] at k = {k}")
    steps = [paired_difference(at[b], at[a]) for a, b in zip([0, *ks], ks, strict=False)]
    said = ", ".join(
        f"{a} → {b}: {one.value:+.0f} [{one.low:.0f}, {one.high:.0f}]"
        for a, b, one in zip([0, *ks], ks, steps, strict=False)
    )
    return (
        f"Of the gap between the policy before any target episode and the oracle, the adapted one closes "
        f"{', '.join(shares)} (ratio of means, bootstrap over seeds). Return from k to k, paired by seed: {said}."
    )


def share(above, below, resamples=10_000):
    """Returns the ratio of two means over the same seeds, and its 95 % interval."""
    above, below = np.array(above), np.array(below)
    rows = np.random.default_rng(0).integers(len(above), size=(resamples, len(above)))
    drawn = above[rows].mean(axis=1) / below[rows].mean(axis=1)
    return above.mean() / below.mean(), *np.quantile(drawn, [0.025, 0.975])


def recovery():
    """One row a case: how well the masses were found, how honest the intervals are, and what it cost."""
    found = result("adaptation_recovery.json")
    lines = [
        "| what was seen, noise | method | targets | median error | 90 % intervals that cover | simulator steps |",
        "|---|---|---|---|---|---|",
    ]
    for row in found["summary"]:
        case = row["case"]
        name = f"{case['shown']}, {case['noise']:g}" + (", and an effect that is not modelled" * case["unmodelled"])
        cover = f"{row['coverage_90']:.0%} [{row['coverage_low']:.0%}, {row['coverage_high']:.0%}]"
        lines.append(
            f"| {name} | {row['method']} | {row['targets']} | {row['median_error']:.2g} | {cover} | "
            f"{row['simulator_steps']:,.0f} |"
        )
    return "\n".join(
        [
            *lines,
            "",
            "Four masses of a hopper, hidden in 0.5 to 10 kg; relative error; made by "
            f"`{found['command']}`: [adaptation_recovery](../results/adaptation_recovery.json).",
        ]
    )


def memory():
    """One row an arm of Peng's study, at two lengths of training."""
    found = [result(name) for name in ("peng_hopper.json", "peng_hopper_million.json")]
    heads = [f"{where}, {one['steps']:,} steps" for one in found for where in ("in simulation", "on the targets")]
    lines = [f"| arm | {' | '.join(heads)} |", "|---" * (1 + len(heads)) + "|"]
    for name in found[0]["worlds"]["hopper"]["arms"]:
        arms = [one["worlds"]["hopper"]["arms"][name] for one in found]
        cells = [spread({"iqm": arm[at]["value"], **arm[at]}) for arm in arms for at in ("home", "target")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    said = [
        f"`{one['command']}` ({len(one['seeds'])} seeds, {len(one['targets'])} targets, {one['episodes']} episodes on "
        "each)"
        for one in found
    ]
    steps, order = found[1]["steps"], found[1]["worlds"]["hopper"]["order"]
    pairs = "; ".join(
        f"{one['expected_better']} above {one['expected_worse']} {one['difference']['value']:+.0f} "
        f"[{one['difference']['low']:.0f}, {one['difference']['high']:.0f}]{' (shown)' * one['shown']}"
        for one in order
    )
    lines += ["", f"On the targets, paired by seed, after {steps:,} steps: {pairs}."]
    made = "[peng_hopper](../results/peng_hopper.json), [peng_hopper_million](../results/peng_hopper_million.json)"
    return "\n".join([*lines, "", f"Made by {' and '.join(said)}: {made}."])
