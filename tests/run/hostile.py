"""Run as a program: writes hostile files one after the other, reads each with every reader, and reports what happened.

An audit hook sees every execution, import, process, socket and file that a reader asks for. Prints one JSON object.
"""

import hashlib
import json
import os
import resource
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from corpus import LIKE, corpus

from headstart.errors import InputError
from headstart.run import bundle, checkpoint, ledger, metrics, record, sealed, summary, tensors

FORBIDDEN = (
    "exec",
    "compile",
    "import",
    "os.system",
    "os.exec",
    "subprocess.Popen",
    "os.posix_spawn",
    "os.fork",
    "socket.",
)


def paths(folder: Path, outside: Path) -> Iterator[tuple[str, Callable[[], object]]]:
    """Ways to make a name in a checkpoint lead elsewhere: each is a function that sets the trap."""
    step = folder / "checkpoints" / "step_7"
    for name in (sealed.STATE, sealed.MANIFEST):
        path = step / name
        for target in (outside / "step_7" / name, Path("/etc/passwd"), Path("/dev/zero"), Path("../../" + name), path):
            yield (
                f"{name} is a link to {target}",
                lambda path=path, target=target: (path.unlink(), path.symlink_to(target)),
            )
        yield (
            f"{name} is a hard link to a file outside",
            lambda path=path: (path.unlink(), os.link(outside / "secret", path)),
        )
        yield f"{name} is a pipe", lambda path=path: (path.unlink(), os.mkfifo(path))
        yield f"{name} is a folder", lambda path=path: (path.unlink(), path.mkdir())
    yield "the step is a link", lambda: (shutil.rmtree(step), step.symlink_to(outside / "step_7"))
    yield "the step is a file", lambda: (shutil.rmtree(step), step.write_text("x"))
    yield "the step is a device", lambda: (shutil.rmtree(step), step.symlink_to("/dev/zero"))
    for name in (
        "step_07",
        "step_-7",
        "step_+7",
        "step_7 ",
        "step_７",
        "step_7\n",
        "STEP_7",
        "step_7.0",
        "step_",
        f"step_{10**18}",
        "step_1e3",
    ):
        yield f"the step is called {name!r}", lambda name=name: step.rename(step.with_name(name))


class Watch:
    """Sees through an audit hook what a reader does to the world outside its folder."""

    def __init__(self, folder: Path):
        self.folder, self.on, self.seen = str(folder), False, []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple) -> None:
        if self.on and event.startswith(FORBIDDEN):
            self.seen.append(f"{event} {str(arguments)[:80]}")
        elif self.on and event == "open" and isinstance(arguments[0], str):
            path = os.path.join(self.folder, arguments[0])  # a bare name is opened by the descriptor of a folder
            writes = arguments[2] & (os.O_WRONLY | os.O_RDWR) and not path.endswith("ledger.json.lock")
            if writes or not os.path.abspath(path).startswith(self.folder):
                self.seen.append(f"open {arguments[0]}")


def readers(folder: Path) -> dict[str, Callable[[], object]]:
    return {
        sealed.STATE: lambda: checkpoint.load_newest(folder / "checkpoints", LIKE),
        sealed.MANIFEST: lambda: checkpoint.load_newest(folder / "checkpoints", LIKE),
        "config.json": lambda: record.read_config(folder),
        "metrics.jsonl": lambda: metrics.read_metrics(folder / "metrics.jsonl"),
        "summary.json": lambda: summary.read_summary(folder / "summary.json"),
        "ledger.json": lambda: ledger.Ledger(path=folder / "ledger.json", budget=None),
        "policy": lambda: bundle.describe(folder),
    }


def reset(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    checkpoint.save(folder / "checkpoints", 7, LIKE, {})
    (folder / "ledger.json.lock").touch()


def put(folder: Path, name: str, content: bytes) -> None:
    """Puts hostile content into a file; arrays get a manifest that vouches for them."""
    step = folder / "checkpoints" / "step_7"
    if name == sealed.STATE:
        facts = json.loads((step / sealed.MANIFEST).read_bytes())
        facts["files"] = {sealed.STATE: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}}
        (step / sealed.MANIFEST).write_bytes(sealed.stamp(facts))
    path = step / name if name in (sealed.STATE, sealed.MANIFEST) else folder / name
    path.write_bytes(content)


def attempt(read: Callable[[], object], watch: Watch) -> str | None:
    """Returns None if a reader refuses in one clean line, else what it did instead."""
    watch.on = True
    try:
        read()
        return "was accepted"
    except InputError as error:
        line = str(error)
        return None if line.isprintable() and len(line) < 2000 else f"said {line[:200]!r}"
    except BaseException as error:
        return f"raised {type(error).__name__}: {str(error)[:100]}"
    finally:
        watch.on = False


def main(folder: Path) -> None:
    warnings.simplefilter("error")
    run, outside, canary = folder / "run", folder / "outside", folder / "canary"
    checkpoint.save(outside, 7, LIKE, {})
    (outside / "secret").write_text("secret")
    reset(run)
    reads, watch, problems, files = readers(run), Watch(run), [], list(corpus(canary))
    for read in reads.values():  # imports what a reader imports at its first call
        attempt(read, watch)
    watch.seen.clear()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = 0
    for name, what, content in files:
        if name in (sealed.STATE, sealed.MANIFEST):
            reset(run)
        put(run, name, content)
        found = attempt(reads[name], watch)
        if not found and name == sealed.STATE:  # and without the manifest in front: it may read odd names, not crash
            found = attempt(lambda content=content: tensors.decode(content, "direct"), watch)
            found = None if found == "was accepted" else found
        problems += [f"{name}, {what}: {found}"] if found else []
        count += 1
    for what, trap in paths(run, outside):
        reset(run)
        trap()
        found = attempt(reads[sealed.STATE], watch)
        problems += [f"{what}: {found}"] if found else []
        count += 1
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    answer = {"count": count, "problems": problems, "seen": watch.seen, "executed": canary.exists(), "grown_kib": grown}
    print(json.dumps(answer))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CPU, (120, 120))
    main(Path(sys.argv[1]))
