"""What a finding says to do: the action that fits this project, not a text for all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from celeryize.checks.run_checks import run_checks
from celeryize.model import Finding
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    entry,
    facts_of,
    healthy,
    imported_facts_of,
    settings,
    tasks,
    view,
)

DAYS = "@shared_task\ndef count(days):\n    return days\n"


def found(folder: Path, identifier: str, *files: dict[str, str]) -> list[Finding]:
    """What one check finds in the healthy project with these files."""
    tree = dict(healthy())
    for some in files:
        tree.update(some)
    findings = run_checks(facts_of(make_tree(folder, tree))).findings
    return [finding for finding in findings if finding.id == identifier]


def remedy(folder: Path, identifier: str, *files: dict[str, str]) -> str:
    [one] = found(folder, identifier, *files)
    return one.hint


ASKS = view("def see(request):\n    return greet.delay('x').get()\n")


def test_the_setting_that_ignores_results_is_overruled_by_the_task(tmp_path: Path):
    files = settings("CELERY_TASK_IGNORE_RESULT = True\n")
    assert remedy(tmp_path, "celery.W600", files, ASKS) == (
        "CELERY_TASK_IGNORE_RESULT is on (config/settings.py:30): write "
        "@shared_task(ignore_result=False) for greet."
    )


def test_the_option_that_ignores_results_is_removed(tmp_path: Path):
    body = "@shared_task(ignore_result=True)\ndef silent():\n    return 1\n"
    asks = {
        "doctors/views.py": "from doctors.tasks import silent\n\n\n"
        "def see(request):\n    return silent.delay().get()\n"
    }
    assert remedy(tmp_path, "celery.W600", tasks(body), asks) == (
        "Remove ignore_result=True from silent."
    )


def test_a_view_that_gets_nothing_is_not_said_to_wait(tmp_path: Path):
    files = settings("CELERY_TASK_IGNORE_RESULT = True\n")
    assert found(tmp_path / "ignored", "celery.W402", files, ASKS) == []
    assert len(found(tmp_path / "kept", "celery.W402", ASKS)) == 1


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("'args': (1, 2),\n", "Give it what it takes: count(days)."),
        ("'kwargs': {'day': 3},\n", "Did you mean days?"),
    ],
)
def test_an_entry_is_told_what_its_task_takes(tmp_path: Path, fields: str, expected: str):
    files = entry(f"'task': 'doctors.tasks.count',\n'schedule': 60.0,\n{fields}")
    assert remedy(tmp_path, "celery.E250", tasks(DAYS), files) == expected


def test_a_call_is_told_what_the_task_takes(tmp_path: Path):
    calls = {
        "doctors/views.py": "from doctors.tasks import call, greet\n\n\ndef see(request):\n"
        "    greet.delay('x', 'y')\n    call.delay(doctor=3)\n    greet.apply_async()\n"
        "    call.delay()\n    greet.delay('x', expires=3)\n"
    }
    assert [one.hint for one in found(tmp_path, "celery.E370", calls)] == [
        "Give it what it takes: greet(name).",
        "Did you mean doctor_id?",
        "args=(...) and kwargs={...} hold what it takes: greet(name).",
        "Give it what it takes: call(doctor_id, *, urgent=...).",
        "expires is an option of apply_async().",
    ]


QUEUE = settings("CELERY_TASK_DEFAULT_QUEUE = 'clinic'\n")
SENT = view("def see(request):\n    greet.apply_async(('x',), queue='mail')\n")


def test_a_queue_is_added_to_those_that_a_worker_consumes(tmp_path: Path):
    procfile = {"Procfile": "worker: celery -A config worker\n"}
    assert remedy(tmp_path, "celery.E601", QUEUE, SENT, procfile) == (
        "Add it (Procfile:1): -Q clinic,mail"
    )


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ('["celery", "-A", "config", "worker"]', '"-Q", "clinic,mail" (an item each)'),
        ("celery -A config worker", "-Q clinic,mail"),
        ('["sh", "-c", "celery -A config worker"]', "-Q clinic,mail"),
        (
            "\n      - celery\n      - -Aconfig\n      - worker",
            '"-Q", "clinic,mail" (an item each)',
        ),
    ],
)
def test_an_option_is_written_in_the_form_of_its_command(
    tmp_path: Path, command: str, expected: str
):
    stack = {"compose.yml": f"services:\n  worker:\n    image: shop\n    command: {command}\n"}
    hint = remedy(tmp_path, "celery.E601", QUEUE, SENT, stack)
    assert hint.partition(": ")[2] == expected


def test_an_option_of_an_image_is_written_in_the_form_of_its_instruction(tmp_path: Path):
    files = {
        "compose.yml": "services:\n  worker:\n    build: .\n",
        "Dockerfile": 'FROM python:3.13\nCOPY . .\nCMD ["celery", "-A", "config", "worker"]\n',
    }
    hint = remedy(tmp_path, "celery.E601", QUEUE, SENT, files)
    assert hint == 'Add it (Dockerfile:3): "-Q", "clinic,mail" (an item each)'


def test_a_beat_inside_of_a_worker_goes_where_there_is_another_one(tmp_path: Path):
    worker = "worker: celery -A config worker -B\n"
    both = {"Procfile": worker + "beat: celery -A config beat -s /tmp/schedule\n"}
    elsewhere = {"Procfile": worker, "deploy/Procfile": "beat: celery -A config beat\n"}
    assert remedy(tmp_path / "both", "celery.W260", both) == "Delete -B: Procfile:2 starts Beat."
    for name, files in {"alone": {"Procfile": worker}, "elsewhere": elsewhere}.items():
        hint = remedy(tmp_path / name, "celery.W260", files)
        assert hint == "Delete -B, and start one process of its own: celery -A config beat."


def test_units_of_one_folder_are_deployed_together(tmp_path: Path):
    units = {
        f"deploy/{name}.service": f"[Service]\nExecStart=/app/bin/celery -A config {command}\n"
        for name, command in {"tick": "beat", "work": "worker -B"}.items()
    }
    hint = "Delete -B: deploy/tick.service:2 starts Beat."
    assert remedy(tmp_path / "one", "celery.W260", units) == hint
    other = {**units, "deploy/tick.service": units["deploy/tick.service"].replace("config", "shop")}
    assert remedy(tmp_path / "two", "celery.W260", other).endswith("celery -A config beat.")


def test_of_two_beats_one_is_deleted_and_no_worker(tmp_path: Path):
    beats = {"Procfile": "worker: celery -A config beat -s /a\nbeat: celery -A config beat -s /b\n"}
    assert remedy(tmp_path / "beats", "celery.W842", beats) == (
        "Delete one of the two processes that start Beat: beat or worker."
    )
    workers = {"Procfile": "one: celery -A config worker -B\ntwo: celery -A config worker -B\n"}
    assert remedy(tmp_path / "workers", "celery.W842", workers) == (
        "Delete -B here and in one (Procfile:1), and start one process for both: "
        "celery -A config beat."
    )


INNER = {f"backend/{name}": text for name, text in healthy().items() if name != "requirements.txt"}


def inner_remedy(folder: Path, identifier: str, procfile: str) -> list[str]:
    """What a check says of a Procfile above the folder of manage.py."""
    tree = {**INNER, "requirements.txt": healthy()["requirements.txt"], "Procfile": procfile}
    findings = run_checks(facts_of(make_tree(folder, tree))).findings
    return [finding.hint for finding in findings if finding.id == identifier]


def test_a_worker_that_starts_above_manage_py_is_told_the_line_that_works(tmp_path: Path):
    line = "worker: celery -A config worker\n"
    assert inner_remedy(tmp_path, "celery.E970", line) == [
        "Write celery --workdir backend -A config worker."
    ]


def test_a_wrong_app_is_told_the_folder_too(tmp_path: Path):
    line = "worker: celery -A doctors worker\n"
    assert inner_remedy(tmp_path / "one", "celery.E812", line) == [
        "Write --workdir backend -A config."
    ]
    for wrong in ("confg", "backend/config"):
        assert inner_remedy(
            tmp_path / wrong, "celery.E110", f"worker: celery -A {wrong} worker\n"
        ) == ["Write --workdir backend -A config."]
    inside = "worker: celery -A doctors --workdir backend worker\n"
    assert inner_remedy(tmp_path / "two", "celery.E812", inside) == ["Write -A config."]
    right = "worker: celery --workdir backend -A config worker\n"
    for identifier in ("celery.E812", "celery.E970"):
        assert inner_remedy(tmp_path / identifier, identifier, right) == []


def circle(services: str) -> dict[str, str]:
    """Tasks that import a module which imports them."""
    return {
        "doctors/services.py": services,
        "doctors/tasks.py": "from doctors.services import billed\n" + healthy()["doctors/tasks.py"],
    }


def circular_remedy(folder: Path, services: str) -> str:
    tree = {**healthy(), **circle(services)}
    findings = run_checks(imported_facts_of(make_tree(folder, tree))).findings
    [one] = [finding for finding in findings if finding.id == "celery.E030"]
    return one.hint


def test_the_import_of_a_circle_is_named_with_the_function_that_it_goes_to(tmp_path: Path):
    services = "from doctors.tasks import greet\n\n\ndef billed():\n    return greet.delay('x')\n"
    assert circular_remedy(tmp_path, services) == (
        "Move `from doctors.tasks import greet` (doctors/services.py:1) into billed()."
    )


def test_an_import_that_its_module_needs_at_once_stays(tmp_path: Path):
    services = (
        "from doctors.tasks import greet\n\nNAME = greet.name\n\n\ndef billed():\n    return NAME\n"
    )
    assert "(doctors/tasks.py:1) into the function that uses it" in circular_remedy(
        tmp_path, services
    )


CHORD = (
    "from celery import chord\nfrom doctors.tasks import call, greet\n\n\n"
    "def see(request):\n    chord([greet.s('x')])(call.si(1))\n"
)


def test_a_chord_is_told_a_backend_that_has_chords(tmp_path: Path):
    files = settings("CELERY_RESULT_BACKEND = 'rpc://'\n", instead="CELERY_RESULT_B")
    hint = remedy(tmp_path, "celery.E500", files, {"doctors/views.py": CHORD})
    assert hint.startswith("Set CELERY_RESULT_BACKEND (config/settings.py:29) to redis://")


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("hour='8-25'", "Write 0 to 23: midnight is 0."),
        ("minute=60", "Write 0 to 59: the full hour is 0."),
        ("day_of_week=7", "Write 0 to 6: Sunday is 0."),
        ("month_of_year=13", "Write 1 to 12."),
        ("day_of_month=31, month_of_year=2", "Write a day up to 29, or leave day_of_month out"),
    ],
)
def test_a_crontab_is_told_the_numbers_of_its_field(tmp_path: Path, field: str, expected: str):
    files = entry(
        f"'task': 'doctors.tasks.greet',\n'args': ('x',),\n'schedule': crontab({field}),\n"
    )
    assert remedy(tmp_path, "celery.E230", files).startswith(expected)


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        ("Europe/Berln", "Did you mean Europe/Berlin?"),
        ("Berlin", "Did you mean Europe/Berlin?"),
        ("america/new york", "Did you mean America/New_York?"),
        ("CEST", "CEST is an abbreviation, and no zone. Write one of its places, such as "),
        ("Nowhere at all", "Write a name of the time zone database, such as Europe/Paris."),
    ],
)
def test_an_unknown_time_zone_is_told_the_one_that_is_near(
    tmp_path: Path, zone: str, expected: str
):
    files = settings(f"CELERY_TIMEZONE = {zone!r}\n", instead="CELERY_TIMEZONE")
    assert remedy(tmp_path, "celery.E301", files).startswith(expected)


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [("shelves: list[str]", "Write (['fiction'],)."), ("shelf: str", "Write ('fiction',).")],
)
def test_one_text_for_a_list_becomes_a_list_in_a_tuple(
    tmp_path: Path, parameter: str, expected: str
):
    body = f"@shared_task\ndef sort({parameter}):\n    return 1\n"
    sends = {
        "doctors/views.py": "from doctors.tasks import sort\n\n\n"
        "def see(request):\n    sort.apply_async(('fiction'))\n"
    }
    assert remedy(tmp_path, "celery.E372", tasks(body), sends) == expected


@pytest.mark.parametrize(
    ("identifier", "lines", "instead", "hint"),
    [
        (
            "E160",
            "CELERY_BROKER_URL = 'redis:/h:6379/0'",
            "CELERY_BROKER_U",
            "Write redis://h:6379/0.",
        ),
        ("E160", "CELERY_BROKER_URL = 'redis//h/0'", "CELERY_BROKER_U", "Write redis://h/0."),
        ("E160", "CELERY_BROKER_URL = 'h:6379'", "CELERY_BROKER_U", "Write redis://h:6379."),
        ("E160", "CELERY_BROKER_URL = 'h:5672'", "CELERY_BROKER_U", "Write amqp://h:5672."),
        # a password stays where it is
        ("E160", "CELERY_BROKER_URL = 'redis:/:p@h'", "CELERY_BROKER_U", "Begin it with redis://."),
        (
            "E160",
            "CELERY_BROKER_URL = 'redis://h/first'",
            "CELERY_BROKER_U",
            "End it with the number, as in redis://localhost:6379/0.",
        ),
        ("E160", "CELERY_BROKER_URL = ' redis://h/0'", "CELERY_BROKER_U", "Remove the space."),
        (
            "E461",
            "CELERY_TASK_SOFT_TIME_LIMIT = 400",
            "CELERY_TASK_SOFT",
            "Write CELERY_TASK_SOFT_TIME_LIMIT = 270, or raise CELERY_TASK_TIME_LIMIT "
            "(config/settings.py:27).",
        ),
        (
            "E291",
            "CELERY_BEAT_SCHEDULER = 'django_celery_beat.schedulers:DatabaseScheduler'",
            "-",
            "Add django-celery-beat to requirements.txt, ",
        ),
    ],
)
def test_what_to_write_is_written_out(tmp_path: Path, identifier, lines, instead, hint):
    said = remedy(tmp_path, f"celery.{identifier}", settings(f"{lines}\n", instead=instead))
    assert said.startswith(hint)
    assert "p@h" not in said


def test_a_result_backend_is_named_that_fits_the_broker(tmp_path: Path):
    none = settings("", instead="CELERY_RESULT_B")
    fits = remedy(tmp_path / "redis", "celery.E380", none, ASKS)
    assert fits == 'Set CELERY_RESULT_BACKEND = "redis://localhost:6379/0".'
    text = none["config/settings.py"].replace("redis://localhost", "amqp://localhost")
    other = remedy(tmp_path / "rabbit", "celery.E380", {"config/settings.py": text}, ASKS)
    assert "django-celery-results" in other


def test_a_command_line_in_the_old_order_is_written_in_the_new_one(tmp_path: Path):
    for line in ("celery worker -A config", "celery worker --app=config -l INFO"):
        hint = remedy(
            tmp_path / line[-4:].strip(), "celery.E111", {"Procfile": f"worker: {line}\n"}
        )
        assert hint == "Write celery -A config worker, then the rest."


def test_a_misspelt_key_of_an_entry_is_one_finding(tmp_path: Path):
    fields = (
        "        'taks': 'doctors.tasks.greet',\n        'shedule': 60,\n        'args': ('x',),\n"
    )
    hints = [one.hint for one in found(tmp_path / "both", "celery.E240", entry(fields))]
    assert hints == ["Did you mean task?", "Did you mean schedule?"]
    [lacking] = found(tmp_path / "none", "celery.E240", entry("        'schedule': 60,\n"))
    assert lacking.message == "the entry 'nightly' has no task"
    assert lacking.hint.startswith('Add "task": and the full name')


IMPORTING = "from {} as celery_app\n\n__all__ = ('celery_app',)\n"


@pytest.mark.parametrize(
    ("files", "hint"),
    [
        (
            settings("X = timedelta(seconds=3)\n"),
            "Add `from datetime import timedelta` at the top of the file.",
        ),
        (
            settings("X = crontab(minute=0)\n"),
            "Add `from celery.schedules import crontab` at the top of the file.",
        ),
        (
            {"config/__init__.py": IMPORTING.format(".celery import application")},
            "config/celery.py calls it app: write `from config.celery import app as application`.",
        ),
        (
            {"config/__init__.py": IMPORTING.format(".celry import app")},
            "The project has no module config.celry. Did you mean config.celery?",
        ),
        (
            {"doctors/tasks.py": "from celery import task\n\n\n@task\ndef f():\n    pass\n"},
            "Write shared_task in place of task, here and where it is used.",
        ),
        (
            {
                "doctors/mail.py": "def send_mails():\n    pass\n",
                **tasks("from doctors.mail import send_mail\n"),
            },
            "doctors/mail.py calls it send_mails: "
            "write `from doctors.mail import send_mails as send_mail`.",
        ),
        # what it is, nobody knows
        (settings("X = unheard_of\n"), ""),
        (tasks("from doctors.models import nothing_like_it\n"), ""),
    ],
)
def test_one_finding_says_which_import_is_meant(tmp_path: Path, files: dict[str, str], hint: str):
    facts = imported_facts_of(make_tree(tmp_path, {**healthy(), **files}))
    [one] = run_checks(facts).findings
    assert one.id in {"celery.E001", "celery.E030"}
    assert one.hint == hint


def test_an_app_with_tasks_is_installed_rather_than_moved(tmp_path: Path):
    body = "from celery import shared_task\n\n\n@shared_task\ndef f():\n    pass\n"
    files = {"shop/__init__.py": "", "shop/tasks.py": body, "shop/jobs/__init__.py": ""}
    files |= {"shop/jobs/more.py": body.replace("def f", "def g")}
    facts = imported_facts_of(make_tree(tmp_path, {**healthy(), **files}))
    hints = {str(one.where): one.hint for one in run_checks(facts).findings}
    assert (
        hints["shop/tasks.py:5"]
        == 'Add "shop" to INSTALLED_APPS, or "shop.tasks" to CELERY_IMPORTS.'
    )
    assert hints["shop/jobs/more.py:5"].startswith(
        "Move it into the tasks module of an app, or add"
    )


COMPOSED = {
    "Dockerfile": "FROM python:3.13\nWORKDIR /app\nCOPY manage.py .\nCOPY config config\n",
    "compose.yaml": "services:\n  worker:\n    build: .\n    command: celery -A config worker\n",
}
SHOP = {
    "shop/__init__.py": "",
    "shop/apps.py": "from django.apps import AppConfig\n\n\nclass Shop(AppConfig):\n    name = 'shop'\n",
    "shop/tasks.py": "from celery import shared_task\n\n\n@shared_task\ndef pack():\n    pass\n",
    **settings("INSTALLED_APPS += ['shop']\n"),
}


def test_all_that_no_copy_brings_is_one_finding(tmp_path: Path):
    [one] = found(tmp_path / "broken", "celery.E934", COMPOSED, SHOP)
    assert one.message == (
        "the image of worker lacks doctors/tasks.py (the task greet) and shop/tasks.py (the task "
        "pack): no COPY brings them"
    )
    assert one.hint == "Copy them, too: COPY doctors doctors and COPY shop shop."
    copied = COMPOSED["Dockerfile"] + "COPY doctors doctors\nCOPY shop shop\n"
    assert found(tmp_path / "mended", "celery.E934", COMPOSED, SHOP, {"Dockerfile": copied}) == []


def test_all_that_one_pattern_keeps_out_is_one_finding(tmp_path: Path):
    files = {**COMPOSED, **SHOP, "Dockerfile": "FROM python:3.13\nCOPY . .\n"}
    [one] = found(tmp_path / "broken", "celery.E934", files, {".dockerignore": "**/tasks.py\n"})
    assert one.hint == (
        "Remove the pattern, or add behind it: !doctors/tasks.py and !shop/tasks.py"
    )
    mended = {".dockerignore": "**/tasks.py\n!doctors/tasks.py\n!shop/tasks.py\n"}
    assert found(tmp_path / "mended", "celery.E934", files, mended) == []


SOFT = settings("CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 20\n")
REMAP = "    environment: {REMAP_SIGTERM: SIGQUIT}\n"


def ids_of(folder: Path, *files: dict[str, str]) -> set[str]:
    tree = dict(healthy())
    for some in files:
        tree.update(some)
    return {one.id for one in run_checks(facts_of(make_tree(folder, tree))).findings}


def test_a_soft_shutdown_that_is_never_used_gets_its_grace_at_once(tmp_path: Path):
    files = {**COMPOSED, "Dockerfile": "FROM python:3.13\nCOPY . .\n"}
    hint = remedy(tmp_path / "broken", "celery.W800", files, SOFT)
    assert "REMAP_SIGTERM=SIGQUIT" in hint
    assert "and raise stop_grace_period (10 s) above 20 s." in hint
    # the one without the other is the next finding
    half = {"compose.yaml": COMPOSED["compose.yaml"] + REMAP}
    assert "celery.W801" in ids_of(tmp_path / "half", files, SOFT, half)
    whole = {"compose.yaml": half["compose.yaml"] + "    stop_grace_period: 30s\n"}
    assert not {"celery.W800", "celery.W801"} & ids_of(tmp_path / "whole", files, SOFT, whole)


def test_a_short_grace_names_the_timeout_that_the_variable_needs(tmp_path: Path):
    files = {**COMPOSED, "Dockerfile": "FROM python:3.13\nCOPY . .\n"}
    hint = remedy(tmp_path / "broken", "celery.I805", files)
    assert "and set CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT below that grace" in hint
    half = {"compose.yaml": COMPOSED["compose.yaml"] + REMAP + "    stop_grace_period: 60s\n"}
    assert "celery.W803" in ids_of(tmp_path / "half", files, half)
    assert not {"celery.I805", "celery.W803"} & ids_of(tmp_path / "whole", files, half, SOFT)


def test_the_time_that_heroku_gives_is_not_to_be_raised(tmp_path: Path):
    long = settings("CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 40\n")
    remapped = {"Procfile": "worker: REMAP_SIGTERM=SIGQUIT celery -A config worker\n"}
    hint = remedy(tmp_path, "celery.W801", long, remapped, {"app.json": "{}"})
    assert hint == "Lower the timeout below 30 s, which is all that Heroku gives."


def test_the_library_of_a_pool_is_one_extra_more(tmp_path: Path):
    pool = {"Procfile": "worker: celery -A config worker -P gevent\n"}
    hint = remedy(tmp_path / "more", "celery.W158", pool)
    assert hint == "Write celery[redis,gevent]>=5.4 in requirements.txt:2."


def test_a_certificate_that_is_not_checked_is_said_once(tmp_path: Path):
    files = settings("CELERY_RESULT_BACKEND = 'rediss://h:6379/0'\n", instead="CELERY_RESULT_B")
    facts = imported_facts_of(make_tree(tmp_path, {**healthy(), **files}))
    assert [one.id for one in run_checks(facts).findings] == ["celery.E542"]


LOOP = (
    "def f(names):\n    for name in names:\n"
    "        transaction.on_commit(lambda: greet.delay(name, *names, **{'a': 1}))\n"
)


@pytest.mark.parametrize(
    ("identifier", "files", "expected"),
    [
        (
            "celery.W570",
            view(LOOP),
            "Write functools.partial(greet.delay, name, *names, **{'a': 1}) in place of the lambda.",
        ),
        (
            "celery.E571",
            view("def f():\n    transaction.on_commit(greet.delay('x'))\n"),
            "Write lambda: greet.delay('x').",
        ),
        (
            "celery.E606",
            view("async def f(request):\n    await greet.delay('x')\n"),
            "Write it without await, or wrap the method: await sync_to_async(greet.delay)(...).",
        ),
        (
            "celery.W550",
            view("def f():\n    greet.s('x') | call.s()\n"),
            "Write (greet.s('x') | call.s()).delay().",
        ),
        (
            "celery.W552",
            tasks("@shared_task\ndef f(pk):\n    return greet.s(pk)\n"),
            "Send it with .delay(); or give f bind=True and a first parameter self, and return "
            "self.replace(...).",
        ),
        (
            "celery.W552",
            tasks("@shared_task(bind=True)\ndef f(task, pk):\n    return greet.s(pk)\n"),
            "Send it with .delay(), or return task.replace(...).",
        ),
        (
            "celery.E690",
            settings(
                "CELERY_BROKER_TRANSPORT_OPTIONS = {'visibility_timeout': '3600'}\n",
                instead="CELERY_BROKER_TR",
            ),
            "Write 3600 without quotes.",
        ),
    ],
)
def test_a_remedy_has_the_words_of_the_project(tmp_path: Path, identifier, files, expected):
    assert remedy(tmp_path, identifier, files) == expected
