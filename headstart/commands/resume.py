"""`headstart resume`: go on with what was interrupted."""

from headstart.commands.compiled import arithmetic
from headstart.errors import InputError
from headstart.options import Resume
from headstart.run.record import read_config


def run(options: Resume) -> int:
    """Goes on and returns the exit status."""
    config = read_config(options.folder)
    settings = config["settings"]
    off_policy = config["command"] == "train" and settings.get("learner") != "ppo"
    arithmetic(bool(settings.get("deterministic")), updates="long" if off_policy else "short")
    if config["command"] == "train":
        from headstart.commands.train import resume

        return resume(options.folder)
    if config["command"] == "transfer":
        from headstart.commands.transfer import resume

        return resume(options.folder)
    if config["command"] == "reproduce":
        from headstart.commands.reproduce import resume

        return resume(options.folder)
    raise InputError(f"{options.folder}: a run of {config['command']!r} cannot be resumed; run it again")
