"""verify --fix: a mistake is put right where that is certain, and left, with the reason, where it is not."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pytest

from celeryize.checks.check import CHECKS, Fix
from celeryize.commands.verify.run_fix import Fixed
from celeryize.commands.writing.carry_out import WriteOutcome
from celeryize.errors import Declined, Exit, Unproved
from celeryize.patch.source import insertion
from celeryize.probe.proof import Verdict
from tests import commands
from tests.conftest import make_tree, snapshot
from tests.unit.checks.projects import APP, OK_ENTRY, TASK, entry, healthy, settings, tasks, view
from tests.views import Recorder

URL = 'CELERY_BROKER_URL = "redis://localhost:6379/0"\n'
OPTIONS = 'CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 3600}'
LONE = "from celery import shared_task\n\n\n@shared_task\ndef send():\n    pass\n"


@dataclass(frozen=True)
class Broken:
    """Files with one mistake, and what `old` in `path` becomes; `unsure`: the same mistake, and why it is left."""

    id: str
    files: dict[str, str]
    path: str
    old: str
    new: str
    unsure: dict[str, str]
    why: str


def block(old: str, new: str, more: str = "") -> dict[str, str]:
    text = healthy()["config/settings.py"]
    assert text.count(old) == 1
    return {"config/settings.py": text.replace(old, new) + more}


def app(old: str, new: str) -> dict[str, str]:
    assert APP.count(old) == 1
    return {"config/celery.py": APP.replace(old, new)}


SETTINGS, CELERY, TASKS, VIEWS = (
    "config/settings.py",
    "config/celery.py",
    "doctors/tasks.py",
    "doctors/views.py",
)
ENTRY = "        'task': 'doctors.tasks.greet',\n        'schedule': crontab(minute=0, hour=3),\n"

CASES = [
    Broken(
        "celery.W060",
        block("CELERY_TASK_TIME_LIMIT", "CELERY_TASK_TIME_LIMT"),
        SETTINGS,
        "CELERY_TASK_TIME_LIMT =",
        "CELERY_TASK_TIME_LIMIT =",
        settings("CELERY_SERIALIZER = 'json'\n"),
        "it is not certain which name was meant",
    ),
    Broken(
        "celery.W060",
        settings("import os\nCELERY_CONCURRENCY: int = int(os.environ['CELERY_CONCURRENCY'])\n"),
        SETTINGS,
        "CELERY_CONCURRENCY:",
        "CELERY_WORKER_CONCURRENCY:",
        settings("CELERY_CONCURRENCY = 2\nCELERY_WORKER_CONCURRENCY = 3\n"),
        "CELERY_WORKER_CONCURRENCY is set, too",
    ),
    Broken(
        "celery.W060",
        settings("if DEBUG:\n    CELERY_TASK_ALWAYS_EAGR = True  # why\n"),
        SETTINGS,
        "EAGR",
        "EAGER",
        {
            **settings("CELERY_TASK_ALWAYS_EAGR = False\n"),
            "doctors/tests.py": "from django.conf import settings\n\nsettings.CELERY_TASK_ALWAYS_EAGR\n",
        },
        "CELERY_TASK_ALWAYS_EAGR is used in other places, too",
    ),
    Broken(
        "celery.W062",
        settings("broker_pool_limit = 4\n"),
        SETTINGS,
        "broker_pool_limit",
        "CELERY_BROKER_POOL_LIMIT",
        settings("broker_pool_limit = 4\nCELERY_BROKER_POOL_LIMIT = 5\n"),
        "CELERY_BROKER_POOL_LIMIT is set, too",
    ),
    Broken(
        "celery.W063",
        block('"visibility_timeout"', '"VISIBILITY_TIMEOUT"'),
        SETTINGS,
        "VISIBILITY_TIMEOUT",
        "visibility_timeout",
        block(
            '"visibility_timeout": 3600', '"VISIBILITY_TIMEOUT": 3600, "visibility_timeout": 3600'
        ),
        "'visibility_timeout' is, or may be, given as well",
    ),
    Broken(
        "celery.W064",
        block("CELERY_RESULT_BACKEND", "RESULT_BACKEND"),
        SETTINGS,
        "RESULT_BACKEND",
        "CELERY_RESULT_BACKEND",
        {
            **block("CELERY_RESULT_BACKEND", "RESULT_BACKEND"),
            "doctors/tests.py": "from django.conf import settings\n\nsettings.RESULT_BACKEND\n",
        },
        "RESULT_BACKEND is used in other places, too",
    ),
    Broken(
        "celery.W070",
        settings("CELERYD_MAX_TASKS_PER_CHILD = 4\n"),
        SETTINGS,
        "CELERYD_MAX_TASKS_PER_CHILD",
        "CELERY_WORKER_MAX_TASKS_PER_CHILD",
        settings("BROKER_POOL_LIMIT = 4\n"),
        "another library may use BROKER_POOL_LIMIT",
    ),
    Broken(
        "celery.W083",
        settings("CELERY_TASK_ALWAYS_EAGER = 'False'  # on a laptop\n"),
        SETTINGS,
        "'False'",
        "False",
        settings("import os\nCELERY_TASK_ALWAYS_EAGER = 'sometimes'\n"),
        "'sometimes' is not such a value",
    ),
    Broken(
        "celery.W083",
        block("SOFT_TIME_LIMIT = 270", 'SOFT_TIME_LIMIT = ("270")'),
        SETTINGS,
        '("270")',
        "270",
        block("SOFT_TIME_LIMIT = 270", 'SOFT_TIME_LIMIT = "4 minutes"'),
        "'4 minutes' is not such a value",
    ),
    Broken(
        "celery.E010",
        {"config/__init__.py": '"""The clinic."""\n'},
        "config/__init__.py",
        '"""The clinic."""\n',
        '"""The clinic."""\n\nfrom .celery import app as celery_app\n\n__all__ = ("celery_app",)\n',
        {"config/__init__.py": "celery_app = None\n"},
        "config/__init__.py uses the name celery_app for something else",
    ),
    Broken(
        "celery.E031",
        app("app.autodiscover_tasks()\n", "\n\ndef f():\n    pass\n"),
        CELERY,
        'namespace="CELERY")\n',
        'namespace="CELERY")\napp.autodiscover_tasks()\n',
        {
            "config/celery.py": APP.replace("app.autodiscover_tasks()\n", "").replace(
                "app.config", "if 1:\n    app.config"
            )
        },
        "the app is not configured at the top of its module",
    ),
    Broken(
        "celery.E031",
        app("app.autodiscover_tasks()", "app.autodiscover_tasks  # all apps"),
        CELERY,
        "app.autodiscover_tasks  #",
        "app.autodiscover_tasks()  #",
        {},
        "",
    ),
    Broken(
        "celery.E035",
        {
            "doctors/tasks.py": "",
            "doctors/tasks/__init__.py": "# one module a subject\n",
            "doctors/tasks/mail.py": LONE + "\n\n@shared_task\ndef post():\n    pass\n",
        },
        "doctors/tasks/__init__.py",
        "# one module a subject\n",
        "# one module a subject\nfrom .mail import post, send\n",
        {
            "doctors/tasks.py": "",
            "doctors/tasks/__init__.py": "def send():\n    pass\n",
            "doctors/tasks/mail.py": LONE,
        },
        "doctors/tasks/__init__.py uses these names for something else",
    ),
    Broken(
        "celery.E050",
        app('namespace="CELERY"', 'namespace="celery"'),
        CELERY,
        '"celery"',
        '"CELERY"',
        app('namespace="CELERY"', 'namespace="CLINIC"'),
        "another namespace, or other arguments, may be meant",
    ),
    Broken(
        "celery.E050",
        app(', namespace="CELERY"', ""),
        CELERY,
        ':settings")\n',
        ':settings", namespace="CELERY")\n',
        app(', namespace="CELERY"', ", silent=True"),
        "another namespace, or other arguments, may be meant",
    ),
    Broken(
        "celery.E051",
        app('app.config_from_object("django.conf:settings", namespace="CELERY")\n', ""),
        CELERY,
        'Celery("config")\n',
        'Celery("config")\napp.config_from_object("django.conf:settings", namespace="CELERY")\n',
        {
            "config/celery.py": "import os\nfrom celery import Celery\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.settings')\nif True:\n    app = Celery('config')\n    app.autodiscover_tasks()\n"
        },
        "the app is not built at the top of its module",
    ),
    Broken(
        "celery.W041",
        app(
            'import os\n\nfrom celery import Celery\n\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")\n',
            "from celery import Celery\n",
        ),
        CELERY,
        "from celery import Celery\n\napp",
        'import os\n\nfrom celery import Celery\n\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")\n\napp',
        {
            "config/celery.py": "from celery import Celery\n\nif True:\n    app = Celery('config')\n    app.config_from_object('django.conf:settings', namespace='CELERY')\n    app.autodiscover_tasks()\n"
        },
        "the app is not built at the top of its module",
    ),
    Broken(
        "celery.E170",
        entry(OK_ENTRY.replace("greet", "great")),
        SETTINGS,
        "'doctors.tasks.great'",
        "'doctors.tasks.greet'",
        entry(OK_ENTRY.replace("greet", "nothing_like_it")),
        "it is not certain which task was meant",
    ),
    Broken(
        "celery.E170",
        entry(OK_ENTRY.replace("doctors.tasks.greet", "doctors.jobs.greet")),
        SETTINGS,
        "'doctors.jobs.greet'",
        "'doctors.tasks.greet'",
        {
            **entry(OK_ENTRY.replace("doctors.tasks.greet", "doctors.jobs.greet")),
            "doctors/tasks.py": healthy()["doctors/tasks.py"]
            + "\n\n@shared_task(name='other.greet')\ndef other(name):\n    pass\n",
        },
        "several tasks may be meant",
    ),
    Broken(
        "celery.E170",
        entry(OK_ENTRY.replace("doctors.tasks.greet", "doctors.tools.greet")),
        SETTINGS,
        "'doctors.tools.greet'",
        "'doctors.tasks.greet'",
        {
            **entry(OK_ENTRY.replace("doctors.tasks.greet", "doctors.tools.send")),
            "doctors/jobs.py": LONE,
        },
        "no worker registers doctors.jobs.send",
    ),
    Broken(
        "celery.E240",
        entry(OK_ENTRY + "        'queue': 'slow',  # its own worker\n"),
        SETTINGS,
        "'queue': 'slow',",
        "'options': {'queue': 'slow'},",
        entry(OK_ENTRY + "        'queue': 'slow',\n        'options': {'priority': 3},\n"),
        "the entry has options, or several such keys",
    ),
    Broken(
        "celery.E240",
        entry(OK_ENTRY.replace("'args'", "'arg'")),
        SETTINGS,
        "'arg'",
        "'args'",
        entry(OK_ENTRY + "        'arg': ('x',),\n"),
        "'args' is, or may be, given as well",
    ),
    Broken(
        "celery.W245",
        entry(OK_ENTRY + "        'options': {'expire': 30},\n"),
        SETTINGS,
        "'expire'",
        "'expires'",
        entry(OK_ENTRY + "        'options': {'expire': 30, 'expires': 40},\n"),
        "'expires' is, or may be, given as well",
    ),
    Broken(
        "celery.E250",
        entry(ENTRY + "        'args': ('x'),\n"),
        SETTINGS,
        "('x')",
        "('x',)",
        entry(ENTRY + "        'args': 'x',\n"),
        "a text may be meant as a sequence of letters",
    ),
    Broken(
        "celery.E250",
        entry(ENTRY + "        'args': 16,\n"),
        SETTINGS,
        "'args': 16",
        "'args': (16,)",
        {
            **entry(ENTRY.replace("greet", "both") + "        'args': 16,\n"),
            **tasks("@shared_task\ndef both(a, b):\n    pass\n"),
        },
        "the task does not take exactly one argument",
    ),
    Broken(
        "celery.W371",
        view("def f():\n    greet.apply_async(args=('x',), que='slow')\n"),
        VIEWS,
        "que=",
        "queue=",
        view("def f():\n    greet.apply_async(args=('x',), que='slow', queue='fast')\n"),
        "queue is, or may be, given as well",
    ),
    Broken(
        "celery.E372",
        view("def f():\n    greet.apply_async(args=( 5 ))\n"),
        VIEWS,
        "( 5 )",
        "( 5,)",
        view("def f():\n    greet.apply_async(args='x')\n"),
        "a text may be meant as a sequence of letters",
    ),
    Broken(
        "celery.E421",
        tasks(f"{TASK}def again(self, n):\n    self.retry(countdown=n)\n"),
        TASKS,
        "@shared_task\ndef again",
        "@shared_task(bind=True)\ndef again",
        tasks(f"{TASK}def again(self, n):\n    return n\n"),
        "its body does not use self as the task",
    ),
    Broken(
        "celery.E421",
        tasks("@shared_task(queue='slow')\ndef again(self, n):\n    self.retry(countdown=n)\n"),
        TASKS,
        "@shared_task(queue",
        "@shared_task(bind=True, queue",
        {},
        "",
    ),
    Broken(
        "celery.W470",
        {
            **tasks("@shared_task(acks_late=True, time_limit=14400)\ndef f():\n    pass\n"),
            **view("def f():\n    greet.apply_async(args=('x',), countdown=7200)\n"),
        },
        SETTINGS,
        '"visibility_timeout": 3600',
        '"visibility_timeout": 18000',
        {
            **tasks("@shared_task(acks_late=True, time_limit=14400)\ndef f():\n    pass\n"),
            **settings("", instead="CELERY_BROKER_TRANSPORT"),
        },
        "no number for visibility_timeout is written in the settings",
    ),
    Broken(
        "celery.W440",
        tasks("@shared_task(\n    timelimit=300,  # long\n)\ndef f():\n    pass\n"),
        TASKS,
        "timelimit",
        "time_limit",
        tasks("@shared_task(timelimit=300, time_limit=400)\ndef f():\n    pass\n"),
        "time_limit is, or may be, given as well",
    ),
    Broken(
        "celery.E453",
        tasks("@shared_task(autoretry_for=ValueError)\ndef f():\n    pass\n"),
        TASKS,
        "autoretry_for=ValueError",
        "autoretry_for=(ValueError,)",
        {},
        "",
    ),
]


def fix(root: Path, **options: object) -> tuple[Fixed, Recorder]:
    shown = Recorder()
    return commands.fix(root, shown, static=True, yes=True, **options), shown


def name_of(case: Broken) -> str:
    return f"{case.id}-{CASES.index(case)}"


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_a_mistake_is_fixed_and_nothing_else_is_changed(tmp_path, case):
    root = make_tree(tmp_path / "project", {**healthy(), **case.files})
    before = snapshot(root)
    ended, _ = fix(root)
    assert ended.result.outcome is WriteOutcome.DONE, ended.left
    assert {finding.id for finding in ended.fixed} == {case.id}
    assert ended.now.findings == () and ended.now.exit_code is Exit.DONE
    text = before[case.path][2].decode()
    assert text.count(case.old) == 1
    assert (root / case.path).read_text() == text.replace(case.old, case.new)
    after = snapshot(root)
    assert {path for path in before if before[path] != after[path]} == {case.path}
    assert set(after) == set(before)

    again, _ = fix(root)
    assert again.result.outcome is WriteOutcome.NOTHING_TO_DO
    assert snapshot(root) == after

    commands.undo(root, Recorder(), yes=True)
    assert snapshot(root) == before


@pytest.mark.parametrize("case", [c for c in CASES if c.unsure], ids=name_of)
def test_a_mistake_that_is_not_certain_is_left_and_the_reason_is_reported(tmp_path, case):
    root = make_tree(tmp_path / "project", {**healthy(), **case.unsure})
    before = snapshot(root)
    ended, shown = fix(root)
    assert ended.result.outcome is WriteOutcome.NOTHING_TO_DO
    assert (case.id, case.why) in {(f.id, why.partition(" (")[0]) for f, why in ended.left}
    assert any(case.why in note for note in shown.plans[0].notes)
    assert snapshot(root) == before
    assert not any(finding.fixable for finding in ended.now.findings)


def test_each_fixable_check_has_a_case_and_only_those():
    assert {c.id for c in CHECKS.values() if c.fixable} == {case.id for case in CASES}


WIRING = {
    "celery.E010",
    "celery.E031",
    "celery.E035",
    "celery.E050",
    "celery.E051",
    "celery.W041",
    "celery.E240",
}


def test_an_entry_of_a_task_that_no_worker_registers_is_not_proved(tmp_path, monkeypatch):
    files = entry(OK_ENTRY.replace("doctors.tasks.greet", "doctors.tools.send"))
    root = make_tree(tmp_path, {**healthy(), **files, "doctors/jobs.py": LONE})
    before = snapshot(root)
    monkeypatch.setattr("celeryize.checks.schedule.left_without_worker", lambda _: {})
    with pytest.raises(Unproved):
        commands.fix(root, Recorder(), yes=True, python=sys.executable)
    assert snapshot(root) == before


@pytest.mark.parametrize("case", [c for c in CASES if c.id in WIRING], ids=name_of)
def test_the_project_that_a_fix_leaves_is_proved_by_importing_it(tmp_path, case):
    root = make_tree(tmp_path, {**healthy(), **case.files})
    shown = Recorder()
    ended = commands.fix(root, shown, yes=True, python=sys.executable)
    # the proof of what is on the disk says the same as the one before, and is shown once
    assert [proof.verdict for proof in shown.proofs] == [Verdict.PASSED]
    assert (case.id in {f.id for f in ended.fixed}, ended.now.findings) == (True, ())


SEVERAL = block(
    "SOFT_TIME_LIMIT = 270", "SOFT_TIME_LIMIT = '270'", "CELERYD_PREFETCH_MULTIPLIER = '4'\n"
)
NIGHTLY = "'task': 'doctors.tasks.great', 'schedule': 60, 'arg': ('x'), 'queue': 'slow'"


def test_all_mistakes_are_fixed_at_once_and_those_behind_them_by_the_next_runs(tmp_path):
    text = SEVERAL["config/settings.py"] + f"CELERY_BEAT_SCHEDULE = {{'nightly': {{{NIGHTLY}}}}}\n"
    root = make_tree(tmp_path, {**healthy(), "config/settings.py": text, "config/__init__.py": ""})
    runs = [[f.id.removeprefix("celery.") for f in fix(root)[0].fixed] for _ in range(3)]
    assert runs == [["W070", "W083", "W083", "E170", "E240", "E010"], ["E240", "E250"], []]
    now = (root / SETTINGS).read_text()
    assert "CELERY_TASK_SOFT_TIME_LIMIT = 270\n" in now
    assert "CELERY_WORKER_PREFETCH_MULTIPLIER = 4\n" in now
    assert (
        "'doctors.tasks.greet', 'schedule': 60, 'args': ('x',), 'options': {'queue': 'slow'}}"
        in now
    )


def test_errors_that_stay_end_with_code_1_and_warnings_only_if_strict(tmp_path):
    mistakes = settings(
        "CELERY_TASK_ALWAYS_EAGR = False\nCELERYD_LOG_FILE = 'x'\nBROKER_POOL_LIMIT = 3\n"
    )
    root = make_tree(tmp_path, {**healthy(), **mistakes})
    assert fix(root)[0].now.exit_code is Exit.DONE
    assert fix(root, strict=True)[0].now.exit_code is Exit.FINDINGS
    (root / TASKS).write_text(
        "from celery import shared_task\n\n\n@shared_task(bind=True)\ndef f():\n    pass\n"
    )
    assert fix(root)[0].now.exit_code is Exit.FINDINGS


def test_only_what_is_asked_for_and_not_silenced_is_fixed(tmp_path):
    text = "CELERY_TASK_ALWAYS_EAGR = False  # celeryize: ignore[W060]\nCELERYD_PREFETCH_MULTIPLIER = 4\n"
    root = make_tree(tmp_path, {**healthy(), **settings(text)})
    assert fix(root, skip=["W070"])[0].fixed == ()
    assert [f.id for f in fix(root, only=["W070", "W060"])[0].fixed] == ["celery.W070"]


def test_a_dry_run_and_a_no_write_nothing(tmp_path):
    root = make_tree(tmp_path, {**healthy(), **settings("CELERY_TASK_ALWAYS_EAGR = False\n")})
    before = snapshot(root)
    ended = commands.fix(root, Recorder(), static=True, dry_run=True)
    assert (ended.result.outcome, ended.fixed, len(ended.now.findings)) == (
        WriteOutcome.WOULD_CHANGE,
        (),
        1,
    )
    with pytest.raises(Declined):
        commands.fix(root, Recorder(answer=False), static=True)
    assert snapshot(root) == before


def test_a_fix_that_does_not_help_is_rolled_back(tmp_path, monkeypatch):
    root = make_tree(tmp_path, {**healthy(), **settings("CELERY_TASK_ALWAYS_EAGR = False\n")})
    before = snapshot(root)
    comment = Fix(PurePosixPath(SETTINGS), "a comment", (insertion(0, "# no help\n", ()),))
    monkeypatch.setattr("celeryize.checks.misnamed.rename_setting", lambda *_: comment)
    with pytest.raises(Unproved, match=r"did not resolve celery\.W060"):
        fix(root)
    assert snapshot(root) == before


def test_a_fix_that_would_change_more_than_it_says_is_left(tmp_path, monkeypatch):
    root = make_tree(tmp_path, {**healthy(), **settings("CELERY_TASK_ALWAYS_EAGR = False\n")})
    more = Fix(PurePosixPath(SETTINGS), "more", (insertion(0, "import os\n", ()),))
    monkeypatch.setattr("celeryize.checks.misnamed.rename_setting", lambda *_: more)
    ended, _ = fix(root)
    assert [why for _, why in ended.left] == [
        "the edit of config/settings.py would change more than was planned"
    ]


def test_each_fixable_check_stands_in_the_page_about_verify():
    page = (Path(__file__).parents[4] / "docs/verify.md").read_text()
    fixing = page.partition("## Fixing")[2].partition("## Silencing")[0]
    told = {f"celery.{found}" for found in re.findall(r"\b[EWI]\d{3}\b", fixing)}
    assert told == {c.id for c in CHECKS.values() if c.fixable}
