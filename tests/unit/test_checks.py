"""checks/: a small broken project for each mistake, in which exactly that is found, and a healthy twin."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from celeryize.checks.check import CHECKS, SECTIONS
from celeryize.checks.facts import read_facts
from celeryize.checks.run_checks import all_checks, run_checks
from celeryize.commands.opening import target_of
from celeryize.detect.project import load_project
from celeryize.probe.report import ImportReport
from celeryize.probe.run import Prober
from tests.conftest import make_tree, small_project

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
        "requirements.txt": "django>=4.2\ncelery[redis]>=5.4\n",
        "config/celery.py": APP,
        "config/__init__.py": IMPORT,
        "config/settings.py": tree["config/settings.py"] + BLOCK,
        "doctors/tasks.py": TASKS,
    }


MARK = "# <-"


@dataclass(frozen=True)
class Mistake:
    """A check's id, the files that make the mistake (the line with `# <-` is the place), and a healthy twin."""

    id: str
    broken: dict[str, str]
    twin: dict[str, str] = field(default_factory=dict)
    at: str = ""


def settings(lines: str, *, instead: str = "") -> dict[str, str]:
    """The healthy settings with lines behind them; without the CELERY_ line that starts with `instead`."""
    text = "".join(
        line
        for line in healthy()["config/settings.py"].splitlines(True)
        if not instead or not line.startswith(instead)
    )
    return {"config/settings.py": text + lines}


def tasks(body: str) -> dict[str, str]:
    return {"doctors/tasks.py": TASKS + "\n\n" + body}


def entry(fields: str, before: str = "") -> dict[str, str]:
    return settings(
        "from celery.schedules import crontab\nfrom datetime import timedelta\n"
        f"CELERY_BEAT_SCHEDULE = {{\n{before}    'nightly': {{\n{fields}    }},\n}}\n"
    )


def view(body: str, imports: str = "from django.db import transaction\n") -> dict[str, str]:
    return {"doctors/views.py": f"{imports}from doctors.tasks import call, greet\n\n\n{body}"}


OK_ENTRY = "        'task': 'doctors.tasks.greet',\n        'schedule': crontab(minute=0, hour=3),\n        'args': ('x',),\n"
TWO = "from celery import Celery, shared_task\n\n"
TASK = "@shared_task\n"

