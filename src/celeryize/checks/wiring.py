"""The app and how the project finds it: import, order, namespace, a second app, shadowed
libraries."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from celeryize.celery_facts import CELERY_LIBRARIES, OLD_NAMES, words
from celeryize.checks.check import Fix, Occurrence, Unsure, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import DEPTH, Code
from celeryize.checks.facts.literals import is_true, text_of
from celeryize.checks.facts.processes.given import given_to
from celeryize.checks.facts.processes.hosts import definitions_of
from celeryize.checks.facts.processes.reads import SETTINGS, deciding, settings_of
from celeryize.checks.facts.processes.start_up import may_start_with
from celeryize.checks.imported import failures, place
from celeryize.detect.candidates import FOR_TESTS
from celeryize.detect.celery import CeleryApp, builds_app, celery_classes
from celeryize.detect.processes import Process
from celeryize.detect.web_entries import WebEntry, loads_environment, settings_chosen_by
from celeryize.detect.web_settings import (
    deciding_entries,
    exports_settings,
    settings_changes,
)
from celeryize.errors import CannotPatch
from celeryize.model import Where
from celeryize.patch.imports import add_import
from celeryize.patch.nodes import dotted
from celeryize.patch.package_init import app_import
from celeryize.patch.replace import below, replaced
from celeryize.patch.source import Source, fitted, insertion, statements


@check("celery.I004", unless=("celery.E812",))
def no_app(facts: Facts) -> Iterator[Occurrence]:
    """The project has no Celery app.

    What happens: There is nothing to check.
    How it looks: `celery -A ...` prints: Unable to load celery application.
    Why: No module that the settings, manage.py or the package import calls Celery().
    Fix: `celeryize init` sets Celery up.
    Source: https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html
    """
    if facts.project.celery:
        return
    hint = "`celeryize init` sets Celery up."
    for code in facts.code.relevant:
        for assign in code.assigns:
            if code.at_top(assign) and builds_app(ast.unparse(assign)):
                message = f"this project has no Celery app; {code.path} builds one for itself"
                yield Occurrence(message, code.where(assign), hint)
                return
    yield Occurrence("no Celery app was found in this project", None, hint)


@check("celery.E006")
def file_does_not_parse(facts: Facts) -> Iterator[Occurrence]:
    """A file that a worker imports is not valid Python.

    What happens: The worker does not start; manage.py does not notice a broken tasks module.
    How it looks: SyntaxError: ..., with the line that is shown.
    Why: Settings, app file and tasks modules are imported when a worker starts.
    Fix: Correct the line, or save the file in the encoding that it declares (UTF-8).
    Source: https://docs.python.org/3/reference/lexical_analysis.html#encoding-declarations
    """
    # an import shows it by itself, in the project's own Python
    if facts.worker is not None:
        return
    for refusal in _unreadable(facts, certain=True):
        yield Occurrence(refusal.message, refusal.where, "Correct it; nothing in it was checked.")


@check("celery.W007")
def file_not_checked(facts: Facts) -> Iterator[Occurrence]:
    """A file could not be read, so nothing in it was checked.

    What happens: What is wrong in that file is not found; a task in it is not known.
    How it looks: (nothing: the project may be fine)
    Why: celeryize reads Python with its own interpreter and, where there is one, the project's: a
        newer syntax, deep nesting, or a lone carriage return are more than it reads.
    Fix: Name the project's interpreter with --python, or look at the line that is shown.
    Source: the files themselves
    """
    for refusal in _unreadable(facts, certain=False):
        # what the import ran into is reported where it failed
        if not _is_reported(facts, refusal):
            yield Occurrence(
                f"not checked: {refusal.message}",
                refusal.where,
                refusal.hint or "Look at the file yourself.",
            )


def _unreadable(facts: Facts, *, certain: bool) -> Iterator[CannotPatch]:
    """The files that cannot be read; `certain`: those with which no worker can start."""
    for path in facts.code.unreadable:
        refusal = facts.modules.refusal(path)
        if refusal is None:
            continue
        imported = facts.worker is None and _is_imported_by_worker(facts, path)
        if certain == (imported and _is_invalid_python(facts, refusal)):
            yield refusal


def _is_imported_by_worker(facts: Facts, path: PurePosixPath) -> bool:
    """Whether a file is one of the settings in use, an app file, or a tasks module."""
    if path in facts.project.settings.reachable or path.name == "tasks.py":
        return True
    return facts.code.has(path, "Celery(") or path.parent.name == "tasks"


def _is_invalid_python(facts: Facts, refusal: CannotPatch) -> bool:
    """Whether every Python refuses a file, and not only one that is older than the project's."""
    cause = refusal.__cause__
    if not isinstance(cause, SyntaxError):
        return isinstance(cause, UnicodeDecodeError | LookupError)
    text = ""
    if refusal.where:
        text = facts.code.line(refusal.where)
    return not (NEWER_MESSAGE.search(cause.msg or "") or NEWER_LINE.search(text))


