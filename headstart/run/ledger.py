"""The ledger: what was used of the target, charged before it is used, on a journal that no crash can roll back.

An episode counts from the moment it begins, whole or not: a robot that fell after three steps has fallen. Adaptation
and selection (choosing a checkpoint by looking at the target) share the budget; evaluation is what a study measures
with, and is counted apart. Steps are added when they are known; those of an episode that a crash cut are not.
"""

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from headstart.errors import Fault, InputError, unknown
from headstart.run import disk, strict_json

Purpose = Literal["adaptation", "selection", "evaluation"]
PURPOSES: tuple[Purpose, ...] = get_args(Purpose)
BUDGETED = ("adaptation", "selection")
FORMAT = 1


class BudgetExceeded(InputError):
    """More target episodes were asked for than the user allows. The target was not touched."""


class Counts(NamedTuple):
    """What was used of the target so far."""

    adaptation_episodes: int = 0
    selection_episodes: int = 0
    evaluation_episodes: int = 0
    adaptation_steps: int = 0
    selection_steps: int = 0
    evaluation_steps: int = 0
    lost_episodes: int = 0  # begun, and cut by a crash that left no record of them

    @property
    def budgeted_episodes(self) -> int:
        """Returns the episodes that count against the budget."""
        return self.adaptation_episodes + self.selection_episodes

    @property
    def target_steps(self) -> int:
        """Returns the environment steps that were learnt from or chosen by."""
        return self.adaptation_steps + self.selection_steps


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """A journal of target use. Any number of objects and processes may share one path, and so one budget.

    Attributes:
        path: of the journal (JSON, replaced atomically); its folder exists. The counts of an earlier run go on.
        budget: how many episodes adaptation and selection may begin together; None is no limit.
    """

    path: Path
    budget: int | None

    def __post_init__(self):
        """Opens the journal, or begins one."""
        if self.budget is not None and (type(self.budget) is not int or self.budget < 0):
            raise InputError(f"budget: {self.budget!r} target episodes; give a whole number from 0 up")
        self._change(lambda counts: counts)

    def counts(self) -> Counts:
        """Returns what has been used, by everybody."""
        return self._change(lambda counts: counts)

    def charge(self, purpose: Purpose, episodes: int = 1) -> Counts:
        """Books episodes that are about to begin; all of them or none. Durable when it returns.

        Raises:
            BudgetExceeded: the budget does not allow them.
            InputError: an unknown purpose, a number below 1, or a journal that is damaged or has another budget.
            Fault: the disk refused; then nothing may begin.
        """
        _check(purpose, episodes)
        return self._change(
            lambda counts: _add(self._allow(counts, purpose, episodes), f"{purpose}_episodes", episodes)
        )

    def require(self, purpose: Purpose, episodes: int) -> None:
        """Raises `BudgetExceeded` unless that many episodes are left, without booking them."""
        _check(purpose, episodes)
        self._allow(self.counts(), purpose, episodes)

    def add_steps(self, purpose: Purpose, steps: int) -> Counts:
        """Books the steps of episodes that were charged. Raises like `charge`."""
        _check(purpose, steps)
        return self._change(lambda counts: _add(counts, f"{purpose}_steps", steps))

    def settle(self, kept: Counts) -> Counts:
        """Books what an interrupted attempt lost, where its finished episodes were kept.

        Episodes that were charged and left no record are counted as lost from here on: they were used, nothing was had
        from them, and whoever resumes a study allows the target to be asked once more in their place.

        Args:
            kept: what there are records of; one that has more than was charged belongs to another ledger.

        Raises:
            InputError: there are more records than the ledger has charged.
        """

        def change(counts: Counts) -> Counts:
            lost = 0
            for purpose in PURPOSES:
                field = f"{purpose}_episodes"
                gone = getattr(counts, field) - getattr(kept, field)
                if gone < 0:
                    raise InputError(
                        f"{self.path}: {getattr(kept, field)} episodes of {purpose} were kept and only "
                        f"{getattr(counts, field)} charged; the ledger is of another run: restore it"
                    )
                lost += gone
            return kept._replace(lost_episodes=counts.lost_episodes + lost)

        return self._change(change)

    def _allow(self, counts: Counts, purpose: Purpose, episodes: int) -> Counts:
        used = counts.budgeted_episodes
        if purpose in BUDGETED and self.budget is not None and used + episodes > self.budget:
            raise BudgetExceeded(
                f"target budget: {used} of {self.budget} episodes are used, {episodes} more were asked for "
                f"{purpose}; allow more with --shots"
            )
        return counts

    def _change(self, change: Callable[[Counts], Counts]) -> Counts:
        try:
            with _locked(self.path):
                before = self._read()
                after = change(before or Counts())
                if after != before:
                    fields = {"format": FORMAT, "budget": self.budget, "counts": after._asdict()}
                    disk.replace_file(self.path, strict_json.encode(fields) + b"\n")
                return after
        except OSError as error:
            raise Fault(
                f"{self.path}: the ledger cannot be written ({error.strerror}); no target episode may begin"
            ) from None

    def _read(self) -> Counts | None:
        try:
            content = disk.read_file(self.path, 1 << 16)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise InputError(f"{self.path}: the ledger cannot be read ({error.strerror}); restore it") from None
        fields = strict_json.decode(content, str(self.path))
        if isinstance(fields, dict) and type(fields.get("format")) is int and fields["format"] > FORMAT:
            raise InputError(
                f"{self.path}: ledger format {fields['format']}, this headstart reads {FORMAT}: install a newer one"
            )
        try:
            counts = Counts(**fields["counts"])
            sound = set(fields) == {"format", "budget", "counts"} and all(type(n) is int and n >= 0 for n in counts)
        except (TypeError, KeyError):
            sound = False
        if not sound:
            raise InputError(f"{self.path}: the ledger is damaged; what was used of the target is not known any more")
        if fields["budget"] != self.budget:
            raise InputError(
                f"{self.path}: the ledger has a budget of {fields['budget']}, not {self.budget}; use a new --out"
            )
        return counts


def _check(purpose: Purpose, number: int) -> None:
    if purpose not in PURPOSES:
        raise unknown("purpose", str(purpose), PURPOSES)
    if type(number) is not int or number < 1:
        raise InputError(f"{purpose}: {number!r} is not a number of episodes or steps from 1 up")


def _add(counts: Counts, field: str, number: int) -> Counts:
    return counts._replace(**{field: getattr(counts, field) + number})


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = os.open(
        path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644
    )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
