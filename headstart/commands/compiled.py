"""Compiled programs are kept between runs: the second start of a command compiles nothing again.

The cache holds executables, so it lies in a folder that only the user can read and write.
"""

import hashlib
import os
import platform
import stat
from importlib.metadata import version
from pathlib import Path
from typing import Literal

# Without it XLA computes noise and network of a policy call side by side: 20 µs of work handed to a thread that has to
# be woken, on a processor that has physics to do. XLA ends the process at a flag that it does not know, so it is only
# given to the releases in which it was seen to help.
SEQUENTIAL, SEQUENTIAL_IN = "--xla_cpu_enable_concurrency_optimized_scheduler=false", ("0.10.",)


def arithmetic(deterministic: bool = False, updates: Literal["short", "long"] = "short") -> None:
    """Settles how JAX computes, and keeps what it compiles. To be called before JAX computes anything.

    Args:
        deterministic: one thread, so that two runs agree bit for bit.
        updates: long where nearly all time goes into gradient steps on wide networks, as off policy: these are a tenth
            faster with what does not depend on each other computed side by side.
    """
    flags = [os.environ.get("XLA_FLAGS", "")]
    if deterministic:
        flags.append("--xla_cpu_multi_thread_eigen=false")
    known = version("jaxlib").startswith(SEQUENTIAL_IN) and SEQUENTIAL.partition("=")[0] not in flags[0]
    if known and updates == "short":
        flags.append(SEQUENTIAL)
    os.environ["XLA_FLAGS"] = " ".join(flags).strip()
    import jax

    # a policy call is short, and its caller waits for it: handing it to another thread costs as much as computing it
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    keep_compiled()


def keep_compiled(folder: Path | None = None) -> bool:
    """Has JAX keep what it compiles. Returns False, and changes nothing, where no private folder can be had.

    Args:
        folder: where; default: `headstart/xla` in the user's cache folder.
    """
    import jax

    if folder is None:
        home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        folder = home / "headstart" / f"xla-{processor()}"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        about = folder.lstat()
    except OSError:
        return False
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid() or about.st_mode & 0o022:
        return False  # others could put their programs there
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return True


def processor() -> str:
    """Returns a short name of what instructions this processor has: a home folder may be seen from several machines."""
    try:
        with open("/proc/cpuinfo") as lines:
            about = next(line for line in lines if line.startswith(("flags", "Features")))
    except (OSError, StopIteration):
        about = platform.processor()
    return hashlib.sha256(f"{platform.machine()} {about}".encode()).hexdigest()[:12]