MISTAKES = [
    Mistake(
        "celery.E010",
        {"config/__init__.py": ""},
        {"config/__init__.py": "from . import celery\n"},
        at="config/__init__.py:1",
    ),
    Mistake("celery.E020", {"kombu.py": "x = 1  # <-\n"}, {"doctors/kombu.py": "x = 1\n"}),
    Mistake("celery.E020", {"amqp/__init__.py": "x = 1  # <-\n"}, {"amqp/readme.txt": ""}),
    Mistake(
        "celery.E040",
        {
            "config/celery.py": "import os\nfrom celery import Celery\n\napp = Celery('config')  # <-\n"
            "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings')\n"
            "app.config_from_object('django.conf:settings', namespace='CELERY')\napp.autodiscover_tasks()\n"
        },
        {
            "config/celery.py": APP.replace("os.environ.setdefault(", "os.environ.update({").replace(
                ', "config.settings")', ': "config.settings"})'
            )
        },
    ),
    Mistake(
        "celery.W041",
        {
            "config/celery.py": APP.replace(
                'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")\n', ""
            ).replace('Celery("config")', 'Celery("config")  # <-')
        },
    ),
    Mistake(
        "celery.E050",
        {"config/celery.py": APP.replace(', namespace="CELERY")', ")  # <-")},
        {"config/celery.py": APP.replace('"CELERY"', '"CELERY_"')},
    ),
    Mistake("celery.E050", {"config/celery.py": APP.replace('"CELERY")', '"celery")  # <-')}),
    Mistake(
        "celery.E051",
        {
            "config/celery.py": re.sub("app.config_from.*\n", "", APP).replace(
                'Celery("config")', 'Celery("config")  # <-'
            )
        },
        {
            "config/celery.py": APP.replace("config_from_object", "config_from_object").replace(
                "django.conf:settings", "django.conf:settings"
            )
        },
    ),
    Mistake(
        "celery.E100",
        {"doctors/queue.py": "from celery import Celery\n\nother = Celery('other')  # <-\n"},
        {"doctors/queue.py": "from celery import Celery\n\n\ndef make():\n    return Celery('other')\n"},
    ),
    Mistake(
        "celery.E130",
        {
            "manage.py": small_project()["manage.py"].replace("from django.core", "from configurations"),  # type: ignore[union-attr,arg-type]
            "config/celery.py": APP.replace('Celery("config")', 'Celery("config")  # <-'),
        },
        {
            "manage.py": small_project()["manage.py"].replace("from django.core", "from configurations"),  # type: ignore[union-attr,arg-type]
            "config/celery.py": APP.replace("app = ", "import configurations\nconfigurations.setup()\napp = "),
        },
    ),
    Mistake(
        "celery.E140",
        {"config/celery.py": "from doctors.models import Doctor  # <-\n" + APP},
        {"config/celery.py": APP + "\n\ndef f():\n    from doctors.models import Doctor\n"},
    ),
    Mistake(
        "celery.E141",
        {
            "doctors/models.py": "from doctors.tasks import greet  # <-\nfrom django.db import models\n\n\nclass Doctor(models.Model):\n    def f(self):\n        pass\n",
            "doctors/tasks.py": "from doctors.models import Doctor\n" + TASKS,
        },
        {
            "doctors/models.py": "from django.db import models\n\n\nclass Doctor(models.Model):\n    def f(self):\n        from doctors.tasks import greet\n",
            "doctors/tasks.py": "from doctors.models import Doctor\n" + TASKS,
        },
    ),
    Mistake(
        "celery.W142",
        tasks("from doctors.models import Doctor\nALL = list(Doctor.objects.all())  # <-\n"),
        tasks("from doctors.models import Doctor\n\n\ndef f():\n    return Doctor.objects.all()\n"),
    ),
    # registered
    Mistake(
        "celery.E031",
        {
            "config/celery.py": APP.replace("app.autodiscover_tasks()\n", ""),
            "doctors/tasks.py": f"from celery import shared_task\n\n\n{TASK}def f():  # <-\n    pass\n",
        },
        {
            "config/celery.py": APP.replace("app.autodiscover_tasks()\n", ""),
            **settings("CELERY_IMPORTS = ('doctors.tasks',)\n"),
        },
    ),
    Mistake(
        "celery.E032",
        {
            "shop/__init__.py": "",
            "shop/models.py": "",
            "shop/tasks.py": f"from celery import shared_task\n\n\n{TASK}def f():  # <-\n    pass\n",
        },
        {"shop/__init__.py": "", "shop/models.py": "", "shop/tasks.py": "def f():\n    pass\n"},
    ),
    Mistake(
        "celery.E033",
        {"doctors/jobs.py": f"from celery import shared_task\n\n\n{TASK}def f():  # <-\n    pass\n"},
        {
            "doctors/jobs.py": f"from celery import shared_task\n\n\n{TASK}def f():\n    pass\n",
            "config/celery.py": APP + "app.autodiscover_tasks(related_name='jobs')\n",
        },
    ),
    Mistake(
        "celery.E034",
        {
            "doctors/tasks/__init__.py": "",
            "doctors/tasks.py": f"from celery import shared_task\n\n\n{TASK}def f():  # <-\n    pass\n",
        },
    ),
    Mistake(
        "celery.E035",
        {
            "doctors/tasks/__init__.py": "",
            "doctors/tasks/mail.py": f"from celery import shared_task\n\n\n{TASK}def f():  # <-\n    pass\n",
            "doctors/tasks.py": "",
        },
        {
            "doctors/tasks/__init__.py": "from .mail import f\n",
            "doctors/tasks/mail.py": f"from celery import shared_task\n\n\n{TASK}def f():\n    pass\n",
            "doctors/tasks.py": "",
        },
    ),
    Mistake(
        "celery.E035",
        {
            "doctors/tasks/mail.py": f"from celery import shared_task\n\n\n{TASK}def f():  # <-\n    pass\n",
            "doctors/tasks.py": "",
        },
    ),
    # settings
    Mistake(
        "celery.W060",
        settings("CELERY_TASK_ALWAYS_EAGR = False  # <-\n"),
        settings("CELERY_TASK_ALWAYS_EAGER = False\n"),
    ),
    Mistake(
        "celery.W060",
        settings("CELERY_CONCURENCY = 3\nCELERY_CONCURRENCY = 4  # <-\n".replace("CELERY_CONCURENCY = 3\n", "")),
        settings("CELERY_WORKER_CONCURRENCY = 4\n"),
    ),
    Mistake(
        "celery.W060",
        settings("CELERY_MAX_TASKS_PER_CHILD = 4  # <-\n"),
        settings(
            "CELERY_REDBEAT_REDIS_URL = 'redis://h'\nCELERY_SINGLETON_LOCK_EXPIRY = 3\nCELERY_DB_REUSE_MAX = 3\n"
        ),
    ),
    Mistake(
        "celery.I061",
        settings("CELERY_OUR_OWN_TOKEN = 4  # <-\n"),
        settings("CELERY_OUR_OWN_TOKEN = 4\nTOKEN = CELERY_OUR_OWN_TOKEN\n"),
    ),
    Mistake("celery.W062", settings("broker_pool_limit = 4  # <-\n"), settings("timezone = 4\nbroker = 3\n")),
    Mistake(
        "celery.W063",
        settings(
            "CELERY_BROKER_TRANSPORT_OPTIONS = {\n    'VISIBILITY_TIMEOUT': 3600,  # <-\n}\n",
            instead="CELERY_BROKER_TR",
        ),
        settings("CELERY_BROKER_TRANSPORT_OPTIONS = {'socket_timeout': 3600}\n", instead="CELERY_BROKER_TR"),
    ),
    Mistake(
        "celery.W070",
        settings("CELERYD_MAX_TASKS_PER_CHILD = 4  # <-\n"),
        settings("CELERY_WORKER_MAX_TASKS_PER_CHILD = 4\nCELERY_TASK_PROTOCOL = 2\nCELERY_RESULT_EXPIRES = 5\n"),
    ),
    Mistake(
        "celery.W080",
        {"config/celery.py": APP + 'app.conf.result_backend = "rpc://"  # <-\n'},
        {"config/celery.py": APP + "app.conf.worker_concurrency = 3\n"},
    ),
    Mistake(
        "celery.W080",
        {"config/celery.py": APP.replace('Celery("config")', 'Celery("config", broker="redis://x")  # <-')},
    ),
    Mistake(
        "celery.W083",
        settings("CELERY_TASK_ALWAYS_EAGER = 'False'  # <-\n"),
        settings("CELERY_TASK_ALWAYS_EAGER = False\n"),
    ),
    Mistake(
        "celery.W083",
        settings("import os\nCELERY_WORKER_PREFETCH_MULTIPLIER = os.environ.get('N', 4)  # <-\n"),
        settings("import os\nCELERY_WORKER_PREFETCH_MULTIPLIER = int(os.environ.get('N', 4))\n"),
    ),
    Mistake(
        "celery.E160",
        settings("CELERY_BROKER_URL = 'localhost:6379'  # <-\n", instead="CELERY_BROKER_U"),
        settings("CELERY_BROKER_URL = 'amqp://localhost'\n", instead="CELERY_BROKER_U"),
    ),
    Mistake(
        "celery.W361",
        settings("CELERY_TASK_SERIALIZER = 'jsn'  # <-\n"),
        settings("CELERY_TASK_SERIALIZER = 'yaml'\nCELERY_ACCEPT_CONTENT = ['yaml']\n"),
    ),
    Mistake(
        "celery.W361",
        settings("CELERY_RESULT_SERIALIZER = 'own'  # <-\n"),
        settings(
            "from kombu.serialization import register\nregister('own', str, str, 'x/own')\nCELERY_RESULT_SERIALIZER = 'own'\n"
        ),
    ),
    Mistake(
        "celery.E160",
        settings("CELERY_BROKER_URL = 'rediss//localhost'  # <-\n", instead="CELERY_BROKER_U"),
        settings("CELERY_BROKER_URL = 'memory'\n", instead="CELERY_BROKER_U"),
    ),
    Mistake(
        "celery.E160",
        settings("CELERY_BROKER_URL = 'redis://:p/ss@h'  # <-\n", instead="CELERY_BROKER_U"),
        settings("CELERY_BROKER_URL = 'redis://:p%2Fss@redis'\n", instead="CELERY_BROKER_U"),
    ),
    Mistake(
        "celery.E160",
        settings(
            "import os\nCELERY_BROKER_URL = os.environ.get('X', 'redi://h')  # <-\n", instead="CELERY_BROKER_U"
        ),
        settings(
            "import os\nCELERY_BROKER_URL = os.environ.get('X', 'sentinel://a;sentinel://b')\n",
            instead="CELERY_BROKER_U",
        ),
    ),
    Mistake(
        "celery.E161",
        settings("CELERY_RESULT_BACKEND = 'django_db'  # <-\n", instead="CELERY_RESULT_B"),
        settings("CELERY_RESULT_BACKEND = 'rpc://'\n", instead="CELERY_RESULT_B"),
    ),
    Mistake(
        "celery.E161",
        settings("CELERY_RESULT_BACKEND = 'redis://h/abc'  # <-\n", instead="CELERY_RESULT_B"),
        settings("CELERY_RESULT_BACKEND = 'db+sqlite:///x'\n", instead="CELERY_RESULT_B"),
    ),
    Mistake(
        "celery.W300",
        settings("CELERY_TIMEZONE = 'UTC'  # <-\n", instead="CELERY_TIMEZONE"),
        settings("CELERY_TIMEZONE = 'Europe/Paris'\n", instead="CELERY_TIMEZONE"),
    ),
    Mistake(
        "celery.E301",
        settings("CELERY_TIMEZONE = 'Europe/Pariss'  # <-\n", instead="CELERY_TIMEZONE"),
        settings("", instead="CELERY_TIMEZONE"),
    ),
    Mistake(
        "celery.E381",
        settings("CELERY_RESULT_BACKEND = 'django-db'  # <-\n", instead="CELERY_RESULT_B"),
        settings(
            "CELERY_RESULT_BACKEND = 'django-db'\nINSTALLED_APPS += ['django_celery_results']\n",
            instead="CELERY_RESULT_B",
        ),
    ),
    Mistake(
        "celery.W382",
        settings("CELERY_RESULT_BACKEND = 'cache+memory://'  # <-\n", instead="CELERY_RESULT_B"),
        settings("CELERY_RESULT_BACKEND = 'cache+memcached://h'\n", instead="CELERY_RESULT_B"),
    ),
    Mistake(
        "celery.I350",
        settings("CELERY_TASK_ALWAYS_EAGER = True  # <-\n"),
        settings("if DEBUG:\n    CELERY_TASK_ALWAYS_EAGER = True\n"),
    ),
    Mistake(
        "celery.E461",
        settings("CELERY_TASK_SOFT_TIME_LIMIT = 60 * 10  # <-\n", instead="CELERY_TASK_SOFT"),
        settings("CELERY_TASK_SOFT_TIME_LIMIT = 300\n", instead="CELERY_TASK_SOFT"),
    ),
    Mistake(
        "celery.E461",
        tasks("@shared_task(time_limit=3, soft_time_limit=5)  # <-\ndef f():\n    pass\n"),
        tasks("@shared_task(time_limit=5, soft_time_limit=3)\ndef f():\n    pass\n"),
    ),
    Mistake(
        "celery.W470",
        settings(
            "CELERY_TASK_ACKS_LATE = True\nCELERY_BROKER_TRANSPORT_OPTIONS = {'visibility_timeout': 60}  # <-\n",
            instead="CELERY_BROKER_TR",
        ),
        settings("CELERY_TASK_ACKS_LATE = True\n"),
    ),
    Mistake(
        "celery.W470",
        view("def f():\n    greet.apply_async(args=('x',), countdown=7200)  # <-\n"),
        view("def f():\n    greet.apply_async(args=('x',), countdown=60)\n"),
    ),
    Mistake(
        "celery.W541",
        settings("CELERY_BROKER_URL = 'rediss://h:1/0'  # <-\n", instead="CELERY_BROKER_U"),
        settings("CELERY_BROKER_URL = 'rediss://h:1/0?ssl_cert_reqs=required'\n", instead="CELERY_BROKER_U"),
    ),
    Mistake(
        "celery.E542",
        settings("CELERY_RESULT_BACKEND = 'rediss://h:1/0'  # <-\n", instead="CELERY_RESULT_B"),
        settings("CELERY_RESULT_BACKEND = 'rediss://h:1/0?ssl_cert_reqs=none'\n", instead="CELERY_RESULT_B"),
    ),
    Mistake(
        "celery.I550",
        settings("CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = False  # <-\n"),
        settings("CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True\n"),
    ),
    Mistake(
        "celery.W560",
        settings("CELERY_ACCEPT_CONTENT = ['json', 'pickle']  # <-\n"),
        settings("CELERY_ACCEPT_CONTENT = ['json', 'yaml']\n"),
    ),
    Mistake(
        "celery.W561",
        settings("CELERY_BROKER_URL = 'amqp://me:s3cret@mq.example.org//'  # <-\n", instead="CELERY_BROKER_U"),
        settings("CELERY_BROKER_URL = 'amqp://guest:guest@localhost//'\n", instead="CELERY_BROKER_U"),
    ),
    # tasks
    Mistake(
        "celery.E190",
        tasks("@shared_task(name='doctors.tasks.greet')\ndef f():  # <-\n    pass\n"),
        tasks("@shared_task(name='f')\ndef f():\n    pass\n"),
    ),
    Mistake(
        "celery.E401",
        tasks("@shared_task\ndef f():\n    return greet.delay('x').get()  # <-\n"),
        tasks("@shared_task\ndef f():\n    return {}.get(greet.delay('x'))\n"),
    ),
    Mistake(
        "celery.E401",
        tasks("@shared_task\ndef f():\n    r = greet.delay('x')\n    return r.get()  # <-\n"),
        tasks("@shared_task\ndef f():\n    r = greet.delay('x')\n    return r.id\n"),
    ),
    Mistake(
        "celery.W410",
        tasks("@shared_task\nasync def f():  # <-\n    pass\n"),
        tasks("@shared_task\ndef f():\n    async def g():\n        yield 1\n"),
    ),
    Mistake("celery.W410", tasks("@shared_task\ndef f():  # <-\n    yield 1\n")),
    Mistake(
        "celery.E420",
        tasks("@shared_task(bind=True)\ndef f():  # <-\n    pass\n"),
        tasks("@shared_task(bind=True)\ndef f(*args):\n    pass\n"),
    ),
    Mistake(
        "celery.E421",
        tasks("@shared_task\ndef f(self, x):  # <-\n    pass\n"),
        tasks("@shared_task(bind=True)\ndef f(self, x):\n    pass\n"),
    ),
    Mistake(
        "celery.W422",
        tasks("@shared_task(bind=True)\ndef f(doctor_id):  # <-\n    pass\n"),
        tasks("@shared_task(bind=True)\ndef f(celery_task, doctor_id):\n    pass\n"),
    ),
    Mistake(
        "celery.E423",
        tasks("class A:\n    @shared_task\n    def f(self):  # <-\n        pass\n"),
        tasks("class A:\n    @staticmethod\n    @shared_task\n    def f(x):\n        pass\n"),
    ),
    Mistake(
        "celery.E430",
        tasks(
            "from django.db import transaction\n\n\n@transaction.atomic  # <-\n@shared_task\ndef f():\n    pass\n"
        ),
        tasks("from django.db import transaction\n\n\n@shared_task\n@transaction.atomic\ndef f():\n    pass\n"),
    ),
    Mistake(
        "celery.E432",
        tasks("from celery import Task\n\n\nclass Mail(Task):  # <-\n    def run(self):\n        pass\n"),
        tasks(
            "from celery import Task, current_app\n\n\nclass Mail(Task):\n    def run(self):\n        pass\n\n\ncurrent_app.register_task(Mail())\n"
        ),
    ),
    Mistake(
        "celery.W440",
        tasks("@shared_task(autoretry_for=(OSError,), max_retry=3)  # <-\ndef f():\n    pass\n"),
        tasks(
            "@shared_task(autoretry_for=(OSError,), max_retries=3, retry_backoff=True, our_own_thing=1)\ndef f():\n    pass\n"
        ),
    ),
    Mistake(
        "celery.E441",
        tasks("@shared_task(rate_limit='10/x')  # <-\ndef f():\n    pass\n"),
        tasks("@shared_task(rate_limit='10/m')\ndef f():\n    pass\n"),
    ),
    Mistake(
        "celery.W450",
        tasks("@shared_task(max_retries=5)  # <-\ndef f():\n    pass\n"),
        tasks("@shared_task(bind=True, max_retries=5)\ndef f(self):\n    self.retry()\n"),
    ),
    Mistake(
        "celery.W452",
        tasks(
            "@shared_task(bind=True)\ndef f(self):\n    try:\n        raise self.retry()  # <-\n    except Exception:\n        pass\n"
        ),
        tasks(
            "@shared_task(bind=True)\ndef f(self):\n    try:\n        g()\n    except Exception as e:\n        raise self.retry(exc=e)\n"
        ),
    ),
    Mistake(
        "celery.E453",
        tasks("@shared_task(autoretry_for=ValueError)  # <-\ndef f():\n    pass\n"),
        tasks("ERRORS = (ValueError,)\n\n\n@shared_task(autoretry_for=ERRORS)\ndef f():\n    pass\n"),
    ),
    Mistake(
        "celery.I340",
        tasks(
            "from celery import Task\n\n\nclass Base(Task):  # <-\n    pass\n\n\n@shared_task(base=Base)\ndef f():\n    greet.delay_on_commit('x')\n"
        ),
        tasks(
            "from celery.contrib.django.task import DjangoTask\n\n\nclass Base(DjangoTask):\n    pass\n\n\n@shared_task(base=Base)\ndef f():\n    greet.delay_on_commit('x')\n"
        ),
    ),
    # schedule
    Mistake(
        "celery.W210",
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3),", "crontab(hour=3),  # <-")),
        entry(OK_ENTRY),
    ),
    Mistake(
        "celery.I211",
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3),", "crontab(),  # <-")),
        entry(OK_ENTRY.replace("minute=0, hour=3", "minute='*'")),
    ),
    Mistake(
        "celery.W220",
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3),", "crontab(minute='*/45'),  # <-")),
        entry(OK_ENTRY.replace("minute=0, hour=3", "minute='*/15', hour='*/6'")),
    ),
    Mistake(
        "celery.E230",
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3),", "crontab('0 8 * * *'),  # <-")),
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3)", "crontab.from_string('0 8 * * *')")),
    ),
    Mistake(
        "celery.E230",
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3),", "crontab(minute=60),  # <-")),
        entry(
            OK_ENTRY.replace("minute=0, hour=3", "minute='0-59/5', day_of_week='mon-fri'").replace(
                "day_of_week", "hour='*', day_of_week"
            )
        ),
    ),
    Mistake(
        "celery.E230", entry(OK_ENTRY.replace("crontab(minute=0, hour=3),", "crontab(minute=0, hours=3),  # <-"))
    ),
    Mistake(
        "celery.W231",
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3),", "crontab(0, 3, 1),  # <-")),
        entry(OK_ENTRY.replace("minute=0, hour=3", "0, 3")),
    ),
    Mistake(
        "celery.E170",
        entry(OK_ENTRY.replace("greet',", "great',  # <-")),
        entry(OK_ENTRY.replace("doctors.tasks.greet", "celery.backend_cleanup").replace("'args': ('x',),", "")),
    ),
    Mistake(
        "celery.E240",
        entry(OK_ENTRY + "        'queue': 'slow',  # <-\n"),
        entry(OK_ENTRY + "        'options': {'queue': 'slow'},\n"),
    ),
    Mistake(
        "celery.E240",
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3),", "'*/5 * * * *',  # <-")),
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3)", "timedelta(minutes=5)")),
    ),
    Mistake(
        "celery.E240",
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3),", "0,  # <-")),
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3)", "30.0")),
    ),
    Mistake(
        "celery.W245",
        entry(OK_ENTRY + "        'options': {'expire': 5},  # <-\n"),
        entry(OK_ENTRY + "        'options': {'expires': 5},\n"),
    ),
    Mistake(
        "celery.E250",
        entry(OK_ENTRY.replace("('x',),", "('x', 'y'),  # <-")),
        entry(OK_ENTRY.replace("'args': ('x',)", "'kwargs': {'name': 'x'}")),
    ),
    Mistake(
        "celery.E250",
        entry(OK_ENTRY.replace("('x',),", "('x'),  # <-")),
        entry(OK_ENTRY.replace("('x',)", "['x']")),
    ),
    Mistake(
        "celery.W270",
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3),", "60 * 60 * 24,  # <-")),
        entry(OK_ENTRY.replace("crontab(minute=0, hour=3)", "60 * 5")),
    ),
    Mistake(
        "celery.W290",
        settings(
            "CELERY_BEAT_SCHEDULER = 'django_celery_beat.schedulers:DatabaseScheduler'\nINSTALLED_APPS += ['django_celery_beat']\nCELERY_BEAT_SCHEDULE = {'a': {'task': 'doctors.tasks.greet', 'schedule': 5.0, 'args': ['x']}}  # <-\n"
        ),
        settings(
            "CELERY_BEAT_SCHEDULER = 'django_celery_beat.schedulers:DatabaseScheduler'\nINSTALLED_APPS += ['django_celery_beat']\n"
        ),
    ),
    Mistake(
        "celery.E291",
        settings("CELERY_BEAT_SCHEDULER = 'django_celery_beat.schedulers:DatabaseScheduler'  # <-\n"),
        settings("CELERY_BEAT_SCHEDULER = 'celery.beat:PersistentScheduler'\n"),
    ),
    Mistake(
        "celery.W090",
        {
            "config/celery.py": APP
            + "\n\n@app.on_after_configure.connect\ndef setup(sender, **kwargs):  # <-\n    from doctors.tasks import greet\n    sender.add_periodic_task(5.0, greet.s('x'))\n"
        },
        {
            "config/celery.py": APP
            + "\n\n@app.on_after_finalize.connect\ndef setup(sender, **kwargs):\n    from doctors.tasks import greet\n    sender.add_periodic_task(5.0, greet.s('x'))\n"
        },
    ),
    # calls
    Mistake(
        "celery.W330",
        view("def f():\n    with transaction.atomic():\n        greet.delay('x')  # <-\n"),
        view(
            "def f():\n    with transaction.atomic():\n        transaction.on_commit(lambda: greet.delay('x'))\n        greet.delay_on_commit('x')\n    greet.delay('x')\n"
        ),
    ),
    Mistake(
        "celery.W330",
        {
            "doctors/views.py": "from doctors.tasks import greet\n\n\ndef f(request):\n    greet.delay('x')  # <-\n",
            **settings("DATABASES['default']['ATOMIC_REQUESTS'] = True\n"),
        },
        {"doctors/views.py": "from doctors.tasks import greet\n\n\ndef f(request):\n    greet.delay('x')\n"},
    ),
    Mistake(
        "celery.W330",
        {
            "doctors/signals.py": "from django.db.models.signals import post_save\nfrom django.dispatch import receiver\nfrom doctors.tasks import greet\n\n\n@receiver(post_save)\ndef f(sender, instance, **kwargs):\n    greet.delay(instance.pk)  # <-\n"
        },
        {
            "doctors/signals.py": "from django.contrib.auth.signals import user_logged_in\nfrom django.dispatch import receiver\nfrom doctors.tasks import greet\n\n\n@receiver(user_logged_in)\ndef f(sender, user, **kwargs):\n    greet.delay(user.pk)\n"
        },
    ),
    Mistake(
        "celery.W360",
        view("def f(request):\n    greet.delay(request)  # <-\n"),
        view("def f(request):\n    greet.delay(request.user.pk)\n"),
    ),
    Mistake(
        "celery.W360",
        view("def f(pk):\n    doctor = Doctor.objects.get(pk=pk)\n    greet.apply_async(args=[doctor])  # <-\n"),
        view(
            "def f(pk):\n    doctor = Doctor.objects.get(pk=pk)\n    doctor = doctor.pk\n    greet.delay(doctor)\n"
        ),
    ),
    Mistake(
        "celery.E370",
        view("def f():\n    greet.delay('x', expires=3)  # <-\n"),
        view("def f():\n    greet.delay(name='x')\n    call.delay(3, urgent=True)\n    greet.delay(*[1, 2])\n"),
    ),
    Mistake("celery.E370", view("def f():\n    call.delay()  # <-\n")),
    Mistake(
        "celery.W371",
        view("def f():\n    greet.apply_async(('x',), que='slow')  # <-\n"),
        view("def f():\n    greet.apply_async(('x',), queue='slow', ours=1)\n"),
    ),
    Mistake(
        "celery.E372",
        view("def f():\n    greet.apply_async(args=('x'))  # <-\n"),
        view("def f():\n    greet.apply_async(args=('x',))\n"),
    ),
    Mistake(
        "celery.E372",
        view("def f():\n    greet.apply_async(('x',), countdown=timedelta(minutes=1))  # <-\n"),
        view("def f():\n    greet.apply_async(('x',), countdown=60)\n"),
    ),
    Mistake(
        "celery.E380",
        {
            **settings("", instead="CELERY_RESULT_B"),
            **view("def f():\n    return greet.delay('x').get(timeout=3)  # <-\n"),
        },
        view("def f():\n    return greet.delay('x').get(timeout=3)\n"),
    ),
    # deployment
    Mistake(
        "celery.E110",
        {"Procfile": "worker: celery -A confg worker  # <-\n"},
        {
            "Procfile": "worker: celery -A config worker\nbeat: celery -A config.celery beat -s /tmp/b\nother: celery --app=$APP worker\n"
        },
    ),
    Mistake("celery.E110", {"Procfile": "worker: celery -A config/celery worker  # <-\n"}),
    Mistake(
        "celery.E111",
        {"docker-compose.yml": "services:\n  worker:\n    command: celery worker -A config -l info  # <-\n"},
        {"docker-compose.yml": 'services:\n  worker:\n    command: ["celery", "-A", "config", "worker"]\n'},
    ),
    Mistake("celery.E120", {"config/celery.py": APP.replace('"config.settings")', '"config.setings")  # <-')}),
    Mistake(
        "celery.W121",
        {
            "config/prod.py": "from .settings import *\n",
            "config/dev.py": "from .settings import *\n",
            "config/wsgi.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.prod')\n",
            "config/celery.py": APP.replace('"config.settings")', '"config.dev")  # <-'),
        },
        {
            "config/prod.py": "from .settings import *\n",
            "config/dev.py": "from .settings import *\n",
            "config/wsgi.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.prod')\n",
            "config/celery.py": APP.replace('"config.settings")', '"config.dev")'),
            ".env": "DJANGO_SETTINGS_MODULE=config.prod\n",
        },
    ),
    Mistake(
        "celery.E180",
        {
            "Procfile": "worker: celery -A config worker\n",
            **settings("CELERY_TASK_ROUTES = {'doctors.tasks.greet': {'queue': 'slow'}}  # <-\n"),
        },
        {
            "Procfile": "worker: celery -A config worker -Q celery,slow\n",
            **settings("CELERY_TASK_ROUTES = {'doctors.tasks.greet': {'queue': 'slow'}}\n"),
        },
    ),
    Mistake(
        "celery.W182",
        settings("CELERY_TASK_ROUTES = {'doctors.task.*': {'queue': 'slow'}}  # <-\n"),
        settings("CELERY_TASK_ROUTES = {'doctors.*': {'queue': 'slow'}, 'other.x': {'queue': 'y'}}\n"),
    ),
    Mistake(
        "celery.W260",
        {"Procfile": "worker: celery -A config worker -B  # <-\n"},
        {"Procfile": "worker: celery -A config worker\n"},
    ),
    Mistake(
        "celery.W280",
        {"Procfile": "worker: celery -A config beat  # <-\n"},
        {"Procfile": "worker: celery -A config beat -s /tmp/x\n"},
    ),
    Mistake(
        "celery.W460",
        {"Procfile": "worker: celery -A config worker -P threads  # <-\n"},
        {"Procfile": "worker: celery -A config worker -P prefork\n"},
    ),
]


