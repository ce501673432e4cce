"""Which randomization matters? Peng's recurrent policy, with one group of parameters fixed after the other.

Source: Peng et al. 2018 (arXiv 1710.06537), table III.
"""

import dataclasses

from headstart.experiments import peng
from headstart.experiments.claims import Request, Work
from headstart.experiments.peng import carried_out
from headstart.experiments.peng_worlds import ARMS, WORLDS

# its small size learns for longer than the study's, whose own was cut to fit into a quarter of an hour
SMALL = dataclasses.replace(peng.SCALES["small"], steps={"hopper": 196_608, "pusher": 131_072})


def reproduce(request: Request) -> Work:
    """Fixes one group of parameters after the other; see `headstart.experiments.claims`."""
    whole = ARMS["recurrent"]
    rows = {
        name: {"nothing fixed": whole} | {f"fixed {group}": whole._replace(fixed=group) for group in world.groups}
        for name, world in WORLDS.items()
    }
    return carried_out(request, {**peng.SCALES, "small": SMALL}[request.size], rows)
