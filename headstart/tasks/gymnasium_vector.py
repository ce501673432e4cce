"""Batched environments of the user's (`gymnasium.vector.VectorEnv`), for every autoreset mode.

A row of the board must show the true last observation of an episode, and after a reset the first one of the next.

- DISABLED: `reset_mask` does just that. So do Gymnasium's own Sync and Async vectors in every mode.
- SAME_STEP: what `step` returns at an end is already the next episode's; the last one is in `final_obs`. The first is
  kept until the reset is asked for.
- NEXT_STEP: the next call of `step` ignores the action and returns the first observation. That row is no step of any
  episode: it is marked not valid, which costs one row for each episode and no learner sees it.

A batch is stepped as a whole: its environments that should rest are kept going, and what they do is thrown away.
Runs in the worker processes: no JAX here.
"""

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AsyncVectorEnv, AutoresetMode, SyncVectorEnv, VectorEnv

from headstart.errors import InputError
from headstart.tasks.gymnasium_board import Board
from headstart.tasks.gymnasium_spaces import action_writer, leaves
from headstart.tasks.gymnasium_stepping import Misbehaved, flag, number, settle, success, unpack, write


def autoreset_mode(env: VectorEnv) -> AutoresetMode:
    """Reads which mode a batched environment declares. Raises `InputError` where it declares none."""
    declared = (env.metadata or {}).get("autoreset_mode")
    for mode in AutoresetMode:
        if declared is mode or declared in (mode.value, mode.name):
            return mode
    options = ", ".join(f"AutoresetMode.{mode.name}" for mode in AutoresetMode)
    raise InputError(
        f"{type(env).__name__} declares metadata['autoreset_mode'] = {declared!r}; set it to one of {options}, or "
        "return one plain environment and let headstart batch it"
    )


def takes_mask(env: VectorEnv) -> bool:
    """Says whether single environments of the batch can be reset, by `options={"reset_mask": ...}`."""
    base = env.unwrapped
    # Gymnasium's Async workers forget to clear their pending reset when nothing is shared
    own = isinstance(base, SyncVectorEnv) or (isinstance(base, AsyncVectorEnv) and bool(base.shared_memory))
    return own or autoreset_mode(env) is AutoresetMode.DISABLED


def pick(space: spaces.Space, batch: Any, index: int) -> Any:
    """Takes one environment's value out of a batch of observations."""
    if isinstance(space, spaces.Dict):
        return {key: pick(member, batch[key], index) for key, member in space.spaces.items()}
    if isinstance(space, spaces.Tuple):
        return tuple(pick(member, part, index) for member, part in zip(space.spaces, batch, strict=True))
    return np.array(batch[index])


def pick_info(infos: Any, index: int) -> dict[str, Any]:
    """Takes one environment's success out of a batch of infos, where it said any."""
    if not isinstance(infos, dict):
        return {}
    told = {}
    for key, value in infos.items():
        mask = infos.get(f"_{key}")
        if isinstance(value, np.ndarray) and len(value) > index and (mask is None or mask[index]):
            told[key] = value[index]
    return told


