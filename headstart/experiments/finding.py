"""What the main job says while it goes on."""

from typing import NamedTuple

from headstart.run.ledger import Counts
from headstart.transfer.protocol import Shot


class Learning(NamedTuple):
    """A source or an oracle is being trained: how far it is, and what its policy returns at home."""

    seed: int
    name: str
    env_steps: int
    total: int
    mean_return: float
    steps_per_second: float


class Foretold(NamedTuple):
    """What target episodes are expected to tell about a simulator, before the first of them is spent.

    Attributes:
        seed: which repetition.
        shots: how many episodes: the fewest that are asked about.
        unidentified: real-valued parameters that they would leave about as unknown as they are.
    """

    seed: int
    shots: int
    unidentified: tuple[str, ...]


class Scored(NamedTuple):
    """A method was evaluated on the target, in one seed.

    Attributes:
        seed: which repetition.
        method: such as `"fine-tune randomized"`.
        shots: k of the protocol; for the oracle, which has no k, the largest.
        shot: what it was worth, and its parameters.
        counts: what it has used of the target so far.
    """

    seed: int
    method: str
    shots: int
    shot: Shot
    counts: Counts


class Finished(NamedTuple):
    """A piece of work is over, and so need not be done again if the study is interrupted."""

    seed: int
    job: str


Finding = Learning | Foretold | Scored | Finished
