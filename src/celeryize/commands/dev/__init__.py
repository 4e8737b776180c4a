"""`celeryize dev`: web, worker and Beat in one terminal, with reload."""
