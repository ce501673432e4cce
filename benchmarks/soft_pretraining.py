"""One arm of soft pretraining on the point world: 20 seeds, from the first pretraining step to the last evaluation.

    python benchmarks/soft_pretraining.py --out results/soft_pretraining_speed.json

Compilation is timed apart: all SAC arms of a study share two compiled programs, so it is paid once.
"""

import argparse
import time
from pathlib import Path

from side_by_side import report

from headstart.commands.compiled import arithmetic
from headstart.experiments.soft_arms import MIDDLE, SCALES, Arm, Design
from headstart.experiments.soft_pretraining import SoftPretraining
from headstart.tasks.point_run import PointRun, u_maze

LIMITS = {"arms_in_two_minutes": 1.0}


def main() -> None:
    """Runs one arm twice, the first time with compilation; prints and stores."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="where to store the figures, as JSON")
    arguments = parser.parse_args()
    arithmetic()  # as the command does; without it XLA takes many minutes to compile this
    scale = SCALES["full"]
    study = SoftPretraining(design=Design(source=PointRun(), target=u_maze(), scale=scale))
    seconds, processor = [], []
    for _ in range(2):
        wall, cpu = time.monotonic(), time.process_time()
        study.tune(Arm(MIDDLE, True), study.pretrain(MIDDLE))
        seconds.append(time.monotonic() - wall)
        processor.append(time.process_time() - cpu)
        print(f"{seconds[-1]:.1f} s, of the processor {processor[-1]:.1f} s", flush=True)
    updates = scale.seeds * (scale.rounds * 20 + scale.episodes * scale.updates)
    result = {
        "seeds": scale.seeds,
        "gradient_steps": updates,
        "seconds_of_an_arm": seconds[1],
        "arms_in_two_minutes": 120.0 / seconds[1],
        "processor_seconds_of_an_arm": processor[1],
        "seconds_with_compilation": seconds[0],
        "microseconds_a_gradient_step": 1e6 * seconds[1] / updates,
    }
    report(result, LIMITS, arguments.out)


if __name__ == "__main__":
    main()
