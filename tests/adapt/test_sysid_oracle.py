"""An oracle of another make: MuJoCo's own system identification, which fits whole rollouts, on the same noisy record.

Ours compares single steps and filters the noise of the sensors; MuJoCo's simulates each episode from its first state,
which it fits as well, with models that are compiled anew from the file. Both are maximum likelihood on the same data.
"""

import jax
import mujoco
import numpy as np
import pytest

from headstart.adapt.posterior import Posterior
from headstart.tasks.catalogue import family
from tests.adapt.target_play import played
from tests.tasks.own.cart import CART as ABOUT
from tests.tasks.own.cart import FILE

sysid = pytest.importorskip("mujoco.sysid", reason="this MuJoCo is older than its system identification")
if not hasattr(sysid, "optimize"):  # it swallows the ImportError of what it needs
    pytest.skip('mujoco.sysid lacks what it imports; pip install ".[test]" brings it', allow_module_level=True)
CART = family("tests.tasks.own.cart:Cart")
TRUTH = {"damping:slide": 0.6, "mass:cart": 1.5, "mass:pole": 2.0}
NOISE, EPISODES = 3e-4, 3


def identified(episodes):
    """Returns what `mujoco.sysid` makes of episodes, and the half-widths of its 95 % intervals."""
    spec = sensed()
    fits = [fit(spec, number, episode) for number, episode in enumerate(episodes)]

    def off(x, params):
        return [part for one in fits for part in one(x, params)[0]], [], []

    params, scales = sysid.ParameterDict(), file_values(spec.compile())
    for name, value in scales.items():
        params.add(sysid.Parameter(name, 1.0, 0.1, 5.0, modifier=written(name, value)))
    for number, episode in enumerate(episodes):
        first = episode.obs[0, 0].astype(float)
        params.add(sysid.Parameter(f"start {number}", first, first - 0.1, first + 0.1))
    found, result = sysid.optimize(params, off, optimizer="scipy", verbose=False, x_scale="jac")
    _, half = sysid.calculate_intervals(off(result.x, found)[0], result.jac)
    return dict(zip(TRUTH, result.x, strict=False)), dict(zip(TRUTH, half, strict=False))


def fit(spec, number, episode):
    """Returns the residual of one episode: recorded minus simulated, from the start that is tried."""
    seen = np.concatenate([episode.obs[:, 0], episode.next_obs[-1:, 0]]).astype(float)
    asked = np.repeat(episode.action[:, 0].astype(float), ABOUT.frame_skip, axis=0)
    asked = np.concatenate([asked, asked[-1:]])  # the last control is not simulated
    model = spec.compile()
    control = sysid.TimeSeries(np.arange(len(asked)) * model.opt.timestep, asked)
    sensors = sysid.TimeSeries.from_names(np.arange(len(seen)) * ABOUT.dt, seen, model)

    def rolled(*, models, initial_states, param_dicts, **other):
        tried = [params[f"start {number}"].value for params in param_dicts]
        starts = [sysid.create_initial_state(models[0], start[:2], start[2:]) for start in tried]
        return sysid.sysid_rollout(models=models, initial_states=starts, **other)

    def compared(params, predicted, measured, model, return_all, state, **_):
        after = state[ABOUT.frame_skip - 1 :: ABOUT.frame_skip, 1:]
        simulated = np.concatenate([params[f"start {number}"].value[None], after])
        return measured.data - simulated, predicted, measured

    record = sysid.ModelSequences("cart", spec, f"episode {number}", np.zeros(5), control, sensors)
    return sysid.build_residual_fn(
        models_sequences=[record], custom_rollout=rolled, modify_residual=compared, resample_true=False, n_threads=1
    )


def sensed():
    """Returns the cart's file with a sensor for each position and velocity, in the order of its observation."""
    spec = mujoco.MjSpec.from_file(FILE)
    spec.joints[1].name = "hinge"
    for kind in (mujoco.mjtSensor.mjSENS_JOINTPOS, mujoco.mjtSensor.mjSENS_JOINTVEL):
        for joint in ("slide", "hinge"):
            spec.add_sensor(name=f"{kind.name} {joint}", type=kind, objtype=mujoco.mjtObj.mjOBJ_JOINT, objname=joint)
    return spec


def file_values(model):
    bodies = {f"mass:{part}": model.body(part).mass[0] for part in ("cart", "pole")}
    return {"damping:slide": model.joint("slide").damping[0]} | bodies


def written(name, value):
    """Returns how a multiple of a parameter is written into the file, before it is compiled."""
    kind, part = name.split(":")

    def mass(spec, parameter):
        spec.body(part).geoms[0].mass = value * parameter.value[0]

    def damping(spec, parameter):
        spec.joint(part).damping = value * parameter.value[0] * np.eye(3)[0]

    return mass if kind == "mass" else damping


@pytest.mark.parametrize("seed", [0, 1])
def test_mujoco_s_own_identification_and_the_posterior_agree_and_are_near_the_truth(seed):
    episodes = played(TRUTH, EPISODES, seed, NOISE, 40, CART)
    posterior = Posterior(family=CART, ranges=dict.fromkeys(TRUTH, (0.4, 2.5)), base=CART.task())
    cloud, found = posterior.infer(jax.random.key(0), episodes)
    low, middle, high = (posterior.coordinates.values(cloud.quantile([at])) for at in (0.025, 0.5, 0.975))
    point, reach = found.peak.point, 1.96 * found.peak.std
    below, peak, above = (posterior.real.values(point[None] + side * reach) for side in (-1.0, 0.0, 1.0))
    theirs, half = identified(episodes)
    for name, truth in TRUTH.items():
        assert low[name][0] < theirs[name] < high[name][0], name
        assert low[name][0] < peak[name][0] < high[name][0], name
        np.testing.assert_allclose([theirs[name], middle[name][0]], truth, rtol=0.05, err_msg=name)
        # as sure as they are or less, particles and peak: chains are cut, and tails are heavier
        assert 0.9 < (high[name][0] - low[name][0]) / (2.0 * half[name]) < 1.8, name
        assert 0.9 < (above[name][0] - below[name][0]) / (2.0 * half[name]) < 1.8, name
