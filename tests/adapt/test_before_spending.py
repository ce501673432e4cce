"""What is asked of the simulator before the first target episode is spent, and the arm that spends them."""

import dataclasses
import json
from pathlib import Path

import jax
import numpy as np
import pytest

from headstart.adapt import excite
from headstart.adapt.excite import Candidate, disagreement, excitement, noisier
from headstart.adapt.identifiability import identifiability, whole_values
from headstart.adapt.particles import Cloud
from headstart.adapt.posterior import Posterior
from headstart.data.collect import play
from headstart.experiments.adapted import Adapted, AdaptedArm, Foreseen, Pupil
from headstart.nets.policies import GaussianPolicy
from headstart.report.adaptation import posterior as posterior_figure
from headstart.report.adaptation import read_adaptation, sentences
from headstart.report.records import RunContents
from headstart.run.ledger import BudgetExceeded, Ledger
from headstart.run.target import Target
from headstart.tasks.catalogue import family
from tests.adapt.target_play import HOPPER

KEY = jax.random.key(0)
POLICY = GaussianPolicy(observation=HOPPER.observation, action=HOPPER.action)
PARAMS = POLICY.init(jax.random.key(1))
RANGES = {"mass:torso": (0.5, 2.0), "gear:leg_joint": (0.7, 1.3), "noise:observation": (0.001, 0.001)}
METHOD = Posterior(family=HOPPER, ranges=RANGES, base=HOPPER.task(), particles=32, steps=64)


class TestIdentifiability:
    def test_masses_and_motors_are_expected_to_be_found_and_more_episodes_tell_more(self):
        one, four = (identifiability(KEY, METHOD, POLICY, PARAMS, k) for k in (1, 4))
        assert one.names == ("gear:leg_joint", "mass:torso") and not one.unidentified
        assert (four.remaining < one.remaining).all() and (one.remaining < 0.8).all()

    def test_a_parameter_that_the_episodes_cannot_tell_is_named_beside_one_that_they_can(self):
        # where a latency that differs from step to step is left out of predictions, no step can tell how much it does
        swimmer = family("swimmer")
        ranges = {"mass:mid": (0.5, 2.0), "jitter:delay": (0.0, 0.5)}
        method = Posterior(family=swimmer, ranges=ranges, base=swimmer.task(), steps=32)
        policy = GaussianPolicy(observation=swimmer.observation, action=swimmer.action)
        found = identifiability(KEY, method, policy, policy.init(KEY), 1)
        left = dict(zip(found.names, found.remaining, strict=True))
        assert found.unidentified == ("jitter:delay",)
        np.testing.assert_allclose(left["jitter:delay"], 1.0)  # exactly as unknown as before
        assert left["mass:mid"] < 0.01


