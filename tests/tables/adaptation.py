"""What a few target episodes say about the simulator, and what a policy makes of it."""

import numpy as np

from headstart.experiments import peng_unmet
from headstart.experiments.peng_table import FEWEST
from headstart.experiments.peng_unmet import judged, who_learnt_nothing
from headstart.experiments.peng_worlds import INSIDE, WORLDS
from headstart.experiments.peng_worlds import unmet as unmet_robots
from headstart.maths.statistics import paired_difference
from headstart.tasks.catalogue import family
from tests.tables import ROOT, change, result, spread
from tests.tables.sluggish import sluggish
from tests.tables.transfer import rows_of, title_of

SUCCESSES = "Of the oracles' successes inside"
PLAIN = "no randomization"
BEFORE = ("zero-shot randomized", 0)
# ways of the same study on the same robots, whose oracles count too
EARLIER = {"hopper": ("by_themselves", "taught_by_ppo", "one_million"), "pusher": ()}


def adaptation():
    """The arms at each k, and how much of the gap to the oracle is closed."""
    found = result("adaptation_transfer.json")
    shots = sorted({arm["shots"] for arm in found["arms"]})
    lines = [title_of(shots), "|---|" + "---|" * len(shots), *rows_of(found["arms"], shots), "", closed(found)]
    lines += [
        "",
        alone(),
        "",
        f"Interquartile mean over {len(found['seeds'])} seeds and its 95 % interval; made by "
        f"`{found['extra']['command']}`: [adaptation_transfer](../results/adaptation_transfer.json). With three seeds "
        f"it takes {timed()} minutes on two cores (goal: 6).",
    ]
    return "\n".join(lines)


def nominal():
    """What adaptation does where there is nothing to adapt to."""
    found = result("adaptation_nominal.json")
    arms = {(arm["method"], arm["shots"]): arm for arm in found["arms"]}
    [k] = (k for k in found["shots"] if k)
    after, longer, before = (np.array(arms[arm]["per_seed"]) for arm in (("adapted", k), ("adapted", 0), BEFORE))
    changes = [paired_difference(after, other) for other in (before, longer)]
    shown = len(after) >= FEWEST and all(one.low > 0 or one.high < 0 for one in changes)
    said = " and ".join(difference({"difference": one._asdict()}) for one in changes)
    return (
        f"On Gymnasium's plain Hopper-v5, which is what the simulator says anyway, {k} episodes lead to "
        f"{spread(arms['adapted', k])}; before them it was {spread(arms[BEFORE])}, and after as much training without "
        f"them {spread(arms['adapted', 0])}. By seed that is a change of {said}, which {len(after)} seeds do "
        f"{'show' if shown else 'not show'} to be one ([adaptation_nominal](../results/adaptation_nominal.json))."
    )


def alone():
    """Says what later rounds owe to training alone."""
    found = result("adaptation_rounds.json")
    beside = ", ".join(f"{difference({'difference': of})} at k = {k}" for k, of in found["above_longer"].items())
    return (
        f"What rounds owe to training alone: one target episode, and as much training in one go as in all rounds "
        f"({found['steps']:,} steps), come to {shape(found['longer'])}. Beside that, paired by seed, rounds come to "
        f"{beside} (`{found['command']}`: [adaptation_rounds](../results/adaptation_rounds.json))."
    )


def timed():
    """Minutes of the run of the default number of seeds, with nothing else running."""
    return f"{result('adaptation_transfer_timed.json')['extra']['wall_seconds'] / 60:.1f}"