def test_a_project_without_celery_is_told_so(project):
    assert found(project) == [("celery.I004", "")]


def found(root: Path) -> list[tuple[str, str]]:
    """What the static checks find: ids and places."""
    examination = run_checks(read_facts(load_project(root, python=sys.executable)))
    return [(finding.id, str(finding.where or "")) for finding in examination.findings]


def place_of(mistake: Mistake) -> str:
    """The file and line with the mark, or what the case says."""
    return mistake.at or next(
        f"{path}:{number}"
        for path, text in mistake.broken.items()
        for number, line in enumerate(text.split("\n"), 1)
        if MARK in line
    )


def name_of(mistake: Mistake) -> str:
    return f"{mistake.id}-{MISTAKES.index(mistake)}"


def test_nothing_is_found_in_a_healthy_project(tmp_path):
    assert found(make_tree(tmp_path, healthy())) == []


@pytest.mark.parametrize("mistake", MISTAKES, ids=name_of)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    root = make_tree(tmp_path, {**healthy(), **mistake.broken})
    assert found(root) == [(mistake.id, place_of(mistake))]


@pytest.mark.parametrize("mistake", [m for m in MISTAKES if m.twin], ids=name_of)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found(make_tree(tmp_path, {**healthy(), **mistake.twin})) == []


