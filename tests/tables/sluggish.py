"""Why latency costs the plain robot's policy less on Gymnasium's pushers than inside the ranges."""

import numpy as np

from headstart.experiments.peng_worlds import INSIDE, WORLDS, unmet
from headstart.tasks.catalogue import family
from headstart.tasks.targets import shift

PLAIN = "no randomization"
OF_THE_PUCK = "obj_slide"  # joints that are not the arm's


def sluggish(found):
    """Yields how return follows latency and damping beside torque, and what that says of the targets.

    Args:
        found: the whole study.
    """
    world = WORLDS["pusher"]
    one = found["worlds"]["pusher"]
    dynamics = unmet(family(world.family), world, one["unmet"]["robots"][INSIDE])[INSIDE].dynamics

    def doublings(kind):
        values = [
            np.log2(value) for name, value in dynamics.items() if name.startswith(kind) and OF_THE_PUCK not in name
        ]
        return np.mean(values, axis=0)

    delay, ratio = np.asarray(dynamics["delay:action"], float), doublings("damping:") - doublings("gear:")
    worth = np.mean(one["unmet"]["arms"][PLAIN][INSIDE]["per_robot"], axis=0)
    rows = np.stack([np.ones_like(delay), delay, ratio], axis=1)
    (base, late, slow), *_ = np.linalg.lstsq(rows, worth)
    shifts = [shift(world.target.removeprefix("shifted-").replace("-", "_"), seed) for seed in found["targets"]]
    there = np.log2([change.damping / change.strength for change in shifts])
    foretold = np.mean(base + late * np.array([change.delay for change in shifts]) + slow * there)
    measured = np.mean(one["arms"][PLAIN]["target"]["per_seed"])
    reach, inside = (f"{2 ** values.min():.1f} to {2 ** values.max():.1f}" for values in (there, ratio))
    latencies = ", ".join(str(change.delay) for change in shifts)
    yield ""
    yield (
        f"By least squares over the robots inside, without randomization each step of latency is worth {late:+.1f}, "
        f"each doubling of damping beside torque {slow:+.0f}. Gymnasium's targets have latencies of {latencies} and "
        f"{reach} times the plain robot's damping beside torque, those inside {inside}: that makes {foretold:.0f} "
        f"on the targets, measured are {measured:.0f}."
    )
