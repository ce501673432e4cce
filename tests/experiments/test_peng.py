"""Peng's study: what is randomized, what is fixed, what is kept of interrupted work, and how the table is made."""

import dataclasses
import json
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.adapt.randomize import Uniform
from headstart.errors import InputError
from headstart.experiments import peng, peng_ablation, peng_learning, peng_unmet, peng_worlds
from headstart.experiments.claims import Request
from headstart.experiments.peng import SCALES, measured, measured_oracle, measured_teacher, successes
from headstart.experiments.peng_learning import Amount, Job, practised, teacher_of
from headstart.experiments.peng_table import compared, on_robots, summed_up, table
from headstart.experiments.peng_unmet import held_to_oracles, share
from headstart.experiments.peng_worlds import ARMS, WORLDS, Arm, distribution_of, ranges_of, unmet
from headstart.learn.averaged import Averaged
from headstart.learn.distillation import Distillation
from headstart.learn.recurrent_ppo import RecurrentPPO
from headstart.run.ledger import Ledger
from headstart.tasks.catalogue import family
from headstart.types import Rollout, Task
from tests.work import finished

KEY = jax.random.key(0)
ALONE = {"oracle": 2.0, "from_scratch": 1.0, "gone_on": 2.0, "brought": 1.5, "random": 0.0, "still": -1.0}


@pytest.mark.parametrize("name", WORLDS)
def test_ranges_are_powers_of_the_paper_s_and_legal(name):
    world, home = WORLDS[name], family(WORLDS[name].family)
    ranges = ranges_of(world, home.dynamics)
    mass = next(parameter for parameter in ranges if parameter.startswith("mass:"))
    assert ranges[mass] == pytest.approx((0.25**world.share, 4.0**world.share))
    assert ranges["jitter:delay"] == (0.025, 0.2) and ranges["noise:observation"] == (0.05, 0.05)
    tasks = Uniform(space=home.dynamics, ranges=ranges, base=home.task()).sample(KEY, (), 64)  # refuses what is illegal
    for group, patterns in world.groups.items():
        names = peng_worlds.matching(home.dynamics, patterns)
        assert names, f"{group} names nothing"
        fixed = distribution_of(home, world, Arm("lstm", fixed=group)).sample(KEY, (), 64)
        for parameter in home.dynamics.values():
            value, free = np.asarray(fixed.dynamics[parameter.name]), np.asarray(tasks.dynamics[parameter.name])
            expected = np.full(64, parameter.nominal, np.float32) if parameter.name in names else free
            np.testing.assert_array_equal(value, expected)


def test_without_randomization_the_world_is_the_plain_one():
    home = family(WORLDS["pusher"].family)
    tasks = distribution_of(home, WORLDS["pusher"], ARMS["no randomization"]).sample(KEY, (), 3)
    for name, value in home.dynamics.nominal().items():
        np.testing.assert_array_equal(tasks.dynamics[name], np.full(3, value))


def test_an_episode_succeeds_if_the_object_ends_at_the_goal():
    def episode(distance):
        obs = np.zeros((2, 1, 23), np.float32)
        obs[0, 0, 17], obs[1, 0, 17:20] = 9.0, np.array([distance, 0.3, 0.0])
        obs[1, 0, 21] = 0.3
        blank = np.zeros((2, 1))
        return Rollout(obs, blank, blank, obs, blank, blank, blank, blank, Task({}, {}))

    assert successes(WORLDS["pusher"], [episode(0.069), episode(0.071), episode(0.0)]) == 2
    assert successes(WORLDS["hopper"], [episode(0.0)]) is None


def test_arms_are_summed_up_and_compared_seed_by_seed():
    good, bad = (
        [
            {"home": [0.0, 2.0], "target": [level + seed, level + seed], "home_successes": 2, "target_successes": 1}
            for seed in range(5)
        ]
        for level in (10.0, 0.0)
    )
    arms = {"good": summed_up(good), "bad": summed_up(bad)}
    assert arms["good"]["target"]["per_seed"] == [10.0, 11.0, 12.0, 13.0, 14.0]
    assert arms["good"]["target"]["success"]["value"] == 0.5 and arms["good"]["target"]["success"]["trials"] == 10
    up, down = compared(arms, [("good", "bad"), ("bad", "good")])
    assert up["difference"] == {"value": 10.0, "low": 10.0, "high": 10.0} and up["shown"] and not down["shown"]
    assert up["probability"]["value"] == 1.0 and arms["good"]["home"]["value"] == 1.0
    few = compared({"good": summed_up(good[:4]), "bad": summed_up(bad[:4])}, [("good", "bad")])
    assert not few[0]["shown"], "four seeds that agree do not show it"


