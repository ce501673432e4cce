"""Soft fine-tuning: what is carried over, what begins anew, how the temperature and the source's share fall."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.errors import InputError
from headstart.learn.bc import BC
from headstart.learn.replayed import Replayed
from headstart.learn.sac import SAC
from headstart.maths.schedules import LogLinear
from headstart.nets.policies import SquashedPolicy
from headstart.spaces import Box
from headstart.transfer.off_policy import CHUNK
from headstart.transfer.policy import Graft
from headstart.transfer.soft import OPTIMIZERS, POLICY, VALUE, Softly
from headstart.types import Demonstration, Rollout, Task

KEY = jax.random.key(0)
SAC_ = SAC(
    policy=SquashedPolicy(observation=Box((2,)), action=Box((1,), -1.0, 1.0), hidden=(8,)),
    critic_hidden=(8,),
    temperature="fixed",
    discount=0.5,
)
REPLAYED = Replayed(learner=SAC_, capacity=256, updates=4, batch_size=8, starts=1)
FALL = LogLinear(start=0.1, end=0.001, updates=4 * CHUNK)


def episode(seed=0, steps=CHUNK, reward=1.0):
    obs = np.random.default_rng(seed).normal(size=(steps, 1, 2)).astype(np.float32)
    never = np.zeros((steps, 1), bool)
    paid = np.full((steps, 1), reward, np.float32)
    return Rollout(obs, np.tanh(obs[..., :1]), paid, obs, never, never, never, ~never, Task({}, {}))


def pretrained():
    state, _ = REPLAYED.update(KEY, REPLAYED.init(KEY), episode(reward=-1.0))
    return state


def tuning(**options):
    return Softly(**{"learner": SAC_, "schedule": FALL, "batch_size": 8, "capacity": 1024, **options})


def equal(one, other):
    return all(jax.tree.leaves(jax.tree.map(lambda a, b: bool(np.array_equal(a, b)), one, other)))


@pytest.mark.parametrize(
    ("parts", "policy", "critics", "moments"),
    [
        (POLICY, True, False, False),
        (VALUE, False, True, False),
        ((*POLICY, *VALUE), True, True, False),
        ((*POLICY, *VALUE, *OPTIMIZERS), True, True, True),
    ],
)
def test_policy_value_or_both_with_the_optimiser_fresh_or_carried(parts, policy, critics, moments):
    source = pretrained()
    begun = tuning(graft=Graft(parts=parts)).start(jax.random.key(1), source).learner.learner
    assert equal(begun.params["actor"], source.learner.params["actor"]) == policy
    assert equal(begun.critics, source.learner.critics) == equal(begun.targets, source.learner.targets) == critics
    assert equal(begun.optimizers[:2], source.learner.optimizers[:2]) == moments
    assert int(begun.optimizers[0].count) == (4 if moments else 0)


def test_the_temperature_falls_with_the_target_steps():
    softly = tuning()
    state, seen = softly.start(KEY, pretrained()), []
    for _ in range(3):
        state, metrics = softly.learn(KEY, state, (episode(),))
        seen.append(float(metrics["train/ent_coef"]))
    np.testing.assert_allclose(seen, [0.1, 0.1 * 10**-0.5, 0.01], rtol=1e-4)  # a chunk of gradient steps each


def test_the_share_of_the_source_fades():
    # rewards are −1 on the source and 1 on the target, and γ small: the critics follow what the batches hold
    softly = tuning(source_share=0.9, fading=CHUNK, learner=dataclasses.replace(SAC_, discount=0.0, learning_rate=0.01))
    state, worth = softly.start(KEY, pretrained()), []
    for _ in range(6):
        state, _ = softly.learn(KEY, state, (episode(),))
        worth.append(float(softly.learner.value(state.learner.learner, jnp.zeros((1, 2)), jnp.zeros((1, 1)))[0]))
    assert worth[0] < 0.0 < 0.5 < worth[-1]


def test_learns_from_scratch_too_and_is_pure():
    softly = tuning()
    one, two = (softly.learn(KEY, softly.start(KEY, None), (episode(),))[0] for _ in range(2))
    assert equal(one, two) and one.source == ()
    assert not equal(one.learner.learner.params, softly.start(KEY, None).learner.learner.params)


def test_an_episode_without_a_valid_row_teaches_nothing():
    broken = episode()._replace(valid=np.zeros((CHUNK, 1), bool))
    softly = tuning()
    state = softly.start(KEY, None)
    assert equal(softly.learn(KEY, state, (broken,))[0], state)


def test_what_a_source_lacks_is_refused():
    cloned = {"params": pretrained().learner.params}  # of behaviour cloning, say
    with pytest.raises(InputError, match="this source has no value function"):
        tuning().start(KEY, cloned)
    with pytest.raises(InputError, match=r"remembers no transitions; give the state of a `Replayed`"):
        tuning(source_share=0.5).start(KEY, pretrained().learner)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"source_share": 1.0}, "a share from 0 to below 1"),
        ({"source_share": -0.1}, "a share from 0 to below 1"),
        ({"fading": 0}, "at least 1 gradient step"),
        ({"updates_per_step": 0.0}, "above 0"),
    ],
)
def test_shares_and_rates_that_are_none_are_refused(options, says):
    with pytest.raises(InputError, match=says):
        tuning(**options)


def test_a_clone_that_keeps_something_to_try_is_taken_over_as_it_is():
    obs = jax.random.normal(KEY, (256, 2))
    batch = Demonstration(obs, 0.3 * jnp.tanh(obs[:, :1]) + 0.02 * jax.random.normal(jax.random.key(1), (256, 1)))
    cloning = BC(policy=SAC_.policy, learning_rate=1e-2, steps=300, entropy_weight=0.9)
    clone, _ = cloning.update(KEY, cloning.init(KEY), batch)
    spread = SAC_.policy.distribution(clone.params, (), obs)[0].entropy()
    assert spread.mean() > np.log(0.05) + 1.419  # the demonstrator: log 0.02 + 1.419; √10 times as wide: log 0.063
    softly = tuning(graft=Graft(parts=POLICY), learner=dataclasses.replace(SAC_, critic_warmup=2 * CHUNK))
    begun = softly.start(KEY, clone)
    assert equal(softly.params(begun), clone.params)
    waiting, _ = softly.learn(KEY, begun, (episode(),))
    assert equal(softly.params(waiting)["actor"], clone.params["actor"]), "critics that know nothing led it astray"
