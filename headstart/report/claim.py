"""What the numbers say, in sentences: no more than they say.

A method "beat" another only where their intervals do not touch. Everything else is "no evidence of a difference".
"""

from headstart.report.methods import LEAST_SEEDS, Verdict, arms_of, role, scratch_at, too_few_seeds, verdict
from headstart.report.numbers import interval, listed, number
from headstart.report.records import Arm, RunContents


def claim(run: RunContents) -> str:
    """Says what transferred, in a sentence or three, from the numbers alone."""
    if not run.arms:
        return "Nothing can be said yet: no arm of this run has finished."
    if not arms_of(run, "scratch"):
        return "Nothing can be said about transfer: this run has no arm that learned from scratch."
    candidates = [arm for arm in run.arms if role(arm.method).kind not in ("scratch", "oracle")]
    judged: list[tuple[Arm, Verdict]] = [
        (arm, verdict(arm, scratch_at(run, arm.shots))) for arm in candidates if scratch_at(run, arm.shots)
    ]
    if not judged:
        return "Nothing can be said about transfer: no method shares a number of target episodes with scratch."
    seeds = min(len(arm.per_seed) for arm, _ in judged)
    if too_few_seeds(*(arm for arm, _ in judged)):
        return (
            f"Nothing can be concluded from {seeds} seed{'s' if seeds > 1 else ''}: this run shows that the job works, "
            f"not what transfers from {run.source} to {run.target}. Run at least {LEAST_SEEDS}."
        )
    return " ".join(filter(None, [_headline(run, judged), _harm(judged), _origins(run)]))


def caution(run: RunContents) -> str:
    """Says how far the intervals can be trusted, given the number of seeds."""
    seeds = min((len(arm.per_seed) for arm in run.arms if arm.per_seed), default=0)
    if seeds == 1:
        return "One seed was run: there is no interval, and no conclusion."
    if 2 <= seeds <= 3:
        held = 100 - 200 * 0.5**seeds
        return (
            f"{seeds} seeds were run: a 95 % bootstrap interval of {seeds} values is simply their range, and holds the "
            f"median of all seeds in {held:.0f} % of cases. Take a gap as a hint, not as a proof."
        )
    if 4 <= seeds < 10:
        return f"{seeds} seeds were run: 95 % bootstrap intervals of so few are somewhat too narrow."
    return "Intervals are 95 % stratified bootstrap intervals of the interquartile mean over seeds." if seeds else ""


def _headline(run: RunContents, judged: list[tuple[Arm, Verdict]]) -> str:
    wins: dict[str, list[Arm]] = {}
    for arm, judgement in judged:
        if judgement == "better":
            wins.setdefault(arm.method, []).append(arm)
    if not wins:
        return (
            f"There is no evidence that {run.source} gave a head start on {run.target}: at every k the interval of "
            "every method meets, or lies below, that of learning from scratch."
        )
    method = max(wins, key=lambda name: (len(wins[name]), max(arm.iqm for arm in wins[name])))
    best = max(wins[method], key=lambda arm: arm.iqm)
    rival = scratch_at(run, best.shots)
    assert rival is not None
    undecided = [str(arm.shots) for arm, judgement in judged if arm.method == method and judgement == "open"]
    name = method[:1].upper() + method[1:]
    sentence = (
        f"{name} beat learning from scratch on {run.target} at k = {listed([str(a.shots) for a in wins[method]])} "
        f"target episodes: after {best.shots} it returned {number(best.iqm)} {interval(best.low, best.high)}, "
        f"scratch {number(rival.iqm)} {interval(rival.low, rival.high)}."
    )
    return sentence + (f" At k = {listed(undecided)} there is no evidence of a difference." if undecided else "")


def _harm(judged: list[tuple[Arm, Verdict]]) -> str:
    losses: dict[str, list[str]] = {}
    for arm, judgement in judged:
        if judgement == "worse":
            losses.setdefault(arm.method, []).append(str(arm.shots))
    said = [f"{method} at k = {listed(shots)}" for method, shots in losses.items()]
    return f"Transfer hurt: {listed(said)} did worse than scratch." if said else ""


def _origins(run: RunContents) -> str:
    starts = [arm for arm in arms_of(run, "zero-shot") if arm.shots == 0]
    if len(starts) < 2:
        return ""
    best, *others = sorted(starts, key=lambda arm: arm.iqm, reverse=True)
    beaten = [arm for arm in others if verdict(best, arm) == "better"]
    if beaten:
        names = listed([f"{arm.method} ({number(arm.iqm)})" for arm in beaten])
        return f"Before any target episode, {best.method} ({number(best.iqm)}) beat {names}."
    return "Before any target episode there is no evidence of a difference between the kinds of pretraining."