# What Python 3.12 to 3.14 added, as an older one refuses it, and how such a line looks.
NEWER_MESSAGE = re.compile(r"f-string|multiple exception types|t-string|unterminated string")
NEWER_LINE = re.compile(r"^(type \w+|(async )?def \w+\[|class \w+\[|except\*)|\b[rR]?[fFtT][\"']")


def _is_reported(facts: Facts, refusal: CannotPatch) -> bool:
    reports = (facts.worker, facts.web)
    failures = (failure for report in reports if report for failure in report.failures)
    where = refusal.where
    return any(
        failure.where is not None
        and where is not None
        and failure.where[0].endswith(f"/{where.path}")
        for failure in failures
    )


@check("celery.W008")
def settings_not_known(facts: Facts) -> Iterator[Occurrence]:
    """It is not known which settings this project has.

    What happens: What depends on the settings was not checked; the code and the command lines were.
    How it looks: (nothing: the project may be fine)
    Why: manage.py names no settings module that exists, or several, or computes its name.
    Fix: Pass it: --settings MODULE.
    Source: https://docs.djangoproject.com/en/stable/topics/settings/#designating-the-settings
    """
    if facts.project.settings.unknown:
        yield Occurrence(
            f"the settings were not checked: {facts.project.settings.unknown}",
            Where(facts.project.layout.manage),
            "Pass them: --settings MODULE.",
            excerpt="",
        )


@check("celery.E010", fixable=True, unless=("celery.E020",))
def app_not_imported(facts: Facts) -> Iterator[Occurrence]:
    """The Celery app is not imported in the project package.

    What happens: Web processes bind @shared_task to Celery's default app, which does not have your
        settings: `.delay()` connects to amqp on localhost, and `delay_on_commit` is missing. The
        worker works.
    How it looks: kombu.exceptions.OperationalError: [Errno 111] Connection refused
    Why: Only importing the module that calls Celery() makes its app the current one; Django imports
        the package of its settings, so import it there.
    Fix: In `<package>/__init__.py`: from .celery import app as celery_app
    Source: https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html
    """
    if not facts.project.celery or any(app.imported for app in facts.project.celery):
        return
    # which package Django imports, the settings say
    if facts.project.settings.unknown:
        return
    # the import shows it: whatever leads to the app, web processes have it
    if facts.web and facts.web.current_app_main not in (None, "default"):
        return
    # tasks of `app.task` import the app themselves
    if facts.tasks and not any(task.shared for task in facts.tasks):
        return
    app, package = facts.project.celery[0], facts.project.package
    # an import there that fails is the one that was meant
    failed = [
        place(facts, *one.where)
        for one in failures(facts, "start", "settings", "setup", "app")
        if one.where
    ]
    if any(where is not None and where.path == package.init for where in failed):
        return
    if facts.web is None and _imported_at_start(facts, app.module):
        return
    module = app.module.removeprefix(package.name)
    if not module.startswith("."):
        # the app is in another package
        module = app.module
    start = f"from {module} import {app.variable} as celery_app"
    hint = f"Add `{start}`."
    if any(settings_changes(facts.modules, facts.project.web, package.name, app.where.path)):
        hint = (
            f"First have {app.where.path} name the settings of the web process, which importing it "
            f"would change; then add `{start}`."
        )
    yield Occurrence(
        f"{package.init} does not import the Celery app {app.module}:{app.variable}, "
        "so web processes use Celery's default app (amqp on localhost)",
        Where(package.init, 1),
        hint,
        excerpt="",
        fix=_import_app(facts, app),
    )


def _import_app(facts: Facts, app: CeleryApp) -> Fix | Unsure:
    """The import in the package's `__init__`, as init writes it, where the app is in that
    package."""
    package = facts.project.package
    parent, _, module = app.module.rpartition(".")
    if parent != package.name:
        return Unsure(f"the app is not in the package {package.name}")
    if any(settings_changes(facts.modules, facts.project.web, package.name, app.where.path)):
        return Unsure("the web process would get the settings that the app file names")
    source = facts.modules.source(package.init)
    if source is None and (facts.project.root / package.init).exists():
        return Unsure(f"{package.init} cannot be read")
    try:
        splices = app_import(source or Source(package.init, ""), module, app.variable)
    except CannotPatch as refusal:
        return Unsure(refusal.message)
    return Fix(package.init, f"imports {app.module}:{app.variable}", tuple(splices))


def _imported_at_start(facts: Facts, module: str) -> bool:
    """Whether a web process may come to import a module.

    Models, urls, views, an AppConfig or another module of the tasks: which of them a web process
    imports is known after an import only. Commands of manage.py are no part of it.
    """
    places = [path for path in facts.code.files if "management" not in path.parts]
    return facts.code.is_imported_by(module, places)


