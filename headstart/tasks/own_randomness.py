"""Does an environment of the user's still change its dynamics by itself? Looked up in a process of its own.

A policy is compared with another in one world. An environment that draws new masses at each reset is a different world
each time, and a return from it says as much about the draws as about the policy.
"""

import json
import os
import subprocess
import sys
from typing import Any

import gymnasium
import numpy as np

from headstart.errors import Fault
from headstart.tasks.gymnasium_building import build

ANSWER = "headstart-changing:"
RESETS, SECONDS = 4, 120.0
# what MuJoCo's physics is made of: an episode must not change it
FIELDS = (
    "body_mass", "body_inertia", "body_ipos", "geom_friction", "geom_size", "dof_damping", "dof_armature",
    "dof_frictionloss", "jnt_stiffness", "actuator_gear", "actuator_gainprm", "actuator_biasprm", "qpos0",
)  # fmt: skip
OPTIONS = ("gravity", "wind", "density", "viscosity", "timestep")


def changing_dynamics(source: str, arguments: dict[str, Any], *, isolate: bool = True) -> list[str]:
    """Names what differs between episodes, or between two environments that were built alike.

    It looks into MuJoCo models and into families of ours; of what other environments are made of nothing is known.

    Args:
        source: `gym:ID`, or `package.module:function`.
        arguments: passed to it.
        isolate: False looks in this process.

    Raises:
        Fault: the environment broke, or took too long.
    """
    if not isolate:
        return looked(source, arguments)
    code = "from headstart.tasks.own_randomness import answer; answer()"
    path = os.pathsep.join([entry for entry in sys.path if entry] + [os.getcwd()])
    try:
        child = subprocess.run(
            [sys.executable, "-P", "-c", code, source, json.dumps(arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": path},
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise Fault(f"target {source}: {RESETS} resets took longer than {SECONDS:g} s") from None
    for line in child.stdout.decode(errors="replace").splitlines():
        if line.startswith(ANSWER):
            return json.loads(line.removeprefix(ANSWER))
    lines = child.stderr.decode(errors="replace").strip().splitlines()
    last = "".join(c for c in (lines[-1] if lines else "nothing") if c.isprintable())[:200]
    raise Fault(f"target {source}: broke while it was looked at, saying {last}")


def answer() -> None:
    """Looks in the child and prints what was found as one line of JSON."""
    print("\n" + ANSWER + json.dumps(looked(sys.argv[1], json.loads(sys.argv[2]))), flush=True)


def looked(source: str, arguments: dict[str, Any]) -> list[str]:
    """Resets two environments several times and compares what their dynamics are made of."""
    first: dict[str, np.ndarray] | None = None
    changing: dict[str, None] = {}
    for copy in range(2):
        env = build(source, arguments)
        if not isinstance(env, gymnasium.Env) or not constants(env.unwrapped):
            env.close()
            return []  # not reset, which on a real machine would cost something and tell nothing
        for seed in range(RESETS):
            env.reset(seed=RESETS * copy + seed)
            now = constants(env.unwrapped)
            first = now if first is None else first
            changing |= {name: None for name in now if not np.array_equal(now[name], first.get(name, np.nan))}
        env.close()
    return list(changing)


def constants(world: Any) -> dict[str, np.ndarray]:
    """Copies the dynamics of a MuJoCo environment, or of one of ours; nothing for others."""
    task = getattr(world, "_task", None)
    if isinstance(getattr(task, "dynamics", None), dict):
        return {name: np.array(value) for name, value in task.dynamics.items()}  # pyright: ignore[reportOptionalMemberAccess]
    model = getattr(world, "model", None)
    if type(model).__module__.partition(".")[0] != "mujoco":
        return {}
    found = {name: np.array(getattr(model, name)) for name in FIELDS}
    return found | {name: np.array(getattr(model.opt, name)) for name in OPTIONS}  # pyright: ignore