@pytest.mark.parametrize("check", all_checks(), ids=lambda c: c.id)
def test_each_check_explains_itself_in_full(check):
    assert tuple(head for head, body in check.sections if body) == SECTIONS
    assert check.title and re.fullmatch(r"celery\.[EWI]\d{3}", check.id)


def test_a_module_that_the_apps_ready_imports_is_not_called_undiscovered(tmp_path):
    jobs = f"from celery import shared_task\n\n\n{TASK}def f():\n    pass\n"
    ready = "\n    def ready(self):\n        from . import jobs\n"
    tree = {**healthy(), "doctors/jobs.py": jobs}
    tree["doctors/apps.py"] += ready
    assert found(make_tree(tmp_path, tree)) == []


def test_each_static_check_has_a_broken_project():
    static = {check.id for check in CHECKS.values() if not check.imports}
    assert static - {m.id for m in MISTAKES} == {"celery.I004", "celery.E036"}  # tested on their own


def looked_into(root: Path) -> list[tuple[str, str]]:
    """What all checks find, with a look from inside."""
    project = load_project(root, python=sys.executable)
    with Prober(target_of(project)) as prober:
        facts = read_facts(project).with_imports(*prober.baseline())
        return [(finding.id, str(finding.where or "")) for finding in run_checks(facts).findings]


