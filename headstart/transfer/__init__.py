"""What is carried from a source to a target, and what it is worth there."""
