"""Functions that are sent as tasks and are none: a small broken project for each form, and twins."""

from __future__ import annotations

import pytest

from celeryize.checks.run_checks import run_checks
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    APP,
    TASK,
    TASKS,
    Mistake,
    entry,
    facts_of,
    found_by_import,
    found_in,
    healthy,
    with_twin,
)

PLAIN = "def send(name):\n    return name\n"
SENT = "from doctors.tasks import send\n\n\ndef index(request):\n    send.delay('x')  # <-\n"
VIEW = {"doctors/views.py": SENT}


def with_tasks(body: str, **more: str) -> dict[str, str]:
    return {"doctors/tasks.py": TASKS + "\n\n" + body, **VIEW, **more}


TIMED = """def timed(function):
    @functools.wraps(function)
    def inner(*args, **kwargs):
        return function(*args, **kwargs)

    return inner
"""
TIMED_FOR = """def timed_for(seconds):
    def decorator(function):
        @wraps(function)
        def inner(*args, **kwargs):
            return function(*args, **kwargs)

        return inner

    return decorator
"""
KEPT = """KEPT = []


def kept(function):
    KEPT.append(function)
    return function
"""
NOTIFYING = """from django.db import models

from doctors.tasks import greet  # noqa


class Doctor(models.Model):
    name = models.CharField(max_length=9)

    def notify(self):
        return 1

    def save(self, *args, **kwargs):
        super().save(*args, **kwargs)
        self.notify{}
"""


def starred(body: str) -> dict[str, str]:
    """A package of tasks that takes the names of a module by a star."""
    return {
        "doctors/tasks.py": "",
        "doctors/tasks/__init__.py": TASKS + "\n\nfrom .mail import *\n",
        "doctors/tasks/mail.py": body,
        **VIEW,
    }


def with_mailer(body: str, sent: str, head: str = "class Mailer:\n") -> dict[str, str]:
    """A class beside the tasks, and a view that sends one of its methods."""
    return {
        "doctors/tasks.py": f"{TASKS}\n\n{head}{body}",
        "doctors/views.py": "from doctors.tasks import Mailer\n\n\n"
        f"def index(request):\n    {sent}  # <-\n",
    }


METHOD = "    @staticmethod\n    def send(name):\n        return name\n"
HEALTHY = with_tasks(TASK + PLAIN)
NIGHTLY = "        'task': 'doctors.tasks.send',\n        'schedule': 60.0,\n"