IMPORTED = [
    Mistake("celery.E001", settings("1 / 0  # <-\n")),
    Mistake(
        "celery.E003", {"config/celery.py": APP + "import sys\nif sys.argv[0] == 'celery':\n    1 / 0  # <-\n"}
    ),
    Mistake("celery.E030", tasks("import no_such_module  # <-\n"), tasks("import json\n")),
    Mistake(
        "celery.E036",
        {
            "doctors/deep/__init__.py": "",
            "doctors/deep/jobs.py": f"from celery import shared_task\n\n\n{TASK}def f():  # <-\n    pass\n",
        },
        {
            "doctors/deep/__init__.py": "",
            "doctors/deep/jobs.py": f"from celery import shared_task\n\n\n{TASK}def f():\n    pass\n",
            **tasks("from doctors.deep import jobs\n"),
        },
    ),
    Mistake(
        "celery.E091",
        {
            "config/celery.py": APP
            + "\n\n@app.on_after_finalize.connect\ndef setup(sender, **kwargs):\n    raise KeyError('x')  # <-\n"
        },
        {
            "config/celery.py": APP
            + "\n\n@app.on_after_finalize.connect\ndef setup(sender, **kwargs):\n    sender.conf.worker_concurrency = 3\n"
        },
    ),
    Mistake("celery.E150", settings("CELERY_RESULT_BACKEND = 'mongodb://h/x'  # <-\n", instead="CELERY_RESULT_B")),
    Mistake(
        "celery.E170",
        entry(
            OK_ENTRY.replace("doctors.tasks.greet',", "library.tasks.nothing',  # <-").replace(
                "        'args': ('x',),\n", ""
            )
        ),
        entry(OK_ENTRY),
    ),
]


