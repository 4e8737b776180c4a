"""What a task leaves behind: a small broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from tests.unit.checks.projects import TASK, Mistake, found_in, settings, tasks, with_twin

POSTGRES = settings(
    'DATABASES = {"default": {"ENGINE": "django.db.backends.postgresql"}}\n', instead="DATABASES"
)
REDIS_CACHE = settings(
    'CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache"}}\n'
)
LOCK = "from doctors.models import Doctor\nfrom django.db import transaction\n"
MISTAKES = [
    Mistake(
        "celery.W458",
        tasks(f"from crum import get_current_user as who\n{TASK}def log():\n    who()  # <-\n"),
        tasks(f"from doctors.models import get_current_user\n{TASK}def log():\n    print(1)\n"),
    ),
    Mistake(
        "celery.W459",
        {
            **REDIS_CACHE,
            **tasks(
                f"from django.core.cache import cache\n{TASK}def nightly():\n"
                "    if cache.get('lock'):  # <-\n        return\n    cache.set('lock', 1)\n"
                "    cache.delete('lock')\n"
            ),
        },
        {
            **REDIS_CACHE,
            **tasks(
                f"from django.core.cache import cache\n{TASK}def nightly():\n"
                "    if cache.get('total'):\n        return\n    cache.set('total', 1)\n"
                "    cache.delete('other')\n"
            ),
        },
    ),
    Mistake(
        "celery.W465",
        tasks(
            "import psycopg2\ndb = psycopg2.connect('dbname=old')  # <-\n\n\n"
            f"{TASK}def copy():\n    db.cursor()\n"
        ),
        tasks(
            f"import psycopg2\n\n\n{TASK}def copy():\n    db = psycopg2.connect('dbname=old')\n"
            "    db.cursor()\n"
        ),
    ),
    Mistake(
        "celery.W669",
        tasks(
            f"from django.utils import translation\n{TASK}def write(language):\n"
            "    translation.activate(language)  # <-\n    print(language)\n"
        ),
        tasks(
            f"from django.utils import translation\n{TASK}def write(language):\n"
            "    with translation.override(language):\n        print(language)\n"
        ),
    ),
    Mistake(
        "celery.W669",
        tasks(
            f"from django.utils.timezone import activate as use_zone\n{TASK}def write(zone):\n"
            "    use_zone(zone)  # <-\n"
        ),
        tasks(
            f"from django.utils.timezone import activate as use_zone, deactivate\n{TASK}"
            "def write(zone):\n    use_zone(zone)\n    try:\n        print(zone)\n"
            "    finally:\n        deactivate()\n"
        ),
    ),
    Mistake(
        "celery.W669",
        tasks(f"import os\n{TASK}def build(folder):\n    os.chdir(folder)  # <-\n"),
        tasks(
            f"import os\n{TASK}def build(folder):\n    before = os.getcwd()\n    os.chdir(folder)\n"
            "    os.chdir(before)\n"
        ),
    ),
    Mistake(
        "celery.W645",
        tasks(f"seen = []\n\n\n{TASK}def track(pk):\n    seen.append(pk)  # <-\n"),
        tasks(f"{TASK}def track(pk):\n    seen = []\n    seen.append(pk)\n"),
    ),
    Mistake(
        "celery.W645",
        tasks(
            f"from collections import defaultdict\ntotals = defaultdict(int)\n\n\n{TASK}"
            "def track(pk):\n    totals[pk] = 1  # <-\n"
        ),
        tasks(
            "from collections import defaultdict\ntotals = defaultdict(int)\n\n\n"
            f"{TASK}def track(pk):\n    totals[pk] = 1\n    totals.pop(pk)\n"
        ),
    ),
    Mistake(
        "celery.E646",
        tasks(f"{TASK}def track(pk):\n    breakpoint()  # <-\n    return pk\n"),
        tasks(
            f"from django.conf import settings\n{TASK}def track(pk):\n"
            "    if settings.DEBUG:\n        breakpoint()\n    return pk\n"
        ),
    ),
    Mistake(
        "celery.E646",
        tasks(f"{TASK}def track(pk):\n    import pdb; pdb.set_trace()  # <-\n    return pk\n"),
        tasks(
            f"def breaks():\n    import pdb; pdb.set_trace()\n{TASK}def track(pk):\n    return pk\n"
        ),
    ),
    Mistake(
        "celery.W647",
        tasks(
            f"from django.utils import timezone\nNOW = timezone.now()\n\n\n{TASK}"
            "def expire():\n    return str(NOW)  # <-\n"
        ),
        tasks(
            f"from django.utils import timezone\nSTARTED = timezone.now()\n\n\n{TASK}"
            "def expire():\n    NOW = timezone.now()\n    return str(NOW)\n"
        ),
    ),
    Mistake(
        "celery.W647",
        tasks(
            "from datetime import date, timedelta\nLIMIT = date.today() - timedelta(days=30)\n\n\n"
            f"{TASK}def expire():\n    return str(LIMIT)  # <-\n"
        ),
        tasks(
            "from datetime import date, timedelta\nLIMIT = lambda: date.today() - timedelta(days=30)"
            f"\n\n\n{TASK}def expire():\n    return str(LIMIT())\n"
        ),
    ),
    Mistake(
        "celery.E648",
        {
            **POSTGRES,
            **tasks(
                f"{LOCK}{TASK}def reserve(pk):\n"
                "    Doctor.objects.select_for_update().filter(pk=pk).first()  # <-\n"
            ),
        },
        {
            **POSTGRES,
            **tasks(
                f"{LOCK}{TASK}def reserve(pk):\n    with transaction.atomic():\n"
                "        Doctor.objects.select_for_update().get(pk=pk)\n"
            ),
        },
    ),
    Mistake(
        "celery.E648",
        {
            **POSTGRES,
            **tasks(
                f"{LOCK}{TASK}def reserve():\n"
                "    for one in Doctor.objects.select_for_update(skip_locked=True).all():  # <-\n"
                "        one.save()\n"
            ),
        },
        {
            **POSTGRES,
            **tasks(
                f"{LOCK}{TASK}@transaction.atomic\ndef reserve():\n"
                "    for one in Doctor.objects.select_for_update().all():\n        one.save()\n"
            ),
        },
    ),
    *(
        Mistake(
            "celery.E648",
            {
                **POSTGRES,
                **tasks(
                    f"{LOCK}{TASK}def reserve(pk):\n    with open('x') as handle:\n"
                    "        Doctor.objects.select_for_update().get(pk=pk)  # <-\n"
                ),
            },
            {**POSTGRES, **tasks(f"{LOCK}{before}{body}")},
        )
        for before, body in (
            (
                "from django.db.transaction import atomic as in_tx\n" + TASK,
                "def reserve(pk):\n    with in_tx():\n"
                "        Doctor.objects.select_for_update().get(pk=pk)\n",
            ),
            (
                "from django.db.transaction import atomic as in_tx\n" + TASK,
                "@in_tx\ndef reserve(pk):\n    Doctor.objects.select_for_update().get(pk=pk)\n",
            ),
            (
                TASK,
                "def reserve(pk):\n    with ExitStack() as stack:\n"
                "        stack.enter_context(transaction.atomic())\n"
                "        Doctor.objects.select_for_update().get(pk=pk)\n",
            ),
            (
                TASK,
                "def reserve(pk):\n    tx = transaction.atomic()\n    with tx:\n"
                "        Doctor.objects.select_for_update().get(pk=pk)\n",
            ),
            (
                TASK,
                "def reserve(pk):\n    transaction.set_autocommit(False)\n"
                "    Doctor.objects.select_for_update().get(pk=pk)\n",
            ),
            (
                TASK,
                "def reserve(pk):\n    with unit_of_work():\n"
                "        Doctor.objects.select_for_update().get(pk=pk)\n",
            ),
        )
    ),
    *(
        Mistake(
            "celery.W645",
            tasks(f"seen = {{}}\n\n\n{TASK}def track(pk):\n    seen[pk] = 1  # <-\n"),
            tasks(f"seen = {{}}\n\n\n{TASK}def track(pk):\n{body}"),
        )
        for body in (
            "    if pk not in seen:\n        seen[pk] = 1\n",
            "    if pk in seen:\n        return\n    seen[pk] = 1\n",
            "    if len(seen) < 9:\n        seen[pk] = 1\n",
        )
    ),
    *(
        Mistake(
            "celery.W647",
            tasks(
                f"import datetime\nNOW = datetime.datetime.now()\n\n\n{TASK}"
                "def expire():\n    return str(NOW)  # <-\n"
            ),
            tasks(
                f"import datetime\n{name} = {value}\n\n\n{TASK}"
                f"def expire():\n    return str({name})\n"
            ),
        )
        for name, value in (
            ("ZONE", "datetime.datetime.now().astimezone().tzinfo"),
            ("STARTED_AT", "datetime.datetime.now()"),
            ("UPTIME_FROM", "datetime.datetime.now()"),
        )
    ),
    *(
        Mistake(
            "celery.W669",
            tasks(
                f"from django.utils import translation\n{TASK}def write(language):\n"
                "    with open('x') as handle:\n"
                "        translation.activate(language)  # <-\n        print(handle)\n"
            ),
            tasks(f"import os\nfrom django.utils import translation\n{body}"),
        )
        for body in (
            f"{TASK}def write(language):\n    with translation.override('en'):\n"
            "        translation.activate(language)\n",
            f"{TASK}def write(language):\n    translation.activate(language)\n    try:\n"
            "        print(language)\n    finally:\n        put_back()\n",
            f"{TASK}def write(folder):\n    before = os.open('.', os.O_RDONLY)\n"
            "    os.chdir(folder)\n    os.fchdir(before)\n",
            f"{TASK}@keeps_language\ndef write(language):\n    translation.activate(language)\n",
        )
    ),
    Mistake(
        "celery.W465",
        tasks(
            "import pymongo\ndb = pymongo.MongoClient('mongodb://db')  # <-\n\n\n"
            f"{TASK}def copy():\n    print(db)\n"
        ),
        tasks(
            "import pymongo\ndb = pymongo.MongoClient('mongodb://db', connect=False)\n\n\n"
            f"{TASK}def copy():\n    print(db)\n"
        ),
    ),
    *(
        Mistake(
            "celery.W645",
            tasks(f"seen = {{}}\n\n\n{TASK}def track(pk):\n    seen[pk] = 1  # <-\n"),
            tasks(f"seen = {{}}\n\n\n{TASK}def track(pk):\n{body}"),
        )
        for body in (
            "    try:\n        return seen[pk]\n    except KeyError:\n        seen[pk] = 1\n",
            "    seen[pk] = 1\n    seen[:] = []\n",
        )
    ),
    # a length that is only returned is no bound
    Mistake(
        "celery.W645",
        tasks(
            "SEEN = []\n\n\n@shared_task\ndef track(pk):\n    SEEN.append(pk)  # <-\n    return len(SEEN)\n"
        ),
        tasks(
            "SEEN = []\n\n\n@shared_task\ndef track(pk):\n    if len(SEEN) < 100:\n"
            "        SEEN.append(pk)\n"
        ),
    ),
]


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


def test_a_queryset_that_is_evaluated_elsewhere_is_not_judged(tmp_path):
    body = f"{LOCK}{TASK}def reserve():\n    return len(Doctor.objects.select_for_update())\n"
    found = found_in(tmp_path, {**POSTGRES, **tasks(body)})
    assert "celery.E648" not in {identifier for identifier, _ in found}
