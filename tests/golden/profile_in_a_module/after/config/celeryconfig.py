import os

timezone = "Europe/Paris"
task_time_limit = 300

broker_url = os.environ.get("CELERY_BROKER_URL", "redis://localhost:6379/0")

accept_content = ["json"]
task_serializer = "json"
result_serializer = "json"
# A task whose worker is gone runs again, so write tasks that may run twice.
task_acks_late = True
# Each process reserves one task: a long one does not hold back those behind it.
worker_prefetch_multiplier = 1
task_soft_time_limit = 270
# A worker that starts before its broker waits for it.
broker_connection_retry_on_startup = True