def closed(found):
    """Says how much of the gap from the unadapted policy to the oracle each k closes, and whether return rises."""
    at = {arm["shots"]: np.array(arm["per_seed"]) for arm in found["arms"] if arm["method"] == "adapted"}
    oracle = next(np.array(arm["per_seed"]) for arm in found["arms"] if arm["method"] == "oracle")
    oracles = {int(k): np.array(of["per_seed"]) for k, of in result("adaptation_rounds.json")["oracles"].items()}
    ks = sorted(k for k in at if k)

    def shares(best):
        """Writes the share of the gap at each k."""
        each = {k: share(at[k] - at[0], best[k] - at[0]) for k in ks}
        return ", ".join(f"{mean:.0%} [{low:.0%}, {high:.0%}] at k = {k}" for k, (mean, low, high) in each.items())

    steps = [paired_difference(at[b], at[a]) for a, b in zip([0, *ks], ks, strict=False)]
    said = ", ".join(
        f"{a} → {b}: {one.value:+.0f} [{one.low:.0f}, {one.high:.0f}]"
        for a, b, one in zip([0, *ks], ks, steps, strict=False)
    )
    return (
        f"Of the gap between the policy before any target episode and an oracle that has learnt on the target for as "
        f"many steps, the adapted one closes {shares(oracles)}; of the gap to the oracle of all rounds "
        f"{shares(dict.fromkeys(ks, oracle))} (ratio of means, bootstrap over seeds). Return from k to k, paired by "
        f"seed: {said}."
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
        "| what was seen, noise | method | targets | median error | on targets of both methods "
        "| 90 % intervals that cover | simulator steps |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in found["summary"]:
        case = row["case"]
        name = f"{case['shown']}, {case['noise']:g}" + (", and an effect that is not modelled" * case["unmodelled"])
        cover = f"{row['coverage_90']:.0%} [{row['coverage_low']:.0%}, {row['coverage_high']:.0%}]"
        shared = "" if row["median_error_shared"] is None else f"{row['median_error_shared']:.2g}"
        lines.append(
            f"| {name} | {row['method']} | {row['targets']} | {row['median_error']:.2g} | {shared} | {cover} | "
            f"{row['simulator_steps']:,.0f} |"
        )
    return "\n".join(
        [
            *lines,
            "",
            "Four masses of a hopper, hidden in 0.5 to 10 kg; relative error; made by "
            f"`{found['command']}`: [adaptation_recovery](../results/adaptation_recovery.json)."
            + " DROPO has not come to all of its targets yet."
            * (not found["complete"]),
        ]
    )


def memory():
    """Peng's study: a table for each world, what beat what, and how much of an oracle's return that was."""
    parts = []
    for world in ("hopper", "pusher"):
        found = result(f"peng_{world}.json")
        parts += [*of_world(world, found), ""]
    parts.append(in_little())
    return "\n".join(parts)


def in_little():
    """Says what the small study takes, and what can be seen in it."""
    quick = result("peng_small.json")
    one = quick["worlds"]["hopper"]
    ours, plain = ({"iqm": of["value"], **of} for of in (one["arms"][a]["target"] for a in ("recurrent", PLAIN)))
    taken = (
        f"`{quick['command']}`, both worlds and {len(quick['seeds'])} seeds with fewer steps, takes "
        f"{quick['seconds'] / 60:.1f} minutes on {quick['cores']} cores (goal: 15): "
        "[peng_small](../results/peng_small.json). "
    )
    return (
        f"{taken}There every arm learns by itself, {one['steps']:,} steps on the hopper, and on its targets the "
        f"recurrent one is worth {spread(ours)}, no randomization {spread(plain)}; paired by seed: "
        f"{ordered(one['order'])}. It checks that all of it runs; whether memory makes randomization pay, so few steps "
        "do not show."
    )


def of_world(world, found):
    """Returns the lines of one world."""
    one = found["worlds"][world]
    unmet = one["unmet"]
    inside, outside = unmet["robots"].values()
    taught = f" and {one['taught']:,} of each student" if one.get("taught") else ""
    lines = [
        f"| {world}, {one['steps']:,} steps{taught} | randomized simulation | Gymnasium's targets | {inside} robots "
        f"inside the ranges | share of their oracles | {outside} robots outside |",
        "|---|---|---|---|---|---|",
    ]
    for name, arm in one["arms"].items():
        there = unmet["arms"][name]
        home, target, near, far = (
            spread({"iqm": of["value"], **of})
            for of in (arm["home"], arm["target"], there["interpolation"], there["extrapolation"])
        )
        lines.append(f"| {name} | {home} | {target} | {near} | {percent(there['share'])} | {far} |")
    for name in [name for name in unmet["arms"] if name not in one["arms"]]:  # a teacher, where there was one
        there = unmet["arms"][name]
        near, far = (spread({"iqm": there[part]["value"], **there[part]}) for part in unmet["robots"])
        lines.append(
            f"| {name}, told {one.get('told', 'the dynamics')} |  |  | {near} | {percent(there['share'])} | {far} |"
        )
    on_targets, inside = ordered(one["order"]), ordered(unmet["order"])
    said = f"{len(found['seeds'])} seeds, {len(found['targets'])} targets, {found['episodes']} episodes on each; "
    said += f"{unmet['episodes']} on each robot"
    if "oracle_steps" in unmet:
        said += ", whose oracles had {from_scratch:,} steps from scratch or {gone_on:,} more".format(
            **unmet["oracle_steps"]
        )
    base = "the better of random actions and keeping still" if "still" in unmet else "random actions"
    made = f"Made by `{found['command']}` ({said}): [peng_{world}](../results/peng_{world}.json)."
    return [
        *lines,
        "",
        f"Paired by seed, on the targets: {on_targets}. Inside: {inside}. {judged(unmet).capitalize()}. "
        f"A share is of what the oracles gain over {base}.",
        *at_the_goal(one["arms"], unmet.get("success")),
        *harder(world, unmet),
        *by_latency(world, unmet),
        *(sluggish(found) if world == "pusher" else ()),
        "",
        made,
    ]


def at_the_goal(arms, unmet):
    """Yields in how many episodes there was a success, where there is something to succeed in.

    Args:
        arms: of the study.
        unmet: successes on robots that were never met, as `held_to_oracles` sums them up; None: not counted.
    """
    if not all("success" in arm["target"] for arm in arms.values()):
        return
    places = {"target": "On Gymnasium's targets", "home": "in the randomized simulation"}
    said = (f"{called} {each(arms, place)}" for place, called in places.items())
    yield ""
    yield f"The object ends within 0.07 m of the goal. {'; '.join(said)}."
    if unmet is None:
        return
    near, far = (
        ", ".join(f"{arm} {percent(of[part])}" for arm, of in unmet["arms"].items()) for part in unmet["robots"]
    )
    oracles, nobody = np.mean(unmet["oracle"]), who_learnt_nothing(unmet).mean()
    yield ""
    yield (
        f"On the robots inside: {near}; their oracles {oracles:.0%}, who learnt nothing {nobody:.0%}. Outside: {far}. "
        f"{judged(unmet, SUCCESSES)}."
    )


def each(arms, place):
    """Writes the share of successes of every arm."""
    return ", ".join(f"{name} {percent(arm[place]['success'])}" for name, arm in arms.items())


def harder(world, unmet):
    """Yields what the arms are worth beside the best that any study brought about on each of the same robots."""
    if "per_robot" not in unmet["arms"]["recurrent"][INSIDE]:
        return
    names = [f"peng_{world}_{way}" for way in EARLIER[world]]
    earlier = {name: np.array(result(f"{name}.json")["worlds"][world]["unmet"]["oracle"]) for name in names}
    best, nobody = np.max([unmet["oracle"], *earlier.values()], axis=0), who_learnt_nothing(unmet)
    before = ", ".join(
        f"{np.mean(theirs - nobody):,.0f} ([{name}](../results/{name}.json))" for name, theirs in earlier.items()
    )
    others = f", those of the ones before {before} on the same robots. Held on each robot to the best of all"
    others = others if names else ". Held to them"
    held_to = {
        arm: percent(peng_unmet.share(np.array(of[INSIDE]["per_robot"]), best, nobody)._asdict())
        for arm, of in unmet["arms"].items()
    }
    recurrent, teachers = unmet["arms"]["recurrent"][INSIDE], unmet["arms"]["teacher"][INSIDE]["per_seed"]
    ahead = int((np.mean(recurrent["per_robot"], axis=0) > unmet["oracle"]).sum())
    yield ""
    yield (
        f"Teachers are worth {min(teachers):,.0f} to {max(teachers):,.0f} inside, a seed each. On {ahead} of "
        f"{len(best)} robots the oracle ends below the mean of the recurrent policies, which never met them. "
        f"The oracles of this study gain {np.mean(np.array(unmet['oracle']) - nobody):,.0f}{others}: "
        f"{', '.join(f'{arm} {said}' for arm, said in held_to.items())}."
    )


def by_latency(world, unmet):
    """Yields what the two ends of the order are worth on robots inside, by the latency that was drawn for them."""
    home, robots = family(WORLDS[world].family), unmet["robots"][INSIDE]
    delays = np.asarray(unmet_robots(home, WORLDS[world], robots)[INSIDE].dynamics["delay:action"])
    groups = {f"{delay:.0f}": delays == delay for delay in np.unique(delays)}
    steps = ", ".join(f"{delay} ({group.sum()} robots)" for delay, group in groups.items())
    said = on_groups(unmet["arms"], groups, ",.0f")
    said += f". Successes: {on_groups(unmet['success']['arms'], groups, '.0%')}" if "success" in unmet else ""
    yield ""
    yield f"Inside, by latency, in control steps {steps}: {said}."


def on_groups(arms, groups, digits):
    """Writes the mean of the two ends of the order on groups of robots."""
    said = []
    for arm in ("recurrent", PLAIN):
        each = np.mean(arms[arm][INSIDE]["per_robot"], axis=0)
        said.append(f"{arm} {', '.join(format(each[group].mean(), digits) for group in groups.values())}")
    return "; ".join(said)


def ablation():
    """The recurrent policy, with one group of parameters after the other fixed at its nominal value."""
    names = [f"peng_ablation_{world}.json" for world in ("hopper", "pusher")]
    return "\n\n".join(ablated(result(name), name) for name in names if (ROOT / "results" / name).exists())


def ablated(found, name):
    """The rows of one world."""
    [(world, one)] = found["worlds"].items()
    taught = f" and {one['taught']:,} of each student" if one["taught"] else ""
    succeeds = any("success" in arm["target"] for arm in one["arms"].values())
    columns = [f"{world}, {one['steps']:,} steps{taught}", "randomized simulation", "Gymnasium's targets"]
    columns += ["successes there"] * succeeds + ["nothing fixed is above by"]
    if "robots" in one:
        columns += [f"{one['robots']['count']} robots inside the ranges", "nothing fixed is above by"]
        columns += ["successes inside"] * succeeds
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    for arm_name, arm in one["arms"].items():
        cells = [shape(of) for of in (arm["home"], arm["target"])]
        cells += [percent(arm["target"]["success"])] if succeeds else []
        cells.append(above_by(one["order"], arm_name))
        if "robots" in one:
            inside = one["robots"]["arms"][arm_name][INSIDE]
            cells += [shape(inside), above_by(one["robots"]["order"], arm_name)]
            cells += [percent(one["robots"]["success"]["arms"][arm_name][INSIDE])] if succeeds else []
        lines.append(f"| {arm_name} | {' | '.join(cells)} |")
    said = f"{len(found['seeds'])} seeds, {len(found['targets'])} targets, {found['episodes']} episodes on each"
    made = f"Made by `{found['command']}` ({said}): [{name.removesuffix('.json')}](../results/{name})."
    return "\n".join([*lines, "", made])


def above_by(order, name):
    """Writes by how much the first arm is above another, and whether that is shown."""
    rows = [row for row in order if row["expected_worse"] == name]
    return "".join(f"{difference(row)}{' (shown)' * row['shown']}" for row in rows)


def shape(of):
    """Writes an estimate over seeds with its interval."""
    return spread({"iqm": of["value"], **of})


def ordered(order):
    """Writes which arm was above which, and by how much."""
    return "; ".join(
        f"{row['expected_better']} above {row['expected_worse']} {difference(row)}{' (shown)' * row['shown']}"
        for row in order
    )


def difference(row):
    """Writes by how much one arm was above another, and the interval."""
    of = row["difference"]
    return change(of["value"], of["low"], of["high"])


def percent(share):
    """Writes a share and its interval."""
    return "" if share is None else f"{share['value']:.0%} [{share['low']:.0%}, {share['high']:.0%}]"
