"""A film of a learned controller laying the table."""

from pathlib import Path

import numpy as np

from headstart.data.call_graph import call_graph
from headstart.data.film import write_film
from headstart.errors import Fault
from headstart.experiments.tabletop_demonstrations import teach
from headstart.share.hierarchical import Controller, Interpreter, LearnedSkill
from headstart.share.rule_model import Rules
from headstart.share.skill_steps import tabulate
from headstart.tasks.tabletop import SetTable, Standing, TableTask, TableTop
from headstart.tasks.tabletop.pictures import pictures

DEMONSTRATIONS = 4  # of which the controller is learned
TABLE_SEED = 777_000
EVERY = 75  # physics steps from frame to frame, 0.3 s
FPS = 15.0


def learn(task: TableTask, number: int, seed: int = 3) -> Controller:
    """Learns a controller by rules from demonstrations of one task."""
    demonstrations = teach(task, number, seed)
    rules, graph = Rules(), call_graph(demonstrations)
    skills = {
        name: LearnedSkill(steps.layout, rules, rules.fit(steps, steps.weights(np.arange(number))))
        for name, steps in tabulate({task.name: demonstrations}).items()
    }
    return Controller(root=graph.root, root_args=graph.root_args, skills=skills, actions=graph.actions)


def film(path: Path, task: TableTask | None = None, *, width: int = 420, height: int = 270) -> Path:
    """Films a learned controller at a table that it has not seen.

    Args:
        path: of the film.
        task: what it does; laying the table if None.
        width: of the picture, in pixels.
        height: likewise.

    Returns:
        The file that was written.

    Raises:
        Fault: the controller fails, or the film cannot be written.
    """
    task = task or SetTable()
    controller = learn(task, DEMONSTRATIONS)
    world = Standing(TableTop(task=task), TABLE_SEED, EVERY)
    Interpreter().run(controller, world, controller.root, controller.root_args)
    if not world.success:
        raise Fault(f"the controller that was to be filmed failed at {task.name}; no film was written")
    poses = np.concatenate(world.poses)
    return write_film(path, pictures(task.things, poses, width=width, height=height), FPS)
