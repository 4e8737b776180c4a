"""`celeryize init`: the plan, and its run."""
