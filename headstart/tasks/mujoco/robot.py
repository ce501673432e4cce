"""What tells one MuJoCo world from another: a model file, and pure functions of batches of physical states."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from jaxtyping import Bool, Float

from headstart.spaces import Parameter, ParameterSpace


class Physics(NamedTuple):
    """The mechanical state of a batch of environments; NumPy arrays here, or JAX arrays in a learned or copied world.

    Attributes:
        qpos: joint positions, in m and rad.
        qvel: joint velocities, in m/s and rad/s.
        bodies: positions in m of the bodies that the robot names, as the engine computed them in its last forward pass.
        forces: what contacts do to each body, torque in N m and force in N, at its centre of mass, world's axes; zero
            after a reset. None where the robot does not ask for them.
    """

    qpos: Float[Any, "env position"]
    qvel: Float[Any, "env velocity"]
    bodies: Float[Any, "env body 3"]
    forces: Float[Any, "env all 6"] | None = None


@dataclass(frozen=True, kw_only=True)
class Description:
    """What a robot is, as data.

    Attributes:
        name: of the family.
        asset: the MJCF file: the name of one of Gymnasium's own, or an absolute path.
        frame_skip: physics steps in one control step.
        dt: seconds in one control step.
        horizon: control steps until truncation.
        draws: how many uniform numbers the initial state needs.
        scale: the unit of the observation noise: the standard deviation of each observed channel under uniformly random
            actions, rounded.
        gymnasium: id of the Gymnasium environment that the nominal task equals step by step, but for what is named
            here; None where there is none.
        carrier: the body that a payload is fixed to; None for no payload.
        carry_at: where on it, in m in its own frame; not at its centre of mass.
        carry_most: the heaviest payload, in kg.
        watched: bodies whose positions are in `Physics.bodies`.
        forces: whether contact forces are in `Physics.forces`. Steps are then taken one environment after the other.
        euler: whether MuJoCo's semi-implicit Euler integrates the motion, instead of what the file asks for. Where that
            is RK4 this takes a quarter of the evaluations of the dynamics, and is no longer Gymnasium's world.
        masses: bodies that weigh something else than in the file, and what, in kg; their inertia goes with it.
        walls: boxes on the ground: centre x and y, half width and half depth, in m.
        goal: where a goal is, in m; None where there is none.
        goal_height: what the nominal task pays at the goal; 0 pays for moving instead.
        direction: of the nominal task, see `direction_and_speed`.
        inert: bodies that only mark a place: nothing about them varies.
        floor: the geom that everything touches; None where friction plays no part.
        feet: bodies with a friction of their own.
        weather: which of `gravity`, `density` and `viscosity` the motion depends on.
        speeds: lowest and highest speed to ask for, in m/s; None where there are no tasks of direction and speed.
        unseen: how many of the first positions the observation leaves out, where it is otherwise the whole state
            (positions, then velocities) and the motion does not depend on them; None where it is not.
    """

    name: str
    asset: str
    frame_skip: int
    dt: float
    horizon: int
    draws: int
    scale: tuple[float, ...]
    gymnasium: str | None = None
    carrier: str | None = None
    carry_at: tuple[float, float, float] = (0.0, 0.0, 0.0)
    carry_most: float = 0.0
    watched: tuple[str, ...] = ()
    forces: bool = False
    euler: bool = False
    masses: tuple[tuple[str, float], ...] = ()
    walls: tuple[tuple[float, float, float, float], ...] = ()
    goal: tuple[float, float] | None = None
    goal_height: float = 0.0
    direction: float = 1.0
    inert: tuple[str, ...] = ()
    floor: str | None = None
    feet: tuple[str, ...] = ()
    weather: tuple[str, ...] = ()
    speeds: tuple[float, float] | None = None
    unseen: int | None = None


class Robot(Protocol):
    """One world. Its functions follow the array API, so they run on float64 NumPy and on JAX arrays alike."""

    @property
    def about(self) -> Description: ...
    def initial(
        self, draws: Float[Any, "env draw"], rest: Float[Any, " position"]
    ) -> tuple[Float[Any, "env position"], Float[Any, "env velocity"]]: ...
    def observe(self, physics: Physics) -> Float[Any, "env channel"]: ...
    def terminated(self, physics: Physics) -> Bool[Any, " env"]: ...
    def reward(
        self,
        before: Physics,
        after: Physics,
        action: Float[Any, "env action"],
        asked: dict[str, Float[Any, " env"]],
        ended: Bool[Any, " env"],
    ) -> Float[Any, " env"]: ...  # `ended`: what `terminated` says of `after`


def direction_and_speed(about: Description) -> ParameterSpace:
    """The reward parameters of what runs: which way, and how fast; and what a goal is worth. None for what does not."""
    if about.speeds is None:
        return ParameterSpace()
    running = (
        Parameter(name="direction", unit="along x", nominal=about.direction, low=-1.0, high=1.0, integer=True),
        Parameter(name="speed", unit="m/s, 0: no limit", nominal=0.0, low=0.0, high=4.0 * about.speeds[1]),
    )
    if about.goal is None:
        return ParameterSpace(running)
    height = Parameter(name="goal", unit="1, 0: no goal", nominal=about.goal_height, low=0.0, high=100.0)
    return ParameterSpace((*running, height))


def forward(velocity: Float[Any, " env"], asked: dict[str, Float[Any, " env"]]) -> Float[Any, " env"]:
    """The reward for moving as asked: Gymnasium's own slope up to the asked speed, and its mirror image beyond.

    r = d v            where no speed is asked for, and
    r = s − |d v − s|  where the speed s > 0 is: d v below s, falling again above it, and s at its best;
    for d = 0, which is either way, |v| stands in the place of d v.

    Args:
        velocity: along x, in m/s.
        asked: `direction` d, of −1, 0 and 1; `speed` s, in m/s.
    """
    xp = velocity.__array_namespace__()
    direction, speed = asked["direction"], asked["speed"]
    progress = xp.where(direction == 0, xp.abs(velocity), direction * velocity)
    return xp.where(speed > 0, speed - xp.abs(progress - speed), progress)


def effort(action: Float[Any, "env action"]) -> Float[Any, " env"]:
    """The sum of the squared actions, in the precision that the actions came in, as Gymnasium computes it."""
    xp = action.__array_namespace__()
    return xp.sum(xp.square(action), axis=-1)


def distance(vector: Float[Any, "env 3"]) -> Float[Any, " env"]:
    """The Euclidean norm, rounded as `numpy.linalg.norm` rounds that of a single vector."""
    xp = vector.__array_namespace__()
    return xp.sqrt(xp.vecdot(vector, vector))


def running(
    before: Physics, after: Physics, asked: dict[str, Float[Any, " env"]], about: Description
) -> Float[Any, " env"]:
    """The reward for moving along x as asked, from the distance covered in one control step."""
    return forward((after.qpos[:, 0] - before.qpos[:, 0]) / about.dt, asked)


def never(physics: Physics) -> Bool[Any, " env"]:
    """Whether a task has ended that cannot end."""
    xp = physics.qpos.__array_namespace__()
    return xp.zeros(physics.qpos.shape[0], dtype=bool)
