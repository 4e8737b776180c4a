"""Importing the project in its own interpreter, as a worker and as a web process, with planned
bytes overlaid."""
