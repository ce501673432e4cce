"""Families of tasks: the only folder that knows a simulator."""
