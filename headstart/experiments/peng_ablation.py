"""Which randomization matters? Peng's recurrent policy, with one group of parameters fixed after the other.

Source: Peng et al. 2018 (arXiv 1710.06537), table III.
"""

import dataclasses

from headstart.experiments.claims import Request, Work
from headstart.experiments.peng import SCALES, carried_out
from headstart.experiments.peng_worlds import ARMS, WORLDS

# rows differ by less than policies with and without a memory do: what is learnt must have settled further
STEPS = {"hopper": 196_608, "pusher": 131_072}


def reproduce(request: Request) -> Work:
    """Fixes one group of parameters after the other; see `headstart.experiments.claims`."""
    whole = ARMS["recurrent"]
    rows = {
        name: {"nothing fixed": whole} | {f"fixed {group}": whole._replace(fixed=group) for group in world.groups}
        for name, world in WORLDS.items()
    }
    scale = SCALES[request.size]
    if request.size == "small":
        scale = dataclasses.replace(scale, steps=STEPS)
    return carried_out(request, scale, rows)