@check("celery.E020")
def library_shadowed(facts: Facts) -> Iterator[Occurrence]:
    """A module of the project hides a library of the same name.

    What happens: Every import of that name finds the project's file, because its folder comes first
        on sys.path.
    How it looks: ImportError: cannot import name 'Celery' from partially initialized module
        'celery' (most likely due to a circular import)
    Why: The folder of manage.py is searched before the installed packages.
    Fix: Move the file into the project package (`config/celery.py`), or rename it.
    Source: reproduced with Celery 5.7
    """
    for base in facts.modules.roots:
        if base != facts.project.base and _is_appended(facts, base):
            continue
        for name in CELERY_LIBRARIES:
            for path in (base / f"{name}.py", base / name / "__init__.py"):
                if not (facts.project.root / path).is_file():
                    continue
                # the library itself, copied into the tree
                if path.name == "__init__.py" and facts.code.is_library(path.parent):
                    continue
                # without a Redis URL, nothing imports that library
                if name == "redis" and not any(c.has("redis://") for c in facts.code.relevant):
                    continue
                yield Occurrence(
                    f"{path} hides the library {name}: every `import {name}` finds this file "
                    "instead",
                    Where(path, 1),
                    "Move it into the project package, or rename it.",
                )


def _is_appended(facts: Facts, base: PurePosixPath) -> bool:
    """Whether a folder comes behind the installed packages on sys.path, where it hides nothing."""
    manage = facts.code.parsed(facts.project.layout.manage)
    for call in manage.calls if manage else ():
        if dotted(call.func) == "sys.path.insert" and base.name in ast.unparse(call):
            return False
    return True


@check("celery.E040")
def app_before_settings(facts: Facts) -> Iterator[Occurrence]:
    """Celery() is called before DJANGO_SETTINGS_MODULE is set.

    What happens: Web processes work; the worker has no tasks.
    How it looks: The worker's banner shows an empty [tasks] list, then: Received unregistered task
        of type '...'.
    Why: The constructor installs Celery's Django support only if DJANGO_SETTINGS_MODULE is set at
        that moment; without it, autodiscover_tasks() finds no apps.
    Fix: Put os.environ.setdefault("DJANGO_SETTINGS_MODULE", ...) above the call.
    Source: celery/fixups/django.py; "must always come before" in Celery's first steps with Django
    """
    if facts.app_code is None or facts.app_call is None:
        return
    # without any such line it is W041
    lines = _environment_lines(facts.app_code, "DJANGO_SETTINGS_MODULE")
    if lines and min(lines) > facts.app_call.lineno:
        yield Occurrence(
            f"Celery() is called before line {min(lines)} sets DJANGO_SETTINGS_MODULE: the worker "
            "finds no tasks",
            facts.app_code.where(facts.app_call),
            "Move os.environ.setdefault(...) above it.",
        )


@check("celery.W041", fixable=True)
def settings_module_not_set(facts: Facts) -> Iterator[Occurrence]:
    """The app file does not set DJANGO_SETTINGS_MODULE.

    What happens: The worker has no tasks and no settings, unless whoever starts it exports the
        variable.
    How it looks: An empty [tasks] list in the worker's banner, and a connection to
        amqp://guest@localhost.
    Why: manage.py sets the variable for itself only; `celery -A ...` does not run it.
    Fix: os.environ.setdefault("DJANGO_SETTINGS_MODULE", "...") above Celery() in the app file.
    Source: https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html
    """
    code, call = facts.app_code, facts.app_call
    if code is None or call is None or "DJANGO_SETTINGS_MODULE" in _imported_text(code):
        return
    if not facts.project.celery[0].reads_django_settings or code.names("configurations"):
        return
    # a .env file may set it
    if loads_environment(code.source.tree):
        return
    package = facts.code.parsed(facts.project.package.init)
    if package and package.has("DJANGO_SETTINGS_MODULE"):
        return
    if _is_set_by_import(facts, code):
        return
    if _is_set_by_importer(facts, facts.project.celery[0].module):
        return
    lacking = _worker_without_settings(facts)
    if lacking is None and facts.deployment.exports(SETTINGS):
        return
    started = "a worker that is started without it has no tasks"
    if lacking is not None:
        started = f"{lacking.name} ({lacking.where}) is started without it, and has no tasks"
    yield Occurrence(
        f"the app file does not set DJANGO_SETTINGS_MODULE: {started}",
        code.where(call),
        f'Put os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{_module_for_worker(facts)}") '
        "above it.",
        fix=_set_settings_module(facts, code, call),
    )


def _imported_text(code: Code) -> str:
    """The text of a module less what `if __name__ == "__main__"` keeps from an import."""
    lines = code.bare.split("\n")
    for node in code.source.tree.body:
        if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
            for number in range(node.lineno - 1, node.end_lineno or node.lineno):
                lines[number] = ""
    return "\n".join(lines)


