"""Policies that look at a part of what is shown."""

from dataclasses import dataclass, field

from jaxtyping import Array, Key

from headstart.errors import InputError, unknown
from headstart.types import ActionSpace, Observation, ObservationSpace, Params, Policy, State


@dataclass(frozen=True, kw_only=True)
class ViewPolicy:
    """A policy that acts where more is shown than it looks at; its parameters are those of the policy behind it.

    So a student acts in the world of its teacher, which sees more, and takes away nothing but itself.

    Attributes:
        policy: who acts, on one entry of the observation.
        entry: the name of that entry.
        observation: all that is shown.

    Raises:
        InputError: there is no such entry.
    """

    policy: Policy
    entry: str
    observation: ObservationSpace = field(hash=False)  # a dictionary is compared, but cannot be hashed

    def __post_init__(self):
        """Refuses a view of what is not shown."""
        if not isinstance(self.observation, dict):
            raise InputError(f"ViewPolicy: {self.observation} has no entries; a dictionary is needed")
        if self.entry not in self.observation:
            raise unknown("entry of the observation", self.entry, self.observation)

    @property
    def action(self) -> ActionSpace:
        """What the policy behind it can do."""
        return self.policy.action  # pyright: ignore[reportAttributeAccessIssue]

    def init(self, key: Key[Array, ""]) -> Params:
        return self.policy.init(key)

    def start(self, params: Params, n: int) -> State:
        return self.policy.start(params, n)

    def apply(self, key: Key[Array, ""], params: Params, carry: State, obs: Observation) -> tuple[Array, State]:
        return self.policy.apply(key, params, carry, obs[self.entry])
