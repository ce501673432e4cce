"""A target of other spaces is refused with the differences, and played through an adapter as if it had them."""

import json

import jax
import numpy as np
import pytest

from headstart.__main__ import main
from headstart.commands.settings import policy_of
from headstart.data.collect import play
from headstart.data.filming import film
from headstart.errors import InputError
from headstart.nets.policies import GaussianPolicy
from headstart.run import bundle
from headstart.tasks.catalogue import family
from headstart.tasks.gymnasium_world import GymnasiumFamily
from headstart.transfer.adapters import adapted, read_adapter
from headstart.transfer.policy import require_same_spaces
from tests.transfer.other_pendulum import ADAPTER

PENDULUM = family("pendulum")
PLAIN = GymnasiumFamily(source="gym:Pendulum-v1", isolate=False)
OTHER = GymnasiumFamily(source="tests.transfer.other_pendulum:make", isolate=False)
POLICY = GaussianPolicy(observation=PENDULUM.observation, action=PENDULUM.action, hidden=(4,))


def test_an_adapted_world_is_the_world_that_it_is_in_other_words():
    there = adapted(OTHER, PENDULUM, read_adapter(ADAPTER))
    require_same_spaces(PENDULUM, there)
    params = POLICY.init(jax.random.key(0))
    (one,), (two,) = (play(jax.random.key(1), world, POLICY, params, world.task(), 1) for world in (PLAIN, there))
    np.testing.assert_allclose(two.obs, one.obs, atol=2e-4)
    np.testing.assert_allclose(two.reward, one.reward, atol=2e-3)
    assert len(one.reward) == 200 and float(np.ptp(one.reward)) > 0.1


def test_constants_fill_what_the_target_does_not_show_and_actions_are_clipped():
    table = {
        "observation": [{"value": 0.5}, {"from": "rod/0", "scale": 2, "offset": 1}, {"from": "speed/0"}],
        "action": [{"from": 0, "scale": 10, "offset": 0.25}],
    }
    adapter = adapted(OTHER, PENDULUM, json.dumps(table)).adapter
    obs = {"rod": np.array([[0.25, 0.0]], np.float32), "speed": np.array([[3.0]], np.float32)}
    np.testing.assert_array_equal(adapter.observe(obs), [[0.5, 1.5, 3.0]])
    given = adapter.act(np.array([[0.05], [-2.0], [9.0]], np.float32), OTHER.action)
    np.testing.assert_allclose(given, [[0.75], [-1.0], [1.0]])


def test_images_and_matrices_are_read_in_row_major_order():
    table = {"observation": [{"from": 5}, {"from": 0}, {"value": 0}], "action": [{"from": 0}]}
    adapter = adapted(PLAIN, PENDULUM, json.dumps({**table, "observation": [{"from": 2}, *table["observation"][1:]]}))
    assert adapter.adapter.observe(np.arange(6.0).reshape(2, 1, 3)).tolist() == [[2, 0, 0], [5, 3, 0]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"observation": [{"from": 0}]}, r"observation: 1 entries, and 3 are needed"),
        ({"observation": 3}, r"observation: no list, and 3 are needed"),
        ({"observation": [{"from": "rod/2"}] * 3}, r"observation\[0\]: from 'rod/2' is not there; .*rod/0 to 1"),
        ({"observation": [{"from": 0}] * 3}, r"there are rod/0 to 1; speed/0 to 0"),
        ({"observation": [{"from": True}] * 3}, r"from 'True' is not there"),
        ({"observation": [{"from": "rod/0", "times": 2}] * 3}, r"times; an entry has from, scale, offset, or value"),
        ({"observation": [{"scale": 2}] * 3}, r"from is missing"),
        ({"observation": [{"value": "x"}] * 3}, r"value is 'x'; a number is needed"),
        ({"observation": ["os.system"] * 3}, r"'os.system'; write"),
        ({"action": [{"from": 1}]}, r"action\[0\]: from '1' is not there; there are 0 to 0"),
        ({"module": "os"}, r'an object with "observation" and "action"'),
    ],
)
def test_a_table_that_does_not_fit_is_refused_by_entry(change, said):
    with pytest.raises(InputError, match=said):
        adapted(OTHER, PENDULUM, json.dumps({**json.loads(ADAPTER), **change}))


@pytest.mark.parametrize(("words", "said"), [("{", "not valid JSON"), ("nowhere.json", "cannot be read")])
def test_what_is_no_table_is_refused(words, said):
    with pytest.raises(InputError, match=said):
        read_adapter(words)


def test_a_film_goes_through_the_adapter():
    there = adapted(OTHER, PENDULUM, ADAPTER)
    with pytest.raises(InputError, match="no poses"):
        film(jax.random.key(0), there, POLICY, POLICY.init(jax.random.key(0)), there.task(), seconds=0.2)


def test_the_command_line_refuses_then_takes_the_adapter(tmp_path, capsys):
    run, table = tmp_path / "run", tmp_path / "adapter.json"
    table.write_text(ADAPTER)
    policy = policy_of("ppo", PENDULUM.observation, PENDULUM.action)
    description = {"learner": "ppo", "family": "pendulum"}
    bundle.save(run, policy, policy.init(jax.random.key(0)), policy.observation, description)
    words = ["evaluate", str(run), "--target", "tests.transfer.other_pendulum:make", "--episodes", "2"]
    capsys.readouterr()
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1 and "observation/rod is only in the target" in said and "--adapter" in said
    assert main([*words, "--adapter", str(table)]) == 0
    adapted_return = capsys.readouterr().out.partition(":")[2]
    assert main([*words[:2], "--target", "gym:Pendulum-v1", "--episodes", "2"]) == 0
    assert adapted_return.split()[:2] == capsys.readouterr().out.partition(":")[2].split()[:2]
