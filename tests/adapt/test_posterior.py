"""Laws of adaptation by transitions: the truth is found, what cannot be known stays unknown, misfit widens."""

import dataclasses

import jax
import numpy as np
import pytest
from scipy.optimize import brentq, least_squares
from scipy.stats import chi2

from headstart.adapt.coordinates import Coordinates
from headstart.adapt.dropo import Dropo, gaussian_log_likelihood
from headstart.adapt.evidence import Meter
from headstart.adapt.feedback import TargetPlay
from headstart.adapt.noise import FREEDOM
from headstart.adapt.posterior import Posterior
from headstart.adapt.transitions import LAGS, Transitions, transitions
from headstart.errors import Fault, InputError
from headstart.spaces import Box, Parameter, ParameterSpace
from headstart.tasks.catalogue import family
from headstart.types import Task
from tests.adapt.target_play import HOPPER, played

KEY = jax.random.key(0)
MASSES = {f"mass:{part}": (0.3, 2.5) for part in ("torso", "thigh", "leg", "foot")}
TRUTH = {"mass:torso": 1.8, "mass:thigh": 0.5, "mass:leg": 1.3, "mass:foot": 0.7}


def hopper(ranges=MASSES, **changes):
    return Posterior(family=HOPPER, ranges=ranges, base=HOPPER.task(), particles=48, **changes)


def interval(posterior, cloud):
    values = posterior.coordinates.values(cloud.quantile([0.025, 0.5, 0.975]))
    return {name: tuple(map(float, column)) for name, column in values.items()}


def noise_within(found, miss=1e-3):
    """How many times the true noise the estimate is, all but `miss` of the time.

    A variance of n normal numbers is χ² of n degrees over n; here n is of all channels, of which a median tells as much
    as 2/π of them would. And Student's weights expect heavier tails than normal noise has: by them κ χ²_c, in place of
    χ²_c, is on average c for the c channels of a step, so that the variance comes out as 1/κ of what it is.
    """
    channels = len(found.noise.sensor)
    steps = chi2.ppf((np.arange(2000) + 0.5) / 2000, channels)
    weighed = lambda k: np.mean((FREEDOM + channels) * k * steps / (FREEDOM + k * steps))  # noqa: E731
    taken = 1.0 / np.sqrt(brentq(lambda k: weighed(k) - channels, 0.5, 2.0))
    freedom = 2.0 / np.pi * found.used * channels
    return taken * np.sqrt(chi2.ppf([miss / 2, 1 - miss / 2], freedom) / freedom)


@dataclasses.dataclass(frozen=True)
class Cart:
    """x' = x + v dt, v' = (1 − drag) v + push · u: with a parameter that does nothing, and one that breaks it."""

    broken_above: float = np.inf
    name = "cart"
    unpredictable = None
    observation, action = Box((2,)), Box((1,), -1.0, 1.0)
    typical_size = np.ones(2)
    dynamics = ParameterSpace(
        tuple(
            Parameter(name=name, unit="", nominal=nominal, low=0.0, high=1.0)
            for name, nominal in (("drag", 0.2), ("idle", 0.5), ("push", 0.5))
        )
    )

    def task(self):
        return Task(self.dynamics.nominal(), {})

    def predict(self, dynamics, obs, queue):
        given = {k: np.asarray(v, float)[:, None] for k, v in ({"drag": [0.2], "push": [0.5]} | dynamics).items()}
        x, v = obs[:, 0], obs[:, 1]
        after = np.stack(np.broadcast_arrays(x + 0.1 * v, (1 - given["drag"]) * v + given["push"] * queue[:, 0, 0]), -1)
        return after, np.broadcast_to(given["push"] <= self.broken_above, after.shape[:2])


def cart_data(drag, push, noise, seed, n=60, missing=0.0, delay=0):
    random = np.random.default_rng(seed)
    state, rows, queue = np.array([0.0, 1.0]), [], np.zeros((LAGS, 1))
    obs = state + noise * random.standard_normal(2)
    for t in range(n):
        queue = np.concatenate([random.uniform(-1, 1, (1, 1)), queue[:-1]])
        x, v = state
        state = np.array([x + 0.1 * v, (1 - drag) * v + push * queue[delay, 0] + missing * np.sin(3 * x)])
        after = state + noise * random.standard_normal(2)
        rows.append((obs, after, queue, t == 0))
        obs = after
    return Transitions(*(np.array(column) for column in zip(*rows, strict=True)))


