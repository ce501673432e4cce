"""The words of the command line as data: one dataclass a command, its fields the options."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from headstart.errors import InputError
from headstart.help import folded

Size = Literal["tiny", "small", "full"]
Memory = Literal["none", "history", "gru", "lstm"]
Critic = Literal["plain", "privileged"]


@dataclass(frozen=True, kw_only=True)
@folded
class Transfer:
    """Learn on a source, spend few episodes on the target, and show what transferred (the main job).

    Pretrains on the source family with nominal and with randomized dynamics, meets the target through a ledger that
    allows k episodes, and compares zero-shot and fine-tuned policies with learning from scratch and with an oracle.
    """

    source: Annotated[str | None, tyro.conf.arg(metavar="FAMILY")] = None
    """Family to learn on; `headstart list` names them; or a simulator of your own, `package.module:function`. Default:
    hopper_euler, the hopper in a simulator that is five times as fast as the target's own; with --adapt hopper, whose
    dynamics can be made the target's."""
    target: Annotated[str | None, tyro.conf.arg(metavar="TARGET")] = None
    """`gym:ID`, `package.module:function`, or `shifted-NAME:SEED`. Default: the source's shifted Gymnasium twin."""
    shots: str = "0,1,5,20"
    """Numbers of target episodes k to compare, with commas between."""
    size: Size = "small"
    """tiny: under a minute; small: minutes on two cores; full: the whole study."""
    seeds: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """How many independent repetitions; the size's own number if not given."""
    seed: int = 0
    """The first of the seeds."""
    randomize: Annotated[str, tyro.conf.arg(metavar="{mild,moderate,wide,peng}|FILE")] = "moderate"
    """How far the randomized source spreads its dynamics: a preset, or a JSON table of ranges, such as
    {"preset": "mild", "mass:torso": [1, 1.5]}; `headstart list FAMILY` names what can be varied."""
    memory: Memory = "none"
    """What the policy of one more randomized source remembers: the last 8 steps, or what a recurrent cell keeps. The
    oracle, and the adapted arm, go on from that source. With --from: what the policy brought along remembers."""
    critic: Critic = "plain"
    """privileged: the critic of that source is told the true dynamics, which its policy is not (asymmetric)."""
    adapt: Literal["none", "simopt", "posterior"] = "none"
    """Adapt the simulator to the target's episodes and go on training in it, as one more arm."""
    excite: bool = False
    """Play those episodes in the way that is expected to tell most about the simulator."""
    from_run: Annotated[Path | None, tyro.conf.arg(name="from", metavar="RUN")] = None
    """An earlier run whose policy is the source, instead of pretraining."""
    fine_tune: Literal["on-policy", "off-policy"] = "on-policy"
    """How target episodes are learnt from: each batch once by PPO, or all of them many times by SAC."""
    pretrain: Annotated[Literal["plain", "soft"] | None, tyro.conf.arg(metavar="{plain,soft}")] = None
    """soft: every arm learns by SAC, sources at a constant temperature that falls while they are fine-tuned. Default:
    soft for sources where that was shown to pay (point_run), else plain."""
    anneal: Annotated[str | None, tyro.conf.arg(metavar="START,END,STEPS")] = None
    """With --pretrain soft: temperature of pretraining, temperature at the end, gradient steps between the two."""
    adapter: Annotated[str | None, tyro.conf.arg(metavar="FILE")] = None
    """A JSON table that makes a target of other spaces fit the source; docs/environment.md says how to write one."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of the run; default: a new one under runs/."""
    deterministic: bool = False
    """One thread for arithmetic, so that two runs agree bit for bit."""


@dataclass(frozen=True, kw_only=True)
@folded
class Train:
    """Train one learner on one family and keep the run."""

    family: tyro.conf.Positional[str]
    """What to learn on; `headstart list` names them; or a simulator of your own, `package.module:function`."""
    learner: Literal["ppo", "sac", "soft-q"] = "ppo"
    """The algorithm; soft-q: soft Q-learning with a sampling network."""
    steps: int = 500_000
    """Environment steps in all."""
    randomize: Annotated[str, tyro.conf.arg(metavar="{none,mild,moderate,wide,peng}|FILE")] = "none"
    """How far to spread the dynamics: a preset, or a JSON table of ranges."""
    memory: Memory = "none"
    """What the policy remembers (ppo only): nothing, the last 8 steps, or what a recurrent cell keeps."""
    critic: Critic = "plain"
    """privileged, for a policy that remembers: its critic is told the true dynamics, which it is not (asymmetric)."""
    envs: int = 64
    """Environments side by side."""
    seed: int = 0
    """Same seed, same run."""
    seeds: int = 1
    """How many seeds, from `--seed` on, in one vectorised program (JAX worlds)."""
    checkpoint_every: int = 100_000
    """Environment steps between two checkpoints."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of the run; default: a new one under runs/."""
    deterministic: bool = False
    """One thread for arithmetic, so that two runs agree bit for bit."""


