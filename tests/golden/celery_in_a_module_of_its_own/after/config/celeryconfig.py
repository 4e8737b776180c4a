import os

timezone = "Europe/Paris"
task_time_limit = 300

broker_url = os.environ.get("CELERY_BROKER_URL", "redis://localhost:6379/0")
