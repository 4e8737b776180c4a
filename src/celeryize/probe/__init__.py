"""Looking at the project from inside its own interpreter, with planned bytes overlaid."""
