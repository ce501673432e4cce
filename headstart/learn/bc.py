"""Behaviour cloning: makes a demonstrator's actions likely."""

from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key

from headstart.errors import InputError
from headstart.learn.guard import blank, finite_rows, trainable
from headstart.maths.adam import AdamState, adam_init, adam_step, global_norm
from headstart.maths.moments import weighted_mean
from headstart.nets.policies import StochasticPolicy
from headstart.types import Demonstration, Metrics, Params


class BCState(NamedTuple):
    """What changes while cloning.

    Attributes:
        params: the policy's, normaliser included.
        optimizer: of its trainable part.
    """

    params: Params
    optimizer: AdamState


@dataclass(frozen=True, kw_only=True)
class BC:
    """Fits a policy to demonstrations by maximum likelihood: L = −E[ log π(a|s) + w H(π(·|s)) ].

    Hurts when the demonstrator saw what the policy does not (it averages over the hidden cause), and where one wrong
    action leads to states that no demonstration shows.

    Attributes:
        policy: what is learnt: real or discrete actions alike.
        learning_rate: of Adam.
        steps: gradient steps in one update.
        minibatch_size: rows of each, drawn with replacement.
        entropy_weight: w. At 0 plain cloning, which becomes as certain as its data are few; above 0 a clone that keeps
            something to try, for learning that goes on from it. A normal clone gets 1/(1 − w) of the data's variance.

    Source: Pomerleau 1989, "ALVINN"; Ross and Bagnell 2010 for how errors compound.
    """

    policy: StochasticPolicy
    learning_rate: float = 1e-3
    steps: int = 100
    minibatch_size: int = 256
    entropy_weight: float = 0.0

    def __post_init__(self):
        """Refuses weights of the entropy with which the clone would spread without end."""
        if not 0.0 <= self.entropy_weight < 1.0:
            raise InputError(f"BC: entropy_weight={self.entropy_weight}: a number from 0 to below 1 is needed")

    def init(self, key: Key[Array, ""]) -> BCState:
        params = self.policy.init(key)
        return BCState(params, adam_init(trainable(params)))

    def params(self, state: BCState) -> Params:
        return state.params

    @partial(jax.jit, static_argnames="self")
    def update(self, key: Key[Array, ""], state: BCState, batch: Demonstration) -> tuple[BCState, Metrics]:
        """Takes `steps` gradient steps on random rows; those with a number that is not finite are left out."""
        finite = finite_rows(batch, 1)
        batch = blank(finite, batch)
        state = state._replace(params=self.policy.normalize(state.params, batch.obs, finite))

        def step(state: BCState, key: Key[Array, ""]) -> tuple[BCState, Metrics]:
            index = jax.random.randint(key, (self.minibatch_size,), 0, finite.size)
            return self._step(state, jax.tree.map(lambda x: x[index], (batch, finite)))

        state, metrics = jax.lax.scan(step, state, jax.random.split(key, self.steps))
        skipped = jnp.sum(metrics.pop("faults/nonfinite_update"))
        metrics = {**jax.tree.map(jnp.mean, metrics), "faults/nonfinite_update": skipped}
        distribution, _ = self.policy.distribution(
            state.params, self.policy.start(state.params, finite.size), batch.obs
        )
        metrics["train/entropy_loss"] = -weighted_mean(distribution.entropy(), finite.astype(jnp.float32))
        metrics["faults/invalid_rows"] = jnp.sum((~finite).astype(jnp.float32))
        return state, metrics

    def _step(self, state: BCState, rows: tuple[Demonstration, Bool[Array, " row"]]) -> tuple[BCState, Metrics]:
        weights = trainable(state.params)
        loss, gradient = jax.value_and_grad(self._loss)(weights, state.params, *rows)
        finite = jnp.isfinite(global_norm(gradient))
        weights, optimizer = adam_step(gradient, state.optimizer, weights, self.learning_rate, take=finite)
        metrics = {
            "train/loss": jnp.where(finite, loss, 0.0),
            "faults/nonfinite_update": (~finite).astype(jnp.float32),
        }
        return BCState({**state.params, **weights}, optimizer), metrics

    def _loss(
        self, weights: Params, params: Params, batch: Demonstration, finite: Bool[Array, " row"]
    ) -> Float[Array, ""]:
        params = {**params, **weights}
        carry = self.policy.start(params, finite.size)
        distribution, _ = self.policy.distribution(params, carry, batch.obs)
        loss = -weighted_mean(distribution.log_prob(batch.action), finite.astype(jnp.float32))
        if self.entropy_weight:  # decided when compiling, so that plain cloning costs nothing more
            loss -= self.entropy_weight * weighted_mean(distribution.entropy(), finite.astype(jnp.float32))
        return loss
