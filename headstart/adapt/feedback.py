"""What an adaptation learns from: target episodes, and who played them."""

from typing import NamedTuple

from headstart.errors import InputError
from headstart.types import Params, Policy, Rollout


class TargetPlay(NamedTuple):
    """Target episodes.

    Attributes:
        episodes: leaves `time env=1 ...`.
        policy: that played them, all of them; a method that plays it in simulation needs it, others do not.
        params: of the policy.
    """

    episodes: tuple[Rollout, ...]
    policy: Policy | None = None
    params: Params = None

    def required(self) -> "TargetPlay":
        """Raises `InputError` where there is nothing to learn from, or where the answer comes with the question."""
        if not self.episodes:
            raise InputError("adaptation needs at least one target episode; allow some, as in --shots 0,1,3")
        for number, episode in enumerate(self.episodes):
            if episode.task.dynamics:
                told = ", ".join(episode.task.dynamics)
                raise InputError(
                    f"target episode {number} carries the target's parameters ({told}): what is to be found out must "
                    "not be in it; play the target through headstart.run.target.Target"
                )
        return self