def cart(world=None, **changes):
    world = Cart() if world is None else world
    ranges = dict.fromkeys(world.dynamics, (0.1, 0.9))
    return Posterior(family=world, ranges=ranges, base=world.task(), particles=64, **changes)


class TestOnACartWithKnownAnswers:
    def test_the_truth_lies_in_95_percent_intervals_about_95_times_in_100(self):
        posterior, random, inside = cart(), np.random.default_rng(5), []
        for seed in range(100):
            drag, push = random.uniform(0.15, 0.85, 2)
            cloud, _ = posterior.explain(jax.random.key(seed), cart_data(drag, push, 0.05, seed, n=16))
            found = interval(posterior, cloud)
            inside += [found["drag"][0] <= drag <= found["drag"][2], found["push"][0] <= push <= found["push"][2]]
        assert 0.89 <= np.mean(inside) <= 0.985  # ± 3 standard errors of 200 intervals

    def test_what_does_nothing_keeps_the_width_of_the_prior(self):
        posterior = cart()
        cloud, _ = posterior.explain(KEY, cart_data(0.3, 0.6, 0.02, 1))
        before, after = posterior.init(KEY).quantile([0.05, 0.95]), cloud.quantile([0.05, 0.95])
        width = dict(zip(posterior.coordinates.names, (after[1] - after[0]) / (before[1] - before[0]), strict=True))
        assert width["idle"] > 0.75 and width["push"] < 0.1 and width["drag"] < 0.2

    def test_without_noise_the_error_is_nothing(self):
        posterior = cart()
        cloud, _ = posterior.explain(KEY, cart_data(0.3, 0.6, 0.0, 1))
        found = interval(posterior, cloud)
        np.testing.assert_allclose([found["drag"][1], found["push"][1]], [0.3, 0.6], rtol=1e-5)

    def test_more_steps_narrow_it_unless_the_simulator_misses_something(self):
        posterior, width = cart(), {}
        for missing in (0.0, 0.3):
            for n in (30, 240):
                cloud, found = posterior.explain(KEY, cart_data(0.3, 0.6, 0.02, 2, n, missing))
                width[missing, n] = np.ptp(cloud.quantile([0.05, 0.95]), axis=0)[2]
                assert (found.unexplained > 0.0) == (missing > 0.0)
        assert width[0.0, 240] < 0.6 * width[0.0, 30]
        assert width[0.3, 240] > 3 * width[0.0, 240]
        assert width[0.3, 240] > 0.4 * width[0.3, 30]  # it does not collapse around a wrong value

    def test_a_simulator_that_breaks_at_some_values_is_isolated_and_counted(self):
        posterior = cart(Cart(broken_above=0.62))
        cloud, found = posterior.explain(KEY, cart_data(0.3, 0.6, 0.1, 1, n=12))
        assert found.diverged > 0 and interval(posterior, cloud)["push"][1] <= 0.62
        with pytest.raises(Fault, match="cart: the simulator diverges"):
            posterior = cart(Cart(broken_above=-1.0))
            posterior.explain(KEY, cart_data(0.3, 0.6, 0.1, 1, n=12))

    def test_same_key_same_bits(self):
        posterior, given = cart(), cart_data(0.3, 0.6, 0.05, 3)
        one, two = (posterior.explain(KEY, given)[0] for _ in range(2))
        np.testing.assert_array_equal(one.points, two.points)


@dataclasses.dataclass(frozen=True)
class LateCart(Cart):
    """The cart with known mechanics, whose push comes some steps late: nothing real-valued varies."""

    name = "late cart"
    dynamics = ParameterSpace(
        (
            Parameter(name="delay:action", unit="control steps", nominal=0.0, low=0.0, high=5.0, integer=True),
            Parameter(name="noise:observation", unit="", nominal=0.0, low=0.0, high=1.0),
        )
    )

    def predict(self, dynamics, obs, queue):
        late = np.asarray(dynamics.get("delay:action", [0]), int)
        parts = [super(LateCart, self).predict({}, obs, queue[:, lag:]) for lag in late]
        return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


