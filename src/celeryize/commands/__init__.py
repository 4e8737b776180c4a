"""What each verb does: a folder or a module per verb, with a pure plan and its run."""
