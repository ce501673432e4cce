"""Simulated bands beside a measured trajectory."""

import jax
import numpy as np

from headstart.adapt.feedback import TargetPlay
from headstart.adapt.posterior import Posterior
from headstart.adapt.replayed import plays, replays
from headstart.adapt.sim_opt import SimOpt
from tests.adapt.target_play import HOPPER, played
from tests.adapt.test_sim_opt import PARAMS, POLICY, Fragile

KEY = jax.random.key(0)
RANGES = {"mass:torso": (0.999, 1.001), "noise:observation": (0.02, 0.02)}


class TestReplaysOfActions:
    METHOD = Posterior(family=HOPPER, ranges=RANGES, base=HOPPER.task())

    def share_outside(self, noise, seed):
        """The share of a measured trajectory that lies outside of the band, where only noise tells them apart."""
        (episode,) = played({}, 1, seed=seed, noise=0.02 * HOPPER.typical_size, longest=12)
        found = replays(KEY, self.METHOD, self.METHOD.init(KEY), noise, (episode,))
        measured, (low, high) = np.array(found["measured"]), np.array(found["posterior"])
        assert (low[:, 0] == measured[:, 0]).all() and found["noise"] is True  # there it is known what was seen
        return ((measured < low) | (measured > high))[:, 1:].mean()

    def test_what_was_measured_lies_in_the_band_that_holds_the_noise_of_the_sensors(self):
        noise = 0.02 * HOPPER.typical_size
        within = np.mean([self.share_outside(noise, seed) for seed in range(4)])
        without = np.mean([self.share_outside(0.0 * noise, seed) for seed in range(4)])
        assert within < 0.25 and without > 0.5

    def test_the_prior_is_seen_through_the_noise_that_its_ranges_say(self):
        (episode,) = played({}, 1, longest=12)
        noise = 0.02 * HOPPER.typical_size
        found = replays(KEY, self.METHOD, self.METHOD.init(KEY), noise, (episode,))
        widths = [np.subtract(*np.array(found[name])[::-1])[:, 1:].mean() for name in ("prior", "posterior")]
        assert 0.7 < widths[0] / widths[1] < 1.4

    def test_an_episode_that_broke_at_once_is_not_the_one_that_is_shown(self):
        (episode,) = played({}, 1, longest=12)
        broken = jax.tree.map(lambda x: x[:1], episode)._replace(valid=np.zeros((1, 1), bool))
        alone, after = (
            replays(KEY, self.METHOD, self.METHOD.init(KEY), 0.02 * HOPPER.typical_size, given)
            for given in ((episode,), (broken, episode))
        )
        assert alone == after


class TestPlaysOfAPolicy:
    def test_bands_are_of_changes_and_as_long_as_what_was_measured(self):
        method = SimOpt(family=HOPPER, ranges={"mass:torso": (0.5, 2.0)}, base=HOPPER.task(), samples=8, steps=20)
        (episode,) = played({}, 1, longest=12)
        narrow = method.init(KEY)._replace(covariance=1e-8 * np.eye(1))
        found = plays(KEY, method, narrow, TargetPlay((episode,), POLICY, PARAMS))
        assert found is not None and found["way"] == "policy"
        assert {np.shape(found[name]) for name in ("prior", "posterior")} == {(2, 6, 13)}
        for name in ("measured", "prior", "posterior"):
            np.testing.assert_array_equal(np.array(found[name])[..., 0], 0.0)
        wide, thin = (np.subtract(*np.array(found[name])[::-1]).mean() for name in ("prior", "posterior"))
        assert 0 < thin < wide

    def test_simulators_that_all_diverge_show_nothing(self):
        method = SimOpt(family=Fragile(0.01), ranges={"mass:torso": (0.5, 2.0)}, base=HOPPER.task(), samples=4, steps=9)
        play = TargetPlay(played({}, 1, longest=12), POLICY, PARAMS)
        assert plays(KEY, method, method.init(KEY), play) is None
