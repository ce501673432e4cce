"""The MJCF model: a mobile gripper, two tables, a tub and things to move.

Things are 16-sided prisms, because MuJoCo gives flat faces four contacts and round ones a single wandering point. The
robot weighs nothing (its gravity is compensated) and does not collide with itself.
"""

# pyright: reportAttributeAccessIssue=false
# MuJoCo is a compiled module without type stubs.

import math
import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise

import mujoco

from headstart.tasks.tabletop.layout import (
    FOREARM,
    FOVY,
    HAND,
    HEAD,
    LAID,
    PICK,
    SHOULDER_X,
    SHOULDER_Z,
    TOP,
    TUB,
    TUB_FLOOR,
    TUB_RIM,
    TUB_SLOPE,
    Table,
)  # fmt: skip
from headstart.tasks.tabletop.robot import JOINTS, OPEN, PERIOD
from headstart.tasks.tabletop.things import CUP, GLASS, PLATE, SHAPES, Thing

SIDES = 16
BODIES = ("base", "pan", "tilt", "lift", "upper", "fore", "wrist", "hand", "left", "right")
THING, FIXED, ROBOT = 'contype="1" conaffinity="7"', 'contype="2" conaffinity="5"', 'contype="4" conaffinity="3"'
BARE = 'contype="0" conaffinity="0"'  # touches nothing
SEEN = f'{BARE} mass="0"'
PAINT = {1: "0.86 0.23 0.22", 2: "0.24 0.62 0.34", 3: "0.22 0.42 0.80", 0: "0.62 0.80 0.86"}
LIGHT = {1: "0.96 0.55 0.52", 2: "0.58 0.84 0.62", 3: "0.56 0.71 0.95", 0: "0.82 0.93 0.96"}
WOOD, STEEL, SHELL, DARK = "0.80 0.66 0.49", "0.62 0.66 0.72", "0.93 0.93 0.95", "0.25 0.28 0.33"


@cache
def compiled(things: tuple[Thing, ...], pictures: bool = False) -> mujoco.MjModel:
    """Compiles the world with some things.

    Args:
        things: what there is, one free body each, in this order.
        pictures: with what is only to be looked at: the wells of plates, rims and handles of cups.

    Returns:
        The model. One object for each set of arguments: it is not written to.
    """
    text = description(things, pictures)
    if pictures:
        # rays at many pixels pass by what sticks out of the box around a body's colliding shapes: it is made roomy
        room = '<geom type="sphere" size="0.4" mass="0" contype="8" conaffinity="8" rgba="0 0 0 0"/>'
        for name in BODIES:
            text = re.sub(rf'(<body name="{name}"[^>]*>)', rf"\1{room}", text)
    return mujoco.MjModel.from_xml_string(text)


def description(things: tuple[Thing, ...], pictures: bool = False) -> str:
    """Writes the MJCF text; arguments as for `compiled`."""
    meshes = "".join(f'<mesh name="prism{kind}" vertex="{_prism(kind)}"/>' for kind in SHAPES)
    bodies = "".join(_thing(index, thing, pictures) for index, thing in enumerate(things))
    return f"""<mujoco model="table top">
  <compiler angle="radian" autolimits="true"/>
  <option timestep="{PERIOD}" integrator="implicitfast" cone="elliptic" impratio="20" iterations="30">
    <flag multiccd="enable" autoreset="disable" warmstart="disable"/>
  </option>
  <default>
    <geom condim="4" friction="0.8 0.01 0.001" solref="0.01 1"/>
    <position dampratio="1"/>
  </default>
  <asset>{meshes}</asset>
  <worldbody>
    <geom name="floor" type="plane" size="4 4 0.1" {FIXED}/>
    {_table("pick", PICK)}{_table("laid", LAID)}{"".join(_tub())}
    {_robot()}
    {bodies}
  </worldbody>
  <equality><joint joint1="left" joint2="right" solref="0.008 1"/></equality>
  <actuator>{_actuators()}</actuator>
</mujoco>"""


def _prism(kind: int) -> str:
    radius, half, _ = SHAPES[kind]
    corners = [
        (radius * math.cos(2 * math.pi * k / SIDES), radius * math.sin(2 * math.pi * k / SIDES), z)
        for z in (-half, half)
        for k in range(SIDES)
    ]
    return " ".join(f"{number:.6f}" for corner in corners for number in corner)