def _is_set_by_import(facts: Facts, code: Code) -> bool:
    """Whether a module of the project that the app file imports names the variable."""
    for node in code.imports:
        names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            module = facts.modules.absolute(node, code.path)
            names = [module, *(f"{module}.{name}" for name in names)]
        for name in names:
            path = facts.modules.find(name)
            if path is not None and path not in facts.settings.files:
                if facts.code.has(path, "DJANGO_SETTINGS_MODULE"):
                    return True
    return False


def _worker_without_settings(facts: Facts) -> Process | None:
    """A worker or Beat that certainly is not given the variable, beside others that are."""
    for process in facts.deployment.processes:
        if process.subcommand not in {"worker", "beat"} or process.variable(SETTINGS):
            continue
        if process.kind not in {"compose", "kubernetes", "systemd"}:
            continue
        given = [given_to(facts, one) for one in definitions_of(facts, process)]
        if any(SETTINGS in one.variables or not one.complete for one in given):
            continue
        # manage.py sets it, too
        if not any("manage.py" in word for word in process.words):
            if not may_start_with(facts, process, SETTINGS):
                return process
    return None


def _is_set_by_importer(facts: Facts, module: str) -> bool:
    """Whether another module sets the variable and then imports the app."""
    web = {"manage.py", "wsgi.py", "asgi.py"}
    for code in facts.code.relevant:
        if code.path.name in web or not code.has("DJANGO_SETTINGS_MODULE"):
            continue
        # `celery -A` is given that module instead
        if facts.code.is_imported_by(module, [code.path]):
            return True
    return False


def _module_for_worker(facts: Facts) -> str:
    """The settings module that an app file may name: a web process imports it first, so that it is
    the one of wsgi.py where that names another one than manage.py."""
    project = facts.project
    entries = deciding_entries(project.web, project.package.name)
    names = {entry.names[0] for entry in entries if entry.certain}
    if len(names) == 1:
        return names.pop()
    return project.settings.module


def _names_elsewhere(facts: Facts) -> set[str]:
    """The settings modules that any file of the project puts into the variable."""
    return {
        name
        for base in facts.modules.roots
        for path in facts.modules.files_with(base, DEPTH, b"DJANGO_SETTINGS_MODULE")
        for one in settings_chosen_by(facts.modules, path)
        for name in one.values
        if not FOR_TESTS.search(name)
    }


def _set_settings_module(facts: Facts, code: Code, call: ast.Call) -> Fix | Unsure:
    """The line above the app, where the project's files name one settings module and no other."""
    settings = facts.project.settings
    # several environments: which of them the worker should use is not ours to decide
    named = {name for name, _ in facts.project.layout.environments}
    if named != {settings.module} or set(settings.environments) - named:
        return Unsure("the settings module is not certain")
    # a script that serves, or runs at night, may import the app before it names its own
    if _names_elsewhere(facts) - named:
        return Unsure("the settings module is not certain")
    holder = code.parents[call]
    if code.parents.get(holder) is not code.source.tree:
        return Unsure("the app is not built at the top of its module")
    source, line = (
        code.source,
        f'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{settings.module}")\n\n',
    )
    offset = source.line_starts[call.lineno - 1]
    if source.start(holder) != offset:
        return Unsure("the app is not built on a line of its own")
    above = insertion(offset, fitted(source, offset, line), statements(line))
    return Fix(code.path, "sets DJANGO_SETTINGS_MODULE", (*add_import(source, "import os"), above))


@check("celery.E021", unless=("celery.E120",))
def web_settings_changed(facts: Facts) -> Iterator[Occurrence]:
    """The Celery app changes the settings of the web process.

    What happens: A web server that imports wsgi.py (or asgi.py) without DJANGO_SETTINGS_MODULE in
        its environment runs with the settings that the app file names.
    How it looks: No error. `settings.SETTINGS_MODULE` in the web process is not what wsgi.py names.
    Why: Importing wsgi.py runs the `__init__.py` of its package first, and with it the app file.
        Its os.environ.setdefault("DJANGO_SETTINGS_MODULE", ...) comes first, and wsgi.py's own has
        no effect any more.
    Fix: Have the app file name the module that wsgi.py names. manage.py sets its own before it
        imports the package; a worker with other settings gets DJANGO_SETTINGS_MODULE in its
        environment. Where wsgi.py and asgi.py name different modules, name one in both first: the
        app file cannot suit the two.
    Source: reproduced with Django 6.0 and Celery 5.7
    """
    # a variable that the deployment sets wins over the app file, too
    if exports_settings(facts.project.root):
        return
    seen: set[str] = set()
    for app in facts.project.celery:
        if app.imported is None or app.imported.path.name != "__init__.py":
            continue
        package = facts.modules.name_of(app.imported.path) or ""
        for change in settings_changes(facts.modules, facts.project.web, package, app.where.path):
            if change.certain and change.entry.module not in seen:
                seen.add(change.entry.module)
                yield _changed_settings(facts, change.entry, change.name, change.where)
    imported = {entry.module: entry for entry in facts.web.entry_points} if facts.web else {}
    for entry in facts.project.web:
        found = imported.get(entry.module)
        if found is None or entry.module in seen or not entry.certain or entry.stale:
            continue
        if found.failure is None and found.settings_module not in (None, *entry.names):
            yield _changed_settings(facts, entry, str(found.settings_module), entry.where)


