"""Which learner of rollouts fits a policy."""

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
