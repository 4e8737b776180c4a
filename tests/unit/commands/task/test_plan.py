"""add-task: what the command line asks for becomes one right function in the right module, or a refusal."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from celeryize.commands.task.plan import Request, plan
from celeryize.detect.project import load_project
from celeryize.errors import CannotPatch, CeleryizeError, NoCelery, UsageError
from celeryize.ui.machine import lines_of
from tests import commands
from tests.conftest import Run, make_tree, small_project, snapshot
from tests.views import Recorder

EXAMPLE = ("doctors.send_welcome_email", "doctor_id:str")


@pytest.fixture
def wired(project: Path) -> Path:
    """The small project with Celery."""
    commands.init(project, Recorder(), flags={"broker": "filesystem"}, yes=True, no_verify=True)
    return project


def add(folder: Path, target: str, *parameters: str, **options: object):
    request = Request(target, parameters, **options)
    return commands.add_task(folder, Recorder(), request, yes=True, no_verify=True)


def tasks(folder: Path) -> str:
    return (folder / "doctors/tasks.py").read_text()


def head(text: str, name: str = "send_welcome_email") -> str:
    node = next(
        n for n in ast.parse(text).body if isinstance(n, ast.FunctionDef) and n.name == name
    )
    return (
        "\n".join(f"@{ast.unparse(d)}" for d in node.decorator_list)
        + f"\ndef {name}({ast.unparse(node.args)})"
    )


def test_the_first_example_is_the_tutorials_task(wired):
    add(
        wired,
        *EXAMPLE,
        bind=True,
        max_retries=3,
        default_retry_delay=60,
        kind="email",
        model="doctors.Doctor",
    )
    text = tasks(wired)
    assert head(text) == (
        "@shared_task(bind=True, max_retries=3, default_retry_delay=60)\n"
        "def send_welcome_email(self, doctor_id: str)"
    )
    assert text.startswith(
        "import smtplib\n\nfrom celery import shared_task\n"
        "from django.core.mail import send_mail\n\nfrom .models import Doctor\n\n\n"
    )
    assert "Doctor.objects.get(pk=doctor_id)" in text
    assert "raise self.retry(exc=exc)" in text


def test_the_second_example_retries_with_backoff(wired):
    make_tree(wired, {"requirements.txt": "django\nrequests\n"})
    add(
        wired,
        "doctors.import_prices",
        "url:str",
        "batch:int=500",
        retry_on=("requests.RequestException",),
        backoff=True,
        time_limit=300,
    )
    assert head(tasks(wired), "import_prices") == (
        "@shared_task(autoretry_for=(requests.RequestException,), retry_backoff=True, time_limit=300)\n"
        "def import_prices(url: str, batch: int=500)"
    )
    assert tasks(wired).startswith("import requests\nfrom celery import shared_task\n")


@pytest.mark.parametrize(
    ("options", "decorator"),
    [
        ({}, "@shared_task"),
        ({"queue": "mail", "priority": 3}, "@shared_task(queue='mail', priority=3)"),
        (
            {"name": "mail.send", "ignore_result": True},
            "@shared_task(name='mail.send', ignore_result=True)",
        ),
        (
            {"acks_late": False, "rate_limit": "10/m"},
            "@shared_task(rate_limit='10/m', acks_late=False)",
        ),
        (
            {"soft_time_limit": 5, "time_limit": 5, "expires": 9},
            "@shared_task(time_limit=5, soft_time_limit=5, expires=9)",
        ),
        (
            {
                "retry_on": ("ConnectionError", "smtplib.SMTPException"),
                "backoff": True,
                "backoff_max": 60,
                "jitter": False,
            },
            "@shared_task(autoretry_for=(ConnectionError, smtplib.SMTPException), retry_backoff=True, "
            "retry_backoff_max=60, retry_jitter=False)",
        ),
    ],
)
def test_options_become_keyword_arguments_of_the_decorator(wired, options, decorator):
    add(wired, *EXAMPLE, **options)
    assert head(tasks(wired)).splitlines()[0] == decorator


def test_a_hard_limit_below_the_soft_one_of_the_settings_brings_its_own(wired):
    """CELERY_TASK_SOFT_TIME_LIMIT is 270: .delay() would raise ValueError."""
    add(wired, *EXAMPLE, time_limit=100)
    assert head(tasks(wired)).startswith("@shared_task(time_limit=100, soft_time_limit=90)")
    add(wired, "doctors.other", time_limit=300)
    assert head(tasks(wired), "other").startswith("@shared_task(time_limit=300)")
    with pytest.raises(UsageError, match="300 seconds"):
        add(wired, "doctors.third", soft_time_limit=400)


def test_twice_is_the_same_as_once_and_the_users_body_stays(wired):
    add(wired, *EXAMPLE, bind=True)
    (wired / "doctors/tasks.py").write_text(
        tasks(wired).replace("pass  # The work", "print(doctor_id)  # Mine")
    )
    before = snapshot(wired)
    assert add(wired, *EXAMPLE, bind=True).result.outcome == "nothing to do"
    assert snapshot(wired) == before


def test_another_signature_under_the_same_name_is_refused_with_the_difference(wired):
    add(wired, *EXAMPLE)
    before = snapshot(wired)
    with pytest.raises(CannotPatch) as caught:
        add(wired, "doctors.send_welcome_email", "doctor_id:int")
    assert "-def send_welcome_email(doctor_id: str)" in caught.value.snippet
    assert "+def send_welcome_email(doctor_id: int)" in caught.value.snippet
    assert snapshot(wired) == before


@pytest.mark.parametrize(
    "existing",
    [
        "from celery import shared_task\n\n\n@shared_task\ndef old():\n    pass\n",
        "from celery import (\n    shared_task,\n)\n",
        '"""Tasks."""\nfrom celery import chain, shared_task  # both\n',
        "from typing import TYPE_CHECKING\n\nfrom celery import shared_task\n\n"
        "if TYPE_CHECKING:\n    from .models import Doctor\n",
        "# Create your tasks here\n",
        "from celery import shared_task\r\n\r\n@shared_task\r\ndef old():\r\n    pass",
    ],
)
def test_what_is_there_stays_and_imports_are_not_repeated(wired, existing):
    (wired / "doctors/tasks.py").write_bytes(existing.encode())
    add(wired, *EXAMPLE, kind="email", model="Doctor")
    data = (wired / "doctors/tasks.py").read_bytes().decode()
    ast.parse(data)
    assert data.count("shared_task\n") + data.count("shared_task\r\n") <= 3
    imported = [
        a.name for n in ast.parse(data).body if isinstance(n, ast.ImportFrom) for a in n.names
    ]
    assert (
        imported.count("shared_task") == 1
        and imported.count("Doctor") == 1
        and imported.count("send_mail") == 1
    )
    assert ("\r\n" in existing) == ("\r\n" in data)
    if "\r\n" in existing:
        assert data.count("\n") == data.count("\r\n")


def test_an_alias_of_shared_task_is_used(wired):
    make_tree(wired, {"doctors/tasks.py": "from celery import shared_task as task\n"})
    add(wired, *EXAMPLE, bind=True)
    assert head(tasks(wired)).startswith("@task(bind=True)")


def test_a_module_that_imports_celery_itself_spells_the_decorator_so(wired):
    make_tree(wired, {"doctors/tasks.py": "import celery\n"})
    add(wired, *EXAMPLE, bind=True)
    assert head(tasks(wired)).startswith("@celery.shared_task(bind=True)")
    assert "from celery" not in tasks(wired)


def test_the_decorator_of_another_queue_is_no_habit(wired):
    make_tree(
        wired,
        {"doctors/tasks.py": "from config.queue import huey\n\n\n@huey.task\ndef old(): ...\n"},
    )
    add(wired, *EXAMPLE)
    assert head(tasks(wired)).startswith("@shared_task\n")


def test_a_long_signature_is_broken_as_formatters_break_it(wired):
    names = ("first_parameter:str", "second_parameter:str", "third_parameter:int=5")
    add(wired, "doctors.work_with_many_things", *names)
    assert (
        "def work_with_many_things(\n    first_parameter: str,\n    second_parameter: str,\n"
        "    third_parameter: int = 5,\n) -> None:\n" in tasks(wired)
    )


MODELS = """from django.db import models
from .base import Stamped