def _changed_settings(facts: Facts, entry: WebEntry, name: str, where: Where) -> Occurrence:
    debug = deciding(settings_of(facts, name), "DEBUG")
    shown = name
    if debug is not None and is_true(debug.value):
        shown = f"{name} (with DEBUG on)"
    return Occurrence(
        f"{entry.module} names {entry.names[0]} ({entry.where}), but importing it runs the Celery "
        f"app first, which sets {shown}: a web server runs with that",
        where,
        _one_for_all(facts, name)
        or f"Name {entry.names[0]} in the app file, and set DJANGO_SETTINGS_MODULE={name} for a "
        "worker that needs other settings.",
    )


def _one_for_all(facts: Facts, name: str) -> str:
    """What to do where wsgi.py and asgi.py disagree, so that no app file suits both; empty where
    they agree."""
    entries = [one for one in facts.project.web if one.certain and one.names and not one.stale]
    different = {one.names[0]: one for one in reversed(entries)}
    if len(different) < 2:
        return ""
    places = [f"{one.where} names {one.names[0]}" for one in reversed(different.values())]
    layout = facts.project.layout
    return (
        f"{' and '.join(places)}: the app file cannot suit both. Name one module in them, and the "
        f"same in the app file. manage.py takes {layout.settings}, a worker what the app file "
        f"names (now {name}), or DJANGO_SETTINGS_MODULE."
    )


def _environment_lines(code: Code, name: str) -> list[int]:
    """The lines that set an environment variable."""
    lines = [
        call.lineno
        for call in code.calls
        if dotted(call.func).endswith(("environ.setdefault", "environ.update", "putenv"))
        and call.args
        and (text_of(call.args[0]) == name or name in ast.unparse(call.args[0]))
    ]
    for node in code.assigns:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        target = targets[0]
        if isinstance(target, ast.Subscript) and text_of(target.slice) == name:
            lines.append(node.lineno)
    return lines


@check("celery.E050", fixable=True)
def wrong_namespace(facts: Facts) -> Iterator[Occurrence]:
    """The namespace of config_from_object does not match the settings.

    What happens: Every CELERY_* setting that has no pre-Celery 4 name is ignored.
    How it looks: Cannot connect to amqp://guest:**@127.0.0.1:5672//: [Errno 111] Connection
        refused.
    Why: Celery only looks up names that start with the namespace, case included; without one, only
        pre-Celery 4 names work in Django's settings, which are upper case.
    Fix: app.config_from_object("django.conf:settings", namespace="CELERY")
    Source: celery/app/utils.py, detect_settings
    """
    if not facts.project.celery or facts.app_code is None:
        return
    app = facts.project.celery[0]
    call = _call_of(facts.app_code, f"{app.variable}.config_from_object")
    if app.config_source != "django.conf:settings" or call is None:
        return
    given = _namespace_argument(call)
    if given is not None and text_of(given) is None:
        return
    prefix = (app.namespace or "").rstrip("_")
    lost = _ignored_settings(facts, prefix)
    if not lost:
        return
    namespace = "no namespace"
    if prefix:
        namespace = f"namespace={prefix!r}"
    names = ", ".join(lost[:3]) + (", ..." if len(lost) > 3 else "")
    verb = "are"
    if len(lost) == 1:
        verb = "is"
    yield Occurrence(
        f"config_from_object has {namespace}, so {names} {verb} ignored",
        facts.app_code.where(call),
        f'{app.variable}.config_from_object("django.conf:settings", namespace="CELERY")',
        fix=_name_namespace(facts.app_code, call, given),
    )


def _namespace_argument(call: ast.Call) -> ast.expr | None:
    """The namespace in a call of config_from_object."""
    for keyword in call.keywords:
        if keyword.arg == "namespace":
            return keyword.value
    if len(call.args) > 3:
        return call.args[3]
    return None


def _ignored_settings(facts: Facts, prefix: str) -> list[str]:
    """The CELERY_* settings that an app with a namespace does not read."""
    namespaced = [setting.name for setting in facts.settings if setting.name.startswith("CELERY_")]
    if prefix == "CELERY":
        return []
    if not prefix:
        # BROKER_URL = CELERY_BROKER_URL is how some hand the value on
        return [
            name
            for name in namespaced
            if name in NEEDS_NAMESPACE and not facts.settings.first(name.removeprefix("CELERY_"))
        ]
    # settings under the namespace are there: those under CELERY_ may be another library's
    if prefix.isupper() and any(s.name.startswith(f"{prefix}_") for s in facts.settings):
        return []
    return [name for name in namespaced if name not in OLD_NAMES]


