"""What tells one MuJoCo world from another: a model file, and pure functions of batches of physical states."""

from typing import Any, NamedTuple, Protocol

from jaxtyping import Bool, Float

from headstart.spaces import Parameter, ParameterSpace


class Physics(NamedTuple):
    """The mechanical state of a batch of environments; NumPy arrays here, or JAX arrays in a learned or copied world.

    Attributes:
        qpos: joint positions, in m and rad.
        qvel: joint velocities, in m/s and rad/s.
        bodies: positions in m of the bodies that the robot names, as the engine computed them in its last forward pass.
    """

    qpos: Float[Any, "env position"]
    qvel: Float[Any, "env velocity"]
    bodies: Float[Any, "env body 3"]


class Robot(Protocol):
    """One world. Its functions follow the array API, so they run on float64 NumPy and on JAX arrays alike.

    Attributes:
        name: of the family.
        gymnasium: id of the Gymnasium environment that the nominal task equals step by step.
        asset: the MJCF file among Gymnasium's own.
        frame_skip: physics steps in one control step.
        dt: seconds in one control step.
        horizon: control steps until truncation.
        scale: typical size of each observed channel; the unit of the observation noise.
        watched: bodies whose positions are in `Physics.bodies`.
        draws: how many uniform numbers `initial` needs.
        inert: bodies that only mark a place: nothing about them varies.
        carrier: the body that a payload is fixed to.
        carry_at: where on it, in m in its own frame.
        carry_most: the heaviest payload, in kg.
        floor: the geom that everything touches; None where friction plays no part.
        feet: bodies with a friction of their own.
        weather: which of `gravity`, `density` and `viscosity` the motion depends on.
    """

    name: str
    gymnasium: str
    asset: str
    frame_skip: int
    dt: float
    horizon: int
    scale: tuple[float, ...]
    watched: tuple[str, ...]
    draws: int
    inert: tuple[str, ...]
    carrier: str
    carry_at: tuple[float, float, float]
    carry_most: float
    floor: str | None
    feet: tuple[str, ...]
    weather: tuple[str, ...]

    @property
    def rewards(self) -> ParameterSpace: ...
    @property
    def speeds(self) -> tuple[float, float] | None: ...  # range of speeds to ask for, m/s; None: no such tasks
    def initial(self, draws: Float[Any, "env draw"], qpos: Float[Any, " position"]) -> tuple[Any, Any]: ...
    def observe(self, physics: Physics) -> Float[Any, "env channel"]: ...
    def terminated(self, physics: Physics) -> Bool[Any, " env"]: ...
    def reward(
        self, before: Physics, after: Physics, action: Float[Any, "env action"], asked: dict[str, Float[Any, " env"]]
    ) -> Float[Any, " env"]: ...


def direction_and_speed(fastest: float) -> ParameterSpace:
    """The reward parameters of everything that runs: which way, and how fast.

    Args:
        fastest: the highest legal speed in m/s.
    """
    return ParameterSpace(
        (
            Parameter(name="direction", unit="along x", nominal=1.0, low=-1.0, high=1.0, integer=True),
            Parameter(name="speed", unit="m/s, 0 for as fast as possible", nominal=0.0, low=0.0, high=fastest),
        )
    )


def forward(velocity: Float[Any, " env"], asked: dict[str, Float[Any, " env"]]) -> Float[Any, " env"]:
    """The reward for moving as asked: Gymnasium's own slope up to the asked speed, and its mirror image beyond.

    r = d v            where no speed is asked for, and
    r = s − |d v − s|  where the speed s > 0 is: d v below s, falling again above it, and s at its best.

    Args:
        velocity: along x, in m/s.
        asked: `direction` d, of −1, 0 and 1; `speed` s, in m/s.
    """
    xp = velocity.__array_namespace__()
    progress, speed = asked["direction"] * velocity, asked["speed"]
    return xp.where(speed > 0, speed - xp.abs(progress - speed), progress)


def effort(action: Float[Any, "env action"]) -> Float[Any, " env"]:
    """The sum of the squared actions, in the precision that the actions came in, as Gymnasium computes it."""
    xp = action.__array_namespace__()
    return xp.sum(xp.square(action), axis=-1)


def distance(vector: Float[Any, "env 3"]) -> Float[Any, " env"]:
    """The Euclidean norm, rounded as `numpy.linalg.norm` rounds that of a single vector."""
    xp = vector.__array_namespace__()
    return xp.sqrt(xp.vecdot(vector, vector))
