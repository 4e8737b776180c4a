"""What only an import of the project shows: a broken project for each mistake, and a healthy twin."""

from __future__ import annotations

import pytest

from celeryize.checks import imported
from celeryize.checks.run_checks import run_checks
from celeryize.probe.report import Failure, ImportReport
from tests.conftest import make_tree
from tests.unit.checks.projects import (
    APP,
    OK_ENTRY,
    TASK,
    Mistake,
    entry,
    facts_of,
    found_by_import,
    healthy,
    imported_facts_of,
    settings,
    tasks,
    with_twin,
)

COMPUTED = "names = ['{}']\nCELERY_BEAT_SCHEDULE = {{n: {{'task': n, 'schedule': 5.0, 'args': ['x']}} for n in names}}  # <-\n"

LOGGED = (
    "import functools\n\n\ndef logged(function):\n{}    def wrapper(*args):{}\n"
    "        return function(*args)\n\n    return wrapper\n\n\n"
    "@shared_task\n@logged\ndef pack(pk):\n    return pk\n\n\n"
    "@shared_task\n@logged\ndef send(pk):\n    return pk\n"
)
# a library that only a web process imports
HIDDEN = "import celery\n\n\ndef g():{}\n    pass\n\n\nf = celery.shared_task(name='lib.f')(g)\n"
WEB_ALONE = "\nimport sys\nif 'manage' in sys.argv[0]:\n    from library import f\n"
BESIDE = settings("import sys\nsys.path.insert(0, str(BASE_DIR / 'lib'))\n")
MODELS = healthy()["doctors/models.py"]

WSGI = (
    "import os\n\nfrom django.core.wsgi import get_wsgi_application\n\n"
    "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'config.production')\n"
    "application = get_wsgi_application()\n"
)
OF_PRODUCTION = {
    "config/wsgi.py": WSGI,
    "config/celery.py": APP.replace("config.settings", "config.production"),
}
PRODUCTION = "from config.settings import *\n\nDEBUG = False\n{}"

VIEW = "from {} import {}  # <-\n\n\ndef index(request):\n    greet.delay(1)\n"
URLS = "from django.urls import path\n\nfrom doctors import views\n\nurlpatterns = [path('', views.index)]\n"

