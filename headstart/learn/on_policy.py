"""Which learner of rollouts fits a policy, and how far it looks ahead."""

from typing import Any

from headstart.learn.ppo import PPO
from headstart.learn.recurrent_ppo import RecurrentPPO
from headstart.nets.policies import StochasticPolicy
from headstart.nets.unroll import MemoryPolicy


def on_policy(policy: StochasticPolicy, **settings: Any) -> PPO | RecurrentPPO:
    """Builds PPO for a policy without memory, and PPO through time for one with.

    Args:
        policy: what is learnt.
        settings: fields that both have.
    """
    return (RecurrentPPO if isinstance(policy, MemoryPolicy) else PPO)(policy=policy, **settings)


def discount_for(horizon: int | None) -> float:
    """Returns γ for episodes of so many steps: 1 / (1 − γ), how far a learner looks ahead, is a fifth of an episode.

    At least it is 100 steps, which is the usual 0.99. Where episodes are longer, that is too little: a hopper that
    dives forward and falls after 110 steps has then lost next to nothing (see docs/log.md, "A fifth of an episode").

    Args:
        horizon: steps of a whole episode; None: they do not end by the clock.

    Example:
        >>> discount_for(1000), discount_for(50)
        (0.995, 0.99)
    """
    return 1.0 - 1.0 / max(100.0, (horizon or 0) / 5.0)
