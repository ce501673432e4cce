"""Which processors this process may use: on a shared machine, fewer than there are."""

import os


def usable() -> list[int]:
    """Lists the processors that this process may run on, by number.

    A batch system or `taskset` leaves a process some of a machine's processors; as many threads as the machine has
    would then wait for each other. Where the system does not say, all of them count.
    """
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
