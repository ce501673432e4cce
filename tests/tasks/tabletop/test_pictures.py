"""Pictures of the table top: what a film must show."""

import numpy as np

from headstart.tasks.tabletop import SetTable, TableTop
from headstart.tasks.tabletop.model import compiled
from headstart.tasks.tabletop.pictures import pictures


def test_dishes_are_seen_in_their_colours_and_go_with_what_moves():
    family = TableTop(task=SetTable())
    state = family.reset([777_000])
    gone = state
    for thing in range(6):
        gone = family.put(gone, 0, thing, (-3.0, 3.0, 0.05))
    nq = compiled(family.task.things).nq
    with_dishes, without = (
        frame.astype(int)
        for frame in pictures(
            family.task.things, np.stack([one.physics[0, 1 : 1 + nq] for one in (state, gone)]), width=210, height=135
        )
    )
    for colour in range(3):  # red, green, blue stand out from the two others by much
        others = [channel for channel in range(3) if channel != colour]
        strong = [(one[..., colour] - one[..., others].max(axis=-1) > 40).sum() for one in (with_dishes, without)]
        wood = strong[1] if colour == 0 else 0  # the tables are a little red
        assert strong[0] - wood > 20
    assert compiled(family.task.things, True).nq == nq