def _name_namespace(code: Code, call: ast.Call, given: ast.expr | None) -> Fix | Unsure:
    """namespace="CELERY", where there is none, or where it is written so but for its case."""
    if given is not None and (text_of(given) or "").rstrip("_").upper() == "CELERY":
        return Fix(
            code.path, 'the namespace becomes "CELERY"', (replaced(code.source, given, '"CELERY"'),)
        )
    if given is not None or len(call.args) != 1 or call.keywords:
        return Unsure("another namespace, or other arguments, may be meant")
    keyword = ast.keyword("namespace", ast.Constant("CELERY"))
    end = code.source.end(call.args[0])
    text = fitted(code.source, end, ', namespace="CELERY"')
    splice = insertion(end, text, (keyword,))
    return Fix(code.path, 'gets namespace="CELERY"', (splice,))


NEEDS_NAMESPACE = words(
    """
    CELERY_BROKER_URL CELERY_BEAT_SCHEDULE CELERY_BEAT_SCHEDULER CELERY_TASK_ALWAYS_EAGER
    CELERY_TASK_ROUTES CELERY_TASK_TIME_LIMIT CELERY_TASK_SOFT_TIME_LIMIT CELERY_TASK_ACKS_LATE
    CELERY_TASK_DEFAULT_QUEUE CELERY_TASK_QUEUES CELERY_TASK_IGNORE_RESULT CELERY_TASK_TRACK_STARTED
    CELERY_WORKER_CONCURRENCY CELERY_WORKER_PREFETCH_MULTIPLIER CELERY_BROKER_TRANSPORT_OPTIONS
    CELERY_TASK_EAGER_PROPAGATES
    """
)


# What gives an app its configuration from elsewhere.
READERS = ("config_from_object", "config_from_envvar", "config_from_cmdline", "config_source")


def _is_handed_over(code: Code, variable: str) -> bool:
    """Whether the app is given to a function, which may configure it."""
    return any(dotted(given) == variable for call in code.calls for given in call.args)


@check("celery.E051", fixable=True)
def settings_not_read(facts: Facts) -> Iterator[Occurrence]:
    """The app never reads the Django settings.

    What happens: No CELERY_* setting has any effect.
    How it looks: Cannot connect to amqp://guest:**@127.0.0.1:5672//: [Errno 111] Connection
        refused.
    Why: A Celery app is configured by config_from_object, config_from_envvar, its arguments or
        `app.conf`; the app of this project by none of them.
    Fix: app.config_from_object("django.conf:settings", namespace="CELERY")
    Source: https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html
    """
    code, call = facts.app_code, facts.app_call
    if code is None or call is None or code.names(*READERS):
        return
    app = facts.project.celery[0]
    given = [s for s in facts.settings if s.name.startswith("CELERY_")]
    if not given or app.conf_writes or set(app.constructor) - {"main"}:
        return
    if any(one.names(*READERS) for one in facts.code.relevant) or _is_handed_over(
        code, app.variable
    ):
        return
    yield Occurrence(
        f"the app never calls config_from_object, so {given[0].name} ({given[0].where}) has no "
        "effect",
        code.where(call),
        f'Add {app.variable}.config_from_object("django.conf:settings", namespace="CELERY").',
        fix=_read_settings(code, call, app),
    )


def _read_settings(code: Code, call: ast.Call, app: CeleryApp) -> Fix | Unsure:
    """config_from_object below the line that builds the app."""
    # inside a function, the line below may run too late
    holder = code.parents[call]
    if not isinstance(holder, ast.Assign) or code.parents[holder] is not code.source.tree:
        return Unsure("the app is not built at the top of its module")
    line = f'{app.variable}.config_from_object("django.conf:settings", namespace="CELERY")\n'
    return Fix(code.path, "reads the Django settings", (below(code.source, holder, line),))


def _call_of(code: Code, spelled: str) -> ast.Call | None:
    return next((call for call in code.calls if dotted(call.func) == spelled), None)


@check("celery.E100")
def second_app(facts: Facts) -> Iterator[Occurrence]:
    """There is a second Celery app.

    What happens: @shared_task binds to the app that was created last, with that app's broker and
        settings.
    How it looks: kombu.exceptions.OperationalError: [Errno 111] Connection refused
    Why: Creating an app makes it the current one; whichever module is imported last wins.
    Fix: Keep one Celery() and import it everywhere else.
    Source: https://github.com/celery/kombu/issues/2249
    """
    if facts.project.settings.unknown:
        return
    places = list(_app_places(facts))
    # the import shows that only one is built
    if facts.worker and facts.worker.app and len(facts.worker.apps_active) < 2:
        return
    if len(places) > 1:
        first = facts.project.celery[0].where if facts.project.celery else places[0]
        for where in places:
            if where != first:
                yield Occurrence(
                    "a second Celery app: @shared_task binds to this one or to the one in "
                    f"{first}, "
                    "whichever is imported last",
                    where,
                    "Import the existing app instead.",
                )


