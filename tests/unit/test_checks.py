"""checks/: a small broken project for each mistake, in which exactly that is found, and a healthy twin."""

from __future__ import annotations

from tests.conftest import small_project

APP = """import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
"""
IMPORT = 'from .celery import app as celery_app\n\n__all__ = ("celery_app",)\n'
TASKS = """from celery import shared_task


@shared_task
def greet(name):
    return name


@shared_task(bind=True, max_retries=3)
def call(self, doctor_id, *, urgent=False):
    try:
        return doctor_id
    except OSError as error:
        raise self.retry(exc=error)
"""
BLOCK = """
CELERY_BROKER_URL = "redis://localhost:6379/0"
CELERY_RESULT_BACKEND = "redis://localhost:6379/1"
CELERY_TIMEZONE = TIME_ZONE
CELERY_TASK_SERIALIZER = "json"
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 270
CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}
"""


def healthy() -> dict[str, str]:
    """A project with Celery in which nothing is wrong."""
    tree = {name: str(text) for name, text in small_project().items()}
    return {
        **tree,
        "requirements.txt": "django>=4.2\\ncelery[redis]>=5.4\\n",
        "config/celery.py": APP,
        "config/__init__.py": IMPORT,
        "config/settings.py": tree["config/settings.py"] + BLOCK,
        "doctors/tasks.py": TASKS,
    }
