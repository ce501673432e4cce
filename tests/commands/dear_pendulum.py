"""A target that writes down every episode that begins, and misbehaves at the one that `PLAN` names.

The environment variable `DEAR_PENDULUM` is a folder: `log` gets a line for each reset, and where `plan` holds
`{"at": 7, "what": "kill"}` the seventh of them is a bad one.
"""

import json
import os
import signal
import time
from pathlib import Path

import gymnasium
import numpy as np


class Dear(gymnasium.Wrapper):
    def reset(self, *, seed=None, options=None):
        folder = Path(os.environ["DEAR_PENDULUM"])
        with open(folder / "log", "a") as log:
            log.write("episode\n")
        self.number = (folder / "log").read_text().count("\n")
        self.plan = json.loads((folder / "plan").read_text()) if (folder / "plan").exists() else {"at": 0}
        self.steps = 0
        return self.env.reset(seed=seed, options=options)

    def step(self, action):
        self.steps += 1
        obs, reward, terminated, truncated, info = self.env.step(action)
        if self.number == self.plan["at"] and self.steps == 150:
            what = self.plan["what"]
            if what == "kill":
                os.kill(os.getppid(), signal.SIGKILL)
                time.sleep(60)
            elif what == "crash":
                os.abort()
            elif what == "raise":
                raise RuntimeError("motor burnt")
            elif what == "hang":
                time.sleep(600)
            elif what == "nan":
                obs = obs * np.nan
        return obs, reward, terminated, truncated, info


def make():
    return Dear(gymnasium.make("Pendulum-v1"))