MISTAKES = [
    Mistake("celery.E415", with_tasks(PLAIN), HEALTHY),
    Mistake("celery.E415", with_tasks("# @shared_task\n" + PLAIN), HEALTHY),
    # decorators that make no task
    *(
        Mistake(
            "celery.E415",
            with_tasks(f"{head}\n\n\n{decorator}\n{PLAIN}"),
            with_tasks(f"{head}\n\n\n{TASK}{decorator}\n{PLAIN}"),
        )
        for head, decorator in (
            ("from django.db import transaction", "@transaction.atomic"),
            ("from django.db.transaction import atomic", "@atomic(using='x')"),
            ("import tenacity", "@tenacity.retry(stop=3)"),
            ("import functools", "@functools.cache"),
            ("from functools import lru_cache", "@lru_cache(maxsize=None)"),
            # decorators of the project
            (f"import functools\n\n\n{TIMED}", "@timed"),
            (f"from functools import wraps\n\n\n{TIMED_FOR}", "@timed_for(3)"),
            (KEPT, "@kept"),
        )
    ),
    Mistake(
        "celery.E415",
        with_tasks(
            f"from doctors.more import timed\n\n\n@timed\n{PLAIN}",
            **{"doctors/more.py": f"import functools\n\n\n{TIMED}"},
        ),
        with_tasks(
            f"from doctors.more import timed\n\n\n{TASK}@timed\n{PLAIN}",
            **{"doctors/more.py": f"import functools\n\n\n{TIMED}"},
        ),
    ),
    # setattr() of a variable, which nothing hands this function to
    Mistake(
        "celery.E415",
        with_tasks(f"def fill(row, values):\n    setattr(row, 'x', values)\n\n\n{PLAIN}"),
        with_tasks(f"def fill(row, values):\n    setattr(row, 'x', values)\n\n\n{TASK}{PLAIN}"),
    ),
    # in a function
    Mistake(
        "celery.E415",
        {
            "doctors/views.py": "def index(request):\n    def send(name):\n        return name\n\n"
            "    send.delay('x')  # <-\n"
        },
        {
            "doctors/views.py": "def index(request):\n    def send(name):\n        return name\n\n"
            "    return send('x')\n"
        },
    ),
    # brought by a star
    Mistake(
        "celery.E415",
        starred(PLAIN),
        starred(f"from celery import shared_task\n\n\n{TASK}{PLAIN}"),
    ),
    # methods
    *(
        Mistake(
            "celery.E415",
            with_mailer(f"{static}    def send({first}name):\n        return name\n", sent),
            {
                **with_mailer(f"{static}    def send({first}name):\n        return name\n", ""),
                "doctors/views.py": "from doctors.tasks import Mailer, greet\n\n\n"
                "def index(request):\n    greet.delay('x')\n",
            },
        )
        for static, first, sent in (
            ("    @staticmethod\n", "", "Mailer.send.delay('x')"),
            ("    @classmethod\n", "cls, ", "Mailer.send.delay('x')"),
            ("", "self, ", "Mailer().send.apply_async(('x',))"),
        )
    ),
    Mistake(
        "celery.E415",
        {"doctors/models.py": NOTIFYING.format(".delay()  # <-")},
        {"doctors/models.py": NOTIFYING.format("()")},
    ),
    # nothing of Celery is left in that file
    Mistake(
        "celery.E415", {"doctors/mail.py": PLAIN, "doctors/views.py": SENT.replace("tasks", "mail")}
    ),
    # in the same module, from another task
    Mistake(
        "celery.E415",
        {
            "doctors/tasks.py": TASKS
            + f"\n\n{PLAIN}\n\n{TASK}def all_of_them():\n    send.apply_async(('x',))  # <-\n"
        },
    ),
    Mistake(
        "celery.E415",
        {
            "doctors/tasks.py": TASKS + "\n\n" + PLAIN,
            "doctors/views.py": "from doctors import tasks\n\n\ndef index(request):\n"
            "    tasks.send.delay('x')  # <-\n",
        },
    ),
    Mistake(
        "celery.E415",
        {
            "doctors/tasks.py": TASKS + "\n\n" + PLAIN,
            "doctors/views.py": "from celery import chain\n\nfrom doctors.tasks import greet, send\n\n\n"
            "def index(request):\n    chain(greet.s('x'), send.s()).delay()  # <-\n",
        },
    ),
    # imported where it is used, by two functions; the last one is handed over, not called
    Mistake(
        "celery.E415",
        {
            "doctors/tasks.py": TASKS + "\n\n" + PLAIN,
            "doctors/views.py": "def index(request):\n    from doctors.tasks import send\n\n"
            "    send.delay('x')  # <-\n\n\ndef more(request):\n    from doctors.tasks import send\n\n"
            "    return send.delay\n",
        },
    ),
    # handed on by a package
    Mistake(
        "celery.E415",
        {
            "doctors/tasks.py": "",
            "doctors/tasks/__init__.py": TASKS + "\n\nfrom .mail import send\n",
            "doctors/tasks/mail.py": PLAIN,
            **VIEW,
        },
    ),
]