class TestExcitement:
    def test_disagreement_by_hand(self):
        # Y = ±1 in one number, two particles: 1 + Y Yᵀ / 2 has eigenvalues 1 and 2
        np.testing.assert_allclose(disagreement(np.array([[1.0], [-1.0]])), 0.5 * np.log(2))
        assert disagreement(np.zeros((3, 5))) == 0.0

    def test_who_moves_tells_more_than_who_rests(self):
        rest = {**PARAMS, "actor": jax.tree.map(np.zeros_like, PARAMS["actor"])}
        still = Candidate(dataclasses.replace(POLICY, deterministic=True), rest)
        told = excitement(KEY, METHOD, METHOD.init(KEY), {"moves": Candidate(POLICY, PARAMS), "rests": still})
        assert told["moves"] > told["rests"] > 0

    def test_what_is_known_already_tells_nothing_more(self):
        ways = {"moves": Candidate(POLICY, PARAMS)}
        prior = METHOD.init(KEY)
        middle = METHOD.prior(METHOD.coordinates).mean
        one = Cloud(np.concatenate([prior.points, middle[None]]), np.append(np.full(len(prior.points), -800.0), 0.0))
        assert excitement(KEY, METHOD, one, ways)["moves"] == 0.0 < excitement(KEY, METHOD, prior, ways)["moves"]

    def test_a_posterior_is_asked_by_weight_at_its_own_delay_and_noise(self, monkeypatch):
        asked = []

        def heard(posterior):
            asked.append(posterior)
            return whole_values(posterior)

        method = dataclasses.replace(METHOD, ranges=RANGES | {"delay:action": (0.0, 1.0)})
        monkeypatch.setattr(excite, "whole_values", heard)
        values = {"delay:action": [0.0, 2.0, 2.0], "noise:observation": [0.02, 0.01, 0.03]}
        values |= {"gear:leg_joint": [0.7, 1.0, 1.1], "mass:torso": [0.5, 1.0, 2.0]}
        points = method.coordinates.vector(values)
        told = excitement(KEY, method, Cloud(points, np.log([0.4, 0.3, 0.3])), {"moves": Candidate(POLICY, PARAMS)})
        assert told["moves"] > 0.0
        assert {p.ranges["delay:action"] for p in asked} == {(2.0, 2.0)}  # 0.6 of the weight, and beyond the ranges
        assert np.allclose([p.ranges["noise:observation"] for p in asked], 0.4 * 0.02 + 0.3 * 0.04)

    def test_a_noisier_policy_is_noisier(self):
        twice = noisier(PARAMS, 2.0)
        np.testing.assert_allclose(np.exp(twice["actor"]["log_std"] - PARAMS["actor"]["log_std"]), 2.0, rtol=1e-6)


@dataclasses.dataclass(frozen=True)
class Heavy:
    """The hopper with a heavier torso, whatever task it is given: a target."""

    observation, action, horizon, name, kind, can_snapshot = *(
        getattr(HOPPER, field) for field in ("observation", "action", "horizon")
    ), "heavy", "host", True  # fmt: skip

    def sample(self, key, n):
        tasks = HOPPER.sample(key, n)
        return tasks._replace(dynamics={**tasks.dynamics, "mass:torso": np.full(n, 1.6, np.float32)})

    def start(self, n):
        return HOPPER.start(n)

    def reset(self, seeds, state, tasks, where):
        return HOPPER.reset(seeds, state, tasks, where)

    def observe(self, state):
        return HOPPER.observe(state)

    def step(self, seeds, state, action, where):
        return HOPPER.step(seeds, state, action, where)


def listening(loudness):
    """Returns a `play` that notes how loud, beside the first, each policy is that plays."""

    def noted(key, family, policy, params, tasks, episodes):
        loudness.append(float(np.exp(params["actor"]["log_std"] - PARAMS["actor"]["log_std"]).mean()))
        return play(key, family, policy, params, tasks, episodes)

    return noted


def louder(distribution, state, turn):
    """Learns nothing but to be louder."""
    yield "learning"
    return state + 1


