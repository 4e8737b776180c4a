"""`celeryize add-worker`: the worker and Beat in the files that deploy the project."""