def _thing(index: int, thing: Thing, pictures: bool) -> str:
    half, mass = thing.shape.half_height, thing.shape.mass
    color = f'rgba="{PAINT[thing.colour]} 1"'
    shell = f'<geom type="mesh" mesh="prism{thing.kind}" mass="{mass}" group="{3 if pictures else 0}" {THING} {color}/>'
    looks = "".join(_looks(thing)) if pictures else ""
    return f'<body name="thing{index}" pos="{index} 0 {half}"><freejoint/>{shell}{looks}</body>'


def _looks(thing: Thing) -> Iterator[str]:
    """What makes a prism look like a plate, a cup or a glass."""
    (radius, half, _), paint, light = thing.shape, PAINT[thing.colour], LIGHT[thing.colour]

    def disc(at: float, wide: float, thick: float, color: str) -> str:
        return f'<geom type="cylinder" size="{wide} {thick}" pos="0 0 {at}" {SEEN} rgba="{color} 1"/>'

    if thing.kind == PLATE:
        yield disc(-0.4 * half, 0.62 * radius, 0.6 * half, paint)
        yield disc(0.55 * half, radius, 0.45 * half, paint)
        yield disc(half, 0.66 * radius, 0.0008, light)
        return
    yield disc(0.0, radius, half, paint)
    yield disc(half, 0.82 * radius, 0.0008, DARK if thing.kind == CUP else "0.45 0.60 0.66")
    if thing.kind == CUP:
        ring = [(0.0, 0.6), (0.55, 0.45), (0.55, -0.35), (0.0, -0.5)]
        for (out, up), (next_out, next_up) in pairwise(ring):
            ends = f"{-radius - out * radius} 0 {up * half} {-radius - next_out * radius} 0 {next_up * half}"
            yield f'<geom type="capsule" size="0.006" fromto="{ends}" {SEEN} rgba="{paint} 1"/>'
    if thing.kind == GLASS:
        yield disc(-0.55 * half, 1.004 * radius, 0.1 * half, light)


def _table(name: str, table: Table) -> str:
    x, y, half_x, half_y = table
    legs = "".join(
        f'<geom type="box" size="0.025 0.025 {TOP / 2 - 0.02}" pos="{x + i * (half_x - 0.05)} '
        f'{y + j * (half_y - 0.05)} {TOP / 2 - 0.02}" {SEEN} rgba="{WOOD} 1"/>'
        for i in (-1, 1)
        for j in (-1, 1)
    )
    size, place = f"{half_x} {half_y} 0.02", f"{x} {y} {TOP - 0.02}"
    return f'<geom name="{name}" type="box" size="{size}" pos="{place}" {FIXED} rgba="{WOOD} 1"/>{legs}'


def _tub() -> Iterator[str]:
    x, y, half_x, half_y = TUB
    high, thick = TUB_RIM / 2, 0.01
    walls = [(half_x + thick, 0.0, thick, half_y + 2 * thick), (0.0, half_y + thick, half_x, thick)]
    for sign in (-1, 1):
        for away_x, away_y, wide_x, wide_y in walls:
            place = f"{x + sign * away_x} {y + sign * away_y} {high}"
            yield f'<geom type="box" size="{wide_x} {wide_y} {high}" pos="{place}" {FIXED} rgba="{STEEL} 1"/>'
    long = half_y / math.cos(TUB_SLOPE) + 0.02
    yield (
        f'<geom name="tub" type="box" size="{half_x} {long} 0.01" pos="{x} {y} {TUB_FLOOR - 0.01}" '
        f'euler="{TUB_SLOPE} 0 0" priority="1" friction="0.12 0.005 0.0001" {FIXED} rgba="{STEEL} 1"/>'
    )