COMPUTED = "names = ['{}']\nCELERY_BEAT_SCHEDULE = {{n: {{'task': n, 'schedule': 5.0}} for n in names}}  # <-\n"
IMPORTED.append(
    Mistake(
        "celery.E171",
        settings(COMPUTED.format("doctors.tasks.great")),
        settings(COMPUTED.format("doctors.tasks.greet")),
    )
)


def test_a_look_into_a_healthy_project_finds_nothing(tmp_path):
    assert looked_into(make_tree(tmp_path, healthy())) == []


@pytest.mark.parametrize("mistake", IMPORTED, ids=lambda m: m.id)
def test_a_look_from_inside_finds_a_mistake_and_nothing_else(tmp_path, mistake):
    root = make_tree(tmp_path, {**healthy(), **mistake.broken})
    assert looked_into(root) == [(mistake.id, place_of(mistake))]


@pytest.mark.parametrize("mistake", [m for m in IMPORTED if m.twin], ids=lambda m: m.id)
def test_a_look_from_inside_finds_nothing_in_the_twin(tmp_path, mistake):
    assert looked_into(make_tree(tmp_path, {**healthy(), **mistake.twin})) == []


@pytest.mark.parametrize(
    "identifier",
    [
        "celery.E010",
        "celery.E040",
        "celery.E032",
        "celery.E033",
        "celery.E034",
        "celery.E035",
        "celery.E031",
        "celery.E420",
        "celery.E140",
    ],
)
def test_a_look_from_inside_tells_the_same_reason_as_the_code(tmp_path, identifier):
    mistake = next(m for m in MISTAKES if m.id == identifier)
    seen = looked_into(make_tree(tmp_path, {**healthy(), **mistake.broken}))
    assert (identifier, place_of(mistake)) in seen
    assert {i for i, _ in seen} - {identifier} <= {"celery.E001", "celery.E003"}


