"""headstart: learn on what is abundant, spend little on the target, show what transferred.

`import gymnasium, headstart`, in this order, makes `gymnasium.make("headstart/Hopper-v0")` and its kin known.
"""

import sys

__version__ = "0.1.0"

if "gymnasium" in sys.modules:  # who does not use it does not wait for it
    from headstart.tasks.register import register

    register()