IMPORTED = [
    Mistake(
        "celery.E005",
        {
            "config/urls.py": URLS,
            "doctors/views.py": VIEW.format("doctors.tasks", "great as greet"),
        },
        {"config/urls.py": URLS, "doctors/views.py": VIEW.format("doctors.tasks", "greet")},
    ),
    Mistake(
        "celery.W009",
        {**OF_PRODUCTION, "config/production.py": PRODUCTION.format("import no_such  # <-\n")},
        {**OF_PRODUCTION, "config/production.py": PRODUCTION.format("")},
    ),
    Mistake(
        "celery.I011",
        {
            **OF_PRODUCTION,
            "config/production.py": PRODUCTION.format(
                "import os\nA = os.environ['OF_PRODUCTION']  # <-\n"
            ),
        },
        {
            **OF_PRODUCTION,
            "config/production.py": PRODUCTION.format("import os\nA = os.environ.get('A')\n"),
        },
    ),
    Mistake(
        "celery.E191",
        tasks(LOGGED.format("", "  # <-")),
        tasks(LOGGED.format("    @functools.wraps(function)\n", "")),
    ),
    Mistake(
        "celery.E043",
        {
            **BESIDE,
            "lib/library.py": HIDDEN.format("  # <-"),
            "doctors/models.py": MODELS + WEB_ALONE,
        },
        {
            **BESIDE,
            "lib/library.py": HIDDEN.format(""),
            "doctors/models.py": f"{MODELS}\nfrom library import f\n",
        },
    ),
    Mistake("celery.E001", settings("1 / 0  # <-\n")),
    Mistake(
        "celery.E003",
        {"config/celery.py": APP + "import sys\nif sys.argv[0] == 'celery':\n    1 / 0  # <-\n"},
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
    Mistake(
        "celery.E170",
        entry(
            OK_ENTRY.replace("doctors.tasks.greet',", "library.tasks.nothing',  # <-").replace(
                "        'args': ('x',),\n", ""
            )
        ),
        entry(OK_ENTRY),
    ),
    Mistake(
        "celery.E171",
        settings(COMPUTED.format("doctors.tasks.great")),
        settings(COMPUTED.format("doctors.tasks.greet")),
    ),
]


def test_nothing_is_found_in_a_healthy_project_that_is_imported(tmp_path):
    assert found_by_import(tmp_path, {}) == []


@pytest.mark.parametrize("mistake", IMPORTED, ids=str)
def test_an_import_finds_a_mistake_and_nothing_else(tmp_path, mistake):
    assert found_by_import(tmp_path, mistake.broken) == [(mistake.id, mistake.place)]


@pytest.mark.parametrize("mistake", with_twin(IMPORTED), ids=str)
def test_an_import_finds_nothing_in_the_healthy_twin(tmp_path, mistake):
    assert found_by_import(tmp_path, mistake.twin) == []


def test_three_broken_modules_are_three_findings(tmp_path):
    tree = healthy()
    for name in ("a", "b", "c"):
        tree |= {f"{name}/__init__.py": "", f"{name}/tasks.py": f"import no_{name}\n"}
    tree["config/settings.py"] += "INSTALLED_APPS += ['a', 'b', 'c']\n"
    assert sorted(found_by_import(tmp_path, tree)) == [
        ("celery.E030", "a/tasks.py:1"),
        ("celery.E030", "b/tasks.py:1"),
        ("celery.E030", "c/tasks.py:1"),
    ]


def test_a_module_that_celery_removed_is_reported_with_its_replacement(tmp_path):
    facts = imported_facts_of(
        make_tree(tmp_path, {**healthy(), **tasks("from celery.task import task\n")})
    )
    findings = run_checks(facts).findings
    (hint,) = [finding.hint for finding in findings if finding.id == "celery.E030"]
    assert hint == "Removed in Celery 5: use `from celery import shared_task`"


def test_an_environment_variable_that_overrides_the_settings_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://elsewhere")
    ((identifier, where),) = found_by_import(tmp_path, {})
    assert (identifier, where.split(":")[0]) == ("celery.W082", "config/settings.py")


def test_one_function_under_two_names_is_found(tmp_path):
    tree = healthy()
    tree["manage.py"] = tree["manage.py"].replace(
        "import sys\n", "import sys\nsys.path.insert(0, 'apps')\n", 1
    )
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
    assert ("celery.E191", "apps/shop/tasks.py:4") in found_by_import(tmp_path, tree)


def test_a_missing_library_is_one_finding_and_the_code_is_checked_all_the_same(tmp_path):
    root = make_tree(tmp_path, {**healthy(), **settings("CELERY_TASK_ALWAYS_EAGR = False\n")})
    absent = ImportReport("worker", python_version="3.12.1", django_importable=True)
    findings = run_checks(facts_of(root).with_imports(absent, absent)).findings
    assert sorted(f.id for f in findings) == ["celery.E002", "celery.W060"]
    assert any("celery cannot be imported" in f.message for f in findings)


def test_a_name_for_the_app_that_only_we_gave_is_no_error_of_the_project(tmp_path):
    facts = facts_of(make_tree(tmp_path, healthy()))
    spec = facts.project.celery[0].spec(facts.project.package.name)
    failure = Failure("AttributeError", f"Module '{spec}' has no attribute 'celery'", "app")
    worker = ImportReport(
        "worker", django_importable=True, celery_importable=True, failures=(failure,)
    )
    web = ImportReport("web", django_importable=True, celery_importable=True)
    found = run_checks(facts.with_imports(worker, web)).findings
    assert [finding.id for finding in found] == ["celery.W003"]
    # a project that starts its worker so has the problem itself
    (tmp_path / "Procfile").write_text(f"worker: celery -A {spec} worker\n")
    facts = facts_of(tmp_path).with_imports(worker, web)
    assert [finding.id for finding in run_checks(facts).findings] == ["celery.E003"]


def test_a_missing_variable_is_named_with_the_line_that_sets_it(tmp_path):
    files = settings("import os\nHOST = os.environ['SHOP_HOST']\n")
    facts = imported_facts_of(make_tree(tmp_path, {**healthy(), **files}))
    finding = next(one for one in run_checks(facts).findings if one.id == "celery.E001")
    assert "`export SHOP_HOST=...`" in finding.hint


def test_what_is_known_of_an_exception_is_its_hint(tmp_path):
    receiver = APP + "\n\n@app.on_after_finalize.connect\ndef setup(sender):\n    pass\n"
    root = make_tree(tmp_path, {**healthy(), "config/celery.py": receiver})
    (finding,) = run_checks(imported_facts_of(root)).findings
    assert (finding.id, finding.hint) == ("celery.E001", "Give the function **kwargs, too.")


def test_an_unknown_time_zone_is_one_finding_where_it_is_written(tmp_path):
    wrong = settings('CELERY_TIMEZONE = "Europe/Pariss"\n', instead="CELERY_TIMEZONE")
    ((identifier, where),) = found_by_import(tmp_path, wrong)
    assert (identifier, where.split(":")[0]) == ("celery.E301", "config/settings.py")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("CEST", "Europe/Berlin"),
        ("GMT+2", "Europe/Paris"),
        ("Europe/Berln", "Did you mean Europe/Berlin?"),
    ],
)
def test_a_zone_that_is_none_names_one(name, hint):
    assert hint in imported.zone_hint(name)