# What may be a task nevertheless.
FINE = {
    "made by the app": with_tasks(PLAIN + "\n\nsend = shared_task(send)\n"),
    "made with a name": with_tasks(PLAIN + "\n\nsend = shared_task(name='x')(send)\n"),
    "another decorator": with_tasks("import jobs\n\n\n@jobs.job\n" + PLAIN),
    "a decorator that makes a task": with_tasks(
        f"def job(function):\n    return shared_task(function)\n\n\n@job\n{PLAIN}"
    ),
    "a decorator that gives its wrapper a method": with_tasks(
        "import functools\n\n\n"
        + TIMED.replace("    return inner", "    inner.delay = function\n    return inner")
        + f"\n\n@timed\n{PLAIN}"
    ),
    "a decorator that hands it on": with_tasks(
        f"import jobs\n\n\ndef kept(function):\n    jobs.learn(function)\n    return function\n\n\n"
        f"@kept\n{PLAIN}"
    ),
    "a decorator that returns another thing": with_tasks(
        "import jobs\n\n\ndef timed(function):\n    def inner():\n        pass\n\n"
        f"    return jobs.Job(inner)\n\n\n@timed\n{PLAIN}"
    ),
    "a wrapper under a decorator of its own": with_tasks(
        f"import jobs\n\n\n{TIMED.replace('functools.wraps(function)', 'jobs.job')}\n\n@timed\n"
        + PLAIN
    ),
    "decorators that decorate each other": with_tasks(
        f"@b\ndef a(f):\n    return f\n\n\n@a\ndef b(f):\n    return f\n\n\n@a\n{PLAIN}"
    ),
    "setattr of what it is given": with_tasks(
        f"def fill(row):\n    setattr(row, 'delay', row)\n\n\n{PLAIN}\n\nfill(send)\n"
    ),
    "a star of a library": {
        **starred(PLAIN),
        "doctors/tasks/__init__.py": TASKS + "\n\nfrom .mail import *\nfrom jobs import *\n",
    },
    "a star that chooses": starred(f"{PLAIN}\n\n__all__ = ['other']\n"),
    "a function in a function that is handed on": {
        "doctors/views.py": "import jobs\n\n\ndef index(request):\n    def send(name):\n"
        "        return name\n\n    jobs.learn(send)\n    send.delay('x')\n"
    },
    "a task of the class": with_mailer(
        METHOD.replace("    @static", "    @shared_task\n    @static"), "Mailer.send.delay('x')"
    ),
    "a class with a metaclass": with_mailer(
        METHOD, "Mailer.send.delay('x')", "class Mailer(metaclass=Jobs):\n"
    ),
    "a class with a decorator": with_mailer(
        METHOD, "Mailer.send.delay('x')", "import jobs\n\n\n@jobs.all\nclass Mailer:\n"
    ),
    "a class of a library": with_mailer(
        METHOD, "Mailer.send.delay('x')", "import jobs\n\n\nclass Mailer(jobs.Base):\n"
    ),
    "a method that is bound anew": with_mailer(
        METHOD + "\n\nMailer.send = shared_task(Mailer.send)\n", "Mailer.send.delay('x')"
    ),
    "a property": with_mailer(
        "    @property\n    def send(self):\n        return greet\n", "Mailer().send.delay('x')"
    ),
    "a task of a class below": with_mailer(
        "    def send(self):\n        return 1\n\n    def go(self):\n        self.send.delay()\n"
        "\n\nclass Fast(Mailer):\n    send = greet\n",
        "pass",
    ),
    "an attribute": with_tasks(PLAIN + "\n\nsend.delay = greet.delay\n"),
    "setattr": with_tasks(PLAIN + "\n\nsetattr(send, 'delay', greet.delay)\n"),
    "globals": with_tasks(PLAIN + "\n\nglobals()['send'] = greet\n"),
    "locals": with_tasks(PLAIN + "\n\nlocals().update(send=greet)\n"),
    "given a method by a function": with_tasks(
        PLAIN + "\n\nfrom doctors.register import register\n\nregister(send)\n",
        **{
            "doctors/register.py": "from config.celery import app\n\n\ndef register(func):\n"
            "    task = app.task(func)\n    func.delay, func.s = task.delay, task.s\n"
        },
    ),
    "given a method in a loop": with_tasks(
        PLAIN,
        **{
            "doctors/register.py": "from celery import shared_task\n\nfrom doctors.tasks import send\n\n"
            "for one in (send,):\n    one.delay = shared_task(one).delay\n"
        },
    ),
    "a computed name of its module": with_tasks(
        PLAIN,
        **{
            "config/celery.py": APP + "\n\ndef later():\n    from doctors import tasks\n\n"
            "    for name in ('send',):\n        setattr(tasks, name, greet(name))\n"
        },
    ),
    "a computed name of any module": with_tasks(
        PLAIN,
        **{
            "config/celery.py": APP + "\n\ndef make_tasks(module, names):\n    for name in names:\n"
            "        setattr(module, name, app.task(getattr(module, name)))\n"
        },
    ),
    "the names of its module": with_tasks(
        PLAIN,
        **{
            "config/celery.py": APP + "\n\ndef later():\n    from doctors import tasks\n\n"
            "    tasks.__dict__['send'] = app.task(tasks.send)\n"
        },
    ),
    "in a branch": with_tasks(
        "if True:\n    @shared_task\n    def send(name):\n        return name\nelse:\n"
        "    def send(name):\n        return name\n"
    ),
    "defined twice": with_tasks(PLAIN + "\n\n" + TASK + PLAIN),
    "a loop": with_tasks(PLAIN + "\n\nfor send in (greet,):\n    pass\n"),
    "patched elsewhere": with_tasks(
        PLAIN,
        **{
            "config/celery.py": APP
            + "\n\ndef later():\n    from doctors import tasks\n\n    tasks.send = app.task(tasks.send)\n"
        },
    ),
    "hasattr": {
        **with_tasks(PLAIN),
        "doctors/views.py": "from doctors.tasks import send\n\n\ndef index(request):\n"
        "    if hasattr(send, 'delay'):\n        send.delay('x')\n",
    },
    "hasattr and return": {
        **with_tasks(PLAIN),
        "doctors/views.py": SENT.replace(
            "    send.", "    if not hasattr(send, 'delay'):\n        return send('x')\n    send."
        ),
    },
    "suppressed": {
        **with_tasks(PLAIN),
        "doctors/views.py": "from contextlib import suppress\n\n"
        + SENT.replace("    send.", "    with suppress(AttributeError):\n        send."),
    },
    "a parameter": {
        **with_tasks(PLAIN),
        "doctors/views.py": "from doctors.tasks import send  # noqa\n\n\ndef run(send):\n    send.delay('x')\n",
    },
    "a local name": {
        **with_tasks(PLAIN),
        "doctors/views.py": "from doctors.tasks import send  # noqa\n\n\ndef run():\n"
        "    from doctors.tasks import greet as send\n\n    send.delay('x')\n",
    },
    "called plainly": {
        **with_tasks(PLAIN),
        "doctors/views.py": SENT.replace("send.delay('x')  # <-", "send('x')"),
    },
    "of a library": {
        "doctors/views.py": "from elsewhere.tasks import send\n\n\ndef run():\n    send.delay('x')\n",
    },
}


