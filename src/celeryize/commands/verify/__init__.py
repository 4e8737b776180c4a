"""`celeryize verify`: the examination, the fixes, and their runs."""
