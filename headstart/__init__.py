"""headstart: learn on what is abundant, spend little on the target, show what transferred."""

__version__ = "0.1.0"
