"""A policy that is loaded acts as the one that was saved, or it is refused."""

import json
import random
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from headstart.errors import InputError
from headstart.run import bundle, sealed
from headstart.spaces import Box, Discrete

SPACE = {"state": Box((3,)), "image": Box((2, 2), 0.0, 255.0, "uint8"), "task": Discrete(4)}


@dataclass(frozen=True, kw_only=True)
class LinearPolicy:
    """Normalises, then acts linearly; `times` is how often it normalises, `flip` the order of its actions."""

    times: int = 1
    flip: bool = False
    size: int = 3

    def init(self, key):
        return {
            "weight": jax.random.normal(key, (self.size, 2)),
            "mean": jnp.ones(self.size),
            "std": 2.0 * jnp.ones(self.size),
        }

    def start(self, params, n):
        return ()

    def apply(self, key, params, carry, obs):
        x = jnp.asarray(obs["state"])
        for _ in range(self.times):
            x = (x - params["mean"][None]) / params["std"][None]
        action = x @ params["weight"] + jnp.asarray(obs["task"])[:, None].astype(jnp.float32)
        return (action[:, ::-1] if self.flip else action), carry


DESCRIPTION = {"policy": "linear", "size": 3}


def saved(folder, seed=0):
    params = LinearPolicy().init(jax.random.key(seed))
    bundle.save(folder, LinearPolicy(), params, SPACE, DESCRIPTION)
    return params


def test_a_policy_comes_back_bit_for_bit_with_its_description(tmp_path):
    params = saved(tmp_path)
    assert bundle.describe(tmp_path) == DESCRIPTION
    found = bundle.load(tmp_path, LinearPolicy(), SPACE)
    jax.tree.map(np.testing.assert_array_equal, found, params)


def test_probe_observations_are_fixed_and_legal():
    one, two = bundle.probe_observations(SPACE), bundle.probe_observations(SPACE)
    jax.tree.map(np.testing.assert_array_equal, one, two)
    assert one["state"].shape == (16, 3) and one["state"].dtype == np.float32 and np.abs(one["state"]).max() <= 3
    assert one["image"].shape == (16, 2, 2) and one["image"].dtype == np.uint8 and one["image"].max() > 200
    assert set(one["task"].tolist()) <= {0, 1, 2, 3} and len(set(one["task"].tolist())) > 1
    # the numbers of a counting generator, the same on every machine
    np.testing.assert_array_equal(bundle.probe_observations(Discrete(1000))[:4], [11, 241, 111, 564])


@pytest.mark.parametrize("wrong", [LinearPolicy(times=0), LinearPolicy(times=2), LinearPolicy(flip=True)])
def test_a_policy_that_acts_otherwise_is_refused(tmp_path, wrong):
    saved(tmp_path)
    with pytest.raises(InputError, match="does not act as it did when it was saved"):
        bundle.load(tmp_path, wrong, SPACE)


def test_parameters_of_another_size_are_refused_by_name(tmp_path):
    saved(tmp_path)
    with pytest.raises(InputError, match=r"mean'\] is float32\[3\], not float32\[4\]"):
        bundle.load(tmp_path, LinearPolicy(size=4), SPACE | {"state": Box((4,))})


def test_a_run_without_a_policy_is_refused(tmp_path):
    for read in (bundle.describe, lambda folder: bundle.load(folder, LinearPolicy(), SPACE)):
        with pytest.raises(InputError, match="no policy in it"):
            read(tmp_path)


def test_a_newer_policy_takes_the_place_of_the_older(tmp_path):
    saved(tmp_path, seed=0)
    params = saved(tmp_path, seed=1)
    jax.tree.map(np.testing.assert_array_equal, bundle.load(tmp_path, LinearPolicy(), SPACE), params)
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]
    (tmp_path / "policy").rename(tmp_path / "policy.next")  # a crash between two renames
    jax.tree.map(np.testing.assert_array_equal, bundle.load(tmp_path, LinearPolicy(), SPACE), params)
    saved(tmp_path, seed=2)


def test_every_tampered_bundle_is_caught_also_by_one_who_mends_the_checksums(tmp_path):
    saved(tmp_path)
    generator, folder = random.Random(0), tmp_path / "policy"
    for file in ("state.safetensors", "manifest.json"):
        original = (folder / file).read_bytes()
        for _ in range(50):
            content = bytearray(original)
            content[generator.randrange(len(content))] ^= 1 << generator.randrange(8)
            (folder / file).write_bytes(content)
            with pytest.raises(InputError, match="damaged"):
                bundle.load(tmp_path, LinearPolicy(), SPACE)
        (folder / file).write_bytes(original)
    for name in ("weight", "mean", "std"):
        tampered = saved_state(folder)
        tampered.params[name][0] += 1.0
        facts = json.loads((folder / "manifest.json").read_bytes())
        mended = tmp_path / f"mended-{name}"
        sealed.write(mended / "policy", bundle.KIND, 0, tampered, facts["extra"])
        with pytest.raises(InputError, match="does not act as it did"):
            bundle.load(mended, LinearPolicy(), SPACE)


def saved_state(folder):
    obs = bundle.probe_observations(SPACE)
    params = jax.tree.map(np.asarray, LinearPolicy().init(jax.random.key(0)))
    return sealed.read(folder, bundle.KIND, bundle._Bundle(params, obs, np.zeros((16, 2), np.float32)))[1]
