"""Hand-off of a policy to a learner that wants another kind of it: on-policy or cloned at first, off-policy afterwards.

A `GaussianPolicy` says an action in half ranges, which the world clips; SAC needs one that cannot leave the bounds. The
network of the mean is carried over as it is, with its scale of observations. What it says is then brought to where tanh
starts from by a smooth inverse of clipping (`before_tanh`), so that the greedy action stays what it was to within 8 %
of a half range at the border and much less inside, and still has a gradient where the old policy was clipped. The
spread of the first actions is the old policy's own, kept within `SPREAD`; it is set before tanh, so that it is smaller
where the mean is near a border.
"""

import math

import jax.numpy as jnp

from headstart.errors import InputError
from headstart.nets.policies import GaussianPolicy, SquashedPolicy
from headstart.types import Params

SPREAD = (0.1, 0.3)  # half ranges: less finds nothing new (a clone hardly varies); more drowns what was learnt before


def squashed(policy: GaussianPolicy) -> SquashedPolicy:
    """Returns the policy that takes over the network of another.

    Raises:
        InputError: the policy has a memory, or the action space has no bounds to squeeze into.
    """
    if not isinstance(policy, GaussianPolicy):
        raise InputError(
            f"off-policy fine-tuning cannot take over a {type(policy).__name__}: use --fine-tune on-policy, "
            "or --memory none"
        )
    return SquashedPolicy(
        observation=policy.observation,
        action=policy.action,
        hidden=policy.hidden,
        activation=policy.activation,
        unit_mean=True,
        fixed_scale=True,
        deterministic=policy.deterministic,
    )


def squashed_params(params: Params, to: SquashedPolicy, spread: tuple[float, float] = SPREAD) -> Params:
    """Carries the parameters of a `GaussianPolicy` over.

    Args:
        params: its parameters.
        to: from `squashed`.
        spread: least and largest standard deviation of the first actions, in half ranges.

    Returns:
        The parameters of `to`: the same mean, the same normaliser, a spread that does not depend on the state yet.

    Raises:
        InputError: `to` does not take a mean in half ranges, or has other layers.
    """
    if not to.unit_mean:
        raise InputError("hand-off: the new policy reads the network's mean otherwise; build it by `squashed(policy)`")
    actor = params["actor"]
    layers = [int(actor[f"hidden_{i}"]["weight"].shape[1]) for i in range(len(actor) - 2)]
    if tuple(layers) != to.hidden:
        raise InputError(f"hand-off: the old network has layers {layers}, the new one {list(to.hidden)}")
    low, high = to.log_std_range
    log_std = jnp.clip(actor["log_std"], math.log(spread[0]), math.log(spread[1]))
    share, first = (log_std - low) / (high - low), (math.log(to.initial_std) - low) / (high - low)
    raw = jnp.log(share / (1.0 - share)) - math.log(first / (1.0 - first))  # undoes what `distribution` does with it
    output = actor["output"]
    output = {
        "weight": jnp.concatenate([output["weight"], jnp.zeros_like(output["weight"])], axis=1),
        "bias": jnp.concatenate([output["bias"], raw]),
    }
    kept = {name: layer for name, layer in actor.items() if name.startswith("hidden_")}
    return {"normalizer": params["normalizer"], "actor": {**kept, "output": output}}