class Keyed(models.Model):
    id = models.UUIDField(primary_key=True)

    class Meta:
        abstract = True


class Nurse(Keyed, Stamped):
    ward = models.IntegerField()


class Visit(Stamped):
    nurse = models.ForeignKey(Nurse, on_delete=models.CASCADE)
"""
BASE = """from django.db import models


class Stamped(models.Model):
    made = models.DateTimeField(auto_now_add=True)
    mail = models.EmailField()

    class Meta:
        abstract = True
"""


@pytest.mark.parametrize(
    ("model", "signature", "imported"),
    [
        ("Nurse", "nurse_id: str", "from .models.nurse import Nurse"),
        ("Visit", "visit_id: int", "Visit"),
    ],
)
def test_the_key_of_a_model_may_come_from_a_base_in_another_file(wired, model, signature, imported):
    (wired / "doctors/models.py").unlink()
    make_tree(
        wired,
        {
            "doctors/models/__init__.py": "",
            "doctors/models/nurse.py": MODELS,
            "doctors/models/base.py": BASE,
        },
    )
    add(wired, "doctors.greet", kind="email", model=model, test=True)
    assert f"def greet({signature}) -> None:" in tasks(wired)
    assert imported in tasks(wired) and ".mail]" in tasks(wired)
    test = (wired / "doctors/tests.py").read_text()
    assert "Nurse.objects.create(" in test
    assert (f"row = {model}.objects.create(") in test


def test_models_that_import_the_tasks_are_imported_inside(wired):
    models = wired / "doctors/models.py"
    models.write_text(f"from . import tasks\n{models.read_text()}")
    add(wired, "doctors.work", kind="batch", model="Doctor")
    assert tasks(wired).count("    from .models import Doctor\n") == 2
    assert "\nfrom .models" not in tasks(wired)


@pytest.mark.parametrize(
    ("parameters", "options", "call"),
    [
        (("doctor_id:str",), {}, ("send.delay_on_commit(str(doctor.pk))",)),
        (("doctor_id:int",), {}, ("send.delay_on_commit(doctor.pk)",)),
        (("patient_id:int",), {}, ("send.delay(patient_id)",)),
        (("url:str", "batch:int=500"), {}, ("send.delay(url)",)),
        ((), {"kind": "batch", "model": "Doctor"}, ("send.delay_on_commit()",)),
    ],
)
def test_the_call_to_paste_fits_the_signature(wired, monkeypatch, parameters, options, call):
    monkeypatch.chdir(wired)
    steps = add(wired, "doctors.send", *parameters, **options).next_steps
    first, *lines, last = lines_of(steps)
    assert first == "from doctors.tasks import send"
    assert tuple(lines) == call
    assert last.startswith("celery -A config worker")


def test_the_call_waits_for_the_commit_where_tasks_have_a_class_of_their_own(wired, monkeypatch):
    monkeypatch.chdir(wired)
    app = wired / "config/celery.py"
    app.write_text(
        app.read_text().replace(
            'Celery("config")', 'Celery("config", task_cls="doctors.base:Task")'
        )
    )
    assert tuple(lines_of(add(wired, "doctors.send", "doctor_id:int").next_steps))[1:-1] == (
        "from django.db import transaction",
        "transaction.on_commit(lambda: send.delay(doctor.pk))",
    )


def test_a_queue_that_a_plain_worker_does_not_consume_is_said(wired):
    view = Recorder()
    request = Request("doctors.x", queue="mail", test=False)
    commands.add_task(wired, view, request, yes=True, no_verify=True)
    assert view.plans[0].notes == (
        "A worker consumes the queue mail only if it is started with -Q celery,mail.",
    )


def test_a_queue_beside_the_declared_ones_is_refused(wired):
    settings = wired / "config/settings.py"
    text = settings.read_text() + 'CELERY_TASK_QUEUES = (Queue("celery"), Queue("mails"))\n'
    settings.write_text("from kombu import Queue\n" + text)
    with pytest.raises(UsageError, match="mail") as caught:
        add(wired, "doctors.x", queue="mail")
    assert "mails" in caught.value.hint
    add(wired, "doctors.x", queue="mails")


def test_a_name_that_another_task_has_is_refused(wired):
    add(wired, "doctors.first", name="mail")
    with pytest.raises(UsageError, match=r"doctors/tasks.py:\d+ registers a task as mail"):
        add(wired, "doctors.second", name="mail")
    assert add(wired, "doctors.first", name="mail").result.outcome == "nothing to do"


def test_a_model_without_an_address_is_not_mailed(wired):
    make_tree(
        wired,
        {
            "doctors/models.py": "from django.db import models\n\n\nclass Room(models.Model):\n    ...\n"
        },
    )
    with pytest.raises(UsageError, match="no EmailField"):
        add(wired, "doctors.x", kind="email", model="Room")


@pytest.mark.parametrize(
    ("tests", "written"), [("# Create your tests here.\n", False), ("def test(): ...\n", True)]
)
def test_a_test_is_written_by_default_where_the_app_has_tests(wired, tests, written):
    make_tree(wired, {"doctors/tests.py": tests})
    add(wired, "doctors.x")
    assert ("class XTests(TestCase)" in (wired / "doctors/tests.py").read_text()) == written


def test_pytest_is_used_where_it_knows_the_settings(wired):
    make_tree(
        wired,
        {
            "pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = config.settings\n",
            "doctors/tests/__init__.py": "",
        },
    )
    add(wired, "doctors.x", test=True)
    text = (wired / "doctors/tests/test_x.py").read_text()
    assert "@pytest.mark.django_db\ndef test_x_runs() -> None:\n    x()\n" in text
    assert "from doctors.tasks import x\n" in text


SIGNALS = """from django.db.models.signals import post_save
from django.dispatch import receiver

