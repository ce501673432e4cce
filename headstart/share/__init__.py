"""Learning several tasks together."""
