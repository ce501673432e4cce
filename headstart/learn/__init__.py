"""One learner a file."""