def test_what_was_measured_is_not_measured_again(tmp_path, monkeypatch):
    asked = []

    def fake(job, scale, folder):
        asked.append(job)
        robots = {"interpolation": [1.0], "extrapolation": [0.0]}
        piece = {"home": [1.0], "target": [float(job.seed)], "home_successes": None, "target_successes": None}
        return {**piece, "unmet": robots}

    monkeypatch.setattr(peng, "measured", fake)
    monkeypatch.setattr(peng, "measured_teacher", lambda *given: {"unmet": fake(*given)["unmet"]})
    monkeypatch.setattr(
        peng,
        "measured_oracle",
        lambda job, scale, folder: asked.append(job) or dict(ALONE),  # an oracle's piece has nothing else in it
    )
    request = Request(size="tiny", seeds=2, given={"source": "hopper"}, folder=tmp_path)

    first = finished(peng.reproduce(request))
    pieces = 2 * (1 + len(ARMS)) + 1  # a teacher and its students for each seed, and an oracle
    assert len(asked) == pieces and list(first.result["worlds"]) == ["hopper"]
    assert {job.name for job in asked[:4]} == {"teacher", "no randomization"}, "students wait for their teachers"
    again = finished(peng.reproduce(request)).result
    assert (first.result["pieces_from_before"], again["pieces_from_before"]) == (0, pieces)
    assert again["worlds"] == first.result["worlds"] and len(asked) == pieces
    old = peng.piece_of(asked[0], tmp_path)
    of_now, of_before = (f'"format":{n}' for n in (peng_learning.FORMAT, peng_learning.FORMAT - 1))
    old.write_text(old.read_text().replace(of_now, of_before))  # of a study whose arms learnt otherwise
    assert finished(peng.reproduce(request)).result["pieces_from_before"] == pieces - 1 and asked[pieces:] == asked[:1]
    inside = first.result["worlds"]["hopper"]["unmet"]
    assert inside["oracle_steps"] == {"from_scratch": 8_192, "gone_on": 4_096}
    assert inside["arms"]["recurrent"]["share"] == {"value": 0.5, "low": 0.5, "high": 0.5}
    assert inside["arms"]["recurrent"]["share_of_scratch"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert "of the oracle inside the ranges: recurrent 50%" in first.table
    assert inside["arms"]["teacher"]["share"]["value"] == 0.5 and "\nteacher " in first.table
    for above, below in pairwise(ARMS):
        assert f"{above} above {below}: not shown" in first.table
    ablation = finished(peng_ablation.reproduce(request))
    rows, fixed = ablation.result["worlds"]["hopper"], {f"fixed {group}" for group in WORLDS["hopper"].groups}
    assert {row["expected_worse"] for row in rows["order"]} == fixed
    assert {row["expected_worse"] for row in rows["robots"]["order"]} == fixed and rows["robots"]["count"] == 1
    assert {row["difference"]["value"] for row in rows["robots"]["order"]} == {0.0}  # all are worth the same here
    assert "on the robots inside of the ranges:\nnothing fixed above fixed latency: not shown" in ablation.table
    json.dumps(rows, allow_nan=False)


def test_an_ablation_s_rows_are_compared_on_the_robots_inside_and_on_no_others():
    def piece(job):
        whole, seed = job.name == "nothing fixed", float(job.seed)
        robots = {
            "interpolation": [5.0 + seed, 3.0 + seed] if whole else [seed, 2.0 + seed],
            "extrapolation": [0.0, 0.0],
        }
        if not whole:
            robots["extrapolation"] = [90.0, 90.0]
        ends = {"interpolation": [0.5, 0.7] if whole else [0.7, 0.9], "extrapolation": [0.0, 0.0]}
        plain = {"home": [1.0], "target": [2.0], "home_successes": 1, "target_successes": 0}
        return {**plain, "unmet": robots, "unmet_successes": ends}

    arms = {"nothing fixed": Arm("lstm"), "fixed mass": Arm("lstm", fixed="mass")}
    jobs = [Job("pusher", name, arm, seed) for name, arm in arms.items() for seed in range(5)]
    scale = dataclasses.replace(SCALES["tiny"], unmet=2)
    found = peng.of_world("pusher", {job: piece(job) for job in jobs}, arms, scale, None, False)
    robots = found["robots"]
    assert robots["arms"]["nothing fixed"]["interpolation"]["per_seed"] == [4.0, 5.0, 6.0, 7.0, 8.0]
    (row,) = robots["order"]
    assert (row["expected_better"], row["expected_worse"]) == ("nothing fixed", "fixed mass") and robots["count"] == 2
    assert row["difference"] == {"value": 3.0, "low": 3.0, "high": 3.0} and row["shown"]
    assert robots["success"]["arms"]["fixed mass"]["interpolation"]["value"] == pytest.approx(0.8)
    assert robots["success"]["order"][0]["difference"]["value"] == pytest.approx(-0.2)
    words = table({"pusher": found})
    assert "\nby share of episodes there that succeed:\nnothing fixed above fixed mass: not shown, by -0.20" in words


def test_a_world_that_the_claim_does_not_have_is_refused(tmp_path):
    with pytest.raises(InputError, match="unknown world of this claim 'hoper'; did you mean 'hopper'"):
        next(peng.reproduce(Request(size="tiny", given={"source": "hoper"}, folder=tmp_path)))


def test_an_arm_is_trained_and_meets_every_target_without_learning_from_it(tmp_path):
    job = Job("pusher", "recurrent", ARMS["recurrent"], 0)
    piece = measured(job, SCALES["tiny"], tmp_path)
    assert len(piece["home"]) == len(piece["target"]) == len(peng.TARGETS)
    assert np.isfinite(piece["target"]).all() and piece["target_successes"] in range(4)
    assert {part: len(found) for part, found in piece["unmet"].items()} == {"interpolation": 1, "extrapolation": 1}
    assert {part: len(found) for part, found in piece["unmet_successes"].items()} == dict.fromkeys(piece["unmet"], 1)
    counts = Ledger(path=tmp_path / "ledger-pusher-recurrent-0.json", budget=0).counts()
    assert counts.evaluation_episodes == len(peng.TARGETS) and counts.budgeted_episodes == 0


def test_an_oracle_learns_and_is_held_to_who_learnt_nothing_on_its_own_robot(tmp_path, monkeypatch):
    learnt_anew, states = [], []

    def watched(job, *rest):
        learnt_anew.append(job.name)
        states.append(practised(job, *rest))
        return states[-1]

    monkeypatch.setattr(peng_learning, "practised", watched)
    teacher = measured_teacher(teacher_of(Job("hopper", "recurrent", ARMS["recurrent"], 0)), SCALES["tiny"], tmp_path)
    assert {part: len(found) for part, found in teacher["unmet"].items()} == {"interpolation": 1, "extrapolation": 1}
    job = Job("hopper", "oracle 0", peng.ORACLE, 0, 0)
    piece = measured_oracle(job, SCALES["tiny"], tmp_path)
    assert piece["successes"] is None and teacher["unmet_successes"] is None, "there is nothing to succeed in"
    assert sorted(piece) == sorted((*peng_unmet.ALONE, "successes"))
    assert np.isfinite([piece[name] for name in peng_unmet.ALONE]).all()
    assert piece["oracle"] == max(piece["from_scratch"], piece["gone_on"], piece["brought"])
    assert sorted(place.name for place in (tmp_path / f"learners-{peng_learning.FORMAT}").iterdir()) == [
        "hopper-recurrent-0",
        "hopper-teacher-0",
    ]
    brought, further = (state.params["actor"]["seen"]["weight"] for state in states[1:3])
    assert not np.array_equal(brought, further), "who goes on learns something"
    assert measured_oracle(job, SCALES["tiny"], tmp_path) == piece
    assert learnt_anew == ["teacher", "recurrent", *4 * ["oracle 0"]], "what others go on from was kept"


def test_who_succeeds_on_which_robot_is_counted_robot_by_robot(monkeypatch):
    ends = iter([0.0, 9.0, 0.0, 0.0, 9.0, 9.0])  # two robots, three episodes on each, robot by robot in turn
    monkeypatch.setattr(peng, "play", lambda *given: [None] * 6)
    monkeypatch.setattr(peng, "returns", lambda episodes: [1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    monkeypatch.setattr(peng, "succeeded", lambda world, episodes: [next(ends) < 0.07 for _ in episodes])
    scale, two = dataclasses.replace(SCALES["tiny"], unmet_episodes=3), Task({"mass:tips_arm": np.ones(2)}, {})
    worths, shares = peng.on_each(Job("pusher", "history", ARMS["history"], 0), None, None, {}, two, scale)
    assert worths == [3.0, 4.0] and shares == pytest.approx([2 / 3, 1 / 3])


def test_an_oracle_is_the_best_on_its_robot():
    assert peng.with_oracle({"from_scratch": 1.0, "gone_on": 3.0, "brought": 2.0, "random": 9.0}) == {
        "oracle": 3.0,
        "from_scratch": 1.0,
        "gone_on": 3.0,
        "brought": 2.0,
        "random": 9.0,
    }


def test_of_what_can_succeed_successes_are_held_to_the_oracles_too():
    ends = {"interpolation": [0.5, 0.7], "extrapolation": [0.1, 0.1]}
    piece = {
        "home": [1.0],
        "target": [1.0],
        "home_successes": 1,
        "target_successes": 1,
        "unmet": {"interpolation": [-2.0, -2.0], "extrapolation": [-9.0, -9.0]},
        "unmet_successes": ends,
    }
    scale = dataclasses.replace(SCALES["tiny"], unmet=2)
    found = {Job("pusher", name, arm, 0): piece for name, arm in ARMS.items()}
    found[teacher_of(Job("pusher", "recurrent", ARMS["recurrent"], 0))] = piece
    alone = {"oracle": 0.8, "from_scratch": 0.0, "gone_on": 0.8, "brought": 0.6, "random": 0.0, "still": 0.0}
    found |= {job: {**ALONE, "successes": alone} for job in peng.oracles_of("pusher", scale, 0)}
    summary = peng.of_world("pusher", found, ARMS, scale, None, True)["unmet"]
    assert summary["success"]["arms"]["recurrent"]["share"]["value"] == pytest.approx(0.6 / 0.8)
    assert summary["success"]["arms"]["teacher"]["extrapolation"]["value"] == pytest.approx(0.1)
    said = on_robots(summary)
    assert "75%" in said[-7] + said[-6] and said[-1].startswith("of the oracle's successes there: recurrent 75%")
    of_hopper = {job._replace(world="hopper"): piece for job, piece in found.items()}
    assert "success" not in peng.of_world("hopper", of_hopper, ARMS, scale, None, True)["unmet"]


def test_oracles_go_on_from_the_seed_that_is_worth_most_in_its_own_simulation():
    found = {
        Job(world, name, ARMS[name], seed): {"home": [home], "target": [-home]}
        for world, name, seed, home in (
            ("hopper", "recurrent", 0, 1.0),
            ("hopper", "recurrent", 1, 3.0),
            ("hopper", "recurrent", 2, 2.0),
            ("hopper", "history", 2, 9.0),
            ("pusher", "recurrent", 0, 9.0),
        )
    }
    assert peng.best_seed("hopper", found) == 1 and peng.best_seed("pusher", found) == 0
    assert [job.row for job in peng.oracles_of("hopper", SCALES["small"], 1)] == [0, 1, 2]
    assert {job.seed for job in peng.oracles_of("hopper", SCALES["small"], 1)} == {1}


def test_where_a_scale_has_no_students_every_arm_learns_by_itself(tmp_path, monkeypatch):
    alone = dataclasses.replace(SCALES["tiny"], taught=0)
    monkeypatch.setitem(peng.SCALES, "tiny", alone)
    asked = []

    def fake(job, scale, folder):
        asked.append(job.name)
        robots = {"interpolation": [1.0], "extrapolation": [0.0]}
        return {"home": [1.0], "target": [1.0], "home_successes": None, "target_successes": None, "unmet": robots}

    monkeypatch.setattr(peng, "measured", fake)
    monkeypatch.setattr(peng, "measured_oracle", lambda job, scale, folder: dict(ALONE))
    found = finished(peng.reproduce(Request(size="tiny", given={"source": "hopper"}, folder=tmp_path))).result
    assert set(asked) == set(ARMS) and found["worlds"]["hopper"]["taught"] == 0
    assert list(found["worlds"]["hopper"]["unmet"]["arms"]) == list(ARMS)


@pytest.mark.parametrize(
    ("taught", "plain", "randomized"), [(0, RecurrentPPO, RecurrentPPO), (64, Averaged, Distillation)]
)
def test_where_there_are_students_teachers_and_who_has_none_learn_from_replay(
    tmp_path, monkeypatch, taught, plain, randomized
):
    learners = {}

    def watched(job, home, learner, *rest):
        learners[job.name] = type(learner)
        state = learner.init(KEY)
        return state._replace(mean=jax.tree.map(jnp.zeros_like, state.mean)) if type(learner) is Averaged else state

    monkeypatch.setattr(peng_learning, "practised", watched)
    for name, arm in ARMS.items():
        job = Job("hopper", name, arm, 0)
        _, params = peng_learning.learnt(job, family("hopper_euler"), Amount(64, taught), tmp_path)
        kept_mean = not any(np.any(leaf) for leaf in jax.tree.leaves(params))
        assert kept_mean == (learners[name] is Averaged), "of who is averaged the mean is kept"
    expected = {name: randomized if arm.randomized else plain for name, arm in ARMS.items()}
    assert learners == expected | ({"teacher": Averaged} if taught else {})


def test_arms_for_which_the_same_is_randomized_have_one_teacher():
    names = {name: Job("hopper", name, arm, 3) for name, arm in ARMS.items() if arm.randomized}
    assert len({teacher_of(job) for job in names.values()}) == 1 and len(names) == 3
    light = Job("hopper", "fixed mass", ARMS["recurrent"]._replace(fixed="mass"), 3)
    assert teacher_of(light) == Job("hopper", "teacher fixed mass", Arm("none", fixed="mass"), 3)
    assert teacher_of(teacher_of(light)) == teacher_of(light)


@pytest.mark.parametrize("name", WORLDS)
def test_unmet_robots_are_frozen_inside_or_outside_and_as_noisy_as_the_others(name):
    world, home = WORLDS[name], family(WORLDS[name].family)
    few, many = unmet(home, world, 2), unmet(home, world, 20)
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b[:2]), few, many)
    free = {n: ends for n, ends in ranges_of(world, home.dynamics).items() if ends[0] < ends[1]}
    for parameter, (low, high) in free.items():
        inside, outside = (np.asarray(many[part].dynamics[parameter]) for part in ("interpolation", "extrapolation"))
        assert (inside >= np.float32(low)).all() and (inside <= np.float32(high)).all() and np.ptp(inside) > 0
        assert ((outside < np.float32(low)) | (outside > np.float32(high))).all(), parameter
    for part in many.values():
        np.testing.assert_array_equal(part.dynamics["noise:observation"], np.full(20, 0.05, np.float32))


def test_the_share_of_an_oracle_by_hand():
    best, random = np.array([10.0, 30.0]), np.array([0.0, 10.0])
    ours = np.array([[4.0, 16.0], [8.0, 12.0]])  # means 10 and 10, of the oracle's 20, above 5 of random actions
    held = share(ours, best, random)
    assert held is not None and held.value == pytest.approx(5 / 15) and held.low <= held.value <= held.high
    assert share(ours, random, random) is None
    assert share(ours, np.array([10.0, 9.0]), random) is None, "one oracle of two is below random actions"
    pieces = {
        name: [{"unmet": {"interpolation": row, "extrapolation": [seed]}} for seed, row in enumerate(ours)]
        for name in ARMS
    }
    alone = [ALONE | {"oracle": 10.0, "still": -9.0}, ALONE | {"oracle": 30.0, "random": 10.0, "still": -9.0}]
    idle = [{**row, "random": -99.0, "still": row["random"]} for row in alone]  # who keeps still may be the better one
    found = held_to_oracles(pieces, alone, 3)
    assert held_to_oracles(pieces, idle, 3)["arms"] == found["arms"]
    assert found["arms"]["recurrent"]["interpolation"]["per_seed"] == [10.0, 10.0]
    assert found["arms"]["recurrent"]["interpolation"]["per_robot"] == ours.tolist()
    assert found["arms"]["history"]["extrapolation"]["value"] == 0.5
    said = on_robots(found)
    assert (
        said[1].startswith("recurrent") and "33%" in said[1] and said[-1].endswith("33% (goal: at most 60%): not met")
    )
