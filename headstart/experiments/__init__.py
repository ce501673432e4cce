"""One file, one claim, at size tiny, small or full."""
