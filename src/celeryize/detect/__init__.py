"""Reading a project's facts off its files; nothing of the project is imported."""