class TestTheArm:
    def spend(self, tmp_path, budget=3, excite=True, method=METHOD):
        ledger = Ledger(path=tmp_path / "ledger.json", budget=budget)
        target, under = Target(Heavy, ledger, play), []

        def learn(distribution, state, turn):
            under.append((turn, distribution.sample(KEY, distribution.init(KEY), 50).dynamics["mass:torso"]))
            yield "learning"
            return state + 1

        pupil = Pupil(0, learn, lambda state: noisier(PARAMS, 1.0 + 0.5 * state))
        arm = AdaptedArm(method, (1, 3), excite, tmp_path / "adaptation-0.json")
        found = list(arm.meet(KEY, target, POLICY, pupil, METHOD_BEFORE))
        return found, under, ledger

    def test_it_spends_k_episodes_and_trains_in_the_simulator_that_they_tell_of(self, tmp_path):
        found, under, ledger = self.spend(tmp_path)
        assert [f.shots for f in found if isinstance(f, Adapted)] == [0, 1, 3]
        assert ledger.counts().adaptation_episodes == 3
        turns, masses = zip(*under, strict=True)
        # nothing known; then nearly all
        assert np.std(masses[0]) > 0.1 and np.std(masses[1]) > 0.1 and abs(np.median(masses[3]) - 1.6) < 0.1
        # without any episode as long as with all of them; then round after round
        assert turns == (0, 1, 0, 1) and found.count("learning") == 4
        record = json.loads((tmp_path / "adaptation-0.json").read_text())
        assert record["parameters"] == sorted(RANGES) and record["played"] in record["excitement"]
        assert [part["shots"] for part in record["posteriors"]] == [1, 3]
        assert "1.6" not in json.dumps({k: record[k] for k in ("prior", "trained", "nominal")})  # nothing leaks

    def test_each_round_goes_on_from_the_one_before_and_its_policy_plays(self, tmp_path):
        played = []
        ledger = Ledger(path=tmp_path / "ledger.json", budget=3)

        pupil = Pupil(0, louder, lambda state: noisier(PARAMS, 1.0 + 0.5 * state))
        arm = AdaptedArm(METHOD, (1, 3), False, tmp_path / "adaptation-0.json")
        every = arm.meet(KEY, Target(Heavy, ledger, listening(played)), POLICY, pupil, METHOD_BEFORE)
        found = [f for f in every if isinstance(f, Adapted)]
        np.testing.assert_allclose(played, [1.0, 1.5, 1.5], rtol=1e-5)
        after = [np.exp(f.params["actor"]["log_std"] - PARAMS["actor"]["log_std"]).mean() for f in found]
        np.testing.assert_allclose(after, [2.0, 1.5, 2.0], rtol=1e-5)  # k = 0 has learnt in as many rounds, by itself

    def test_target_episodes_that_broke_are_counted(self, tmp_path):
        ledger = Ledger(path=tmp_path / "ledger.json", budget=3)

        def breaking(*given):
            whole = play(*given)
            valid = np.array(whole[-1].valid)
            valid[-1] = False
            return (*whole[:-1], whole[-1]._replace(valid=valid))

        pupil = Pupil(0, louder, lambda state: PARAMS)
        arm = AdaptedArm(METHOD, (1, 3), False, tmp_path / "adaptation-0.json")
        every = arm.meet(KEY, Target(Heavy, ledger, breaking), POLICY, pupil, METHOD_BEFORE)
        assert [f.broken for f in every if isinstance(f, Adapted)] == [0, 1, 3]

    def test_the_report_reads_what_it_wrote(self, tmp_path):
        self.spend(tmp_path)
        notes = {}
        read = read_adaptation(tmp_path, notes)
        assert read is not None and not notes and read.posteriors[-1][0] == 3
        torso = read.names.index("mass:torso")
        low, middle, high = read.posteriors[-1][1][torso]
        assert low <= middle <= high and abs(middle - 1.6) < 0.1
        assert "The target was played" in sentences(read)
        said = "adapted to the episodes before played the next"
        assert said in sentences(read) and said not in sentences(
            dataclasses.replace(read, rounds=False)
        )  # of an earlier version
        assert read.replay is not None and read.replay["measured"].shape[0] == len(read.replay["channels"])
        (tmp_path / "adaptation-0.json").write_text('{"parameters": 3}')
        assert read_adaptation(tmp_path, notes) is None and "could not be read" in notes["adaptation"]

    def test_it_never_goes_over_the_budget(self, tmp_path):
        with pytest.raises(BudgetExceeded):
            self.spend(tmp_path, budget=2, excite=False)
        record = json.loads((tmp_path / "adaptation-0.json").read_text())  # what the first round told outlives it
        assert [part["shots"] for part in record["posteriors"]] == [1] and "trajectory" not in record

    def test_what_is_expected_is_said_and_written_before_the_first_episode_is_spent(self, tmp_path):
        ledger = Ledger(path=tmp_path / "ledger.json", budget=3)
        idle = RANGES | {"gear:leg_joint": (0.99999, 1.00001), "noise:observation": (0.05, 0.05)}  # hardly any range
        method = Posterior(family=HOPPER, ranges=idle, base=HOPPER.task(), particles=32, steps=64)
        pupil = Pupil(0, lambda *_: iter(()), lambda _: PARAMS)
        said = AdaptedArm(method, (2, 3), False, tmp_path / "adaptation-0.json").meet(
            KEY, Target(Heavy, ledger, play), POLICY, pupil, None
        )
        assert next(said) == Foreseen(2, ("gear:leg_joint",))
        assert ledger.counts().adaptation_episodes == 0
        notes = {}
        read = read_adaptation(tmp_path, notes)
        assert read is not None and not notes and not read.posteriors and posterior_figure(run_of(read)) is None
        assert "not to be identified by the smallest k: gear:leg_joint." in sentences(read)
        later = dataclasses.replace(read, posteriors=((2, read.prior),))
        assert "not to be identified by the smallest k, 2: gear:leg_joint." in sentences(later)

    def test_a_second_round_is_played_as_the_posterior_of_the_first_asks(self, tmp_path, monkeypatch):
        clouds, loudness = [], []

        def excited(key, method, cloud, ways):
            clouds.append((key, cloud, {name: way.params["actor"]["log_std"] for name, way in ways.items()}))
            return {name: float((name == "twice the noise") == (len(clouds) > 1)) for name in ways}

        monkeypatch.setattr("headstart.experiments.adapted.excitement", excited)
        pupil = Pupil(0, louder, lambda state: noisier(PARAMS, 1.0 + 0.5 * state))
        arm = AdaptedArm(METHOD, (1, 3), True, tmp_path / "adaptation-0.json")
        target = Target(Heavy, Ledger(path=tmp_path / "ledger.json", budget=3), listening(loudness))
        list(arm.meet(KEY, target, POLICY, pupil, None))
        torso = METHOD.coordinates.names.index("mass:torso")
        (first, prior, _), (second, after, ways) = clouds
        assert np.std(prior.points[:, torso]) > 0.05 and not np.ptp(prior.log_weight)
        masses = METHOD.coordinates.values(after.quantile([0.05, 0.95]))["mass:torso"]
        np.testing.assert_allclose(masses, 1.6, atol=0.1)  # of the target, as one episode told
        assert (jax.random.key_data(first) != jax.random.key_data(second)).any()
        np.testing.assert_allclose(ways["as trained"] - PARAMS["actor"]["log_std"], np.log(1.5), rtol=1e-5)
        np.testing.assert_allclose(loudness, [1.0, 3.0, 3.0], rtol=1e-5)  # as trained, then 1.5 played twice as loud
        read = read_adaptation(tmp_path, {})
        assert read is not None and read.played == "as trained up to k = 1, twice the noise up to k = 3"

    def test_where_only_latency_and_noise_vary_it_goes_through_to_the_page(self, tmp_path):
        ranges = {"delay:action": (0.0, 1.0), "noise:observation": (0.0, 0.03)}
        method = Posterior(family=HOPPER, ranges=ranges, base=HOPPER.task(), particles=32, steps=64)
        found, under, _ = self.spend(tmp_path, method=method)
        assert not [f for f in found if isinstance(f, Foreseen)]  # of what has no slope nothing is foretold
        assert [f.shots for f in found if isinstance(f, Adapted)] == [0, 1, 3] and len(under) == 4
        read = read_adaptation(tmp_path, notes := {})
        assert read is not None and not notes and read.names == tuple(sorted(ranges)) and read.replay is not None
        assert (read.posteriors[-1][1][0] == 0.0).all()  # nothing is late
        assert "xpected" not in sentences(read)  # neither that all nor that some were


def run_of(read):
    return RunContents(path=Path(), adaptation=read, notes={})


METHOD_BEFORE = METHOD.drawn()
METHOD_BEFORE = dataclasses.replace(METHOD_BEFORE, cloud=METHOD.init(KEY))
