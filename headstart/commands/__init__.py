"""What each word of the command line does: experiments and reports composed, progress shown."""
