"""A small Django project with Celery, whose deployment files are what a test is about."""

from __future__ import annotations

from pathlib import Path

from celeryize.render import snippet
from tests.conftest import MANAGE, SETTINGS

APP = """import os

from celery import Celery
{imports}
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("config")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
"""
WSGI = """import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
"""
IMPORT = "from config import celery_health  # noqa: F401\n"
SCHEDULE = """CELERY_BEAT_SCHEDULE = {
    "remind": {"task": "doctors.tasks.remind", "schedule": 60.0},
}
"""
ROUTES = 'CELERY_TASK_ROUTES = {"doctors.tasks.mail": {"queue": "mails"}, "doctors.*": {"queue": "far"}}\n'


def write_project(
    folder: Path,
    *,
    bare: bool = False,
    schedule: bool = False,
    database: bool = False,
    routes: bool = False,
    broker: str = "redis://localhost:6379/0",
    variable: str = "CELERY_BROKER_URL",
) -> None:
    """The project: with the soft shutdown and the health module unless it is `bare`."""
    settings = "import os\n" + SETTINGS
    settings += f'\nCELERY_BROKER_URL = os.environ.get("{variable}", "{broker}")\n'
    if schedule:
        settings += SCHEDULE
    if database:
        settings += 'CELERY_BEAT_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"\n'
    if routes:
        settings += ROUTES
    imports = ""
    files = {"config/__init__.py": "", "config/urls.py": "urlpatterns = []\n"}
    if not bare:
        settings += "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20\n"
        imports = IMPORT
        files["config/celery_health.py"] = snippet("worker/health.py.jinja")
    files |= {
        "manage.py": MANAGE.format(settings="config.settings"),
        "config/settings.py": settings,
        "config/celery.py": APP.format(imports=imports),
        "config/wsgi.py": WSGI,
        "doctors/__init__.py": "",
        "requirements.txt": "django\ncelery[redis]>=5.5\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
