"""`celeryize add-task` and `remove-task`: the plans, and their run."""