def _app_places(facts: Facts) -> Iterator[Where]:
    """Where the project's installed code builds an app when it is imported; of one name in one
    file, the first."""
    folders = [facts.project.package.folder, *(a.folder for a in facts.project.apps if a.installed)]
    for code in facts.code.relevant:
        inside = any(code.path.is_relative_to(f) for f in folders)
        main = any(app.where.path == code.path for app in facts.project.celery[:1])
        if not (inside or main) or "Celery(" not in code.source.text:
            continue
        classes = celery_classes(code.source.tree)
        # `if TEST: app = Celery(...)`: two branches build one app
        seen: set[str] = set()
        for node in code.assigns:
            if (
                isinstance(node, ast.Assign)
                and isinstance(node.value, ast.Call)
                and code.at_top(node)
            ):
                name = ast.unparse(node.targets[0])
                if dotted(node.value.func) in classes and name not in seen:
                    seen.add(name)
                    yield code.where(node.value)


@check("celery.E130")
def configurations_not_set_up(facts: Facts) -> Iterator[Occurrence]:
    """The app file does not set up django-configurations.

    What happens: manage.py works, the worker does not start.
    How it looks: ImproperlyConfigured: django-configurations settings importer wasn't correctly
        installed.
    Why: The classes of django-configurations only become settings through its importer.
    Fix: Above Celery(): os.environ.setdefault("DJANGO_CONFIGURATION", ...), import configurations,
        configurations.setup()
    Source: https://django-configurations.readthedocs.io/en/stable/cookbook/#celery
    """
    code, call = facts.app_code, facts.app_call
    manage = facts.modules.source(facts.project.layout.manage)
    if code is None or call is None or manage is None:
        return
    if "from configurations" in manage.text and not code.names("configurations"):
        yield Occurrence(
            "manage.py starts django-configurations, the app file does not: the worker cannot read "
            "the settings",
            code.where(call),
            "Above it: import configurations; configurations.setup()",
        )


@check("celery.E140")
def models_imported_by_the_app(facts: Facts) -> Iterator[Occurrence]:
    """The app file imports models.

    What happens: Nothing starts, manage.py included.
    How it looks: django.core.exceptions.AppRegistryNotReady: Apps aren't loaded yet.
    Why: The app file is imported with the settings' package, before Django has loaded its apps.
    Fix: Import models inside the functions that use them; let autodiscover_tasks() find the tasks.
    Source: reproduced with Celery 5.7 and Django 5.2
    """
    code = facts.app_code
    if code is None or code.has("django.setup()"):
        return
    for node in code.imports:
        if not isinstance(node, ast.ImportFrom) or not code.at_top(node) or _is_guarded(code, node):
            continue
        module = facts.modules.absolute(node, code.path)
        guilty = _is_models(module, node) or _imports_models(facts, module)
        if guilty:
            yield Occurrence(
                f"the app file imports {module}, which needs Django's apps before they are loaded",
                code.where(node),
                "Import it inside the function that uses it.",
            )


def _is_models(module: str, node: ast.ImportFrom) -> bool:
    return module.endswith(".models") or (
        any(a.name == "models" for a in node.names) and module != "django.db"
    )


def _imports_models(facts: Facts, module: str) -> bool:
    """Whether a tasks module of the project imports models when it is imported."""
    path = None
    if "." in module:
        path = facts.modules.find(module)
    code = None
    if path and module.split(".")[0] in facts.code.own_packages:
        code = facts.code.parsed(path)
    if code is None or code is facts.app_code:
        return False
    return any(
        isinstance(node, ast.ImportFrom)
        and code.at_top(node)
        and not _is_guarded(code, node)
        and _is_models(facts.modules.absolute(node, code.path), node)
        for node in code.imports
    )


def _is_guarded(code: Code, node: ast.AST) -> bool:
    """Whether an import is under `if TYPE_CHECKING` or in a `try`."""
    return any(isinstance(outer, ast.If | ast.Try) for outer in code.around(node))


