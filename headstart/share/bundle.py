"""A learned controller as a folder of two files: `controller.json` and `controller.safetensors`. Nothing is executed.

The JSON names the root, the actions, and for each skill its layout, its class of models and what JSON can hold of it,
such as rules; the arrays are in the other file, whose SHA-256 the JSON states.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from headstart.errors import Fault, InputError
from headstart.share.hierarchical import Controller, LearnedSkill
from headstart.share.rule_model import Rules
from headstart.share.skill_mlp import Mlp
from headstart.share.skill_models import PerCounter, Polynomial, SkillModel, SkillParams, Table
from headstart.share.skill_steps import Layout

FORMAT = "headstart-controller-1"
MODELS: dict[str, SkillModel] = {
    "Mlp": Mlp(), "PerCounter": PerCounter(), "Polynomial": Polynomial(), "Rules": Rules(), "Table": Table()
}  # fmt: skip


def write_controller(folder: str | Path, controller: Controller) -> None:
    """Writes a controller, replacing the folder in one move.

    Args:
        folder: to be written.
        controller: what was learned.

    Raises:
        Fault: the folder cannot be written; one that was there is left.
    """
    folder = Path(folder)
    arrays: dict[str, np.ndarray] = {}
    skills = {}
    for name, (layout, model, params) in controller.skills.items():
        plain = {key: one for key, one in params.items() if not isinstance(one, np.ndarray)}
        arrays |= {f"{name}/{key}": np.ascontiguousarray(one) for key, one in params.items() if key not in plain}
        fields = {"decimals": model.decimals} if isinstance(model, Table) else {}
        skills[name] = {"layout": layout._asdict(), "model": type(model).__name__, "fields": fields, "params": plain}
    tensors = save(arrays)
    manifest = {
        "format": FORMAT,
        "root": controller.root,
        "root_args": list(controller.root_args),
        "actions": list(controller.actions),
        "sha256": hashlib.sha256(tensors).hexdigest(),
        "skills": skills,
    }
    partial = folder.with_name(f"{folder.name}.partial-{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        for name, content in (("controller.safetensors", tensors), ("controller.json", _text(manifest))):
            with (partial / name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        if folder.exists():
            old = folder.with_name(f"{folder.name}.old-{os.getpid()}")
            folder.rename(old)
            partial.rename(folder)
            shutil.rmtree(old)
        else:
            partial.rename(folder)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise Fault(f"cannot write {folder}: {error.strerror or error}") from error


def read_controller(folder: str | Path) -> Controller:
    """Reads a controller, and checks everything that it will be relied on for.

    Args:
        folder: that `write_controller` wrote.

    Returns:
        The controller.

    Raises:
        InputError: a file is missing, damaged, or not of this format; the message says which and why.
    """
    folder = Path(folder)
    try:
        text = (folder / "controller.json").read_bytes()
        tensors = (folder / "controller.safetensors").read_bytes()
    except OSError as error:
        raise InputError(f"{error.filename} cannot be read: {error.strerror}; expected a controller's folder") from None
    try:
        manifest = json.loads(text)
    except (ValueError, RecursionError):
        raise InputError(f"{folder / 'controller.json'} is not JSON; write the controller again") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise InputError(f"{folder / 'controller.json'} is not of the format {FORMAT!r}")
    if manifest.get("sha256") != hashlib.sha256(tensors).hexdigest():
        raise InputError(f"{folder / 'controller.safetensors'} is not the file that was written: its SHA-256 differs")
    try:
        return _controller(manifest, load(tensors))
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, SafetensorError) as error:
        detail = str(error).splitlines()[0] if isinstance(error, InputError) else f"{type(error).__name__} in a field"
        raise InputError(f"{folder} holds no controller that this program wrote: {detail}") from None


def _controller(manifest: dict[str, Any], arrays: dict[str, np.ndarray]) -> Controller:
    skills: dict[str, LearnedSkill] = {}
    for name, of in manifest["skills"].items():
        layout = _layout(of["layout"])
        model = MODELS[of["model"]]
        if isinstance(model, Table):
            model = Table(decimals=int(of["fields"]["decimals"]))
        own = {key.removeprefix(f"{name}/"): one for key, one in arrays.items() if key.startswith(f"{name}/")}
        skills[name] = LearnedSkill(layout, model, {**own, **of["params"]})
        _try(skills[name])
    root, actions = manifest["root"], tuple(manifest["actions"])
    called = {call for skill in skills.values() for call in skill.layout.calls if call is not None}
    missing = ({root} | called) - {*skills, *actions}
    if root not in skills or missing or not all(isinstance(one, str) for one in actions):
        raise InputError(f"nothing answers to {', '.join(sorted(map(str, missing or {root})))}")
    args = tuple(float(one) for one in manifest["root_args"])
    if len(args) != skills[root].layout.args:
        raise InputError(f"{root!r} has {skills[root].layout.args} arguments, and {len(args)} are given")
    return Controller(root=root, root_args=args, skills=skills, actions=actions)


def _layout(of: dict[str, Any]) -> Layout:
    layout = Layout(
        procedure=of["procedure"],
        args=of["args"],
        returned=tuple(of["returned"]),
        value=of["value"],
        calls=tuple(of["calls"]),
        call_args=tuple(of["call_args"]),
        observation=of.get("observation", 0),  # bundles of before have none
    )
    sizes = (layout.args, layout.value, layout.observation, *layout.call_args)
    names = (*layout.returned, *layout.calls)
    if not all(type(size) is int and 0 <= size <= 256 for size in sizes):
        raise InputError("a size in a layout is not between 0 and 256")
    if not all(one is None or isinstance(one, str) for one in names) or len(layout.calls) != len(layout.call_args):
        raise InputError("the names in a layout do not fit")
    return layout


def _try(skill: LearnedSkill) -> None:
    """Predicts with what was read: shapes that do not fit are found here and not while a robot moves."""
    layout, model, params = skill
    for one in params.values():
        if isinstance(one, np.ndarray) and not np.isfinite(one).all():
            raise InputError(f"a parameter of {layout.procedure!r} is not finite")
    inputs = np.zeros((64, layout.inputs))
    counters = np.concatenate([np.arange(32.0), np.resize(params.get("counters", np.zeros(1)), 32)])
    inputs[:, layout.counter] = counters
    with np.errstate(all="ignore"):
        predicted = model.predict(params, layout, inputs)
    calls = [*np.unique(predicted.call).tolist(), *_stored_calls(params)]
    if not all(isinstance(one, int) and -1 <= one < len(layout.calls) for one in calls):
        raise InputError(f"{layout.procedure!r} would call what it has no name for")


def _stored_calls(params: SkillParams) -> list[int]:
    """Every call that a model could decide on, from wherever its class keeps them."""
    stored = [one for key, one in params.items() if key in ("calls", "call") or key.endswith(".calls")]
    found = [int(call) for one in stored for call in np.ravel(one)]
    pending = [params["rules"]["call"]] if "rules" in params and "call" in params["rules"] else []
    while pending:
        rule = pending.pop()
        pending += rule.get("branches", ())
        coefficients = rule.get("coefficients", ())
        found += [int(one) if float(one).is_integer() else -2 for one in coefficients]
    return found


def _text(manifest: dict[str, Any]) -> bytes:
    return json.dumps(manifest, indent=1, allow_nan=False).encode()
