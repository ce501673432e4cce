"""What to do with a skill of past tasks, in words: share it, share it partly, or keep it apart; and why."""

from collections.abc import Sequence
from typing import NamedTuple

from headstart.share.select import Choice


class Advice(NamedTuple):
    """The recommendation for one skill.

    Attributes:
        word: `share`, `share partly` or `keep apart`.
        because: the reason, in a sentence.
    """

    word: str
    because: str


def advise(choice: Choice, past: Sequence[str]) -> Advice:
    """Puts a choice into words.

    Args:
        choice: of a skill.
        past: the names of the past tasks, in their order.

    Returns:
        The recommendation.
    """
    names = " and ".join(past[index - 1] for index in choice.past)
    if choice.mode is None:
        return Advice("keep apart", "nothing that was tried holds up on held-out demonstrations; more are needed")
    if choice.mode == "independent":
        return Advice("keep apart", _apart(choice, past))
    if not choice.detail:
        ways = {"share": f"the skill of {names} is right on every new step", "union": f"one model fits {names} too"}
        return Advice("share", ways[choice.mode])
    kept = [title for title, mode in choice.detail if mode in ("independent", "partly")]
    if not kept:
        pooled = sum(mode == "union" for _, mode in choice.detail)
        found = f"; {pooled} of its decisions are found from both together" if pooled else ""
        return Advice("share", f"every decision is that of {names}{found}")
    if len(kept) == len(choice.detail):
        return Advice("keep apart", _apart(choice, past))
    of = f"{len(choice.detail) - len(kept)} of {len(choice.detail)} decisions are those of {names}"
    return Advice("share partly", f"{of}; {_listed(kept)} {'is' if len(kept) == 1 else 'are'} this task's own")


def _apart(choice: Choice, past: Sequence[str]) -> str:
    if not past:
        return "there is no past task"
    if not choice.refused:
        return "no past task has this skill"
    reason = choice.refused[0].reason
    return f"what was learned before is wrong here: {reason}"


def _listed(titles: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(titles[:most])
    return shown if len(titles) <= most else f"{shown} and {len(titles) - most} more"