class TestWhereNothingRealValuedVaries:
    @pytest.mark.parametrize("noise", [0.0, 0.03])
    @pytest.mark.parametrize("also", [{}, {"noise:observation": (0.0, 0.1)}])
    def test_the_delay_is_found_by_trying_them_all(self, noise, also):
        world = LateCart()
        ranges = {"delay:action": (0.0, 2.0)} | also
        posterior = Posterior(family=world, ranges=ranges, base=world.task(), particles=32)
        assert not posterior.real.names and len(posterior.choices()) == 4
        for delay in (0, 2, 3):  # the last beyond the range
            cloud, found = posterior.explain(KEY, cart_data(0.2, 0.5, noise, 1, delay=delay))
            assert list(found.whole) == [(float(delay),)]
            values = posterior.coordinates.values(cloud.points)
            assert (values["delay:action"] == delay).all() and len(cloud.points) == 32
            assert found.effective == 32 and found.simulator_steps < 60 * 60
            if also and noise:
                assert 0.02 < np.median(values["noise:observation"]) < 0.045
            tasks = posterior.sample(KEY, cloud, 5)
            np.testing.assert_array_equal(tasks.dynamics["delay:action"], delay)

    def test_the_noise_alone_is_fitted(self):
        world = LateCart()
        posterior = Posterior(family=world, ranges={"noise:observation": (0.0, 0.1)}, base=world.task(), particles=32)
        cloud, found = posterior.explain(KEY, cart_data(0.2, 0.5, 0.03, 1))
        noise = posterior.coordinates.values(cloud.points)["noise:observation"]
        assert 0.02 < np.median(noise) < 0.045 and np.ptp(noise) > 0.0 and found.whole == {(): 1.0}

    def test_a_delay_that_is_known_is_allowed_for_where_something_is_missed(self):
        world = LateCart()
        base = world.task()
        late = base._replace(dynamics={**base.dynamics, "delay:action": np.float32(2)})
        posterior = Posterior(family=world, ranges={"noise:observation": (0.0, 0.1)}, base=late, particles=16)
        _, sound = posterior.explain(KEY, cart_data(0.2, 0.5, 0.03, 2, delay=2))
        _, found = posterior.explain(KEY, cart_data(0.2, 0.6, 0.03, 2, delay=2))  # a push that is not the simulator's
        assert sound.unexplained == 0.0 < 0.1 < found.unexplained

    def test_delays_that_nothing_tells_apart_all_stay(self):
        world = LateCart()
        posterior = Posterior(family=world, ranges={"delay:action": (1.0, 2.0)}, base=world.task(), particles=32)
        given = cart_data(0.2, 0.5, 0.03, 1)
        _, found = posterior.explain(KEY, given._replace(queue=np.zeros_like(given.queue)))
        share = {delay: value for (delay,), value in found.whole.items()}
        assert set(share) == {0.0, 1.0, 2.0, 3.0} and share[1.0] == pytest.approx(share[2.0])
        assert share[1.0] / share[0.0] == pytest.approx(np.e)  # beyond the range: a nat less

    def test_on_a_hopper(self):
        posterior = hopper({"delay:action": (0.0, 1.0), "noise:observation": (0.0, 0.03)})
        cloud, found = posterior.infer(KEY, played({"delay:action": 2.0, "noise:observation": 0.01}, longest=20))
        values = posterior.coordinates.values(cloud.points)
        assert (values["delay:action"] == 2.0).all() and list(found.whole) == [(2.0,)]
        assert 0.005 < np.median(values["noise:observation"]) < 0.02


