"""Entries of the Beat schedule: a small broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from celeryize.checks.run_checks import run_checks
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    APP,
    OK_ENTRY,
    Mistake,
    entry,
    facts_of,
    found_by_import,
    found_in,
    healthy,
    imported_facts_of,
    settings,
    with_twin,
)

GREET = "'task': 'doctors.tasks.greet', 'args': ['x']"
HANDLER = (
    APP + "\n\n@app.on_after_finalize.connect\ndef setup(sender, **kwargs):\n"
    "    from doctors.tasks import greet\n\n%s"
)
ADDED = (
    "\n\n@app.on_after_finalize.connect\ndef setup(sender, **kwargs):\n"
    "    from datetime import timedelta\n\n    from doctors.tasks import greet\n\n"
    "    sender.add_periodic_task(60.0, greet.s('x'), expires={})  # <-\n"
)
HOURLY = (
    "from datetime import timedelta\n\nHOUR = %s\nCELERY_BEAT_SCHEDULE = {'a': {"
    f"{GREET}, 'schedule': 60.0,\n"
)
PERIODIC = "from django_celery_beat.models import PeriodicTask\n\n\ndef make():\n    %s\n"

MODELS = "from django_celery_beat.models import IntervalSchedule, PeriodicTask\nimport json\n"
CALLED = "task='doctors.tasks.greet', args=('x',), schedule=5.0"


def production(lines: str, above: str = "settings") -> dict[str, str]:
    """Settings of production, which star-import shared ones with a schedule."""
    return {
        **settings(f"CELERY_BEAT_SCHEDULE = {{'a': {{{GREET}, 'schedule': 5.0}}}}\n"),
        "config/shared.py": "from .settings import *\n",
        "config/production.py": f"from .{above} import *\n{lines}",
        "config/wsgi.py": "import os\n\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', "
        "'config.production')\n",
        "config/celery.py": APP.replace("config.settings", "config.production"),
    }


MISTAKES = [
    Mistake(
        "celery.E740",
        {
            "doctors/rows.py": f"{MODELS}PeriodicTask.objects.create(\n    name='a', interval=one,\n"
            "    task='doctors.tasks.greet',\n    args=['x'],  # <-\n)\n"
        },
        {
            "doctors/rows.py": f"{MODELS}PeriodicTask.objects.create(\n    name='a', interval=one,\n"
            "    task='doctors.tasks.greet',\n    args=json.dumps(['x']),\n)\n"
        },
    ),
    Mistake(
        "celery.E740",
        {
            "doctors/rows.py": f"{MODELS}IntervalSchedule.objects.get_or_create(every=1, period='hour')  # <-\n"
        },
        {
            "doctors/rows.py": f"{MODELS}IntervalSchedule.objects.get_or_create(every=1, period='hours')\n"
        },
    ),
    Mistake(
        "celery.E740",
        {
            "doctors/rows.py": f"{MODELS}PeriodicTask.objects.update_or_create(\n    name='a',\n"
            "    defaults={\n        'kwargs': {'name': 'x'},  # <-\n    },\n)\n"
        },
    ),
    Mistake(
        "celery.W730",
        entry(
            OK_ENTRY + "        'options': {\n            'expires': datetime.now() + "
            "timedelta(hours=1),  # <-\n        },\n",
        ),
        # what is not the clock is no time of the import, and E251 without this scheduler
        {
            "config/settings.py": entry(
                OK_ENTRY + "        'options': {'expires': timedelta(hours=1)},\n"
            )["config/settings.py"]
            + 'CELERY_BEAT_SCHEDULER = "celery.beat:PersistentScheduler"\n'
        },
    ),
    Mistake(
        "celery.W731",
        entry(OK_ENTRY + "    },\n    'nightly': {  # <-\n" + OK_ENTRY),
        entry(OK_ENTRY + "    },\n    'weekly': {\n" + OK_ENTRY),
    ),
    Mistake("celery.W731", entry(OK_ENTRY + "        'args': ('y',),  # <-\n")),
    *(
        Mistake(
            "celery.W731",
            settings(
                f"{name} = {{\n    'max_retries': 3,\n    'max_retries': 5,  # <-\n}}\n",
                instead=name,
            ),
            settings(f"{name} = {{'max_retries': 3, 'interval_start': 5}}\n", instead=name),
        )
        for name in ("CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS",)
    ),
    Mistake(
        "celery.W732",
        settings(
            f"CELERY_BEAT_SCHEDULE = {{'a': {{{GREET}, 'schedule': 5.0}}}}\n"
            f"CELERY_BEAT_SCHEDULE = {{'b': {{{GREET}, 'schedule': 5.0}}}}  # <-\n"
        ),
        settings(
            f"CELERY_BEAT_SCHEDULE = {{'a': {{{GREET}, 'schedule': 5.0}}}}\n"
            f"CELERY_BEAT_SCHEDULE = {{**CELERY_BEAT_SCHEDULE, 'b': {{{GREET}, 'schedule': 5.0}}}}\n"
        ),
    ),
    # where it is not DEBUG, too
    Mistake(
        "celery.W743",
        production(
            f"if not DEBUG:\n    CELERY_BEAT_SCHEDULE = {{'b': {{{GREET}, 'schedule': 5.0}}}}  # <-\n"
        ),
        production(
            f"if DEBUG:\n    CELERY_BEAT_SCHEDULE = {{'b': {{{GREET}, 'schedule': 5.0}}}}\n"
        ),
    ),
    Mistake(
        "celery.W743",
        production(f"CELERY_BEAT_SCHEDULE = {{'b': {{{GREET}, 'schedule': 5.0}}}}  # <-\n"),
        production(f"CELERY_BEAT_SCHEDULE.update({{'b': {{{GREET}, 'schedule': 5.0}}}})\n"),
    ),
    Mistake(
        "celery.W743",
        production(f"CELERY_BEAT_SCHEDULE: dict = dict(b=dict({CALLED}))  # <-\n"),
        production(f"CELERY_BEAT_SCHEDULE = dict(CELERY_BEAT_SCHEDULE, b=dict({CALLED}))\n"),
    ),
    # two steps above, in a file of its own
    Mistake(
        "celery.W743",
        production(
            f"CELERY_BEAT_SCHEDULE = {{'b': {{{GREET}, 'schedule': 5.0}}}}  # <-\n", "shared"
        ),
        production(
            "from config import settings as base\nCELERY_BEAT_SCHEDULE = "
            f"{{**base.CELERY_BEAT_SCHEDULE, 'b': {{{GREET}, 'schedule': 5.0}}}}\n",
            "shared",
        ),
    ),
    Mistake(
        "celery.W743",
        production(f"CELERY_BEAT_SCHEDULE = {{'b': {{{GREET}, 'schedule': 5.0}}}}  # <-\n"),
        # none at all is meant; so is another time for the same entry
        production("CELERY_BEAT_SCHEDULE = {}\n")
        | {
            "config/staging.py": "from .settings import *\n"
            f"CELERY_BEAT_SCHEDULE = {{'a': {{{GREET}, 'schedule': 9.0}}}}\n",
            "config/local.py": "from .settings import *\n"
            f"CELERY_BEAT_SCHEDULE = {{'c': {{{GREET}, 'schedule': 9.0}}}}\n",
        },
    ),
    *(
        Mistake(
            "celery.E251",
            entry(f"{OK_ENTRY}        'options': {{{wrong}}},  # <-\n"),
            entry(f"{OK_ENTRY}        'options': {{{right}}},\n"),
        )
        for wrong, right in (
            ("'expires': timedelta(hours=1)", "'expires': timedelta(hours=1).total_seconds()"),
            ("'expires': '3600'", "'expires': 3600"),
            ("'countdown': '60'", "'countdown': 60"),
            ("'countdown': [60]", "'queue': 'slow'"),
        )
    ),
    Mistake(
        "celery.E251",
        {"config/celery.py": APP + ADDED.replace("{}", "timedelta(hours=1)")},
        {"config/celery.py": APP + ADDED.replace("{}", "timedelta(hours=1).total_seconds()")},
    ),
    # the value of a name
    Mistake(
        "celery.E251",
        settings(
            f"{HOURLY % 'timedelta(hours=1)'}        'options': {{'expires': HOUR}}}}}}  # <-\n"
        ),
        settings(f"{HOURLY % '3600'}        'options': {{'expires': HOUR}}}}}}\n"),
    ),
    Mistake(
        "celery.E733",
        {
            "doctors/rows.py": PERIODIC
            % "PeriodicTask.objects.create(name='a', interval=one, task='doctors.tasks.great')  # <-"
        },
        {
            "doctors/rows.py": PERIODIC
            % "PeriodicTask.objects.create(name='a', interval=one, task='doctors.tasks.greet')"
        },
    ),
    Mistake(
        "celery.E733",
        {
            "doctors/rows.py": "from django_celery_beat import models as beat\n\n\ndef make():\n"
            "    beat.PeriodicTask.objects.update_or_create(\n        name='a',\n"
            "        defaults=dict(\n            task='doctors.tasks.great',  # <-\n        ),\n    )\n"
        },
        {
            "doctors/rows.py": PERIODIC
            % "PeriodicTask.objects.filter(task='doctors.tasks.great').delete()"
        },
    ),
    Mistake(
        "celery.E734",
        {
            **entry(OK_ENTRY + "        'options': {'queue': 'slow'},  # <-\n"),
            "Procfile": "worker: celery -A config worker -Q celery,mail\nbeat: celery -A config beat -s /tmp/b\n",
        },
        {
            **entry(OK_ENTRY + "        'options': {'queue': 'mail'},\n"),
            "Procfile": "worker: celery -A config worker -Q celery,mail\nbeat: celery -A config beat -s /tmp/b\n",
        },
    ),
    Mistake(
        "celery.W735",
        entry(OK_ENTRY.replace("hour=3),", "hour=3, day_of_month=31),  # <-")),
        entry(OK_ENTRY.replace("hour=3)", "hour=3, day_of_month='28-31')")),
    ),
    Mistake(
        "celery.W735",
        entry(OK_ENTRY.replace("hour=3),", "hour=3, day_of_month='30'),  # <-")),
        entry(OK_ENTRY.replace("hour=3)", "hour=3, day_of_month=31, month_of_year=12)")),
    ),
    Mistake(
        "celery.E737",
        settings(f"CELERY_BEAT_SCHEDULE = [{{{GREET}, 'schedule': 5.0}}]  # <-\n"),
        settings("CELERY_BEAT_SCHEDULE = {}\n"),
    ),
    Mistake(
        "celery.E738",
        {"config/celery.py": HANDLER % "    sender.add_periodic_task(9.0, greet('x'))  # <-\n"},
        {"config/celery.py": HANDLER % "    sender.add_periodic_task(9.0, greet.s('x'))\n"},
    ),
    Mistake(
        "celery.E738",
        {
            "config/celery.py": HANDLER
            % "    sender.add_periodic_task(\n        9.0,\n        sig=greet.delay('x'),  # <-\n    )\n"
        },
        {"config/celery.py": HANDLER % "    sender.add_periodic_task(9.0, greet.si('x'))\n"},
    ),
    Mistake(
        "celery.E738",
        {"config/celery.py": HANDLER % "    sender.add_periodic_task(greet.s('x'), 9.0)  # <-\n"},
        {"config/celery.py": HANDLER % "    sender.add_periodic_task(9.0, sig=greet.s('x'))\n"},
    ),
    Mistake(
        "celery.W739",
        {
            "config/celery.py": HANDLER % "    sender.add_periodic_task(9.0, greet.s('x'))\n"
            "    sender.add_periodic_task(3.0, greet.s('x'))  # <-\n"
        },
        {
            "config/celery.py": HANDLER % "    sender.add_periodic_task(9.0, greet.s('x'))\n"
            "    sender.add_periodic_task(3.0, greet.s('y'))\n"
        },
    ),
    # what is written in another way than a dict inside of a dict
    Mistake(
        "celery.E240",
        settings(
            "CELERY_BEAT_SCHEDULE = dict(\n    nightly=dict(\n        task='doctors.tasks.greet',\n"
            "        schedule=5.0,\n        args=['x'],\n        queue='slow',  # <-\n    ),\n)\n"
        ),
        settings(
            "CELERY_BEAT_SCHEDULE = dict(\n    nightly=dict(\n        task='doctors.tasks.greet',\n"
            "        schedule=5.0,\n        args=['x'],\n        options=dict(queue='slow'),\n    ),\n)\n"
        ),
    ),
    Mistake(
        "celery.E170",
        settings(
            "CELERY_BEAT_SCHEDULE = {}\nCELERY_BEAT_SCHEDULE['a'] = {\n"
            "    'task': 'doctors.tasks.great',  # <-\n    'schedule': 5.0,\n}\n"
        ),
    ),
    Mistake(
        "celery.E170",
        {
            "config/celery.py": APP + "app.conf.beat_schedule.update({'a': {\n"
            "    'task': 'doctors.tasks.great',  # <-\n    'schedule': 5.0,\n}})\n"
        },
    ),
    Mistake(
        "celery.E250",
        settings(
            "NIGHTLY = {\n    'task': 'doctors.tasks.greet',\n    'schedule': 5.0,\n"
            "    'args': ('x', 'y'),  # <-\n}\nCELERY_BEAT_SCHEDULE = {'nightly': NIGHTLY}\n"
        ),
    ),
]
# a mistake that the text does not show, or not for certain
COMPUTED = "EVERY = float('%s')\nWITH = dict([('%s', 'x')])\n"
NIGHTLY = (
    "CELERY_BEAT_SCHEDULE = {\n    'nightly': {  # <-\n        'task': 'doctors.tasks.greet',\n"
    "        'schedule': EVERY,\n        'kwargs': WITH,\n    },\n}\n"
)
IMPORTED = [
    Mistake(
        "celery.E736",
        settings(COMPUTED % ("0", "name") + NIGHTLY),
        settings(COMPUTED % ("5", "name") + NIGHTLY),
    ),
    Mistake("celery.E736", settings(COMPUTED % ("5", "nmae") + NIGHTLY)),
    Mistake(
        "celery.E736",
        settings("WITH = [object()]\n" + NIGHTLY.replace("kwargs", "args").replace("EVERY", "5.0")),
    ),
    Mistake(
        "celery.E736",
        settings("WHEN = [30]\n" + NIGHTLY.replace("EVERY", "WHEN").replace("WITH", "{'name': 1}")),
    ),
    Mistake(
        "celery.W730",
        settings(
            "import datetime\nSOON = dict(expires=datetime.datetime(2030, 1, 1))\n"
            + NIGHTLY.replace("EVERY", "5.0").replace("WITH,", "{'name': 1}, 'options': SOON,")
        ),
    ),
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


def test_what_the_code_shows_is_not_told_again_by_the_import(tmp_path):
    broken = entry(OK_ENTRY + "        'queue': 'slow',\n")
    findings = run_checks(imported_facts_of(make_tree(tmp_path, {**healthy(), **broken}))).findings
    assert [finding.id for finding in findings] == ["celery.E240"]


def test_an_option_that_is_given_twice_is_called_one(tmp_path):
    text = settings("")["config/settings.py"].replace(
        '{"visibility_timeout": 3600}', '{"visibility_timeout": 3600, "visibility_timeout": 7200}'
    )
    root = make_tree(tmp_path, {**healthy(), "config/settings.py": text})
    [found] = [one for one in run_checks(facts_of(root)).findings if one.id == "celery.W731"]
    assert found.message.startswith("'visibility_timeout' is given twice, so the value of line ")
    assert found.hint == "Delete the one that is not meant."
