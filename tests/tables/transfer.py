"""The main job."""

from tests.tables import result, spread


def transfer():
    """The arms of the default run at each k."""
    found = result("transfer_hopper.json")
    shots = sorted({arm["shots"] for arm in found["arms"]})
    lines = [title_of(shots), "|---|" + "---|" * len(shots), *rows_of(found["arms"], shots)]
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
