"""`headstart evaluate --manifests` and `--replay`: any one episode of an evaluation again, alone, to the bit."""

import json

import jax
import pytest

from headstart.__main__ import main
from headstart.adapt.manifest import Manifest, seeds_of
from headstart.commands.settings import policy_of
from headstart.data.collect import play
from headstart.nets.policies import CategoricalPolicy
from headstart.run import bundle
from headstart.tasks.catalogue import family
from headstart.tasks.gymnasium_world import GymnasiumFamily

TARGET = "gym:Hopper-v5"


def kept(folder, name="hopper", seed=0):
    """A policy that nobody has taught anything, as a run keeps one."""
    world = family(name)
    policy = policy_of("ppo", world.observation, world.action)
    bundle.save(
        folder, policy, policy.init(jax.random.key(seed)), policy.observation, {"learner": "ppo", "family": name}
    )
    return str(folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return kept(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def manifests(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("manifests") / "of" / "them"
    words = ["evaluate", run, "--randomize", "wide", "--episodes", "12", "--seed", "3"]
    assert main([*words, "--manifests", str(folder)]) == 0
    return folder


def refused(words, capsys):
    capsys.readouterr()
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    return said


def test_there_is_one_for_each_episode_and_each_is_played_again(run, manifests, capsys):
    files = sorted(manifests.iterdir())
    assert [file.name for file in files] == [f"episode-{i:04}.json" for i in range(12)]
    for file in (files[0], files[11]):
        capsys.readouterr()
        assert main(["evaluate", run, "--replay", str(file)]) == 0
        said, value = capsys.readouterr().out, json.loads(file.read_text())
        assert f"hopper: return {value['return']:,.1f} in {len(value['rewards'])} steps, terminated" in said
        assert f"bit for bit what {file} says" in said
    assert len({json.loads(file.read_text())["return"] for file in files}) == 12


def test_manifests_change_nothing_of_the_evaluation(run, tmp_path, capsys):
    words = ["evaluate", run, "--randomize", "wide", "--episodes", "3"]
    said = []
    for more in ([], ["--manifests", str(tmp_path / "manifests")]):
        capsys.readouterr()
        assert main([*words, *more]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]


def test_an_episode_of_a_target_is_played_again_there_and_nowhere_else(run, tmp_path, capsys):
    words = ["evaluate", run, "--target", TARGET]
    assert main([*words, "--episodes", "2", "--manifests", str(tmp_path)]) == 0
    file = str(tmp_path / "episode-0001.json")
    assert main([*words, "--replay", file]) == 0
    assert "Hopper-v5: return" in (said := capsys.readouterr().out) and "bit for bit" in said
    assert "is of 'Hopper-v5', not of 'hopper'" in refused(["evaluate", run, "--replay", file], capsys)


def test_an_episode_that_comes_out_otherwise_costs_a_line(run, manifests, tmp_path, capsys):
    value = json.loads((manifests / "episode-0002.json").read_text())
    value["dynamics"]["mass:torso"] *= 1.01
    (tmp_path / "other.json").write_text(json.dumps(value))
    capsys.readouterr()
    assert main(["evaluate", run, "--replay", str(tmp_path / "other.json")]) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and f"not what {tmp_path / 'other.json'} says" in said
    assert "it differs from step 2 on" in said  # the first action comes a step late here


def test_what_cannot_be_replayed_is_refused_in_one_line(run, manifests, tmp_path, capsys):
    file = str(manifests / "episode-0000.json")
    (tmp_path / "nan.json").write_text(
        (manifests / "episode-0000.json").read_text().replace('"rewards":[', '"rewards":[NaN,')
    )
    replay = ["evaluate", run, "--replay"]
    assert "another policy" in refused(["evaluate", kept(tmp_path / "other", seed=1), "--replay", file], capsys)
    assert "No such file" in refused([*replay, str(tmp_path / "nowhere.json")], capsys)
    assert "not valid JSON" in refused([*replay, str(tmp_path / "nan.json")], capsys)
    assert "--episodes 3: is in the manifest" in refused([*replay, file, "--episodes", "3"], capsys)
    assert "--randomize mild" in refused([*replay, file, "--randomize", "mild"], capsys)
    said = refused(["evaluate", kept(tmp_path / "jax", "pendulum"), "--replay", file], capsys)
    assert "is of an episode of 'hopper', a world of another kind" in said


def test_a_folder_that_cannot_take_them_is_refused_before_anything_is_played(
    run, manifests, tmp_path, capsys, monkeypatch
):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr("headstart.commands.evaluate.play", None)
    words = ["evaluate", run, "--manifests"]
    assert "holds manifests already" in refused([*words, str(manifests)], capsys)
    assert "cannot be a folder" in refused([*words, str(tmp_path / "file")], capsys)


def test_discrete_actions_are_kept_as_they_are(tmp_path):
    world = GymnasiumFamily(source="gym:CartPole-v1", isolate=False)
    policy, key = CategoricalPolicy(observation=world.observation, action=world.action), jax.random.key(0)
    (episode,) = play(key, world, policy, policy.init(key), world.sample(key, 1), 1)
    manifest = Manifest.of(world, episode, seeds_of(key, 0, len(episode.reward)))
    manifest.write(tmp_path / "manifest.json")
    again = Manifest.read(tmp_path / "manifest.json")
    assert again.actions.dtype.kind == "i" and len(set(again.actions.tolist())) == 2
    assert again.differs(again.replay(world)) is None


class TestAJaxWorld:
    """What a step comes to there depends on its place in the batch, so it is played again at that place."""

    @pytest.fixture(scope="class")
    @staticmethod
    def pendulum(tmp_path_factory):
        return kept(tmp_path_factory.mktemp("pendulum"), "pendulum")

    @pytest.fixture(scope="class")
    @staticmethod
    def files(pendulum, tmp_path_factory):
        folder = tmp_path_factory.mktemp("placed")
        words = ["evaluate", pendulum, "--randomize", "wide", "--episodes", "13", "--seed", "3"]
        assert main([*words, "--manifests", str(folder)]) == 0
        return sorted(folder.iterdir())

    def test_each_episode_is_played_again_to_the_bit(self, pendulum, files, capsys):
        assert len({json.loads(file.read_text())["return"] for file in files}) == 13
        for file in (files[0], files[9], files[12]):  # of the first batch and of one that is not full
            capsys.readouterr()
            assert main(["evaluate", pendulum, "--replay", str(file)]) == 0
            assert f"in 200 steps, truncated: bit for bit what {file} says" in capsys.readouterr().out

    def test_it_is_its_task_and_its_place_that_make_it(self, pendulum, files, tmp_path, capsys):
        whole = json.loads(files[9].read_text())
        heavier = {**whole["dynamics"], "mass:rod": whole["dynamics"]["mass:rod"] * 1.01}
        acted = [*whole["actions"][:-1], [whole["actions"][-1][0] + 0.5]]
        other_key = [whole["key"][0], whole["key"][1] ^ 1]
        for change in ({"number": 8}, {"key": other_key}, {"dynamics": heavier}, {"actions": acted}):
            (tmp_path / "other.json").write_text(json.dumps(whole | change))
            capsys.readouterr()
            assert main(["evaluate", pendulum, "--replay", str(tmp_path / "other.json")]) == 1
            assert "it differs from step" in capsys.readouterr().err

    @pytest.mark.parametrize("change", [{"number": 10}, {"number": True}, {"pool": 0}, {"key": [1]}, {"key": "12"}])
    def test_a_place_that_is_none_is_refused(self, pendulum, files, change, tmp_path, capsys):
        (tmp_path / "other.json").write_text(json.dumps(json.loads(files[0].read_text()) | change))
        assert "place is none" in refused(["evaluate", pendulum, "--replay", str(tmp_path / "other.json")], capsys)

    def test_the_other_kind_is_named(self, run, files, capsys):
        said = refused(["evaluate", run, "--replay", str(files[0])], capsys)
        assert "is of an episode of 'pendulum', a world of another kind" in said
