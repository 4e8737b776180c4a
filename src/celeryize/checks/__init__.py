"""What can be wrong with Celery in a Django project; one module per family of findings."""