@dataclass(frozen=True, kw_only=True)
@folded
class Evaluate:
    """Play whole episodes with a run's policy and print what they were worth."""

    folder: tyro.conf.Positional[Path]
    """Folder of the run."""
    family: Annotated[str | None, tyro.conf.arg(metavar="MODULE:FUNCTION")] = None
    """Where the policy was learnt, if that is code of your own."""
    target: str | None = None
    """Another world to play in: a family, `gym:ID`, or `package.module:function`; default: the run's own."""
    adapter: Annotated[str | None, tyro.conf.arg(metavar="FILE")] = None
    """A JSON table that makes a target of other spaces fit the policy."""
    randomize: Annotated[str, tyro.conf.arg(metavar="{none,mild,moderate,wide,peng,own}|FILE")] = "none"
    """Dynamics to draw for each episode; FILE: a JSON table of ranges; own: let a target go on changing its own, which
    is refused otherwise."""
    episodes: int = 20
    """How many."""
    seed: int = 0
    """Of the episodes."""
    manifests: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder for a manifest of each episode: all that it takes to play that one again, alone."""
    replay: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """A manifest: play its episode again, and say whether it comes out the same to the bit."""


@dataclass(frozen=True, kw_only=True)
@folded
class Resume:
    """Go on with a run that was interrupted."""

    folder: tyro.conf.Positional[Path]
    """Folder of the run."""


@dataclass(frozen=True, kw_only=True)
@folded
class Report:
    """Write the page of one run, or compare several."""

    folders: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of runs."""


@dataclass(frozen=True, kw_only=True)
@folded
class Imitate:
    """Learn a hierarchical controller from annotated demonstrations, reusing past tasks skill by skill."""

    task: str
    """The new task, as its demonstrations name it."""
    demonstrations: Path
    """A JSON Lines file, or a folder of them."""
    past: tuple[str, ...] = ()
    """Past tasks, as TASK=PATH."""
    selector: Literal["decision", "skill"] = "decision"
    """decision: for every decision by description length; skill: for every skill by held-out demonstrations."""
    modes: str = "share,union,independent"
    """Ways of using past tasks that the selector `skill` may choose, with commas between."""
    orders: int = 20
    """Random orders in which to measure how many demonstrations each skill needs; 0 for none."""
    accuracy: float = 1e-6
    """Within which an argument counts as right, in the demonstrations' own units."""
    accuracies: tuple[str, ...] = ()
    """For single calls, the accuracy of each argument, as CALL=NUMBER,...: what a hand steers is never exact."""
    seed: int = 0
    """Of the orders."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder for the controller and the summary; default: a new one under runs/."""


@dataclass(frozen=True, kw_only=True)
@folded
class Reproduce:
    """Measure a claim of the lecture again, and keep the numbers with the command that made them."""

    claim: tyro.conf.Positional[str]
    """Which; `headstart list` names them."""
    size: Size = "small"
    """tiny: seconds; small: minutes on two cores; full: the whole study."""
    seeds: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """How many independent repetitions; the size's own number if not given."""
    seed: int = 0
    """The first of the seeds."""
    source: Annotated[str | None, tyro.conf.arg(metavar="SOURCE")] = None
    """What to learn on first, where the claim has a source."""
    target: Annotated[str | None, tyro.conf.arg(metavar="TARGET")] = None
    """What to transfer to, where the claim has a target."""
    demonstrations: Annotated[Path | None, tyro.conf.arg(metavar="PATH")] = None
    """Recorded demonstrations, where the claim is about imitation; default: those of a simulated teacher."""
    out: Annotated[Path | None, tyro.conf.arg(metavar="DIR")] = None
    """Folder of the run; default: a new one under runs/."""


@dataclass(frozen=True, kw_only=True)
@folded
class List:
    """Name everything that can be named on this command line."""

    family: tyro.conf.Positional[Annotated[str | None, tyro.conf.arg(metavar="FAMILY")]] = None
    """Name what can be varied in one family, in which unit and how far, instead."""


@dataclass(frozen=True, kw_only=True)
@folded
class Doctor:
    """Look at this machine: versions, rendering, disk, memory, threads."""


@dataclass(frozen=True, kw_only=True)
@folded
class Check:
    """Hold an environment of yours against the laws that transfer needs, and say what to change."""

    source: tyro.conf.Positional[str]
    """`gym:ID`, or `package.module:function` that returns an environment, a family or a robot."""
    steps: int = 2_000
    """Random steps to try."""


Command = (
    Annotated[Transfer, tyro.conf.subcommand("transfer")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Resume, tyro.conf.subcommand("resume")]
    | Annotated[Report, tyro.conf.subcommand("report")]
    | Annotated[Imitate, tyro.conf.subcommand("imitate")]
    | Annotated[Reproduce, tyro.conf.subcommand("reproduce")]
    | Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Doctor, tyro.conf.subcommand("doctor")]
    | Annotated[Check, tyro.conf.subcommand("check")]
)


def whole_numbers(field_name: str, text: str) -> tuple[int, ...]:
    """Reads `0,1,5` as sorted whole numbers without repetition.

    Raises:
        InputError: for anything else, with the field, the text and a valid example.
    """
    parts = text.split(",")
    if not all(part.strip().isascii() and part.strip().isdigit() and len(part) < 10 for part in parts):
        raise InputError(f"--{field_name} {text!r}: whole numbers with commas between are needed, such as 0,1,5,20")
    return tuple(sorted({int(part) for part in parts}))
