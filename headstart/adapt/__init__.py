"""Randomized dynamics and their adaptation to a target."""
