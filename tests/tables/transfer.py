"""The main job."""

import numpy as np

from headstart.maths.statistics import paired_difference
from tests.tables import number, result, spread


def transfer():
    """The arms of the main job at each k, over more seeds than its default: three are one draw of many."""
    found = result("transfer_hopper_twenty_seeds.json")
    shots = sorted({arm["shots"] for arm in found["arms"]})
    lines = [title_of(shots), "|---|" + "---|" * len(shots), *rows_of(found["arms"], shots)]
    oracle = next(arm for arm in found["arms"] if arm["method"] == "oracle")
    lines += ["", verdict(found["arms"])]
    lines += [
        "",
        f"Interquartile mean over {len(found['seeds'])} seeds and its 95 % bootstrap interval, undiscounted return of "
        f"{max(arm['evaluation_episodes'] for arm in found['arms'])} evaluation episodes for each seed; made by "
        f"`{found['extra']['command']}` in {minutes(found)} on two cores, {releases(found)}: "
        "[results/transfer_hopper_twenty_seeds.json](results/transfer_hopper_twenty_seeds.json). The oracle goes on "
        f"from the randomized source on the target for {oracle['target_steps']:,} steps, as if they cost nothing.",
        "",
        default_seeds(),
    ]
    return "\n".join(lines)


def default_seeds():
    """Says what the command finds as it stands, with fewer seeds."""
    found = result("transfer_hopper.json")
    whole, same = result("footprint.json"), "--deterministic" in found["extra"]["command"]
    return (
        f"As it stands the command has {len(found['seeds'])} seeds and takes {minutes(found)} on the same machine "
        f"(with start, film and page, and nothing compiled yet: {whole['seconds'] / 60:.1f} minutes, "
        f"{whole['peak_bytes'] / 2**30:.2f} GiB at the most, [footprint](results/footprint.json)). So few are one draw "
        f"of many: zero-shot {at_zero(found)} ([transfer_hopper](results/transfer_hopper.json)"
        f"{', `--deterministic`' * same}); a processor of another kind rounds otherwise, and is another draw. On "
        "processors of one kind `--deterministic` repeats every digit."
    )


def at_zero(found):
    """Writes what both sources are worth on the target as they are."""
    arms = {arm["method"]: arm for arm in found["arms"] if arm["shots"] == 0}
    randomized, nominal = spread(arms["zero-shot randomized"]), spread(arms["zero-shot nominal"])
    return f"{randomized} with randomized and {nominal} with nominal pretraining"


def minutes(found):
    """Writes how long a run took."""
    return f"{found['extra']['wall_seconds'] / 60:.1f} minutes"


def releases(found):
    """Writes which physics and which arithmetic a run had."""
    return f"MuJoCo {found['versions']['mujoco']}, JAX {found['versions']['jax']}"


def remembered():
    """The same job with one more source, whose policy has a memory."""
    found, before = result("transfer_hopper_gru.json"), result("transfer_hopper_gru_chosen_on.json")
    shots = sorted({arm["shots"] for arm in found["arms"]})
    with_it, without = at_once(found)
    lines = [title_of(shots), "|---|" + "---|" * len(shots), *rows_of(found["arms"], shots)]
    said = (
        f"Zero-shot, by seed, the memory adds to what randomization gives {added(with_it, without)}. Nothing was "
        f"chosen on these seeds. On seeds {before['seeds'][0]} to {before['seeds'][-1]}, on half of which its "
        f"minibatches had been chosen, it was {added(*at_once(before))} "
        "([transfer_hopper_gru_chosen_on](../results/transfer_hopper_gru_chosen_on.json)). Interquartile mean "
        f"over {len(found['seeds'])} seeds and its 95 % bootstrap interval; made by `{found['extra']['command']}`: "
        "[transfer_hopper_gru](../results/transfer_hopper_gru.json)."
    )
    return "\n".join([*lines, "", said])


def at_once(found):
    """Returns what is worth at k = 0 what was learnt on randomized dynamics: with the memory, and without."""
    zero = {arm["method"]: arm for arm in found["arms"] if arm["shots"] == 0}
    return zero["zero-shot randomized+gru"], zero["zero-shot randomized"]


def added(upper, lower):
    """Writes by how much one arm is above another, by seed."""
    gain = paired_difference(*(np.array(arm["per_seed"]) for arm in (upper, lower)))
    return f"{number(gain.value)} [{number(gain.low)}, {number(gain.high)}]{': not shown' * (gain.low <= 0)}"


def overlap(lower, upper):
    """Says so where the intervals of two arms touch: each alone, they do not prove the difference."""
    return "" if upper["low"] > lower["high"] else ", though the two arms' own intervals overlap"


def won(arms):
    """Counts in how many comparisons fine-tuning beat scratch, with intervals that do not touch, and all of them."""
    at = {(arm["method"], arm["shots"]): arm for arm in arms}
    tuned = [(at[f"fine-tune {kind}", k], at["scratch", k]) for kind in ("nominal", "randomized") for k in (1, 5, 20)]
    return sum(arm["low"] > scratch["high"] for arm, scratch in tuned), len(tuned)


def title_of(shots):
    """Writes the head of a table over k."""
    return "| return on the target | " + " | ".join(f"k = {k}" for k in shots) + " |"


def rows_of(arms, shots):
    """Yields a row for each method."""
    for method in dict.fromkeys(arm["method"] for arm in arms):
        cells = {arm["shots"]: arm for arm in arms if arm["method"] == method}
        yield f"| {method} | " + " | ".join(spread(cells[k]) if k in cells else "" for k in shots) + " |"


def verdict(arms):
    """Says what beat what: only where the intervals do not touch."""
    at = {(arm["method"], arm["shots"]): arm for arm in arms}
    ahead, compared = won(arms)
    nominal, randomized = at["zero-shot nominal", 0], at["zero-shot randomized", 0]
    clear = randomized["low"] > nominal["high"]
    more = "beats" if clear else "is above" if randomized["iqm"] > nominal["iqm"] else "is below"
    gain = added(randomized, nominal)
    return (
        f"Fine-tuning a pretrained policy beat learning from scratch, with intervals that do not touch, in {ahead} of "
        f"{compared} comparisons (two sources, three k). Zero-shot, randomized pretraining {more} nominal"
        f"{overlap(nominal, randomized) * ('not shown' not in gain)}: by seed the difference is {gain}."
    )
