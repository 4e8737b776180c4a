"""Values of the settings that cannot work: a small broken project for each, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import (
    APP,
    DECLARED,
    TASK,
    Mistake,
    found_by_import,
    found_in,
    settings,
    tasks,
    view,
    with_twin,
)

KOMBU = "from kombu import Queue\n"
REDIS = "CELERY_RESULT_B"
OPTIONS = "CELERY_BROKER_TR"
WIDE = "'doctors.tasks.*': {'queue': 'a'}"
NARROW = "'doctors.tasks.g*': {'queue': 'b'}"
CACHES = "CACHES = {'default': {'BACKEND': 'django.core.cache.backends.%s'}}\n"
SENTINEL = "CELERY_BROKER_URL = 'sentinel://h:26379'"


def url(lines: str) -> dict[str, str]:
    return settings(lines, instead="CELERY_BROKER_URL")


LOCAL = "django.core.cache.backends.locmem.LocMemCache"
REDIS = "django.core.cache.backends.redis.RedisCache"
LOCKED = tasks(
    f"from django.core.cache import cache\n{TASK}def once():\n    if cache.add('lock', 1):\n        pass\n"
)
QUEUES = (
    "from kombu import Queue\nCELERY_TASK_CREATE_MISSING_QUEUES = False\n"
    "CELERY_TASK_QUEUES = [Queue('celery'), Queue(name='high')]\n"
)
GREETED = "from doctors.tasks import greet\n"
SENT = (
    "CELERY_BEAT_SCHEDULE = {{'a': {{'task': 'doctors.tasks.greet', 'schedule': 60.0,\n"
    "    'args': ('x',), 'options': {{'queue': '{}', 'expires': 50}}}}}}  # <-\n"
)
MISTAKES = [
    # a route that says nothing, and one that is a list
    *(
        Mistake(
            "celery.E183",
            settings(f"CELERY_TASK_ROUTES = {{'doctors.tasks.*': {route}}}  # <-\n"),
            settings(f"CELERY_TASK_ROUTES = {{'doctors.tasks.*': {twin}}}\n"),
        )
        for route, twin in (
            ("{'q': 'mail'}", "{'queue': 'mail', 'shard': 'a'}"),
            ("{'queue_name': 'mail'}", "{'routing_key': 'mail'}"),
            ("{'options': {'queue': 'mail'}}", "{**MAIL, 'q': 'it'}"),
            ("['mail']", "'mail'"),
            ("('mail',)", "(('queue', 'mail'),)"),
        )
    ),
    # every place that asks for a queue
    Mistake(
        "celery.E184",
        settings(f"{QUEUES}CELERY_TASK_ROUTES = {{'doctors.*': 'mails'}}  # <-\n"),
        settings(f"{QUEUES}CELERY_TASK_ROUTES = {{'doctors.*': 'high'}}\n"),
    ),
    Mistake(
        "celery.E184",
        settings(QUEUES)
        | view("def f():\n    greet.apply_async(('x',), queue='mail')  # <-\n", GREETED),
        settings(QUEUES) | view("def f():\n    greet.apply_async(('x',), queue='high')\n", GREETED),
    ),
    Mistake(
        "celery.E184",
        settings(QUEUES + SENT.format("mail")),
        settings(QUEUES + SENT.format("high")),
    ),
    Mistake(
        "celery.E184",
        settings(QUEUES) | {"Procfile": "w: celery -A config worker -Q high,mail  # <-\n"},
        settings(QUEUES) | {"Procfile": "w: celery -A config worker -Q high\n"},
    ),
    Mistake(
        "celery.E184",
        settings(
            "CELERY_TASK_ROUTES = {'doctors.*': {'queue': 'mails'}}  # <-\n"
            "CELERY_TASK_CREATE_MISSING_QUEUES = False\n"
        ),
        settings("CELERY_TASK_ROUTES = {'doctors.*': {'queue': 'mails'}}\n"),
    ),
    Mistake(
        "celery.E183",
        settings("CELERY_TASK_ROUTES = {'doctors.tasks.*': {'queues': 'mail'}}  # <-\n"),
        settings(
            "CELERY_TASK_ROUTES = {'doctors.tasks.*': {'queue': 'mail', 'exchange_type': 'direct'}}\n"
        ),
    ),
    Mistake(
        "celery.E183",
        settings(
            "MAIL = dict(\n    Queue='mail',  # <-\n)\nCELERY_TASK_ROUTES = ([('doctors.*', MAIL)],)\n"
        ),
        settings("MAIL = dict(queue='mail')\nCELERY_TASK_ROUTES = ([('doctors.*', MAIL)],)\n"),
    ),
    Mistake(
        "celery.E184",
        settings(
            f"{QUEUES}CELERY_TASK_ROUTES = {{'doctors.tasks.*': {{'queue': 'mail'}}}}  # <-\n"
        ),
        settings(f"{QUEUES}CELERY_TASK_ROUTES = {{'doctors.tasks.*': {{'queue': 'high'}}}}\n"),
    ),
    Mistake(
        "celery.E184",
        settings(QUEUES) | tasks("@shared_task(queue='mail')  # <-\ndef send():\n    pass\n"),
        settings(QUEUES.replace("False", "True"))
        | tasks("@shared_task(queue='mail')\ndef send():\n    pass\n"),
    ),
    Mistake(
        "celery.E185",
        settings("CELERY_TASK_PUBLISH_RETRY_POLICY = {'max_retry': 3}  # <-\n"),
        settings("CELERY_TASK_PUBLISH_RETRY_POLICY = {'max_retries': 3, 'interval_max': 0.5}\n"),
    ),
    Mistake(
        "celery.E185",
        view(
            "POLICY = dict(\n    interval=1,  # <-\n)\n\n\n"
            "def f(request):\n    greet.apply_async(('x',), retry_policy=POLICY)\n"
        ),
        view("def f(request, policy):\n    greet.apply_async(('x',), retry_policy=policy)\n"),
    ),
    # Django's default is the memory of one process
    *(
        Mistake(
            "celery.W694",
            LOCKED,
            {**LOCKED, **twin},
            at="doctors/tasks.py:20",
        )
        for twin in [
            settings("CACHES = env.cache()\n"),
            settings("from somewhere import *\n"),
            settings("globals().update(read())\n"),
            settings("if 1:\n    CACHES = {'default': dict(BACKEND=X)}\n"),
            settings("import django_heroku\ndjango_heroku.settings(locals())\n"),
            {
                **settings("from .more import *\n"),
                "config/more.py": f"CACHES = {{'default': {{'BACKEND': '{REDIS}'}}}}\n",
            },
            # a counter is no lock, and another cache another matter
            tasks(
                f"from django.core.cache import cache\n{TASK}def once():\n"
                "    cache.add('lock', 0)\n    cache.incr('lock')\n"
            ),
            tasks(
                f"from django.core.cache import caches\n{TASK}def once():\n"
                "    if caches['far'].add('lock', 1):\n        pass\n"
            ),
        ]
    ),
    # the lock of the cookbook, which the tasks share
    Mistake(
        "celery.W694",
        tasks(
            "from contextlib import contextmanager\nfrom django.core.cache import cache\n\n\n"
            "@contextmanager\ndef memory_lock(key):\n    taken = cache.add(key, 1, 60)  # <-\n"
            "    try:\n        yield taken\n    finally:\n        cache.delete(key)\n\n\n"
            f"{TASK}def once():\n    with memory_lock('x') as taken:\n        print(taken)\n"
        ),
        {
            **tasks(
                "from contextlib import contextmanager\nfrom django.core.cache import cache\n\n\n"
                "@contextmanager\ndef memory_lock(key):\n    taken = cache.add(key, 1, 60)\n"
                "    try:\n        yield taken\n    finally:\n        cache.delete(key)\n\n\n"
                f"{TASK}def once():\n    with memory_lock('x') as taken:\n        print(taken)\n"
            ),
            **settings(f"CACHES = {{'default': {{'BACKEND': '{REDIS}'}}}}\n"),
        },
    ),
    Mistake(
        "celery.W694",
        {**LOCKED, **settings(f"CACHES = {{'default': {{'BACKEND': '{LOCAL}'}}}}\n")},
        {
            **LOCKED,
            **settings(
                f"CACHES = {{'default': {{'BACKEND': '{REDIS}', 'LOCATION': 'redis://h/3'}}}}\n"
            ),
        },
        at="doctors/tasks.py:20",
    ),
    Mistake(
        "celery.W911",
        settings(
            f"CACHES = {{\n    'default': {{\n        'BACKEND': '{REDIS}',\n"
            "        'LOCATION': 'redis://localhost:6379',  # <-\n    },\n}\n"
            "CELERY_BROKER_URL = 'redis://localhost:6379/0'\n",
            instead="CELERY_BROKER_U",
        ),
        settings(
            f"CACHES = {{'default': {{'BACKEND': '{REDIS}', 'LOCATION': 'redis://localhost:6379/1'}}}}\n"
            "CELERY_BROKER_URL = 'redis://localhost:6379/0'\n",
            instead="CELERY_BROKER_U",
        ),
    ),
    Mistake(
        "celery.E698",
        settings("CELERY_WORKER_POOL = 'thread'  # <-\n"),
        settings("CELERY_WORKER_POOL = 'threads'\n"),
    ),
    Mistake(
        "celery.W697",
        settings("CELERY_WORKER_PREFETCH_MULTIPLIER = 0  # <-\n"),
        settings("CELERY_WORKER_PREFETCH_MULTIPLIER = 1\n"),
    ),
    Mistake(
        "celery.E692",
        settings("CELERY_BEAT_SCHEDULER = {'a': {'task': 'x'}}  # <-\n"),
        settings("CELERY_BEAT_SCHEDULER = 'doctors.beat.Scheduler'\n"),
    ),
    Mistake(
        "celery.W670",
        settings("CELERY_TASK_ALWAYS_EAGER = True  # <-\n"),
        settings("import sys\nif 'test' in sys.argv:\n    CELERY_TASK_ALWAYS_EAGER = True\n"),
    ),
    Mistake(
        "celery.W671",
        settings("CELERY_VISIBILITY_TIMEOUT = 7200  # <-\n"),
        settings(
            "CELERY_VISIBILITY_TIMEOUT = 7200\n"
            "CELERY_BROKER_TRANSPORT_OPTIONS = {'visibility_timeout': CELERY_VISIBILITY_TIMEOUT}\n",
            instead=OPTIONS,
        ),
    ),
    Mistake(
        "celery.E672",
        settings(KOMBU + "CELERY_TASK_QUEUES = (Queue('mail'), Queue(name='slow'))  # <-\n"),
        settings(KOMBU + "CELERY_TASK_QUEUES = (Queue('mail'), Queue(name='celery'))\n"),
    ),
    Mistake(
        "celery.E672",
        settings(
            KOMBU + "MAIL = Queue('mail')\nQUEUES = [MAIL]\nCELERY_TASK_QUEUES = QUEUES  # <-\n"
        ),
        settings(
            KOMBU + "CELERY_TASK_DEFAULT_QUEUE = 'mail'\nMAIL = Queue('mail')\n"
            "CELERY_TASK_QUEUES = [MAIL]\n"
        ),
    ),
    Mistake(
        "celery.E691",
        settings("CELERY_TASK_QUEUES = ['mail', 'celery']  # <-\n"),
        settings("CELERY_TASK_QUEUES = {'mail': {}, 'celery': {}}\n"),
    ),
    Mistake(
        "celery.W673",
        settings(f"CELERY_TASK_ROUTES = {{\n    {WIDE},\n    {NARROW},  # <-\n}}\n"),
        settings(f"CELERY_TASK_ROUTES = {{\n    {NARROW},\n    {WIDE},\n}}\n"),
    ),
    Mistake(
        "celery.W673",
        settings(
            "CELERY_TASK_ROUTES = (\n    {'*': {'queue': 'a'}},\n"
            "    {'doctors.tasks.greet': {'queue': 'b'}},  # <-\n)\n"
        ),
        # full names come first within one router
        settings(
            "CELERY_TASK_ROUTES = {\n    '*': {'queue': 'a'},\n"
            "    'doctors.tasks.greet': {'queue': 'b'},\n}\n"
        ),
    ),
    Mistake(
        "celery.E674",
        settings(f"CELERY_TASK_ROUTES = [\n    ('{'doctors.*'}', {{'queue': 'a'}}),  # <-\n]\n"),
        settings(f"CELERY_TASK_ROUTES = ([\n    ('{'doctors.*'}', {{'queue': 'a'}}),\n],)\n"),
    ),
    Mistake(
        "celery.W675",
        settings("CELERY_TASK_ANNOTATIONS = {'*': {'ratelimit': '1/s'}}  # <-\n"),
        settings("CELERY_TASK_ANNOTATIONS = {'*': {'rate_limit': '1/s', '@around': print}}\n"),
    ),
    Mistake(
        "celery.W675",
        settings("SLOW = dict(ratelimit='1/s')  # <-\nCELERY_TASK_ANNOTATIONS = dict(a=SLOW)\n"),
    ),
    Mistake(
        "celery.W676",
        settings("CELERY_TASK_ANNOTATIONS = {'doctors.*': {'rate_limit': '1/s'}}  # <-\n"),
        settings("CELERY_TASK_ANNOTATIONS = {'doctors.tasks.greet': {'rate_limit': '1/s'}}\n"),
    ),
    Mistake(
        "celery.E677",
        settings("CELERY_TASK_DEFAULT_RATE_LIMIT = '10/min'  # <-\n"),
        settings("CELERY_TASK_DEFAULT_RATE_LIMIT = '10/m'\n"),
    ),
    Mistake(
        "celery.E678",
        settings("CELERY_IMPORTS = ('doctors.tasks.greet',)  # <-\n"),
        settings("CELERY_IMPORTS = ('doctors.tasks', 'library.tasks')\n"),
    ),
    Mistake(
        "celery.E680",
        settings(
            "CELERY_BROKER_TRANSPORT_OPTIONS = {'priority_steps': 10}  # <-\n", instead=OPTIONS
        ),
        settings(
            "CELERY_BROKER_TRANSPORT_OPTIONS = dict(priority_steps=list(range(10)))\n",
            instead=OPTIONS,
        ),
    ),
    Mistake(
        "celery.E681",
        url(f"{SENTINEL}  # <-\n"),
        url(f"{SENTINEL}\nCELERY_BROKER_TRANSPORT_OPTIONS = dict(master_name='m')\n"),
    ),
    Mistake(
        "celery.W682",
        settings("CELERY_RESULT_EXPIRES = None  # <-\n"),
        settings("CELERY_RESULT_EXPIRES = 3600\n"),
    ),
    Mistake(
        "celery.W683",
        settings(
            "CELERY_RESULT_BACKEND = 'django-cache'  # <-\n" + CACHES % "dummy.DummyCache",
            instead=REDIS,
        ),
        settings(
            "CELERY_RESULT_BACKEND = 'django-cache'\n" + CACHES % "redis.RedisCache", instead=REDIS
        ),
    ),
    Mistake(
        "celery.E684",
        settings(
            "from datetime import timedelta\nCELERY_TASK_TIME_LIMIT = timedelta(minutes=5)  # <-\n",
            instead="CELERY_TASK_TIME",
        ),
        settings("CELERY_TASK_TIME_LIMIT = 60 * 5\n", instead="CELERY_TASK_TIME"),
    ),
    Mistake(
        "celery.E684",
        tasks(
            "import datetime\nLIMIT = datetime.timedelta(minutes=5)\n\n\n"
            "@shared_task(\n    time_limit=LIMIT,  # <-\n)\ndef slow():\n    pass\n"
        ),
        tasks(
            "import datetime\nLIMIT = datetime.timedelta(minutes=5)\n\n\n"
            "@shared_task(time_limit=LIMIT.total_seconds())\ndef slow():\n    pass\n"
        ),
    ),
    Mistake(
        "celery.E685",
        settings("CELERY = {'broker_url': 'redis://h'}  # <-\n"),
        {
            **settings("CELERY = dict(broker_url='redis://h')\n"),
            "doctors/other.py": "from django.conf import settings\nfrom config.celery import app\n"
            "app.conf.update(settings.CELERY)\n",
        },
    ),
    Mistake(
        "celery.E686",
        {
            **settings("from doctors.tasks import greet  # <-\n"),
            **tasks("from doctors.models import Doctor\n"),
        },
        settings("from doctors.tasks import greet\n"),
    ),
    Mistake(
        "celery.W687",
        settings("CELERYD_CONCURENCY = 4  # <-\n"),
        settings("CELERYD_NODES = 'w1'\nCELERYD_CHDIR = '/srv'\n"),
    ),
    Mistake(
        "celery.E688",
        settings("CELERY_ACCEPT_CONTENT = 'json'  # <-\n"),
        settings("CELERY_ACCEPT_CONTENT = ['application/json']\n"),
    ),
    Mistake(
        "celery.E688",
        settings("CELERY_RESULT_ACCEPT_CONTENT = ['jsn']  # <-\n"),
    ),
    Mistake(
        "celery.E692",
        settings(
            "INSTALLED_APPS += ['django_celery_beat']\n"
            "CELERY_BEAT_SCHEDULER = 'django_celery_beat.scheduler:DatabaseScheduler'  # <-\n"
        )
        | DECLARED,
        settings(
            "INSTALLED_APPS += ['django_celery_beat']\n"
            "CELERY_BEAT_SCHEDULER = 'django_celery_beat.schedulers.DatabaseScheduler'\n"
        )
        | DECLARED,
    ),
    Mistake(
        "celery.E678",
        {
            "config/celery.py": APP.replace(
                'Celery("config")', 'Celery("config", include=["doctors.task"])  # <-'
            )
        },
        {
            "config/celery.py": APP.replace(
                'Celery("config")', 'Celery("config", include=["doctors.tasks", "library.tasks"])'
            )
        },
    ),
    Mistake(
        "celery.E681",
        settings(
            "CELERY_RESULT_BACKEND = 'sentinel://one:26379;sentinel://two:26379'  # <-\n",
            instead="CELERY_RESULT_BACKEND",
        ),
        settings(
            "CELERY_RESULT_BACKEND = 'sentinel://one:26379;sentinel://two:26379'\n"
            "CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS = {'master_name': 'm'}\n",
            instead="CELERY_RESULT_BACKEND",
        ),
    ),
]
MISTAKES += [
    Mistake(
        "celery.E695",
        settings("CELERY_TASK_COMPRESSION = 'gzp'  # <-\n"),
        settings("CELERY_TASK_COMPRESSION = 'gzip'\n"),
    ),
    Mistake(
        "celery.E695",
        settings("CELERY_TASK_DEFAULT_DELIVERY_MODE = 'persistant'  # <-\n"),
        settings("CELERY_TASK_DEFAULT_DELIVERY_MODE = 1\n"),
    ),
    # set by code on the configuration of the app
    Mistake(
        "celery.E684",
        {
            **settings("", instead="CELERY_TASK_TIME"),
            "config/celery.py": APP + "from datetime import timedelta\n"
            "app.conf.worker_lost_wait = 3\napp.conf.task_time_limit = timedelta(minutes=5)  # <-\n",
        },
        {"config/celery.py": APP + "app.conf.worker_lost_wait = 3\n"},
    ),
    Mistake(
        "celery.W673",
        {
            "config/celery.py": APP + "app.conf.update(\n    task_routes={\n        "
            f"{WIDE},\n        {NARROW},  # <-\n    }},\n)\n"
        },
        {"config/celery.py": APP + f"app.conf.update({{'task_routes': {{{NARROW}, {WIDE}}}}})\n"},
    ),
    Mistake("celery.W083", settings("CELERY_WORKER_CONCURRENCY = '4'  # <-\n")),
]
ROUTER = "def route(name, args, kwargs, options, task=None, **kw):\n    return {'queue': 'a'}\n"
IMPORTED = [
    Mistake(
        "celery.E693",
        settings("CELERY_TASK_ROUTES = ('doctors.routers.route',)  # <-\n"),
        {
            **settings("CELERY_TASK_ROUTES = ('doctors.routers.route',)\n"),
            "doctors/routers.py": ROUTER,
        },
    ),
    # what an import ran into is shown where the settings name it
    Mistake("celery.E001", settings("INSTALLED_APPS += ['doctrs']  # <-\n")),
    Mistake("celery.E003", settings("CELERY_TASK_ANNOTATIONS = ['doctors.nope.Limits']  # <-\n")),
    Mistake("celery.E030", settings("CELERY_IMPORTS = ('nolib.tasks',)  # <-\n")),
    # and in Celery itself, at the function that it was making a task of
    Mistake("celery.E003", tasks("@shared_task(base='x')  # <-\ndef f():\n    pass\n")),
]
HEALTHY = [
    # of another environment: nobody knows which one is in effect
    {
        "config/local.py": "from .settings import *\nCELERY_TASK_ALWAYS_EAGER = True\n",
    },
    # every worker names its queues
    {
        **settings(KOMBU + "CELERY_TASK_QUEUES = [Queue('mail')]\n"),
        "Procfile": "worker: celery -A config worker -Q mail,celery\n",
    },
    # what a variable holds that code computes
    settings("import os\nCELERY_TASK_QUEUES = [q for q in os.environ]\n"),
    settings("TARGET = {'queue': 'a'}\nCELERY_TASK_ROUTES = {'x.*': TARGET, 'x.y.*': TARGET}\n"),
    settings("CELERY_CONFIG = {'token': 3}\n"),
    # a serializer that the project registers has a content type of its own
    settings(
        "CELERY_TASK_SERIALIZER = 'signed'\nCELERY_ACCEPT_CONTENT = ['application/x-signed']\n"
        "import kombu.serialization\n",
        instead="CELERY_TASK_S",
    ),
    # an old name that the project reads itself
    {
        **settings("CELERY_QUEUES = ('a', 'b')\n"),
        "doctors/queues.py": "from django.conf import settings\nprint(settings.CELERY_QUEUES)\n",
    },
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


@pytest.mark.parametrize("mistake", IMPORTED, ids=str)
def test_an_import_finds_a_mistake_and_nothing_else(tmp_path, mistake):
    assert found_by_import(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(IMPORTED), ids=str)
def test_an_import_finds_nothing_in_the_healthy_twin(tmp_path, mistake):
    assert found_by_import(tmp_path, mistake.twin) == []


@pytest.mark.parametrize("files", HEALTHY)
def test_what_is_not_certain_is_silence(tmp_path, files):
    found = [identifier for identifier, _ in found_in(tmp_path, files)]
    assert [i for i in found if i not in {"celery.I350", "celery.I061"}] == []


def test_a_function_in_the_imports_is_one_finding_after_an_import(tmp_path):
    files = settings("CELERY_IMPORTS = ('doctors.tasks.greet',)  # <-\n")
    assert [i for i, _ in found_by_import(tmp_path, files)] == ["celery.E678"]
