"""The motion of a point with inertia among walls that lie on a grid of cells of 1 m."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from headstart.spaces import Parameter, ParameterSpace

GRAVITY = 9.81  # m/s², presses the point to the floor
SUBSTEP = 0.05  # s
SKIN = 1e-3  # m, kept from every wall, so that rounding never puts the point on the wall's side
DYNAMICS = ParameterSpace(
    (
        Parameter(name="mass:point", unit="kg", nominal=1.0, low=0.1, high=10.0, scale="log"),
        Parameter(name="damping:point", unit="N s/m", nominal=1.0, low=0.0, high=10.0),
        Parameter(name="friction:floor", unit="1", nominal=0.02, low=0.0, high=1.0),
        Parameter(name="force:motor", unit="N", nominal=3.0, low=0.1, high=30.0, scale="log"),
    )
)


class PointState(NamedTuple):
    """Where the point is (m, see `mazes.Maze`) and how fast it moves (m/s)."""

    position: Float[Array, "2"]
    velocity: Float[Array, "2"]


def advance(
    state: PointState,
    force: Float[Array, "2"],
    dynamics: Mapping[str, Float[Array, ""]],
    blocked: Callable[[Int[Array, "2"]], Bool[Array, ""]],
    top_speed: float,
) -> PointState:
    """Advances by one substep: speed, damping, friction, then x and y against the walls.

    The force changes the velocity, damping and friction slow it (implicitly, so they can stop the point but never turn
    it round), and the point moves along x, then along y. It moves less than a cell in each, so it cannot pass a wall;
    where it meets one it stops there and loses the velocity of that axis.

    Args:
        state: before.
        force: N.
        dynamics: mass, damping and friction, under the names of `DYNAMICS`.
        blocked: says whether a cell (x, y) is a wall.
        top_speed: m/s, the limit of each component of the velocity; below a cell in a substep.

    Returns:
        The state one substep later.
    """
    mass = dynamics["mass:point"]
    velocity = (state.velocity + SUBSTEP * force / mass) / (1.0 + SUBSTEP * dynamics["damping:point"] / mass)
    slowed = SUBSTEP * GRAVITY * dynamics["friction:floor"]
    speed = jnp.sqrt(jnp.sum(velocity**2))
    velocity = velocity * (jnp.maximum(speed - slowed, 0.0) / jnp.maximum(speed, 1e-9))
    velocity = jnp.clip(velocity, -top_speed, top_speed)
    (x, y), (vx, vy) = state.position, velocity
    cell_x, cell_y = jnp.floor(x), jnp.floor(y)
    new_x = x + SUBSTEP * vx
    hit_x = blocked(jnp.stack([jnp.floor(new_x), cell_y]).astype(jnp.int32))
    new_x = jnp.where(hit_x, jnp.clip(new_x, cell_x + SKIN, cell_x + 1.0 - SKIN), new_x)
    new_y = y + SUBSTEP * vy
    hit_y = blocked(jnp.floor(jnp.stack([new_x, new_y])).astype(jnp.int32))
    new_y = jnp.where(hit_y, jnp.clip(new_y, cell_y + SKIN, cell_y + 1.0 - SKIN), new_y)
    velocity = jnp.stack([jnp.where(hit_x, 0.0, vx), jnp.where(hit_y, 0.0, vy)])
    return PointState(jnp.stack([new_x, new_y]), velocity)