@pytest.mark.parametrize("mistake", MISTAKES, ids=str)
def test_a_mistake_is_found_at_its_place_and_nothing_else(tmp_path, mistake):
    assert found_in(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(MISTAKES), ids=str)
def test_nothing_is_found_in_the_healthy_twin(tmp_path, mistake):
    assert found_in(tmp_path, mistake.twin) == []


@pytest.mark.parametrize("files", FINE.values(), ids=FINE.keys())
def test_what_may_be_a_task_is_left_alone(tmp_path, files):
    assert [place for check, place in found_in(tmp_path, files) if check == "celery.E415"] == []


def hints_in(folder, files):
    findings = run_checks(facts_of(make_tree(folder, {**healthy(), **files}))).findings
    return [(one.id, one.message, one.hint) for one in findings]


def test_the_decorator_that_is_commented_out_is_named(tmp_path):
    [(_, message, hint)] = hints_in(tmp_path, with_tasks("# @shared_task\n" + PLAIN))
    assert message.startswith("send.delay fails: send is a plain function (doctors/tasks.py:")
    assert hint.startswith("Take the # from the decorator above send (doctors/tasks.py:")


def test_what_no_task_is_made_of_is_found_beside_other_attributes(tmp_path):
    more = "def wait(policy, rows):\n    policy.delay = 5\n    for row in rows:\n"
    more += "        setattr(row, row.field, None)\n"
    files = with_tasks(PLAIN, **{"doctors/more.py": f"from celery import shared_task\n\n\n{more}"})
    assert "celery.E415" in [check for check, _ in found_in(tmp_path, files)]


