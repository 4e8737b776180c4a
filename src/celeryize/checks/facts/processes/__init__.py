"""What the checks make of the processes that the deployment files start."""
