"""What a source policy still has left to try, as lines for people: for `headstart evaluate`."""

from collections.abc import Iterator
from typing import Any

from jaxtyping import Array, Key

from headstart.experiments.diagnosed import diagnosed
from headstart.types import Params, TaskFamily


def diagnosis_lines(key: Key[Array, ""], home: TaskFamily, policy: Any, params: Params) -> Iterator[str]:
    """Plays a few episodes at home, the policy drawing its actions, and says what they show; nothing of a memory."""
    found = diagnosed(key, home, policy, params)
    if found is not None:
        yield f"diagnosis on {home.name}: {found.line()}"
        yield found.sentence()
