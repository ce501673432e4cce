"""Threads that step worlds take turns at thinking, and are out of step with each other from then on.

Between two calls of the physics a thread runs some hundred short pieces of Python. Two threads that do this at the same
time hand the interpreter lock to and fro, each hand-over a wake-up, and both come out last and together, so that the
next time they collide again. Holding one lock for all that is between two calls lets the first one through at once; the
second comes later by that much, and from then on each thinks while the other's physics runs.
"""

import threading

TURN = threading.RLock()  # one, as there is one interpreter
