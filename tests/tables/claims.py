"""The README's first look at every claim of the lecture: one row each, from the same files as the pages."""

import numpy as np

from headstart.experiments.peng_table import compared
from headstart.maths.statistics import paired_difference, summarize
from tests.tables import change, number, result, spread
from tests.tables.adaptation import share
from tests.tables.soft import settled
from tests.tables.transfer import added, at_once, overlap


def claims():
    """One row a claim: what was found, and where the whole table is."""
    rows = [fine_tuning(), hand_offs(), soft(), randomized(), memory(), adapted(), skills(), executed()]
    lines = ["| the lecture's idea | what was found here | |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {idea} | {found} | [{page}](docs/{page}.md) |" for idea, found, page in rows)])


def fine_tuning():
    """Policy transfer."""
    arms = {(arm["method"], arm["shots"]): arm for arm in result("transfer_hopper_twenty_seeds.json")["arms"]}
    last = max(k for _, k in arms)
    tuned, scratch = arms["fine-tune randomized", last], arms["scratch", last]
    return (
        "policy transfer: fine-tune what was learnt elsewhere",
        f"after {last} target episodes {spread(tuned)}, from scratch {spread(scratch)}",
        "hand_off",
    )


def hand_offs():
    """From one learner to another."""
    found = result("hand_off.json")["summary"]
    kept = sum(row["kept"] for row in found)
    worlds = len({row["world"] for row in found})
    return (
        "hand a policy to another learner",
        f"kept its return in {kept} of {len(found)} ways and worlds ({worlds} worlds; PPO or a clone to SAC or PPO)",
        "hand_off",
    )


def soft():
    """Soft-optimal policies for fine-tuning."""
    found = result("soft_pretraining.json")
    verdict = found["verdict"]
    fewer = {kind: spread(verdict[kind]["times_fewer_episodes"]) for kind in ("deterministic", "scratch")}
    good = {
        name: summarize(settled(found["episodes"], arm["evaluated"], found["threshold"]))
        for name, arm in found["arms"].items()
    }
    best = min(good, key=lambda name: good[name]["iqm"])
    others = (
        f"from scratch {spread(good['scratch, annealed'])}, deterministic {spread(good['deterministic, annealed'])}"
    )
    return (
        "soft-optimal policies fine-tune faster",
        f"come to the goal in {fewer['deterministic']} × fewer target episodes than deterministic ones, "
        f"{fewer['scratch']} × fewer than from scratch; there for good after {spread(good[best])} of "
        f"{found['episodes'][-1]} ({others})",
        "soft_pretraining",
    )


def randomized():
    """Domain randomization."""
    arms = {(arm["method"], arm["shots"]): arm for arm in result("transfer_hopper_twenty_seeds.json")["arms"]}
    nominal, spread_out = arms["zero-shot nominal", 0], arms["zero-shot randomized", 0]
    gain = paired_difference(np.array(spread_out["per_seed"]), np.array(nominal["per_seed"]))
    by_seed = f"{number(gain.value)} [{number(gain.low)}, {number(gain.high)}] by seed"
    clear = f" ({by_seed}{overlap(nominal, spread_out) if gain.low > 0 else ': not shown'})"
    longer = result("peng_hopper.json")["worlds"]["hopper"]
    with_it, without = (longer["arms"][arm]["target"] for arm in ("feed-forward", "no randomization"))
    with_it, without = ({"iqm": of["value"], **of} for of in (with_it, without))
    return (
        "domain randomization",
        f"zero-shot on an unseen target {spread(spread_out)}, nominal {spread(nominal)}{clear}; on three others, "
        f"after {longer['steps'] + longer['taught']:,} steps, {spread(with_it)} against {spread(without)}"
        f"{overlap(without, with_it)}; of what their oracles gain on {', '.join(map(inside, ('hopper', 'pusher')))}",
        "adaptation",
    )


def inside(world):
    """Says which share of the oracles' gain feed-forward policies have inside the ranges, with and without."""
    arms = result(f"peng_{world}.json")["worlds"][world]["unmet"]["arms"]
    with_it, without = (f"{arms[arm]['share']['value']:.0%}" for arm in ("feed-forward", "no randomization"))
    return f"simulated {world}s {with_it} against {without}"


def memory():
    """Sim2real with domain randomization: policies that remember."""
    with_it, without = at_once(result("transfer_hopper_gru.json"))
    said = [
        f"zero-shot on the default target {spread(with_it)}, without memory {spread(without)} (by seed "
        f"{added(with_it, without)}); Peng's study"
    ]
    for world in ("hopper", "pusher"):
        one = result(f"peng_{world}.json")["worlds"][world]
        (row,) = (row for row in compared(one["arms"], [("recurrent", "feed-forward")]))
        difference = row["difference"]
        shown = "shown" if row["shown"] else "not shown"
        said.append(
            f"{world}: {shown}, recurrent against feed-forward "
            f"{change(difference['value'], difference['low'], difference['high'])}"
            f"{' (no arm reaches the goal)' * hopeless(one['arms'])}"
        )
    first, *others = said
    return "policies that remember, on randomized dynamics", f"{first}: {'; '.join(others)}", "adaptation"


def hopeless(arms):
    """Whether there is something to succeed in, and nobody ever did."""
    succeeded = [arm["target"].get("success") for arm in arms.values()]
    return all(of is not None and of["value"] == 0 for of in succeeded)


def adapted():
    """Domain adaptation."""
    found = result("adaptation_transfer.json")
    arms = {(arm["method"], arm["shots"]): arm for arm in found["arms"]}
    (oracle,) = (arm for (method, _), arm in arms.items() if method == "oracle")
    before, after = (arms["adapted", k]["per_seed"] for k in (0, 3))
    gained = [b - a for a, b in zip(before, after, strict=True)]
    room = [o - a for a, o in zip(before, oracle["per_seed"], strict=True)]
    mean, low, high = share(gained, room)
    return (
        "domain adaptation: let target episodes choose the ranges",
        f"3 episodes: {spread(arms['adapted', 3])}, fine-tuned with as many {spread(arms['fine-tune randomized', 3])}; "
        f"{mean:.0%} [{low:.0%}, {high:.0%}] of the gap to the oracle is closed, 10 episodes: "
        f"{spread(arms['adapted', 10])}",
        "adaptation",
    )


def skills():
    """Multi-task hierarchical imitation learning."""
    found = result("set_table.json")["tasks"]["SetTable"]["arms"]
    alone, ours = (found[arm]["unused"]["all"]["mean"] for arm in ("independent", "rules, per decision"))
    return (
        "hierarchical imitation, a choice for each skill",
        f"{ours:.2f} demonstrations of a human teacher instead of {alone:.2f}; sharing or pooling everything fails",
        "imitation",
    )


def executed():
    """The same where controllers act."""
    found = result("tabletop_set_table.json")["arms"]
    alone, ours = found["independent"]["mean"], found["rules, per decision"]["mean"]
    return (
        "the same, executed by a simulated robot",
        f"{number(ours)} demonstrations instead of {number(alone)} until 95 % of its executions succeed",
        "imitation",
    )
