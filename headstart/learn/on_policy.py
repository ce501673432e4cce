"""Which learner of rollouts fits a policy, in what pieces it learns, and how far it looks ahead."""

from typing import Any

from headstart.learn.ppo import PPO
from headstart.learn.recurrent_ppo import NOTHING, RecurrentPPO
from headstart.nets.policies import StochasticPolicy
from headstart.nets.unroll import MemoryPolicy
from headstart.spaces import ParameterSpace


def on_policy(policy: StochasticPolicy, privileged: ParameterSpace = NOTHING, **settings: Any) -> PPO | RecurrentPPO:
    """Builds PPO for a policy without memory, and PPO through time for one with.

    Args:
        policy: what is learnt.
        privileged: what the critic of a policy with memory is told of the task; that of one without is told nothing.
        settings: fields that both have.
    """
    if isinstance(policy, MemoryPolicy):
        return RecurrentPPO(policy=policy, privileged=privileged, **settings)
    return PPO(policy=policy, **settings)


def pieces_for(policy: StochasticPolicy) -> dict[str, Any]:
    """Returns the minibatches of long training for `on_policy`, where rollouts have some thousand rows.

    Rows of one episode are alike, and a memory learns from whole chunks of them: it wants larger minibatches, of longer
    chunks (docs/log.md, "Memories want larger minibatches").

    Example:
        >>> from headstart.nets.memory import policy_with
        >>> from headstart.spaces import Box
        >>> pieces_for(policy_with("gru", Box((3,)), Box((1,), -1.0, 1.0)))
        {'minibatch_size': 2048, 'chunk': 32}
    """
    return {"minibatch_size": 2048, "chunk": 32} if isinstance(policy, MemoryPolicy) else {"minibatch_size": 512}


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
