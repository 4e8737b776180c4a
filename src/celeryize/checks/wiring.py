"""Whether the app, the settings and the processes find one another: nothing runs, or the wrong thing does."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from celeryize.checks.check import Spot, check
from celeryize.checks.facts import Facts
from celeryize.detect.layout import settings_named_by
from celeryize.model import Where

SHADOWS = ("celery", "kombu", "redis", "amqp", "billiard", "vine", "flower")


@check("celery.E001")
def app_not_imported(facts: Facts) -> Iterator[Spot]:
    """The project package does not import the Celery app, so web processes use Celery's default app.

    How it looks: kombu.exceptions.OperationalError: [Errno 111] Connection refused from .delay(), although the
    settings name Redis; the worker is fine.

    Why: @shared_task binds to the current app; without the import that is an app without any configuration.

    Fix: `from .celery import app as celery_app` in the package's __init__.py; `celeryize init` writes it.

    Source: Celery's First steps with Django; celery#3252, celery#6370.
    """
    if facts.app and facts.app.imported is None:
        yield Spot(f"{facts.project.package.init} does not import {facts.app.module}", facts.app.where)


@check("celery.E002")
def library_hidden(facts: Facts) -> Iterator[Spot]:
    """A module of the project hides a library from every import.

    How it looks: ImportError: cannot import name 'Celery' from partially initialized module 'celery'.

    Why: the folder of manage.py stands before site-packages on sys.path.

    Fix: Rename the file or folder, or move it into the project package.

    Source: reproduced with Celery 5.7.
    """
    for base in facts.project.layout.paths:
        for name in SHADOWS:
            for path in (base / f"{name}.py", base / name / "__init__.py"):
                if (facts.project.root / path).is_file():
                    yield Spot(f"{path} hides the library {name}", Where(path))


@check("celery.E004")
def app_before_environment(facts: Facts) -> Iterator[Spot]:
    """The app is built before DJANGO_SETTINGS_MODULE is set, so the worker knows no Django, and no tasks.

    How it looks: an empty [tasks] list in the worker's banner; web processes are fine.

    Why: the Django fixup is installed by the constructor of Celery, only if the variable exists then.

    Fix: Call os.environ.setdefault("DJANGO_SETTINGS_MODULE", ...) above the app.

    Source: celery/fixups/django.py; First steps with Django ("must always come before").
    """
    if not facts.app or not facts.app_source or not facts.app.reads_django_settings:
        return
    named = [where for _, where in settings_named_by(facts.project.modules, facts.app.where.path)]
    if not any((where.line or 0) < (facts.app.where.line or 0) for where in named):
        late = "after the app is built" if named else "nowhere in this file"
        yield Spot(f"DJANGO_SETTINGS_MODULE is set {late}", facts.app.where)


@check("celery.E005")
def namespace(facts: Facts) -> Iterator[Spot]:
    """The app does not read the names that the settings use, so all of them are ignored.

    How it looks: amqp://guest@localhost:5672// as the broker, whatever CELERY_BROKER_URL says; no error at all.

    Why: without namespace="CELERY" (in capitals) Celery looks for other names, and ignores unknown ones.

    Fix: app.config_from_object("django.conf:settings", namespace="CELERY").

    Source: celery/app/utils.py, detect_settings; celery#4452.
    """
    app = facts.app
    if app is None or app.config_source != "django.conf:settings" or app.reads_django_settings:
        return
    lost = next((s for s in facts.settings if s.name in {"CELERY_BROKER_URL", "CELERY_BEAT_SCHEDULE"}), None)
    if lost:
        yield Spot(f"the namespace is {app.namespace!r}, so {lost.name} ({lost.where}) is ignored", app.where)


@check("celery.W009")
def handler_too_early(facts: Facts) -> Iterator[Spot]:
    """A handler of on_after_configure may run before Django is ready, and its errors vanish.

    How it looks: a periodic task that is missing from Beat, without a line in any log.

    Why: the signal fires in the worker before the apps are loaded; Celery swallows what its handlers raise.

    Fix: Use on_after_finalize, or CELERY_BEAT_SCHEDULE (`celeryize add-schedule`).

    Source: celery#3589.
    """
    for source in facts.sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Attribute) and node.attr == "on_after_configure":
                yield Spot("a handler of on_after_configure", source.where(node))


@check("celery.E010")
def second_app(facts: Facts) -> Iterator[Spot]:
    """There are two Celery apps: the one that is built last takes the tasks of @shared_task.

    How it looks: connection refused to amqp, or tasks that are registered with the other app.

    Why: @shared_task binds to the current app, which is the last one created.

    Fix: Keep one app and import it everywhere.

    Source: kombu#2249.
    """
    for other in facts.project.celery[1:]:
        yield Spot(f"a second Celery app, beside {facts.project.celery[0].where}", other.where)


@check("celery.W012")
def other_settings_module(facts: Facts) -> Iterator[Spot]:
    """The app file names another settings module than manage.py: a worker without the variable uses that one.

    How it looks: the worker runs with the settings of another environment.

    Why: setdefault takes effect wherever the process manager does not set DJANGO_SETTINGS_MODULE.

    Fix: Name the same module in both, or set the variable for every process.

    Source: read in many projects.
    """
    if facts.app is None:
        return
    for name, where in settings_named_by(facts.project.modules, facts.app.where.path):
        if name != facts.project.layout.settings and facts.project.settings.where is not None:
            yield Spot(f"{name} here, {facts.project.layout.settings} in {facts.project.settings.where}", where)


@check("celery.E013")
def configurations_not_set_up(facts: Facts) -> Iterator[Spot]:
    """The settings are classes of django-configurations, and the app file does not set them up.

    How it looks: ImproperlyConfigured: django-configurations settings importer wasn't correctly installed.

    Why: manage.py installs the importer; a worker does not go through manage.py.

    Fix: In the app file, before the app: import configurations; configurations.setup().

    Source: django-configurations' documentation; reproduced.
    """
    if facts.project.settings.class_based and facts.app and facts.app_source:
        if "configurations" not in facts.app_source.text:
            yield Spot("configurations.setup() is missing", facts.app.where)


@check("celery.E014")
def app_file_imports_models(facts: Facts) -> Iterator[Spot]:
    """The app file imports models or tasks, before Django's apps are loaded.

    How it looks: AppRegistryNotReady: Apps aren't loaded yet., in manage.py too.

    Why: the project package imports the app file, and Django imports the package first of all.

    Fix: Import inside the function that needs it; discovery imports the tasks.

    Source: celery#4699.
    """
    if not facts.app_source:
        return
    for node in facts.app_source.tree.body:
        if isinstance(node, ast.ImportFrom):
            names = {*(node.module or "").split("."), *(alias.name for alias in node.names)}
            if names & {"models", "tasks"} and "celery" not in (node.module or "").split(".")[:1]:
                yield Spot(f"{ast.unparse(node)}, at import", facts.app_source.where(node))
