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
        )
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
    "another decorator": with_tasks("import functools\n\n\n@functools.cache\n" + PLAIN),
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
