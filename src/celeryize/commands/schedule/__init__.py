"""`celeryize schedule`, `add-schedule` and `remove-schedule`: the plans, and their run."""
