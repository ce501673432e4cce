"""`headstart transfer --pretrain soft`: sources learnt by SAC at a temperature, fine-tuned while it is annealed."""

from dataclasses import dataclass
from types import MappingProxyType

from headstart.errors import InputError
from headstart.learn.replayed import Replayed
from headstart.learn.sac import SAC
from headstart.maths.schedules import LogLinear
from headstart.nets.policies import SquashedPolicy
from headstart.spaces import Discrete
from headstart.transfer.soft import Softly
from headstart.types import TaskFamily

STEPS = 8  # of each environment between two updates of a source
# as in the study of the robot: steps of a source are abundant, time is not
UPDATES_PER_STEP, BATCH_SIZE, HIDDEN, LEARNING_RATE, POLYAK = 0.2, 128, (128, 128), 1e-3, 0.01
FEWER = 6  # off policy a source learns from each step many times, and needs so many times fewer
PLAIN = "0.1,0.001,5000"  # the schedule of a world of which nothing is known
# Sources for which softness was shown to pay, with the schedules that paid: see docs/soft_pretraining.md. The
# half-cheetah is not among them: there PPO, which was not in that study, does as well.
SHOWN = MappingProxyType({"point_run": "1,0.001,3000"})


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
        return SquashedPolicy(
            observation=source.observation,
            action=source.action,  # pyright: ignore[reportArgumentType]
            hidden=HIDDEN,
        )

    def learner(self, source: TaskFamily, envs: int, steps: int) -> Replayed:
        """Returns how a source learns, with room for all of its steps."""
        updates = max(1, round(envs * STEPS * UPDATES_PER_STEP))
        return Replayed(learner=self.sac(source), updates=updates, batch_size=BATCH_SIZE, capacity=max(steps, 1000))

    def steps(self, on_policy: int) -> int:
        """Returns how many steps a source takes where one that learns on policy takes so many."""
        return max(1, on_policy // FEWER)

    def tuning(self, source: TaskFamily) -> Softly:
        """Returns how target episodes are learnt from."""
        return Softly(learner=self.sac(source), schedule=self.schedule, batch_size=BATCH_SIZE)

    def sac(self, source: TaskFamily) -> SAC:
        """Returns the learner of both.

        Raises:
            InputError: the world's actions are choices.
        """
        if isinstance(source.action, Discrete):
            raise InputError(f"--pretrain soft: {source.name!r} has discrete actions; leave --pretrain out")
        return SAC(
            policy=self.policy(source),
            critic_hidden=HIDDEN,
            learning_rate=LEARNING_RATE,
            polyak=POLYAK,
            initial_temperature=self.schedule.start,
            temperature="fixed",
        )


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