def test_a_wrapper_without_wraps_is_named_with_the_names_of_its_decorator(tmp_path):
    body = LOGGED.replace("logged", "timed").replace("function", "call")
    body = body.replace("wrapper", "inner")
    files = tasks(body.format("", ""))
    facts = imported_facts_of(make_tree(tmp_path, {**healthy(), **files}))
    (finding,) = [one for one in run_checks(facts).findings if one.id == "celery.E191"]
    assert finding.hint == (
        "Write @functools.wraps(call) above `def inner` in the decorator timed, or give each a "
        "name=."
    )


def test_the_variables_that_production_lacks_are_named_at_once(tmp_path):
    lines = (
        "import os\nA = os.environ['OF_PRODUCTION']\nB = [os.environ['OF_MAIL']]\n"
        "C = os.environ.get('OF_CHOICE', '')\nif DEBUG:\n    D = os.environ['OF_DEBUG']\n"
        "E = os.environ['OF_FILE']\nos.environ['OF_OURS'] = '1'\n"
    )
    asgi = WSGI.replace("wsgi", "asgi").replace("config.production", "config.staging")
    files = {
        **OF_PRODUCTION,
        "config/asgi.py": asgi,
        "config/production.py": PRODUCTION.format(lines),
        "config/staging.py": "from config.production import *\n\nF = os.environ['OF_STAGING']\n",
        ".env": "OF_FILE=1\n",
    }
    facts = imported_facts_of(make_tree(tmp_path, {**healthy(), **files}))
    (finding,) = [one for one in run_checks(facts).findings if one.id == "celery.I011"]
    assert finding.message == "not imported: config.wsgi, config.asgi"
    assert finding.hint == "For that, set OF_PRODUCTION, OF_STAGING and OF_MAIL."


def test_all_variables_that_the_settings_lack_are_named_at_once(tmp_path):
    files = settings("import os\nA = os.environ['OF_MAIL']\nB = os.environ['OF_PAYMENT']\n")
    facts = imported_facts_of(make_tree(tmp_path, {**healthy(), **files}))
    (finding,) = [one for one in run_checks(facts).findings if one.id == "celery.E001"]
    assert finding.hint == (
        "Set OF_MAIL and OF_PAYMENT where you run this, as the project is started with it: "
        "`export OF_MAIL=... OF_PAYMENT=...`, then `celeryize verify`."
    )