def test_three_broken_modules_are_three_findings(tmp_path):
    tree = healthy()
    for name in ("a", "b", "c"):
        tree |= {f"{name}/__init__.py": "", f"{name}/tasks.py": f"import no_{name}\n"}
    tree["config/settings.py"] += "INSTALLED_APPS += ['a', 'b', 'c']\n"
    assert sorted(looked_into(make_tree(tmp_path, tree))) == [
        ("celery.E030", "a/tasks.py:1"),
        ("celery.E030", "b/tasks.py:1"),
        ("celery.E030", "c/tasks.py:1"),
    ]


def test_a_module_that_celery_took_out_is_told_with_its_heir(tmp_path):
    project = make_tree(tmp_path, {**healthy(), **tasks("from celery.task import task\n")})
    loaded = load_project(project, python=sys.executable)
    with Prober(target_of(loaded)) as prober:
        findings = run_checks(read_facts(loaded).with_imports(*prober.baseline())).findings
    (hint,) = [finding.hint for finding in findings if finding.id == "celery.E030"]
    assert hint == "Removed in Celery 5: use `from celery import shared_task`"


def test_each_check_that_looks_inside_has_a_broken_project():
    tested = {m.id for m in IMPORTED}
    others = {"celery.E002", "celery.W082", "celery.E191", "celery.E043"}
    assert {check.id for check in CHECKS.values() if check.imports} == (
        tested - {"celery.E036", "celery.E170"}
    ) | others


