"""Orders of tasks that make learning easier."""
