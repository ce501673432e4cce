"""One learner a file; all of them in `ALL`, which is made only when asked for, since it needs JAX."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Imports the learners the first time that `ALL` is read."""
    if name != "ALL":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from headstart.learn.anneal import Annealed
    from headstart.learn.averaged import Averaged
    from headstart.learn.bc import BC
    from headstart.learn.discrete_soft_q import DiscreteSoftQ
    from headstart.learn.distillation import Distillation
    from headstart.learn.ppo import PPO
    from headstart.learn.recurrent_ppo import RecurrentPPO
    from headstart.learn.replayed import Replayed
    from headstart.learn.sac import SAC
    from headstart.learn.soft_q import SoftQ

    return (PPO, RecurrentPPO, SAC, SoftQ, DiscreteSoftQ, Annealed, Replayed, Averaged, BC, Distillation)
