"""Formulas: arrays in, arrays out, unbatched, no networks, no input or output."""