@pytest.mark.parametrize(
    ("above", "hint"),
    [
        ("", ", and `from celery import shared_task` at the top of the file."),
        ("# @shared_task\n", ", and `from celery import shared_task` at the top of the file."),
        ("# @app.task\n", ", and import app at the top of the file."),
        ("from celery import shared_task\n\n\n", ")."),
        (
            "from celery import shared_task\nfrom django.db.transaction import atomic\n\n\n@atomic\n",
            "above @atomic of send (doctors/mail.py:5).",
        ),
    ],
)
def test_a_remedy_names_the_import_that_it_takes(tmp_path, above, hint):
    files = {"doctors/mail.py": above + PLAIN, "doctors/views.py": SENT.replace("tasks", "mail")}
    [found] = [one for one in hints_in(tmp_path, files) if one[0] == "celery.E415"]
    assert found[2].endswith(hint)


@pytest.mark.parametrize("by_import", [False, True])
def test_an_entry_that_names_a_plain_function_says_so(tmp_path, by_import):
    files = {**entry(NIGHTLY), "doctors/tasks.py": TASKS + "\n\n" + PLAIN}
    find = found_by_import if by_import else found_in
    assert [check for check, _ in find(tmp_path / "found", files)] == ["celery.E170"]
    [(_, message, hint)] = hints_in(tmp_path / "said", files)
    assert "which is a plain function (doctors/tasks.py:" in message
    assert hint.startswith("Put @shared_task above send (doctors/tasks.py:")


def test_an_entry_whose_task_is_made_without_a_decorator_is_fine(tmp_path):
    made = TASKS + f"\n\n{PLAIN}\n\nfor one in (send,):\n    shared_task(one)\n"
    assert found_in(tmp_path, {**entry(NIGHTLY), "doctors/tasks.py": made}) == []


@pytest.mark.parametrize(
    "made",
    [
        "for name in tasks.ALL:\n    app.task(getattr(tasks, name))\n",
        "for name, one in vars(tasks).items():\n    app.task(one)\n",
        "for one in find(tasks):\n    app.task(name=one.__name__)(one)\n",
        "as_task(app, tasks.send)\n",
    ],
)
def test_an_entry_whose_task_another_module_makes_is_fine(tmp_path, made):
    files = {**entry(NIGHTLY), "doctors/tasks.py": TASKS + "\n\n" + PLAIN}
    register = f"from config.celery import app\nfrom doctors import tasks\n\n{made}"
    assert found_in(tmp_path, {**files, "doctors/register.py": register}) == []


@pytest.mark.parametrize(
    ("named", "hint"),
    [
        ("doctors.tasks.gret", "Did you mean doctors.tasks.greet?"),
        ("doctors.tasks.send_daily_reminders", ""),
        ("doctors.taks.greet", "Did you mean doctors.tasks.greet?"),
    ],
)
def test_a_task_of_quite_another_name_is_not_proposed(tmp_path, named, hint):
    files = entry(NIGHTLY.replace("doctors.tasks.send", named))
    found = [one for one in hints_in(tmp_path, files) if one[0] == "celery.E170"]
    assert [one[2] for one in found] == [hint]


def test_an_entry_of_a_commented_out_task_names_none(tmp_path):
    gone = TASKS + "\n\n# @shared_task\n# def send(name):\n#     return name\n"
    found = found_in(tmp_path, {**entry(NIGHTLY), "doctors/tasks.py": gone})
    assert [check for check, _ in found] == ["celery.E170"]


@pytest.mark.parametrize(
    ("files", "message", "hint"),
    [
        (
            with_mailer(METHOD, "Mailer.send.delay('x')"),
            "Mailer.send.delay fails: send is a method of Mailer (doctors/tasks.py:",
            "Write a function with @shared_task in tasks.py that takes what it needs, such as an id, "
            "and calls send(); send that one.",
        ),
        (
            {
                "doctors/views.py": "def index(request):\n    def send():\n        return 1\n\n"
                "    send.delay()\n"
            },
            "send.delay fails: send is a plain function (doctors/views.py:2)",
            "Move send to the top of tasks.py, with @shared_task above it.",
        ),
    ],
)
def test_what_is_not_at_the_top_of_a_module_has_a_remedy_of_its_own(tmp_path, files, message, hint):
    [found] = [one for one in hints_in(tmp_path, files) if one[0] == "celery.E415"]
    assert found[1].startswith(message)
    assert found[2] == hint
