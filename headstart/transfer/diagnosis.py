"""Has a source specialised too much to be fine-tuned? What it still does, sees and reaches, in numbers and a sentence.

A policy that has become certain in every state has nothing left to try on a new task, and learns there only as fast as
it can unlearn. What pretraining should have kept is measured here on the source's own episodes; no target is touched.

Source: lecture slide "Soft-optimal policies for fine-tuning"; Haarnoja et al. 2017 (arXiv 1702.08165), section 5.3.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from headstart.errors import InputError
from headstart.maths.diversity import choices_left, coverage, effective_rank, range_left
from headstart.nets.mlp import MLP
from headstart.nets.observation import flatten
from headstart.nets.policies import interval
from headstart.spaces import Discrete
from headstart.types import ActionSpace, Params, Rollout

NARROW = 0.05  # of each action's range: below this a state counts as deterministic
MOST = 0.5  # of the states: above this a source counts as over-specialised
CHANNELS = 2  # of the observation, those that vary most; a grid over more would be empty
SOFTER = 10.0  # how many times hotter to pretrain again


class Diagnosis(NamedTuple):
    """What a source policy still does, on the states that it visits itself.

    Attributes:
        entropy: mean over visited states, of the action scaled to [-1, 1], in nats.
        range_left: mean share of each action's range that is still used, 1 uniform, 0 deterministic.
        deterministic: share of the states in which less than 5 % of the range is left.
        coverage: share of a 10 × 10 grid that was visited, over the two channels of the observation that vary most;
            the grid spans what uniformly random actions and this policy reach. NaN where no such episodes were given.
        effective_rank: directions in which the features of the last hidden layer vary; NaN where there is none.
        features: how many features there are.
        states: how many visited states this is measured on.
    """

    entropy: float
    range_left: float
    deterministic: float
    coverage: float
    effective_rank: float
    features: int
    states: int

    def sentence(self, temperature: float | None = None) -> str:
        """Says in plain words what to expect of fine-tuning.

        Args:
            temperature: that the source was pretrained with, where it is known.
        """
        if self.deterministic > MOST:
            hotter = "with entropy in its objective (--learner sac)"
            if temperature is not None:
                hotter = f"with temperature ≥ {temperature * SOFTER:.2g}"
            return (
                f"this source has become deterministic on {self.deterministic:.0%} of its states; expect slow "
                f"fine-tuning; pretrain {hotter}"
            )
        return (
            f"this source still uses {self.range_left:.0%} of its action range and is deterministic on "
            f"{self.deterministic:.0%} of its states; it has something left to try on a new task"
        )

    def line(self) -> str:
        """Gives the numbers in one line."""
        parts = [f"entropy {self.entropy:.2f} nats", f"action range left {self.range_left:.0%}"]
        parts += [f"deterministic on {self.deterministic:.0%} of {self.states:,} states"]
        if math.isfinite(self.coverage):
            parts.append(f"coverage {self.coverage:.0%}")
        if math.isfinite(self.effective_rank):
            parts.append(f"effective rank {self.effective_rank:.1f} of {self.features} features")
        return ", ".join(parts)


def diagnose(policy: Any, params: Params, rollout: Rollout, reference: Rollout | None = None) -> Diagnosis:
    """Measures how much a policy has left to try.

    Args:
        policy: feed-forward, as it was pretrained (not greedy).
        params: its own.
        rollout: its episodes on the source, leaves `time env ...`; rows that are not valid are left out.
        reference: episodes of uniformly random actions in the same world, for the coverage.

    Returns:
        The diagnosis.

    Raises:
        InputError: the rollout has no valid row.
    """
    obs = visited(rollout)
    count = len(jax.tree.leaves(obs)[0])
    if not count:
        raise InputError("a diagnosis needs at least one visited state; the rollout has no valid row")
    distribution, _ = policy.distribution(params, policy.start(params, count), obs)
    entropy = unit_entropy(policy.action, np.asarray(distribution.entropy(), np.float64))
    left = _left(policy.action, entropy)
    features = last_hidden(policy, params, obs)
    return Diagnosis(
        entropy=float(entropy.mean()),
        range_left=float(left.mean()),
        deterministic=float((left < NARROW).mean()),
        coverage=math.nan if reference is None else covered(policy, obs, visited(reference)),
        effective_rank=math.nan if features is None else effective_rank(features),
        features=0 if features is None else features.shape[1],
        states=count,
    )


def laid_out(episodes: tuple[Rollout, ...]) -> Rollout:
    """Lays episodes one after the other, as a diagnosis wants them."""
    return jax.tree.map(lambda *leaves: np.concatenate([np.asarray(leaf) for leaf in leaves]), *episodes)


def visited(rollout: Rollout) -> Any:
    """Returns the observations of a rollout's valid rows, one axis in front."""
    keep = np.asarray(rollout.valid).reshape(-1)
    return jax.tree.map(lambda x: np.asarray(x).reshape(keep.size, *np.shape(x)[2:])[keep], rollout.obs)


def covered(policy: Any, obs: Any, reference: Any) -> float:
    """Returns the coverage of a grid over the channels that vary most among both kinds of episodes."""
    ours, theirs = (np.asarray(flatten(policy.observation, rows), np.float64) for rows in (obs, reference))
    both = np.concatenate([ours, theirs])
    channels = np.sort(np.argsort(both.std(axis=0))[::-1][:CHANNELS])
    return coverage(ours[:, channels], both[:, channels].min(axis=0), both[:, channels].max(axis=0))


def last_hidden(policy: Any, params: Params, obs: Any) -> Float[np.ndarray, "state feature"] | None:
    """Returns the features of a policy's last hidden layer; None where it has no such layer.

    A sampling network, whose last hidden layer reads noise too, is looked at where its noise is 0.
    """
    hidden, activation = getattr(policy, "hidden", ()), getattr(policy, "activation", None)
    if not hidden or activation is None or "hidden_0" not in params.get("actor", {}):
        return None
    seen = policy.encode(params, jax.tree.map(jnp.asarray, obs))
    last, inputs = f"hidden_{len(hidden) - 1}", (seen.shape[-1], *hidden)[len(hidden) - 1]
    layer = params["actor"][last]
    quiet = params["actor"] | {last: {"weight": layer["weight"][:inputs], "bias": layer["bias"]}}
    return np.asarray(MLP(inputs=0, hidden=hidden, outputs=0, activation=activation).features(quiet, seen))


def unit_entropy(action: ActionSpace, entropy: Float[np.ndarray, " state"]) -> Float[np.ndarray, " state"]:
    """Converts the entropy of an action in its own units into that of the action scaled to [-1, 1]."""
    return entropy if isinstance(action, Discrete) else entropy - float(np.log(interval(action)[1]).sum())


def _left(action: ActionSpace, entropy: Float[np.ndarray, " state"]) -> Float[np.ndarray, " state"]:
    if isinstance(action, Discrete):
        return choices_left(entropy, action.n)
    return range_left(entropy, math.prod(action.shape))
