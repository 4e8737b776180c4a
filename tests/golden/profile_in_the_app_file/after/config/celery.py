import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config")
app.conf.broker_url = "redis://"
app.conf.accept_content = ["json"]
app.conf.task_serializer = "json"
app.conf.result_serializer = "json"
# A task whose worker is gone runs again, so write tasks that may run twice.
app.conf.task_acks_late = True
# Each process reserves one task: a long one does not hold back those behind it.
app.conf.worker_prefetch_multiplier = 1
# Seconds. Without limits, a task that hangs occupies its process for ever.
app.conf.task_time_limit = 300
app.conf.task_soft_time_limit = 270
# A worker that starts before its broker waits for it.
app.conf.broker_connection_retry_on_startup = True
app.autodiscover_tasks()