class TestOnAHopper:
    def test_masses_without_noise_are_found_as_least_squares_finds_them(self):
        given = transitions(played(TRUTH), HOPPER.observation, HOPPER.action)
        posterior = hopper()
        cloud, found = posterior.explain(KEY, given)
        ours = interval(posterior, cloud)
        for name, value in TRUTH.items():
            assert abs(ours[name][1] / value - 1) < 0.01
        names = posterior.coordinates.names
        size = np.abs(given.next_obs - given.obs).mean(axis=0)

        def off(masses):  # an oracle of another make: plain least squares on the masses themselves
            seen, _ = HOPPER.predict(dict(zip(names, masses[:, None], strict=True)), given.obs, given.queue)
            return ((seen[0] - given.next_obs) / size).ravel()

        oracle = least_squares(off, np.ones(4), bounds=(0.1, 10.0), diff_step=1e-3)
        np.testing.assert_allclose([ours[name][1] for name in names], oracle.x, rtol=1e-2)
        assert found.simulator_steps < 2000 * found.used

    @pytest.mark.parametrize("seed", [0, 1, 2])
    def test_delay_and_noise_are_found_with_the_masses(self, seed):
        ranges = MASSES | {"delay:action": (0.0, 1.0), "noise:observation": (0.0, 0.03)}
        hidden = TRUTH | {"delay:action": 2.0, "noise:observation": 0.01}  # a delay beyond the range
        posterior = hopper(ranges)
        cloud, found = posterior.infer(KEY, played(hidden, episodes=3, seed=seed))
        values = posterior.coordinates.values(cloud.points)
        assert (values["delay:action"] == 2.0).all() and list(found.whole) == [(2.0,)]
        level, (low, high) = np.median(found.noise.sensor * found.scale / HOPPER.typical_size), noise_within(found)
        assert 0.01 * low < level < 0.01 * high
        # particles are spread by 0.15 around the level: their median, of 48, is known to 1.25 · 0.15 / √48
        spread = np.log(np.median(values["noise:observation"]) / level)
        assert abs(spread) < 4 * 1.25 * 0.15 / np.sqrt(48)
        for name, value in TRUTH.items():
            low, middle, high = interval(posterior, cloud)[name]
            assert abs(middle / value - 1) < 0.1 and high - low < 0.3

    def test_a_target_that_is_nominal_does_not_move_the_mean_beyond_its_interval(self):
        posterior = hopper()
        cloud, found = posterior.infer(KEY, played({}, noise=2e-3))
        assert all(low <= 1.0 <= high for low, _, high in interval(posterior, cloud).values())
        assert found.unexplained == 0.0

    def test_joints_that_the_simulator_does_not_know_are_called_unexplained(self):
        joints = {f"damping:{part}_joint": 2.0 for part in ("thigh", "leg", "foot")}
        _, sound = hopper().infer(KEY, played(TRUTH, noise=1e-4))
        _, found = hopper().infer(KEY, played(TRUTH | joints, noise=1e-4))
        assert sound.unexplained < 0.05 and found.unexplained > 0.1 and found.trust < 0.3 < sound.trust

    def test_update_is_infer_and_its_samples_are_tasks(self):
        posterior, episodes = hopper(), played(TRUTH)
        state, metrics = posterior.update(KEY, posterior.init(KEY), TargetPlay(episodes))
        np.testing.assert_array_equal(state.points, posterior.infer(KEY, episodes)[0].points)
        assert metrics["adapt/trust"] > 0.5
        tasks = posterior.sample(KEY, state, 20)
        np.testing.assert_allclose(tasks.dynamics["mass:torso"], 1.8, rtol=0.02)
        np.testing.assert_array_equal(tasks.dynamics["gear:leg_joint"], 1.0)


class TestDropo:
    def test_its_likelihood_by_hand(self):
        # mean 1, variance 2 (of 0 and 2) + ε = 3, seen 4: −½ · 9/3 − ½ ln 3 − ½ ln 2π
        value = gaussian_log_likelihood(np.array([[4.0]]), np.array([[[0.0]], [[2.0]]]), 1.0)
        np.testing.assert_allclose(value, -1.5 - 0.5 * np.log(3) - 0.5 * np.log(2 * np.pi))

    def test_finds_the_cart_s_parameters_with_a_budget_that_is_counted(self):
        world, meter = Cart(), Meter()
        ranges = {"drag": (0.1, 0.9), "push": (0.1, 0.9)}
        method = Dropo(family=world, ranges=ranges, base=world.task(), evaluations=300, samples=20)
        bell, _ = method.fit(KEY, cart_data(0.3, 0.6, 0.0, 1, n=20), meter)
        values = method.coordinates.values(bell.mean)
        np.testing.assert_allclose([values["drag"], values["push"]], [0.3, 0.6], atol=0.02)
        assert meter.steps == 300 * 20 * 20 + 20
        assert (bell.std < 0.1).all() and (bell.std >= 1e-5).all()


