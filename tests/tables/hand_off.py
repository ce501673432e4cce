"""Whether a policy survives being handed to another learner."""

from tests.tables import number, result


def hand_off():
    """One row a world and a way."""
    found = result("hand_off.json")
    head = ("world", "handed on", "as it came", "after 1,000 target steps", "change", "seeds kept")
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for row in found["summary"]:
        cells = [f"{number(v)} [{number(low)}, {number(high)}]" for v, low, high in (row["zero_shot"], row["after"])]
        value, low, high = row["gain"]
        change = f"{value:+.2g} [{low:.2g}, {high:.2g}]" if abs(value) < 10 else f"{value:+.0f} [{low:.0f}, {high:.0f}]"
        seeds = f"{row['seeds_kept']} of {row['seeds']}"
        lines.append("| " + " | ".join((row["world"], row["way"], *cells, change, seeds)) + " |")
    kept = sum(row["kept"] for row in found["summary"])
    return "\n".join(
        [
            *lines,
            "",
            f"Kept, over the seeds: {kept} of {len(found['summary'])}. Return, interquartile mean over seeds and its "
            f"95 % interval; made by `{found['command']}`: [hand_off](../results/hand_off.json).",
        ]
    )