@check("celery.E141")
def circular_import(facts: Facts) -> Iterator[Occurrence]:
    """Models and tasks import each other.

    What happens: The project does not start.
    How it looks: ImportError: cannot import name 'Order' from partially initialized module
        'shop.models'
    Why: Importing models.py imports tasks.py, which imports a model that is not defined yet.
    Fix: Import inside the function, on one of the two sides.
    Source: https://github.com/celery/celery/issues/4699
    """
    for code in facts.code.relevant:
        if code.path.name != "models.py":
            continue
        for node in code.imports:
            if (
                not isinstance(node, ast.ImportFrom)
                or not code.at_top(node)
                or _is_guarded(code, node)
            ):
                continue
            tasks = _module_of(facts, code, node)
            if tasks is None or tasks.module == code.module:
                continue
            back = next(
                (n for n in tasks.imports if _asks_back(facts, tasks, n, code, node.lineno)), None
            )
            if back is not None:
                yield Occurrence(
                    f"{tasks.path}:{back.lineno} imports from this module while this line imports "
                    f"{tasks.path}",
                    code.where(node),
                    "Import inside the function that uses it.",
                )


def _module_of(facts: Facts, code: Code, node: ast.ImportFrom) -> Code | None:
    module = facts.modules.absolute(node, code.path)
    for name in (module, *(f"{module}.{alias.name}" for alias in node.names)):
        path = facts.modules.find(name)
        if path is not None and "task" in path.as_posix():
            return facts.code.parsed(path)
    return None


def _asks_back(facts: Facts, tasks: Code, node: ast.AST, models: Code, line: int) -> bool:
    """Whether an import of the tasks wants a class that the models define below `line`."""
    if not isinstance(node, ast.ImportFrom) or not tasks.at_top(node) or _is_guarded(tasks, node):
        return False
    if facts.modules.absolute(node, tasks.path) != models.module:
        return False
    # classes above the import are defined by then
    later = {c.name for c in models.classes if c.lineno > line}
    return bool(later & {alias.name for alias in node.names})


@check("celery.W142")
def query_at_import(facts: Facts) -> Iterator[Occurrence]:
    """A tasks module queries the database when it is imported.

    What happens: The worker, manage.py migrate and CI fail on an empty database.
    How it looks: django.db.utils.OperationalError: no such table: ...
    Why: The module level runs at import, before migrations; connections made there are shared after
        a fork.
    Fix: Query inside the task.
    Source: reproduced with Celery 5.7
    """
    for code in facts.code.relevant:
        if not any(task.code is code for task in facts.tasks):
            continue
        for call in code.calls:
            spelled = dotted(call.func)
            # `Doctor.objects.filter()` is lazy, but few stop there
            if ".objects." in spelled and spelled.split(".")[0][:1].isupper() and code.at_top(call):
                yield Occurrence(
                    f"{spelled}() runs a query when this module is imported",
                    code.where(call),
                    "Query inside the task.",
                )


@check("celery.E037")
def discovers_in_a_text(facts: Facts) -> Iterator[Occurrence]:
    """autodiscover_tasks() is given a text instead of a list.

    What happens: The worker does not start.
    How it looks: ModuleNotFoundError: No module named 'o'
    Why: It goes through the letters of the text, and takes each for a package.
    Fix: app.autodiscover_tasks(["orders"]); or without an argument, for all installed apps
    Source: reproduced with Celery 5.7
    """
    for code in facts.code.relevant:
        for call in code.calls:
            if not dotted(call.func).endswith(".autodiscover_tasks"):
                continue
            given = [*call.args[:1], *(k.value for k in call.keywords if k.arg == "packages")]
            for value in given:
                name = text_of(value)
                if name:
                    yield Occurrence(
                        f"each letter of {name!r} is taken for a package",
                        code.where(call),
                        f'Write ["{name}"], or nothing for all installed apps.',
                    )


@check("celery.E038")
def discovers_no_package(facts: Facts) -> Iterator[Occurrence]:
    """autodiscover_tasks() is given the name of a package that does not exist.

    What happens: The worker does not start.
    How it looks: ModuleNotFoundError: No module named 'biling'
    Why: It imports each of the names.
    Fix: The name of the app as INSTALLED_APPS has it; or no argument, for all installed apps
    Source: celery/loaders/base.py, find_related_module
    """
    own = facts.code.own_packages
    for code in facts.code.relevant:
        for call in code.calls:
            if not dotted(call.func).endswith(".autodiscover_tasks") or not call.args:
                continue
            for element in getattr(call.args[0], "elts", ()):
                name = text_of(element) or ""
                head = name.partition(".")[0]
                if not name or _is_found(facts, name):
                    continue
                near = difflib.get_close_matches(head, sorted(own), 1, 0.8)
                # any other name may be a library
                if head in own or near:
                    hint = f"Did you mean {near[0]}?" if head not in own else ""
                    yield Occurrence(f"there is no package {name}", code.where(element), hint)


def _is_found(facts: Facts, name: str) -> bool:
    """Whether Celery finds a package of this name, or goes on without an error.

    It takes "shop.apps.ShopConfig" for a class, and looks in the package above it.
    """
    above = name.rpartition(".")[0]
    return any(
        one and (facts.modules.find(one) or facts.modules.folder(one)) for one in (name, above)
    )