class TestBadInput:
    def test_a_record_with_numbers_that_are_none(self):
        (episode,) = played({}, episodes=1, longest=6)
        obs = episode.obs.copy()
        obs[2, 0, 3] = np.nan
        with pytest.raises(InputError, match="episode 0, step 2: its observation is not finite"):
            hopper().infer(KEY, (episode._replace(obs=obs),))

    def test_a_record_with_a_gap(self):
        (episode,) = played({}, episodes=1, longest=6)
        cut = jax.tree.map(lambda x: np.delete(x, 2, axis=0), episode)
        with pytest.raises(InputError, match="gap before step 2"):
            hopper().infer(KEY, (cut,))
        given = transitions((cut._replace(first=np.array([[True], [False], [True], *[[False]] * 2])),), *spaces())
        assert given.begins.tolist() == [True, False, True, False, False] and not given.queue[2, 1:].any()

    def test_a_record_of_another_world(self):
        (episode,) = played({}, episodes=1, longest=3, world=family("walker2d"))
        with pytest.raises(InputError, match=r"observations have shape \(17,\); the simulator's have \(11,\)"):
            hopper().infer(KEY, (episode,))

    def test_broken_steps_are_left_out_and_nothing_else_is_an_error(self):
        (episode,) = played({}, episodes=1, longest=6)
        valid = np.array([[True], [False], *[[True]] * 4])
        given = transitions((episode._replace(valid=valid),), *spaces())
        assert len(given.obs) == 5 and given.begins.tolist() == [True, True, False, False, False]
        with pytest.raises(InputError, match="no valid step"):
            hopper().infer(KEY, (episode._replace(valid=np.zeros_like(valid)),))

    def test_no_episode_at_all(self):
        with pytest.raises(InputError, match="at least one target episode"):
            hopper().update(KEY, hopper().init(KEY), TargetPlay(()))

    def test_a_target_that_leaks_its_parameters(self):
        (episode,) = played({}, episodes=1, longest=3)
        told = episode._replace(task=Task({"mass:torso": np.full((3, 1), 1.8)}, {}))
        with pytest.raises(InputError, match=r"episode 0 carries the target's parameters .mass:torso."):
            hopper().infer(KEY, (told,))

    def test_worlds_whose_state_cannot_be_set_are_sent_to_simopt(self):
        world = family("pusher")
        with pytest.raises(InputError, match=r"pusher: its observation is not its whole state.*simopt"):
            Posterior(family=world, ranges={"mass:object": (0.5, 2.0)}, base=world.task())

    @pytest.mark.parametrize(
        ("ranges", "says"),
        [
            ({"mass:torso": (2.0, 0.5)}, "inverted"),
            ({"mass:torso": (0.01, 0.5)}, "leaves what is legal"),
            ({"mass:toros": (0.5, 2.0)}, "did you mean 'mass:torso'"),
            ({"viscosity:world": (0.5, 2.0)}, "unknown parameter"),  # of the swimmer, not of the hopper
            ({}, "nothing to adapt"),
        ],
    )
    def test_ranges(self, ranges, says):
        with pytest.raises(InputError, match=says):
            hopper(ranges)


def spaces():
    return HOPPER.observation, HOPPER.action


def test_coordinates_of_the_search_leave_whole_numbers_and_noise_out():
    posterior = hopper(MASSES | {"delay:action": (0.0, 1.0), "noise:observation": (0.0, 0.03)})
    assert set(posterior.real.names) == set(MASSES)
    assert posterior.choices() == [(("delay:action", d),) for d in (0.0, 1.0, 2.0)]
    assert isinstance(posterior.coordinates, Coordinates)