from .models import Doctor
from .tasks import send_welcome_email


@receiver(post_save, sender=Doctor)
def send_welcome_email_on_post_save(sender, instance, created, raw, **kwargs):
    \"\"\"Send welcome email, once the transaction is committed.\"\"\"
    # New rows only, and none that loaddata brings in.
    if raw or not created:
        return
    send_welcome_email.delay_on_commit(str(instance.pk))
"""


def test_a_trigger_is_a_receiver_that_the_app_connects(wired):
    add(wired, *EXAMPLE, trigger="post_save:doctors.Doctor")
    assert (wired / "doctors/signals.py").read_text() == SIGNALS
    assert (
        "    def ready(self):\n        from . import signals"
        in (wired / "doctors/apps.py").read_text()
    )
    before = snapshot(wired)
    assert (
        add(wired, *EXAMPLE, trigger="post_save:doctors.Doctor").result.outcome == "nothing to do"
    )
    assert snapshot(wired) == before


@pytest.mark.parametrize(
    ("parameters", "trigger", "words"),
    [
        (("doctor_id:str",), "Doctor", "SIGNAL:APP.MODEL"),
        (("doctor_id:str",), "pre_save:Doctor", "post_save or post_delete"),
        (("doctor_id:str",), "post_save:Docter", "Did you mean Doctor"),
        (("doctor_id:str", "text:str"), "post_save:Doctor", "only passes the instance, so text"),
    ],
)
def test_a_trigger_that_cannot_be_meant_is_refused(wired, parameters, trigger, words):
    before = snapshot(wired)
    with pytest.raises(UsageError) as caught:
        add(wired, "doctors.x", *parameters, trigger=trigger)
    assert words in f"{caught.value.message} {caught.value.hint}"
    assert snapshot(wired) == before


def test_a_package_of_signals_is_left_to_its_author(wired):
    make_tree(wired, {"doctors/signals/__init__.py": ""})
    with pytest.raises(CannotPatch, match="is a package") as caught:
        add(wired, *EXAMPLE, trigger="post_save:Doctor")
    assert "@receiver(post_save, sender=Doctor)" in caught.value.snippet


def test_a_project_of_app_task_is_followed_unless_told_otherwise(wired):
    existing = "from config.celery import app\n\n\n@app.task\ndef old():\n    pass\n"
    make_tree(wired, {"doctors/tasks.py": existing})
    add(wired, *EXAMPLE)
    assert head(tasks(wired)).startswith("@app.task")
    add(wired, "doctors.other", decorator="shared_task")
    assert head(tasks(wired), "other").startswith("@shared_task")


def test_the_app_has_the_name_that_the_module_gave_it(wired):
    line = "from config.celery import app as celery_app\n"
    make_tree(wired, {"doctors/tasks.py": f"{line}\n\n@celery_app.task\ndef old():\n    pass\n"})
    add(wired, *EXAMPLE)
    assert head(tasks(wired)).startswith("@celery_app.task")
    assert tasks(wired).startswith(line)


def test_a_tasks_package_gets_a_module_and_the_re_export(wired):
    make_tree(
        wired,
        {
            "doctors/tasks/__init__.py": "from .old import old\n",
            "doctors/tasks/old.py": "def old(): ...\n",
        },
    )
    add(wired, *EXAMPLE)
    assert (wired / "doctors/tasks/send_welcome_email.py").is_file()
    assert not (wired / "doctors/tasks.py").exists()
    assert (
        "from .send_welcome_email import send_welcome_email\n"
        in (wired / "doctors/tasks/__init__.py").read_text()
    )


def test_tasks_in_the_package_itself_stay_together(wired):
    make_tree(
        wired,
        {
            "doctors/tasks/__init__.py": "from celery import shared_task\n\n\n@shared_task\ndef old(): ...\n"
        },
    )
    add(wired, *EXAMPLE)
    assert "def send_welcome_email" in (wired / "doctors/tasks/__init__.py").read_text()


def test_a_tasks_folder_without_init_is_refused(wired):
    make_tree(wired, {"doctors/tasks/old.py": ""})
    with pytest.raises(CannotPatch, match="__init__"):
        add(wired, *EXAMPLE)


def test_the_module_that_the_project_discovers_is_used(wired):
    app = wired / "config/celery.py"
    app.write_text(
        app.read_text().replace("autodiscover_tasks()", 'autodiscover_tasks(related_name="jobs")')
    )
    add(wired, *EXAMPLE)
    assert (wired / "doctors/jobs.py").is_file()


def test_an_app_that_is_not_installed_is_installed_in_the_same_plan(wired):
    make_tree(wired, {"shop/__init__.py": "", "shop/models.py": ""})
    add(wired, "shop.count")
    assert '    "shop",\n' in (wired / "config/settings.py").read_text()


def test_another_queues_module_is_said(wired):
    make_tree(wired, {"doctors/tasks.py": "from django_q.tasks import async_task\n"})
    view = Recorder()
    commands.add_task(wired, view, Request("doctors.x"), yes=True, no_verify=True)
    assert "django-q" in view.plans[0].notes[0]


@pytest.mark.parametrize(
    ("target", "parameters", "options", "words"),
    [
        ("doctor.x", (), {}, "Did you mean doctors"),
        ("x", (), {}, "APP.TASK"),
        ("doctors.class", (), {}, "task's name"),
        ("doctors.x", ("doctor:Doctor",), {}, "primary key"),
        ("doctors.x", ("ids:set[int]",), {}, "a list"),
        ("doctors.x", ("wait:timedelta",), {}, "seconds"),
        ("doctors.x", ("a b:str",), {}, "a parameter"),
        ("doctors.x", ("a",), {}, "a:str"),
        ("doctors.x", ("a:list=[]",), {}, "=None"),
        ("doctors.x", ("a:int=x",), {}, "not a valid int"),
        ("doctors.x", ("a:int=1", "b:int"), {}, "front"),
        ("doctors.x", ("a:int", "a:int"), {}, "one name"),
        ("doctors.x", ("a:__import__('os').system('x')",), {}, "JSON"),
        ("doctors.x", (), {"max_retries": 3}, "--retry-on"),
        ("doctors.x", (), {"backoff": True}, "--retry-on"),
        ("doctors.x", (), {"soft_time_limit": 9, "time_limit": 3}, "shorter"),
        ("doctors.x", (), {"rate_limit": "10/x"}, "10/m"),
        ("doctors.x", (), {"priority": 300}, "0 to 9"),
        ("doctors.x", (), {"time_limit": 0}, "1 or more"),
        ("doctors.x", (), {"retry_on": ("ConectionError",)}, "no exception"),
        ("doctors.x", (), {"retry_on": ("os.system('x')",)}, "not an exception class"),
        ("doctors.x", (), {"kind": "carrier"}, "plain, model"),
        ("doctors.x", (), {"kind": "model"}, "--model"),
        ("doctors.x", (), {"kind": "http", "model": "doctors.Doctor"}, "no effect"),
        ("doctors.x", (), {"kind": "model", "model": "doctors.Docter"}, "Did you mean Doctor"),
        ("doctors.x", (), {"queue": 'a"b'}, "letters"),
        ("doctors.x", (), {"name": "a b"}, "letters"),
        ("doctors.x", (), {"decorator": "task"}, "shared_task"),
    ],
)
def test_what_cannot_be_meant_is_said_with_what_to_write_instead(
    wired, target, parameters, options, words
):
    before = snapshot(wired)
    with pytest.raises(UsageError) as caught:
        add(wired, target, *parameters, **options)
    assert words in f"{caught.value.message} {caught.value.hint}"
    assert snapshot(wired) == before


def test_a_project_without_celery_is_sent_to_init(project):
    with pytest.raises(NoCelery, match="no Celery app") as caught:
        add(project, *EXAMPLE)
    assert "celeryize init" in caught.value.hint


def test_the_pieces_of_a_batch_are_tried_again_and_not_the_split(wired):
    """Tried again, the first task would send all of its chunks once more."""
    add(wired, "doctors.work", kind="batch", model="Doctor", retry_on=("OSError",), backoff=True)
    text = (wired / "doctors/tasks.py").read_text()
    split, piece = text.split("def work(")
    assert "autoretry_for" not in split and "autoretry_for=(OSError,)" in piece
    assert "retry_backoff=True" in piece


def test_a_mail_is_sent_again_after_what_passes_by_itself(wired):
    add(wired, "doctors.send", "address:str", kind="email")
    text = (wired / "doctors/tasks.py").read_text()
    assert "smtplib.SMTPServerDisconnected" in text and "max_retries=5" in text
    listed = text.partition("def send(")[0]
    assert "SMTPRecipientsRefused" not in listed and "SMTPException" not in text
    assert "except smtplib.SMTPRecipientsRefused as error:" in text


def test_a_mail_with_retries_of_ones_own_says_nothing_of_refusals(wired):
    add(wired, "doctors.send", kind="email", retry_on=("OSError",))
    assert "except" not in tasks(wired) and "import smtplib" not in tasks(wired)


@pytest.mark.parametrize("kind", ["model", "batch"])
def test_what_is_to_be_written_is_no_query_of_its_own(wired, kind):
    """A line that reads a row again looks like work that is wanted."""
    add(wired, "doctors.work", kind=kind, model="Doctor")
    assert "_ = doctor  # The work: make it safe to repeat.\n" in tasks(wired)


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        ("name:str", "x"),
        ("email:str", "someone@example.org"),
        ("send_to:str", "someone@example.org"),
        ("page_url:str", "https://example.org/"),
    ],
)
def test_the_test_gives_a_parameter_what_its_name_says(wired, parameter, text):
    add(wired, "doctors.greet", parameter, test=True)
    assert f'greet("{text}")' in (wired / "doctors/tests.py").read_text()


@pytest.mark.parametrize("kind", ["plain", "model", "email", "http", "batch"])
@pytest.mark.parametrize("lock", [False, True])
@pytest.mark.parametrize("bind", [False, True])
def test_every_kind_is_clean_python_with_its_test(wired, kind, lock, bind, tmp_path):
    import subprocess
    import sys

    model = "Doctor" if kind in {"model", "email", "batch"} else None
    trigger = "post_save:Doctor" if model else None
    options = {"lock": lock, "bind": bind, "test": True, "trigger": trigger}
    add(wired, "doctors.work", kind=kind, model=model, **options)
    ruff = Path(sys.executable).with_name("ruff")
    for arguments in (
        ["format", "--check"],
        ["check", "--select", "E,F,I,W,B,C4,SIM,UP,PERF,RET"],
    ):
        ran = subprocess.run(
            [ruff, *arguments, "--isolated", "doctors/tasks.py", "doctors/tests.py"],
            cwd=wired,
            capture_output=True,
            text=True,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr + tasks(wired)


def test_a_template_of_the_project_goes_before_ours(wired):
    make_tree(
        wired,
        {
            "celeryize/templates/task/plain.py.jinja": "@{{ decorator }}\ndef {{ name }}():\n    return 7\n"
        },
    )
    add(wired, "doctors.seven")
    assert "return 7" in tasks(wired)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("@{{ decorator }}\n{% if %}\n", "plain.py.jinja:2"),
        ("\n\n{{ nothing_like_it }}\n", "plain.py.jinja:3"),
    ],
)
def test_an_error_in_a_template_names_its_file_and_line(wired, text, place):
    make_tree(wired, {"celeryize/templates/task/plain.py.jinja": text})
    with pytest.raises(CeleryizeError) as caught:
        add(wired, "doctors.seven")
    assert place in caught.value.message


def test_a_template_cannot_run_code_in_our_process(wired):
    escape = "{{ ''.__class__.__mro__[1].__subclasses__() }}"
    make_tree(wired, {"celeryize/templates/task/plain.py.jinja": escape})
    with pytest.raises(CeleryizeError, match="unsafe"):
        add(wired, "doctors.seven")


def test_remove_takes_out_what_is_as_it_was_generated(wired):
    make_tree(
        wired,
        {
            "doctors/tasks.py": "from celery import shared_task\n\n\n@shared_task\ndef old():\n    pass\n"
        },
    )
    add(wired, *EXAMPLE)
    commands.remove_task(wired, Recorder(), EXAMPLE[0], yes=True, no_verify=True)
    assert (
        tasks(wired) == "from celery import shared_task\n\n\n@shared_task\ndef old():\n    pass\n"
    )


def test_remove_refuses_what_was_changed_and_what_is_not_ours(wired):
    add(wired, *EXAMPLE)
    (wired / "doctors/tasks.py").write_text(
        tasks(wired).replace("pass", "print(1)") + "\n\ndef mine(): ...\n"
    )
    before = snapshot(wired)
    for target in (EXAMPLE[0], "doctors.mine"):
        with pytest.raises(CannotPatch):
            commands.remove_task(wired, Recorder(), target, yes=True, no_verify=True)
    assert snapshot(wired) == before


HEAVY = {
    "copier",
    "pydantic",
    "yaml",
    "rich.table",
    "rich.console",
    "libcst",
    "questionary",
    "asyncio",
}


def test_add_task_imports_nothing_heavy(wired, celeryize: Run):
    import subprocess
    import sys

    ran = subprocess.run(
        [
            sys.executable,
            "-X",
            "importtime",
            "-m",
            "celeryize",
            "add-task",
            *EXAMPLE,
            "--yes",
            "--no-verify",
        ],
        cwd=wired,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    loaded = {
        line.rsplit("|", 1)[-1].strip()
        for line in ran.stderr.splitlines()
        if line.startswith("import time:")
    }
    assert "celeryize.commands.task.plan" in loaded
    assert loaded & HEAVY == set()


def test_small_project_has_the_model_that_these_tests_use():
    assert "class Doctor" in str(small_project()["doctors/models.py"])


@pytest.mark.parametrize(
    "text", ["x:\udc80", "x:" + "(" * 5000, "x:int=" + "-" * 50_000 + "1", "x:\0", "𝒽:str"]
)
def test_what_no_parser_takes_is_refused_in_words(wired, text):
    before = snapshot(wired)
    with pytest.raises(UsageError):
        add(wired, "doctors.work", text)
    assert snapshot(wired) == before


def test_an_http_task_uses_the_library_whose_exception_it_retries_on(wired):
    add(wired, "doctors.ask", kind="http", retry_on=("requests.RequestException",), test=True)
    text = tasks(wired)
    assert "requests.get(url" in text and "urlopen" not in text
    test = (wired / "doctors/tests.py").read_text()
    assert 'mock.patch("requests.get")' in test and '"https://example.org/"' in test


def test_a_mail_to_nobody_is_refused(wired):
    with pytest.raises(UsageError, match="no parameter holds an address, so count would not be"):
        add(wired, "doctors.mail", "count:int", kind="email")
    add(wired, "doctors.mail", "address:str", "count:int", kind="email")
    assert "recipient_list=[address]" in tasks(wired)


@pytest.mark.parametrize(
    ("parameters", "call", "note"),
    [
        (("doctor_id:int=0",), "(instance.pk)", False),
        (("doctor_id:int",), "(instance.pk)", False),
        (("number:int",), "(instance.pk)", True),
        ((), "()", True),
    ],
)
def test_what_a_trigger_passes_is_said_where_the_names_do_not(wired, parameters, call, note):
    request = Request("doctors.index", parameters, trigger="post_save:doctors.Doctor")
    added = plan(load_project(wired, python=sys.executable), request).plan
    receiver = next(edit.after for edit in added.edits if edit.path.name == "signals.py")
    assert f"index.delay_on_commit{call}" in receiver.decode()
    assert ("post_save" in " ".join(added.notes)) is note


@pytest.mark.parametrize(
    "files",
    [
        {"pyproject.toml": '[dependency-groups]\ndev = ["pytest-django>=4"]\n'},
        {"requirements/dev.txt": "pytest-django==4.8\n"},
        {"requirements-test.txt": "pytest_django\n"},
    ],
)
def test_pytest_django_of_a_development_group_is_used(wired, files):
    make_tree(wired, files)
    add(wired, "doctors.x", test=True)
    assert "pytest.mark.django_db" in (wired / "doctors/test_tasks.py").read_text()


@pytest.mark.parametrize(
    ("file", "text", "path"),
    [
        ("pytest.ini", "[pytest]\nDJANGO_SETTINGS_MODULE = config.settings\n", "test_tasks.py"),
        (
            "pytest.ini",
            "[pytest]\nDJANGO_SETTINGS_MODULE = config.settings\npython_files = tests.py test_*.py\n",
            "tests.py",
        ),
        (
            "pyproject.toml",
            "[tool.pytest.ini_options]\nDJANGO_SETTINGS_MODULE = 'config.settings'\n"
            "python_files = [\n  'test_*.py',\n]\naddopts = 'tests.py'\n",
            "test_tasks.py",
        ),
        (
            "setup.cfg",
            "[tool:pytest]\nDJANGO_SETTINGS_MODULE = config.settings\npython_files =\n    test*.py\n",
            "tests.py",
        ),
    ],
)
def test_a_test_is_where_pytest_collects_it(wired, file, text, path):
    make_tree(wired, {file: text})
    add(wired, "doctors.x", test=True)
    assert "pytest.mark.django_db" in (wired / "doctors" / path).read_text()


def test_a_number_of_another_name_is_no_length_of_a_chunk(wired):
    add(wired, "doctors.x", "year:int", kind="batch", model="Doctor")
    text = (wired / "doctors/tasks.py").read_text()
    assert "chunk_size=year" not in text


def test_a_comment_about_pytest_django_is_no_declaration(wired):
    make_tree(wired, {"requirements-dev.txt": "# pytest-django is not used\n"})
    add(wired, "doctors.x", test=True)
    assert "TestCase" in (wired / "doctors/tests.py").read_text()


@pytest.mark.parametrize("blank", ["", " ", "\n\n", "\t\n", "\r\n"])
def test_a_tasks_module_of_blanks_is_an_empty_one(wired, blank):
    make_tree(wired, {"doctors/tasks.py": blank})
    add(wired, "doctors.x")
    assert "def x()" in tasks(wired)


@pytest.mark.parametrize(
    ("kind", "parameters", "unused"),
    [
        ("email", ("recipient:str", "order_id:int"), "order_id is not used yet"),
        ("email", ("recipient:str", "a:int", "b:int"), "a and b are not used yet"),
        ("http", ("url:str", "order_id:int"), "order_id is not used yet"),
        ("email", ("recipient:str",), ""),
        ("plain", ("order_id:int",), ""),
    ],
)
def test_a_parameter_that_a_whole_body_does_not_use_is_said(wired, kind, parameters, unused):
    view = Recorder()
    request = Request("doctors.send", parameters, kind=kind)
    commands.add_task(wired, view, request, yes=True, no_verify=True)
    said = " ".join(view.plans[0].notes)
    assert ("not used yet" in said) == bool(unused) and unused in said


@pytest.mark.parametrize(
    ("parameter", "hint"),
    [
        ("order:Order", "Pass its primary key, order_id:int: an instance is stale when"),
        ("order_id:Order", "Pass its primary key, order_id:int: an instance"),
        ("many:set", "Pass a list."),
    ],
)
def test_a_type_that_json_does_not_carry_is_refused_with_what_to_pass(wired, parameter, hint):
    name, _, kind = parameter.partition(":")
    with pytest.raises(UsageError, match=f"{name} cannot be of the type {kind}") as caught:
        add(wired, "doctors.send", parameter)
    assert hint in caught.value.hint


@pytest.mark.parametrize("retry_on", ["ValueError", "requests.RequestException"])
def test_an_http_task_with_retries_of_ones_own_says_nothing_of_statuses(wired, retry_on):
    add(wired, "doctors.fetch", kind="http", retry_on=(retry_on,))
    assert "tried again" not in tasks(wired)
    assert "urllib.error" not in tasks(wired)


def test_an_http_task_beside_another_part_of_urllib(wired):
    make_tree(wired, {"doctors/tasks.py": "import urllib.parse\n\nquote = urllib.parse.quote\n"})
    add(wired, "doctors.fetch", kind="http")
    assert tasks(wired).startswith("import urllib.error\nimport urllib.parse\n")
    make_tree(wired, {"doctors/tasks.py": "from six.moves import urllib\n"})
    with pytest.raises(CannotPatch, match="another meaning for urllib"):
        add(wired, "doctors.fetch", kind="http")


def test_an_http_task_beside_an_error_of_pythons_own_name(wired):
    make_tree(wired, {"doctors/tasks.py": "from redis.exceptions import ConnectionError\n"})
    add(wired, "doctors.fetch", kind="http")
    assert "raise OSError(" in tasks(wired)


def test_a_mail_goes_to_a_user_of_django(wired):
    add(wired, "doctors.hello", kind="email", model="auth.User", test=True)
    assert "from django.contrib.auth.models import User" in tasks(wired)
    assert "recipient_list=[user.email]" in tasks(wired)
    assert "User.objects.create(username=" in (wired / "doctors/tests.py").read_text()
    settings = wired / "config/settings.py"
    settings.write_text(settings.read_text() + 'AUTH_USER_MODEL = "doctors.Doctor"\n')
    with pytest.raises(UsageError, match="no app auth"):
        add(wired, "doctors.hello_again", kind="email", model="auth.User")


def test_a_mail_without_a_model_takes_the_address(wired):
    add(wired, "doctors.hello", kind="email")
    assert head(tasks(wired), "hello").endswith("def hello(recipient: str)")


def test_the_test_imports_a_model_of_another_app_from_there(wired):
    item = "from django.db import models\n\n\nclass Item(models.Model):\n    pass\n"
    make_tree(wired, {"shop/__init__.py": "", "shop/models.py": item})
    settings = wired / "config/settings.py"
    settings.write_text(settings.read_text().replace('"doctors",', '"doctors",\n    "shop",'))
    add(wired, "doctors.load", kind="model", model="shop.Item", test=True)
    assert "from shop.models import Item\n" in (wired / "doctors/tests.py").read_text()


def test_the_names_of_a_batch_join_the_imports_of_a_test_module(wired):
    add(wired, "doctors.sync", kind="http", test=True)
    add(wired, "doctors.purge", kind="batch", model="Doctor", test=True)
    text = (wired / "doctors/tests.py").read_text()
    assert "from .tasks import purge, purge_chunk, sync\n" in text
    assert text.count("from .tasks import") == 1


def test_the_imports_of_a_template_of_the_projects_own_stay(wired):
    body = wired.parent / "body.jinja"
    body.write_text(
        "import json as j\nimport os\n\n\n@{{ decorator }}\ndef {{ name }}() -> None:\n"
        "    print(j.dumps(1), os)\n    send_mail()\n"
    )
    view, request = Recorder(), Request("doctors.hello", body_from=body)
    commands.add_task(wired, view, request, yes=True, no_verify=True)
    assert "import json as j\n" in tasks(wired) and "import os\n" in tasks(wired)
    assert not any("are examples" in note for note in view.plans[0].notes)