class VectorEnvironments:
    """One batched environment, on the rows from `first` on."""

    def __init__(self, env: VectorEnv, board: Board, first: int, worker: int):
        self.env, self.board, self.worker = env, board, worker
        self.rows = slice(first, first + env.num_envs)
        self.leaves = leaves(env.single_observation_space)
        self.mode, self.masked = autoreset_mode(env), takes_mask(env)
        self.begun = False
        self.ended = np.zeros(env.num_envs, bool)  # by the batch's own count, and not yet reset
        self.fresh: dict[int, Any] = {}  # first observations that came before their reset was asked for

    def reset(self) -> None:
        """Resets the rows that `where` marks."""
        board, where = self.board, self.board.where[self.rows].copy()
        if not where.any():
            return
        board.at[self.worker] = self.rows.start + int(np.argmax(where))
        board.steps[self.rows][where], board.success[self.rows][where] = 0, -1
        if self.masked or where.all() or not self.begun:
            self._reset_by_mask(where)
        else:
            self._reset_by_waiting(where)
        board.lost[self.rows][where] = False
        settle(board, self.rows, stepped=False)

    def _reset_by_mask(self, where: np.ndarray) -> None:
        seeds: Any = [int(seed) for seed in self.board.seed[self.rows]]
        options = None if where.all() or not self.begun else {"reset_mask": where.copy()}
        obs, _ = unpack(self.rows.start, self.env.reset(seed=seeds, options=options), ("obs", "info"))
        self.begun = True
        self.ended[where] = False
        for index in np.flatnonzero(where):
            self._write(int(index), obs)

    def _reset_by_waiting(self, where: np.ndarray) -> None:
        for index in map(int, np.flatnonzero(where)):
            row = self.rows.start + index
            if index in self.fresh:
                write(self.board, row, self.leaves, self.fresh.pop(index))
            elif not self.ended[index]:
                name = f"AutoresetMode.{self.mode.name}"
                raise Misbehaved(row, f"cannot be reset before its episode ends ({name}); use AutoresetMode.DISABLED")

    def step(self) -> None:
        """Steps the whole batch; rows that `where` does not mark are thrown away."""
        board, env = self.board, self.env
        where = board.where[self.rows]
        if not where.any():
            return
        board.at[self.worker] = self.rows.start
        resting = self.ended & ~where
        if self.mode is AutoresetMode.DISABLED and resting.any():  # it refuses to be stepped otherwise
            env.reset(options={"reset_mask": resting})
            self.ended &= ~resting
        self.fresh.clear()  # what was not asked for is the past now
        board.steps[self.rows][where] += 1
        names = ("obs", "reward", "terminated", "truncated", "info")
        obs, *flags, infos = unpack(self.rows.start, env.step(self._actions()), names)
        columns = [self._column(name, column) for name, column in zip(names[1:4], flags, strict=True)]
        for index in range(env.num_envs):
            reward, terminated, truncated = (column[index] for column in columns)
            self._settle_row(index, obs, reward, terminated, truncated, infos)
        settle(board, self.rows, stepped=True)

    def _settle_row(self, index: int, obs: Any, reward: Any, terminated: Any, truncated: Any, infos: Any) -> None:
        """Writes one environment's step into its row."""
        board, row = self.board, self.rows.start + index
        began, self.ended[index] = self.ended[index], False
        terminated, truncated = flag(row, "terminated", terminated), flag(row, "truncated", truncated)
        value = pick(self.env.single_observation_space, obs, index)
        if began and self.mode is AutoresetMode.NEXT_STEP:  # this was its reset, not a step of ours
            self.fresh[index], board.lost[row] = value, True
            return
        info = pick_info(infos, index)
        if terminated or truncated:
            self.ended[index] = True
            if self.mode is AutoresetMode.SAME_STEP:
                self.fresh[index] = value
                value, info = self._final(row, index, infos)
        write(board, row, self.leaves, value)
        board.reward[row] = number(row, reward)
        board.terminated[row], board.truncated[row] = terminated, truncated
        board.success[row] = success(info)

    def _final(self, row: int, index: int, infos: Any) -> tuple[Any, dict[str, Any]]:
        """Finds the true last observation, and the info that came with it."""
        final = infos.get("final_obs") if isinstance(infos, dict) else None
        if final is None or (isinstance(final, np.ndarray) and final.dtype == object and final[index] is None):
            raise Misbehaved(row, "ended without info['final_obs'], which AutoresetMode.SAME_STEP promises")
        listed = isinstance(final, np.ndarray) and final.dtype == object
        last = final[index] if listed else pick(self.env.single_observation_space, final, index)
        return last, pick_info(infos.get("final_info"), index)

    def _write(self, index: int, obs: Any) -> None:
        write(self.board, self.rows.start + index, self.leaves, pick(self.env.single_observation_space, obs, index))

    def _actions(self) -> Any:
        writer = action_writer(self.env.single_action_space)
        return np.stack([np.asarray(writer(action)) for action in self.board.action[self.rows]])

    def _column(self, name: str, column: Any) -> np.ndarray:
        array = np.asarray(column)
        if array.shape != (self.env.num_envs,):
            raise Misbehaved(
                self.rows.start, f"gave {name} of shape {array.shape} for {self.env.num_envs} environments"
            )
        return array

    def close(self) -> None:
        """Closes the batch."""
        self.env.close()
