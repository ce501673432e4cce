"""`headstart transfer --pretrain soft`: sources learnt by SAC at a temperature, fine-tuned while it is annealed."""

from dataclasses import dataclass

from headstart.errors import InputError
from headstart.learn.replayed import Replayed
from headstart.learn.sac import SAC
from headstart.maths.schedules import LogLinear
from headstart.nets.policies import SquashedPolicy
from headstart.spaces import Discrete
from headstart.transfer.soft import Softly
from headstart.types import TaskFamily

STEPS = 8  # of each environment between two updates of a source
UPDATES_PER_STEP = 0.125  # of a source: its steps are abundant, time is not


@dataclass(frozen=True, kw_only=True)
class SoftStart:
    """How soft sources learn, and how they are fine-tuned.

    Attributes:
        schedule: the temperature: pretraining is at its start; it falls in gradient steps on the target, of which there
            is one for each step of an episode.
    """

    schedule: LogLinear

    def policy(self, source: TaskFamily) -> SquashedPolicy:
        """Returns the policy that every arm learns."""
        return SquashedPolicy(observation=source.observation, action=source.action)  # pyright: ignore[reportArgumentType]

    def learner(self, source: TaskFamily, envs: int, steps: int) -> Replayed:
        """Returns how a source learns, with room for all of its steps."""
        updates = max(1, round(envs * STEPS * UPDATES_PER_STEP))
        return Replayed(learner=self.sac(source), updates=updates, capacity=max(steps, 1000))

    def tuning(self, source: TaskFamily) -> Softly:
        """Returns how target episodes are learnt from."""
        return Softly(learner=self.sac(source), schedule=self.schedule)

    def sac(self, source: TaskFamily) -> SAC:
        """Returns the learner of both.

        Raises:
            InputError: the world's actions are choices.
        """
        if isinstance(source.action, Discrete):
            raise InputError(f"--pretrain soft: {source.name!r} has discrete actions; leave --pretrain out")
        return SAC(policy=self.policy(source), initial_temperature=self.schedule.start, temperature="fixed")


def read_schedule(text: str) -> LogLinear:
    """Reads `0.1,0.001,5000`: the temperature of pretraining, that at the end, and gradient steps between the two.

    Raises:
        InputError: for anything else, with a valid example; for a temperature that is not positive or would rise.
    """
    try:
        start, end, updates = text.split(",")
        return LogLinear(start=float(start), end=float(end), updates=int(updates))
    except InputError as error:
        raise InputError(f"--anneal {text!r}: {error}") from None
    except ValueError:
        raise InputError(
            f"--anneal {text!r}: three numbers with commas between are needed, such as 0.1,0.001,5000: the temperature "
            "of pretraining, that at the end, and the gradient steps in which it falls"
        ) from None
