"""`headstart doctor`: what this machine offers, what is missing, and what to do about it."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Literal, NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from headstart.options import Doctor
from headstart.processors import usable
from headstart.tasks.opengl import SOFTWARE

Verdict = Literal["fine", "note", "problem"]
MARKS: dict[Verdict, str] = {"fine": "[green]✓[/]", "note": "[yellow]•[/]", "problem": "[red]✗[/]"}
PROBE_SECONDS = 30
LEAST_DISK = 1 << 30
LEAST_MEMORY = 2 << 30

RENDER_PROBE = """
import mujoco, time
model = mujoco.MjModel.from_xml_string('''<mujoco><worldbody><light pos="0 0 3"/>
<geom type="plane" size="5 5 .1"/><geom size=".2" pos="0 0 .3"/></worldbody></mujoco>''')
with mujoco.Renderer(model, 64, 64) as renderer:
    renderer.update_scene(mujoco.MjData(model))
    renderer.render()
    began = time.perf_counter()
    for _ in range(20):
        renderer.render()
    rate = 20 / (time.perf_counter() - began)
    from OpenGL import GL
    name = GL.glGetString(GL.GL_RENDERER)
    print(f"{rate:,.0f} frames/s of 64×64 by {name.decode('ascii', 'replace') if name else 'an unnamed driver'}")
"""
JAX_PROBE = "import jax; print(', '.join(f'{d.platform} {d.device_kind}' for d in jax.devices()))"


class Finding(NamedTuple):
    """One thing that was looked at."""

    verdict: Verdict
    what: str
    found: str


def run(options: Doctor) -> int:
    """Prints what was found; returns 1 where something will not work."""
    del options
    table = Table(box=None, show_header=False, padding=(0, 1))
    worst = 0
    for finding in findings():
        table.add_row(MARKS[finding.verdict], finding.what, escape(finding.found))
        worst |= finding.verdict == "problem"
    Console().print(table)
    return worst


def findings() -> Iterator[Finding]:
    """Looks at one thing after the other."""
    for look in (python, arithmetic, physics, metaworld, threads, memory, disk):
        yield look()
    yield from rendering()


def python() -> Finding:
    """Looks at the interpreter."""
    good = sys.version_info >= (3, 11)
    return Finding(
        "fine" if good else "problem", "Python", platform.python_version() + ("" if good else "; 3.11 is needed")
    )


def arithmetic() -> Finding:
    """Looks at JAX and what it computes on, in a child process: a broken driver can end the process that asks."""
    status, said = probe(JAX_PROBE, {})
    version = installed("jax")
    if status:
        return Finding("problem", "JAX", f"{version}: {said or 'does not start'}; reinstall jax and jaxlib together")
    return Finding("fine", "JAX", f"{version} on {said}")


def physics() -> Finding:
    """Looks at MuJoCo; one release has a wrong solver."""
    version = installed("mujoco")
    if version is None:
        return Finding("problem", "MuJoCo", "not installed; pip install 'mujoco>=3.3,!=4.0.0'")
    if version == "4.0.0":
        return Finding("problem", "MuJoCo", "4.0.0 has a wrong solver; pip install 'mujoco!=4.0.0'")
    return Finding("fine", "MuJoCo", version)


def metaworld() -> Finding:
    """Looks at Meta-World, which pins an old MuJoCo."""
    version = installed("metaworld")
    if version is None:
        return Finding("fine", "Meta-World", "not installed (it is an extra)")
    if installed("mujoco") != "3.3.0":
        return Finding("note", "Meta-World", f"{version} wants mujoco 3.3.0; give it an environment of its own")
    return Finding("fine", "Meta-World", version)


def threads() -> Finding:
    """Counts the processors that this process may use."""
    count = len(usable())
    return Finding("fine" if count > 1 else "note", "Threads", f"{count} usable")


def memory() -> Finding:
    """Looks at what memory is free."""
    try:
        with open("/proc/meminfo") as lines:
            free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return Finding("note", "Memory", "cannot be read on this system")
    return Finding("fine" if free >= LEAST_MEMORY else "note", "Memory", f"{free / 2**30:.1f} GB free")


def disk() -> Finding:
    """Looks at the disk under the current folder, where runs are kept."""
    free = shutil.disk_usage(".").free
    return Finding("fine" if free >= LEAST_DISK else "problem", "Disk", f"{free / 2**30:.1f} GB free here")


def rendering() -> Iterator[Finding]:
    """Tries each OpenGL back end in a child process: a broken one can end the process that asks."""
    for backend in ("egl", "osmesa", "glfw"):
        status, said = probe(RENDER_PROBE, {"MUJOCO_GL": backend})
        if status == 0:
            slow = any(word in said.lower() for word in SOFTWARE)
            more = f"; in software, so films are cast by rays unless MUJOCO_GL={backend} is set" if slow else ""
            yield Finding("note" if slow else "fine", f"OpenGL by {backend}", said + more)
        else:
            yield Finding("note", f"OpenGL by {backend}", f"no ({said}); films are drawn by casting rays instead")


def installed(package: str) -> str | None:
    """Returns a package's version, if it is there."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def probe(program: str, environment: dict[str, str]) -> tuple[int, str]:
    """Runs a few lines in a child process; returns its status and its last line."""
    try:
        child = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=PROBE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return 1, f"no answer within {PROBE_SECONDS} s"
    lines = (child.stdout if child.returncode == 0 else child.stderr).strip().splitlines()
    return child.returncode, lines[-1][:120] if lines else f"ended with status {child.returncode}"
