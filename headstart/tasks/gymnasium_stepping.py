"""Stepping a user's environments, and telling good rows from bad ones. Runs in the worker processes: no JAX here.

Every return value is distrusted: its structure, its shape, its kind of number, whether it is finite. What breaks the
rules raises `Misbehaved`; what is merely not finite makes its row invalid and ends that episode.
"""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np

from headstart.tasks.gymnasium_board import Board
from headstart.tasks.gymnasium_spaces import Leaf, WrongValue, action_writer, leaves, read

HUGE = 1e15  # larger magnitudes count as diverged: their squares leave float32
SUCCESS_KEYS = ("is_success", "success")  # Stable-Baselines3 and Fetch say the first, Meta-World and mazes the second


class Misbehaved(Exception):
    """An environment broke its contract.

    Attributes:
        row: which environment, as a row of the board.
        what: what it did, in words that follow its name.
    """

    def __init__(self, row: int, what: str):
        super().__init__(what)
        self.row, self.what = row, what


def success(info: Any) -> int:
    """Reads whether an episode succeeded: 1, 0, or -1 where the environment does not say."""
    for key in SUCCESS_KEYS:
        if isinstance(info, dict) and info.get(key) is not None and np.ndim(info[key]) == 0:
            return int(bool(info[key]))
    return -1


def write(board: Board, row: int, found: list[Leaf], observation: Any) -> None:
    """Copies an observation into its row; raises `Misbehaved` where it does not fit."""
    try:
        for leaf, array in zip(found, board.obs, strict=True):
            array[row] = read(leaf, observation)
    except WrongValue as wrong:
        raise Misbehaved(row, f"is wrong: {wrong}") from None


def plain(reward: Any) -> bool:
    """Says whether a reward is one number."""
    return np.ndim(reward) == 0 and (
        isinstance(reward, int | float | np.number | np.bool_)
        or (isinstance(reward, np.ndarray) and np.issubdtype(reward.dtype, np.number))
    )


def number(row: int, reward: Any) -> float:
    """Reads a reward."""
    if type(reward) is not float and type(reward) is not np.float64 and not plain(reward):
        raise Misbehaved(row, f"gave the reward {str(reward)[:60]!r}; it must be one number")
    return float(reward)


def flag(row: int, name: str, value: Any) -> bool:
    """Reads `terminated` or `truncated`."""
    if isinstance(value, bool | np.bool_) or (
        isinstance(value, np.ndarray) and value.dtype == bool and value.ndim == 0
    ):
        return bool(value)
    raise Misbehaved(row, f"gave {name}={str(value)[:60]!r}; it must be True or False")


def unpack(row: int, returned: Any, names: tuple[str, ...]) -> Any:
    """Checks that `reset` or `step` returned what Gymnasium's signature says."""
    if isinstance(returned, tuple) and len(returned) == len(names):
        return returned
    count = f"{len(returned)} values" if isinstance(returned, tuple) else f"a {type(returned).__name__}"
    raise Misbehaved(row, f"returned {count} where ({', '.join(names)}) belong")


def settle(board: Board, rows: slice, stepped: bool) -> None:
    """Marks the rows that are not finite, fills them with zeros and ends their episodes."""
    meant = board.where[rows]
    good = np.ones(meant.shape, bool)
    for array in board.obs:
        if array.dtype == np.float32:
            part = array[rows]
            good &= (np.abs(part) < HUGE).reshape(len(part), -1).all(axis=1)  # false for NaN as well
    if stepped:
        good &= (np.abs(board.reward[rows]) < HUGE) & ~board.lost[rows] & meant
        board.valid[rows] = good
    if good.all():
        return
    idle, bad = np.flatnonzero(~meant) + rows.start, np.flatnonzero(~good & meant) + rows.start
    if stepped:
        for array in (board.reward, board.terminated, board.truncated):
            array[idle], array[bad] = 0, 0
        board.truncated[bad] = True
    board.lost[bad] = True
    for array in board.obs:
        array[bad] = 0


def divergence(env: gymnasium.Env) -> Callable[[], bool]:
    """Returns a test whether MuJoCo's state has diverged; MuJoCo must not hide it by resetting itself.

    MuJoCo counts bad positions, velocities and accelerations, and by default puts the model back to its first pose as
    if nothing had happened (`mjDSBL_AUTORESET` turns this off).
    """
    model, physics = getattr(env.unwrapped, "model", None), getattr(env.unwrapped, "data", None)
    if type(physics).__module__.partition(".")[0] != "mujoco" or physics is None or model is None:
        return lambda: False
    import mujoco

    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    mujoco.set_mju_user_warning(lambda text: None)  # or each one goes to a file in the working directory
    warning = mujoco.mjtWarning
    counts = [physics.warning[int(w)] for w in (warning.mjWARN_BADQPOS, warning.mjWARN_BADQVEL, warning.mjWARN_BADQACC)]
    return lambda: any(count.number for count in counts)


class SingleEnvironments:
    """Plain environments, one for each row from `first` on, stepped and reset by us alone."""

    def __init__(self, envs: list[gymnasium.Env], board: Board, first: int, worker: int):
        self.envs, self.board, self.worker = envs, board, worker
        self.rows = slice(first, first + len(envs))
        self.leaves = [leaves(env.observation_space) for env in envs]
        self.diverged = [divergence(env) for env in envs]
        self.writers = [action_writer(env.action_space) for env in envs]

    def reset(self) -> None:
        """Resets the rows that `where` marks."""
        board = self.board
        for row, env, found in zip(range(self.rows.start, self.rows.stop), self.envs, self.leaves, strict=True):
            if not board.where[row]:
                continue
            board.at[self.worker], board.steps[row], board.success[row] = row, 0, -1
            obs, _ = unpack(row, env.reset(seed=int(board.seed[row])), ("obs", "info"))
            write(board, row, found, obs)
            board.lost[row] = False
        settle(board, self.rows, stepped=False)

    def step(self) -> None:
        """Steps the rows that `where` marks once."""
        board, names = self.board, ("obs", "reward", "terminated", "truncated", "info")
        rows = range(self.rows.start, self.rows.stop)
        parts = (self.envs, self.leaves, self.writers, self.diverged)
        for row, env, found, writer, diverged in zip(rows, *parts, strict=True):
            if board.lost[row] or not board.where[row]:
                continue
            board.at[self.worker] = row
            board.steps[row] += 1
            obs, reward, terminated, truncated, info = unpack(row, env.step(writer(board.action[row])), names)
            write(board, row, found, obs)
            board.reward[row] = number(row, reward)
            board.terminated[row] = flag(row, "terminated", terminated)
            board.truncated[row] = flag(row, "truncated", truncated)
            board.success[row] = success(info)
            if diverged():
                board.reward[row] = np.nan
        settle(board, self.rows, stepped=True)

    def close(self) -> None:
        """Closes them all."""
        for env in self.envs:
            env.close()
