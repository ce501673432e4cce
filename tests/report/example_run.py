"""A realistic run folder, made by code: what `headstart transfer` leaves behind, with numbers as they come out."""

import json
from pathlib import Path

import numpy as np

from headstart.maths.statistics import summarize

SHOTS = (0, 1, 5, 20)
MEANS = {
    "scratch": (18, 60, 150, 320),
    "zero-shot nominal": (190,),
    "fine-tune nominal": (None, 230, 380, 640),
    "zero-shot randomized": (440,),
    "fine-tune randomized": (None, 470, 700, 1150),
    "oracle": (2400,),
}
UNITS = {"mass:torso": "× nominal", "friction:foot": "× nominal", "damping:thigh": "× nominal", "gear:leg": "× nominal",
         "gravity": "m/s²", "delay:action": "control steps", "noise:observation": ""}  # fmt: skip


def arms(seeds=3, spread=0.12, means=MEANS):
    rng = np.random.default_rng(3)
    found = []
    for method, values in means.items():
        for k, mean in zip(SHOTS, values, strict=False):
            if mean is None:
                continue
            per_seed = mean * (1 + spread * rng.normal(size=seeds))
            found.append(
                {
                    "method": method, "shots": k, **summarize(per_seed), "per_seed": per_seed.tolist(),
                    "adaptation_episodes": 0 if "zero" in method else k, "selection_episodes": 0,
                    "evaluation_episodes": 20, "target_steps": k * 400, "wall_seconds": 11.0 + k,
                }
            )  # fmt: skip
    return found


def curves(seeds=3):
    rng = np.random.default_rng(5)
    episodes = [0, 1, 2, 3, 5, 8, 12, 16, 20]
    ends = {"scratch": (18, 330), "fine-tune nominal": (190, 640), "fine-tune randomized": (440, 1150)}
    return [
        {
            "method": method, "episodes": episodes,
            "per_seed": [
                (start + (end - start) * (1 - np.exp(-np.array(episodes) / 8)) * rng.normal(1, 0.1)
                 + rng.normal(0, 12, len(episodes))).tolist() for _ in range(seeds)
            ],
        }
        for method, (start, end) in ends.items()
    ]  # fmt: skip


def dynamics(n=60):
    rng = np.random.default_rng(7)
    source = {name: np.exp(rng.uniform(-0.5, 0.5, n)).tolist() for name in UNITS}
    source["gravity"] = rng.uniform(9.0, 10.6, n).tolist()
    source["delay:action"] = rng.integers(0, 3, n).tolist()
    source["noise:observation"] = rng.uniform(0, 0.05, n).tolist()
    nominal = dict.fromkeys(UNITS, 1.0) | {"gravity": 9.81, "delay:action": 0.0, "noise:observation": 0.0}
    target = {"mass:torso": 1.5, "friction:foot": 0.62, "damping:thigh": 1.4, "gear:leg": 0.8, "gravity": 9.81,
              "delay:action": 1, "noise:observation": 0.01}  # fmt: skip
    return {"units": UNITS, "nominal": nominal, "source": source, "target": target}


def metrics(seeds=3, points=60):
    rng = np.random.default_rng(9)
    for seed in range(seeds):
        for arm, top in (("nominal", 2300), ("randomized", 1700)):
            walk = np.cumsum(rng.normal(0, 20, points))
            for i in range(points):
                step = 10_000 * (i + 1)
                value = top * (1 - np.exp(-i / 22)) + walk[i]
                yield {"time/total_timesteps": step, "phase": "source", "arm": arm, "seed": seed,
                       "rollout/ep_rew_mean": value, "time/fps": 10_850.0}  # fmt: skip


def summary(**changes):
    return {
        "source": "hopper", "target": "gym:Hopper-v5, shifted", "size": "small", "shots": list(SHOTS),
        "format": 1, "seeds": [0, 1, 2],
        "extra": {"source_episodes": {"fine-tune nominal": 2900, "fine-tune randomized": 2900}},
        "versions": {"headstart": "0.1.0", "python": "3.11.2", "jax": "0.10.2", "mujoco": "3.17.0", "numpy": "2.4.6"},
        "arms": arms(), "curves": curves(),
    } | changes  # fmt: skip


def make_run(path: Path, film: bytes = b"", **changes) -> Path:
    """Writes the folder; `changes` replace entries of the summary."""
    path.mkdir(parents=True, exist_ok=True)
    settings = {"source": "hopper", "target": "shifted-hopper:0", "shots": list(SHOTS), "size": "small",
                "seeds": [0, 1, 2], "randomize": "wide", "deterministic": False,
                "learner": {"learning_rate": 3e-4, "hidden": [64, 64], "discount": 0.99}}  # fmt: skip
    config = {"format": 1, "command": "transfer", "seed": 0, "git": "28ad194", "settings": settings}
    for name, value in {"summary": summary(**changes), "config": config, "dynamics": dynamics()}.items():
        (path / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in metrics()), encoding="utf-8")
    for arm in ("scratch-0", "fine-tune-nominal-0", "fine-tune-randomized-0"):
        counts = {"adaptation_episodes": 20, "adaptation_steps": 5_300, "evaluation_episodes": 30}
        (path / f"ledger-{arm}.json").write_text(json.dumps({"format": 1, "budget": 20, "counts": counts}))
    if film:
        (path / "video.mp4").write_bytes(film)
    return path
