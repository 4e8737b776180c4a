"""The command line: options to one command, errors to exit codes. No logic."""