def test_a_variable_of_the_environment_that_beats_the_settings_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://elsewhere")
    ((identifier, where),) = looked_into(make_tree(tmp_path, healthy()))
    assert (identifier, where.split(":")[0]) == ("celery.W082", "config/settings.py")


def test_one_function_under_two_names_is_found(tmp_path):
    tree = healthy()
    tree["manage.py"] = tree["manage.py"].replace("import sys\n", "import sys\nsys.path.insert(0, 'apps')\n", 1)
    tree |= {
        "apps/__init__.py": "",
        "apps/shop/__init__.py": "",
        "apps/shop/tasks.py": f"from celery import shared_task\n\n\n{TASK}def f():\n    pass\n",
    }
    tree["config/settings.py"] += "INSTALLED_APPS += ['apps.shop', 'shop']\n"
    tree["config/settings.py"] += "import sys\nsys.path.insert(0, str(BASE_DIR / 'apps'))\n"
    tree["apps/shop/apps.py"] = (
        "from django.apps import AppConfig\n\n\nclass ShopConfig(AppConfig):\n    name = __package__\n    label = __package__.replace('.', '_')\n"
    )
    assert ("celery.E191", "apps/shop/tasks.py:4") in looked_into(make_tree(tmp_path, tree))


def test_a_task_that_only_a_web_process_knows_is_found(tmp_path):
    tree = healthy()
    tree["doctors/models.py"] += "\nimport sys\nif 'manage' in sys.argv[0]:\n    from library import f\n"
    tree["lib/library.py"] = "import celery\n\n\ndef g():\n    pass\n\n\nf = celery.shared_task(name='lib.f')(g)\n"
    tree["config/settings.py"] += "import sys\nsys.path.insert(0, str(BASE_DIR / 'lib'))\n"
    assert looked_into(make_tree(tmp_path, tree)) == [("celery.E043", "lib/library.py:4")]


def test_a_missing_library_is_one_finding_and_the_code_is_checked_all_the_same(tmp_path):
    root = make_tree(tmp_path, {**healthy(), **settings("CELERY_TASK_ALWAYS_EAGR = False\n")})
    project = load_project(root, python=sys.executable)
    absent = ImportReport("worker", python_version="3.12.1", django_importable=True)
    findings = run_checks(read_facts(project).with_imports(absent, absent)).findings
    assert sorted(f.id for f in findings) == ["celery.E002", "celery.W060"]
    assert any("celery cannot be imported" in f.message for f in findings)