def _robot() -> str:
    def slide(name: str, axis: str, limits: str = "-3 3") -> str:
        return f'<joint name="{name}" type="slide" axis="{axis}" range="{limits}"/>'

    def hinge(name: str, axis: str) -> str:
        return f'<joint name="{name}" type="hinge" axis="{axis}" range="-3.2 3.2" armature="0.01"/>'

    (x, y, z), half, short = HEAD, FOREARM / 2, HAND / 2 - 0.07
    pad = f'type="box" size="0.006 0.012 0.010" mass="0.05" friction="1.5 0.05 0.001" {ROBOT} rgba="{DARK} 1"'
    fingers = "".join(
        f'<body name="{name}" pos="{side * 0.0065} 0 {HAND}" gravcomp="1">'
        f'<joint name="{name}" type="slide" axis="{side} 0 0" range="0 {OPEN}" damping="2"/>'
        f'<geom {pad} pos="0 0 0.005"/><geom {pad} pos="0 0 -0.016"/>'
        f'<geom type="box" size="0.008 0.012 0.044" pos="0 0 -0.070" {SEEN} rgba="{DARK} 1"/></body>'
        for name, side in (("left", 1), ("right", -1))
    )
    return f"""<body name="base" gravcomp="1">
      {slide("base_x", "1 0 0")}{slide("base_y", "0 1 0")}
      <joint name="base_turn" type="hinge" axis="0 0 1"/>
      <geom type="cylinder" size="0.19 0.11" pos="0 0 0.14" mass="30" {ROBOT} rgba="{SHELL} 1"/>
      <geom type="cylinder" size="0.195 0.015" pos="0 0 0.035" {SEEN} rgba="{DARK} 1"/>
      <geom type="box" size="0.06 0.07 0.44" pos="-0.03 0 0.69" mass="6" {ROBOT} rgba="{SHELL} 1"/>
      <geom type="capsule" size="0.022" fromto="-0.03 0.0 1.10 {x - 0.07} {y} {z}" {SEEN} rgba="{STEEL} 1"/>
      <body name="pan" pos="{x} {y} {z}" gravcomp="1">{hinge("pan", "0 0 1")}
        <geom type="sphere" size="0.02" mass="0.3" {BARE} rgba="{DARK} 1"/>
        <body name="tilt" gravcomp="1">{hinge("tilt", "0 -1 0")}
          <geom type="box" size="0.035 0.065 0.03" pos="-0.04 0 0" mass="0.5" {BARE} rgba="{SHELL} 1"/>
          <camera name="head" fovy="{math.degrees(FOVY)}" xyaxes="0 -1 0 0 0 1"/>
        </body>
      </body>
      <body name="lift" pos="{SHOULDER_X} 0 {SHOULDER_Z}" gravcomp="1">{slide("lift", "0 0 1", "0 0.75")}
        <geom type="box" size="0.035 0.05 0.05" pos="-0.01 0 0" mass="2" {BARE} rgba="{STEEL} 1"/>
        <body name="upper" gravcomp="1">{hinge("flex", "0 -1 0")}
          <geom type="capsule" size="0.032" fromto="0 0 0 0 0 {half}" mass="1" {BARE} rgba="{SHELL} 1"/>
          <body name="fore" gravcomp="1">{hinge("roll", "0 0 1")}
            <geom type="capsule" size="0.026" fromto="0 0 {half} 0 0 {FOREARM}" mass="0.7" {BARE} rgba="{STEEL} 1"/>
            <body name="wrist" pos="0 0 {FOREARM}" gravcomp="1">{hinge("wrist_flex", "0 -1 0")}
              <geom type="sphere" size="0.032" mass="0.3" {BARE} rgba="{SHELL} 1"/>
              <body name="hand" gravcomp="1">{hinge("wrist_roll", "0 0 1")}
                <geom type="box" size="0.10 0.025 0.02" pos="0 0 {HAND - 0.12}" mass="0.4" {ROBOT} rgba="{SHELL} 1"/>
                <geom type="cylinder" size="0.022 {short}" pos="0 0 {short + 0.01}" {SEEN} rgba="{STEEL} 1"/>
                {fingers}
              </body>
            </body>
          </body>
        </body>
      </body>
    </body>"""


def _actuators() -> str:
    stiffness = {"base_x": (4e4, 900), "base_y": (4e4, 900), "base_turn": (8e3, 300), "lift": (2e4, 400)}
    stiffness |= dict.fromkeys(("left", "right"), (400.0, 14))
    return "".join(
        f'<position joint="{name}" kp="{gain}" forcerange="-{force} {force}"/>'
        for name in JOINTS
        for gain, force in (stiffness.get(name, (600.0, 60)),)
    )
