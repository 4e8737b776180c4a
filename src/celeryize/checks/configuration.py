"""Settings that Celery accepts in silence: values that cannot work, and names that nobody reads."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from celeryize.celery_facts import OLD_NAMES, SETTING_NAMES, known
from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import default_of, is_true, number_of, pairs_of, text_of
from celeryize.checks.facts.settings import Setting
from celeryize.checks.fixes import did_you_mean
from celeryize.checks.imported import bad_imports
from celeryize.checks.settings import (
    IGNORED,
    PREFIX,
    SERIALIZERS,
    close_name,
    is_read,
)
from celeryize.checks.task_options import tasks_as_meant
from celeryize.checks.written import elements_of, resolved, settings_of
from celeryize.model import Where
from celeryize.patch.nodes import dotted

# Of celery.concurrency: its aliases.
POOLS = ("prefork", "processes", "threads", "solo", "gevent", "eventlet", "custom")
# Of kombu.compression, also where a library has to be installed for it.
COMPRESSIONS = frozenset({"gzip", "zlib", "bzip2", "bzip", "lzma", "xz", "brotli", "zstd"})
# The schedulers that these packages have.
SCHEDULERS = {
    "django_celery_beat": "django_celery_beat.schedulers:DatabaseScheduler",
    "redbeat": "redbeat.RedBeatScheduler",
    "celery": "celery.beat:PersistentScheduler",
}
KNOWN_SCHEDULERS = frozenset(
    {
        "django_celery_beat.schedulers.DatabaseScheduler",
        "redbeat.RedBeatScheduler",
        "redbeat.schedulers.RedBeatScheduler",
        "celery.beat.PersistentScheduler",
        "celery.beat.Scheduler",
    }
)


@check("celery.W670", unless=IGNORED)
def eager_in_production(facts: Facts) -> Iterator[Occurrence]:
    """The settings of the web server have tasks run in the web process.

    What happens: `.delay()` blocks the request until the task is done; no worker gets anything.
    How it looks: (nothing: slow requests, an idle worker)
    Why: CELERY_TASK_ALWAYS_EAGER is True in the settings module that wsgi.py names.
    Fix: Set it in the settings of the tests only.
    Source: https://docs.celeryq.dev/en/stable/userguide/testing.html
    """
    for setting in eager_settings(facts):
        yield Occurrence(
            f"{setting.name} is on in the settings of the web server: tasks run in its process, "
            "and no worker is used",
            setting.where,
            "Set it in the test settings only.",
        )


def eager_settings(facts: Facts) -> list[Setting]:
    """Where the settings of production have tasks run eagerly, for certain."""
    names = {name for entry in facts.project.web if entry.certain for name in entry.names}
    if len(names) != 1:
        return []
    chain = _star_imported(facts, names.pop())
    found = [s for s in facts.settings if _is_eager(s) and s.where.path in chain]
    # where another file of the same settings, or an `if`, decides, nothing is certain
    if any(not is_true(s.value) or s.conditional for s in found):
        return []
    return [s for s in found if not EAGER_FILES.search(s.where.path.name)]


def _is_eager(setting: Setting) -> bool:
    return setting.name in {f"{PREFIX}TASK_ALWAYS_EAGER", f"{PREFIX}ALWAYS_EAGER"}


def _star_imported(facts: Facts, module: str) -> list[PurePosixPath]:
    """The file of a module, and of all that it star-imports."""
    path = facts.modules.find(module)
    found: list[PurePosixPath] = []
    if path is not None:
        found.append(path)
    # the list grows while it is read
    for place in found:
        code = facts.code.parsed(place)
        for node in code.imports if code else ():
            if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
                other = facts.modules.find(facts.modules.absolute(node, place))
                if other is not None and other not in found:
                    found.append(other)
    return found


@check("celery.I350")
def eager_everywhere(facts: Facts) -> Iterator[Occurrence]:
    """Tasks always run in the process that calls them.

    What happens: No worker is used: `.delay()` blocks until the task is done.
    How it looks: (nothing)
    Why: CELERY_TASK_ALWAYS_EAGER is meant for tests.
    Fix: Set it in the test settings only.
    Source: https://docs.celeryq.dev/en/stable/userguide/testing.html
    """
    # in the settings of production it is a warning (W670)
    production = {setting.where for setting in eager_settings(facts)}
    for setting in facts.settings.named("CELERY_TASK_ALWAYS_EAGER", "CELERY_ALWAYS_EAGER"):
        if (
            setting.where not in production
            and is_true(setting.value)
            and not setting.conditional
            and not EAGER_FILES.search(setting.where.path.name)
        ):
            yield Occurrence(
                f"{setting.name} is on: no worker is used",
                setting.where,
                "Set it in the test settings only.",
            )


EAGER_FILES = re.compile(r"test|local|dev|ci\b")


@check("celery.E678", unless=IGNORED)
def imports_name_no_module(facts: Facts) -> Iterator[Occurrence]:
    """CELERY_IMPORTS names something that is no module.

    What happens: The worker does not start.
    How it looks: ModuleNotFoundError: No module named 'shop.tasks.add'; 'shop.tasks' is not a
        package
    Why: Celery imports each name as a module.
    Fix: The name of the module: "shop.tasks".
    Source: celery/loaders/base.py, import_default_modules
    """
    for where, message, hint in bad_imports(facts):
        yield Occurrence(message, where, hint)


@check("celery.E684", unless=IGNORED)
def limit_is_timedelta(facts: Facts) -> Iterator[Occurrence]:
    """A time limit is a timedelta.

    What happens: Every `.delay()` raises.
    How it looks: TypeError: Object of type timedelta is not JSON serializable, or
        TypeError: '>' not supported between instances of 'datetime.timedelta' and 'int'
    Why: Time limits are seconds, and travel in the message.
    Fix: The number of seconds.
    Source: reproduced with Celery 5.7
    """
    for key in ("task_time_limit", "task_soft_time_limit"):
        configured = facts.worker.configuration.get(key) if facts.worker else None
        in_effect = configured is not None and str(configured.value).startswith("datetime.timed")
        for setting, value in settings_of(facts, key):
            if _is_timedelta(value) or (in_effect and isinstance(value, ast.Name)):
                yield _seconds_wanted(setting.name, value, setting.where)
    for task in tasks_as_meant(facts):
        for name in ("time_limit", "soft_time_limit"):
            given = task.options.get(name)
            if given is not None and _is_timedelta(resolved(task.code, given)):
                where = task.code.where(given)
                yield _seconds_wanted(name, resolved(task.code, given), where)


def _is_timedelta(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and dotted(node.func) in {"timedelta", "datetime.timedelta"}


def _seconds_wanted(name: str, value: ast.expr, where: Where) -> Occurrence:
    seconds = number_of(value)
    hint = "Write the number of seconds."
    if seconds is not None:
        hint = f"Write {seconds:g}."
    return Occurrence(f"{name} is a timedelta, not a number of seconds", where, hint)


@check("celery.E685", unless=IGNORED)
def settings_in_one_dict(facts: Facts) -> Iterator[Occurrence]:
    """Celery's settings are in one dict, which an app with a namespace does not read.

    What happens: None of them has any effect.
    How it looks: Cannot connect to amqp://guest:**@127.0.0.1:5672//: [Errno 111] Connection
        refused.
    Why: With namespace="CELERY", Celery reads the settings CELERY_BROKER_URL and so on, not a dict
        of the name CELERY.
    Fix: One setting each: CELERY_BROKER_URL = ...; or app.conf.update(settings.CELERY).
    Source: celery/app/utils.py; reproduced with Celery 5.7
    """
    if not any(app.reads_django_settings for app in facts.project.celery):
        return
    for setting in facts.settings:
        if setting.name not in {"CELERY", "CELERY_CONFIG", "CELERY_SETTINGS", "CELERY_CONF"}:
            continue
        names = {(text_of(p.key) or "").lower() for p in pairs_of(setting.value) or ()}
        known = {n.removeprefix("celery_") for n in names} & SETTING_NAMES
        if known and not _is_taken(facts, setting.name):
            yield Occurrence(
                f"the dict {setting.name} is not read: an app with a namespace reads "
                f"{PREFIX}{min(known).upper()} and the like",
                setting.where,
                "Write one setting each.",
            )


def _is_taken(facts: Facts, name: str) -> bool:
    """Whether code reads a setting: by its name, as an attribute, or by getattr()."""
    for code in facts.code.relevant:
        for node in code.parents:
            if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load):
                return True
            if isinstance(node, ast.Attribute) and node.attr == name:
                return True
            if text_of(node) == name and not isinstance(code.parents[node], ast.keyword):
                return True
    return False


@check("celery.E686", unless=("celery.E001", "celery.E003"))
def settings_import_tasks(facts: Facts) -> Iterator[Occurrence]:
    """The settings import tasks that need Django's models or its settings.

    What happens: Nothing starts, manage.py included.
    How it looks: django.core.exceptions.AppRegistryNotReady: Apps aren't loaded yet., or
        ImproperlyConfigured: The SECRET_KEY setting must not be empty.
    Why: While the settings are imported, Django has neither settings nor apps.
    Fix: Name the task in a text: "task": "shop.tasks.add".
    Source: django/apps/registry.py, check_apps_ready; django/conf/__init__.py, Settings
    """
    tasks = {task.code.path: task.code for task in facts.tasks}
    for path in facts.settings.files:
        code = facts.code.parsed(path)
        for node in code.imports if code else ():
            if code is None or not isinstance(node, ast.ImportFrom) or not code.at_top(node):
                continue
            if any(isinstance(outer, ast.If | ast.Try) for outer in code.around(node)):
                continue
            module = facts.modules.absolute(node, path)
            for name in (module, *(f"{module}.{alias.name}" for alias in node.names)):
                found = facts.modules.find(name)
                need = _needs_django(facts, tasks[found]) if found in tasks else None
                if need:
                    yield Occurrence(
                        f"the settings import {name}, which needs {need} while the settings are "
                        "not there yet",
                        code.where(node),
                        'Name the task in a text: "shop.tasks.add".',
                    )
                    break


def _needs_django(facts: Facts, code: Code) -> str | None:
    """What of Django a tasks module uses when it is imported: models or settings; None if neither
    is certain."""
    for node in code.imports:
        guarded = any(isinstance(outer, ast.If | ast.Try) for outer in code.around(node))
        if not isinstance(node, ast.ImportFrom) or not code.at_top(node) or guarded:
            continue
        module = facts.modules.absolute(node, code.path)
        own = module.split(".")[0] in facts.code.own_packages
        names = {alias.name for alias in node.names}
        if (own and (module.endswith(".models") or "models" in names)) or module in {
            "django.contrib.auth.models",
            "django.contrib.contenttypes.models",
        }:
            return "models"
    return None


@check("celery.W687", unless=IGNORED)
def old_name_misspelt(facts: Facts) -> Iterator[Occurrence]:
    """A setting has an unknown name that is close to one of Celery's old names.

    What happens: Nothing: the setting has no effect, and no message says so.
    How it looks: (nothing)
    Why: Celery reads the settings whose names it knows, and ignores all others.
    Fix: Rename it to the suggested name.
    Source: celery/app/defaults.py
    """
    seen: set[str] = set()
    for setting in facts.settings:
        name = setting.name
        if not name.startswith(("CELERYD_", "CELERYBEAT_", PREFIX)) or name in seen:
            continue
        seen.add(name)
        key = name.removeprefix(PREFIX).lower()
        if name in OLD_NAMES or not name.isupper() or is_known_name(name, key):
            continue
        close = difflib.get_close_matches(name, OLD_NAMES, 1, 0.92)
        if close and not is_read(facts, setting):
            new = f"{PREFIX}{OLD_NAMES[close[0]].upper()}"
            yield Occurrence(
                f"{name} has no effect: Celery has no such setting",
                setting.where,
                f"Did you mean {close[0]}? Today it is {new}.",
            )


def is_known_name(name: str, key: str) -> bool:
    """Whether another check decides about a name that starts with CELERY_."""
    return name.startswith(PREFIX) and (known(key) or close_name(key) is not None)


@check("celery.E688", unless=IGNORED)
def accept_content_wrong(facts: Facts) -> Iterator[Occurrence]:
    """CELERY_ACCEPT_CONTENT is a text, or names an unknown serializer.

    What happens: The worker does not start.
    How it looks: kombu.exceptions.SerializerNotInstalled: No encoder/decoder installed for j
    Why: Celery goes through it: a text is taken letter by letter.
    Fix: ["json"]
    Source: kombu/serialization.py, prepare_accept_content; reproduced with Celery 5.7
    """
    for key in ("accept_content", "result_accept_content"):
        for setting, value in settings_of(facts, key):
            text = text_of(value)
            if text is not None:
                yield Occurrence(
                    f"{setting.name} is the text {text!r}, not a list",
                    setting.where,
                    f"Write [{text!r}].",
                )
            for element in elements_of(value):
                name = text_of(element)
                if (
                    name is not None
                    and "/" not in name
                    and name not in SERIALIZERS
                    and not facts.code.imports_module("kombu.serialization")
                ):
                    close = difflib.get_close_matches(name, SERIALIZERS, 1, 0.6)
                    yield Occurrence(
                        f"kombu knows no serializer {name!r}",
                        setting.code.where(element),
                        did_you_mean(close),
                    )


@check("celery.E692", unless=IGNORED)
def scheduler_does_not_exist(facts: Facts) -> Iterator[Occurrence]:
    """CELERY_BEAT_SCHEDULER names a class that its package does not have.

    What happens: Beat does not start.
    How it looks: ModuleNotFoundError: No module named 'django_celery_beat.scheduler'
    Why: Beat imports the class by its name.
    Fix: "django_celery_beat.schedulers:DatabaseScheduler"
    Source: https://django-celery-beat.readthedocs.io/; reproduced with Celery 5.7
    """
    for setting, value in settings_of(facts, "beat_scheduler"):
        if isinstance(value, ast.Dict):
            yield Occurrence(
                f"{setting.name} is a dict, and names the class of a scheduler",
                setting.where,
                f"Write {PREFIX}BEAT_SCHEDULE.",
            )
            continue
        text = text_of(default_of(value)) or ""
        package = re.split(r"[.:]", text)[0]
        if package in SCHEDULERS and text.replace(":", ".") not in KNOWN_SCHEDULERS:
            yield Occurrence(
                f"{package} has no scheduler {text!r}",
                setting.where,
                f"Write {SCHEDULERS[package]!r}.",
            )


@check("celery.E698", unless=IGNORED)
def pool_unknown(facts: Facts) -> Iterator[Occurrence]:
    """CELERY_WORKER_POOL names a pool that Celery does not have.

    What happens: The worker does not start.
    How it looks: ModuleNotFoundError: No module named 'thread'
    Why: An unknown name is taken for a module.
    Fix: prefork, threads, solo, gevent or eventlet.
    Source: celery/concurrency/__init__.py
    """
    for setting, value in settings_of(facts, "worker_pool"):
        name = text_of(default_of(value)) or ""
        # a path names a class of the project's own
        if name and name not in POOLS and not set(".:") & set(name):
            near = difflib.get_close_matches(name, POOLS, 1)
            yield Occurrence(f"Celery has no pool {name!r}", setting.where, did_you_mean(near))


@check("celery.W697", unless=IGNORED)
def prefetch_without_limit(facts: Facts) -> Iterator[Occurrence]:
    """The prefetch multiplier is 0, which means no limit.

    What happens: The first worker takes all messages that wait into its memory; others get none.
    How it looks: (nothing: one worker is busy, the others are idle, and memory grows)
    Why: 0 turns the limit off, and not the prefetching.
    Fix: CELERY_WORKER_PREFETCH_MULTIPLIER = 1
    Source: https://docs.celeryq.dev/en/stable/userguide/configuration.html#worker-prefetch-multiplier
    """
    for setting, value in settings_of(facts, "worker_prefetch_multiplier"):
        if number_of(default_of(value)) == 0:
            yield Occurrence(
                f"{setting.name} is 0: a worker takes every message that waits",
                setting.where,
                "Set it to 1 where tasks are long.",
            )


@check("celery.E695", unless=IGNORED)
def compression_unknown(facts: Facts) -> Iterator[Occurrence]:
    """The compression or the delivery mode of messages has a name that kombu does not know.

    What happens: Every `.delay()` raises.
    How it looks: KeyError: 'gzp'
    Why: kombu looks the name up only when it sends.
    Fix: "gzip" or "bzip2"; "transient" or "persistent".
    Source: kombu/compression.py; reproduced with Celery 5.7
    """
    known_names = {
        "task_compression": COMPRESSIONS,
        "result_compression": COMPRESSIONS,
        "task_default_delivery_mode": frozenset({"transient", "persistent"}),
    }
    for key, names in known_names.items():
        for setting, value in settings_of(facts, key):
            name = text_of(default_of(value))
            if (
                name
                and name not in names
                and "/" not in name
                and not facts.code.imports_module("kombu.compression")
            ):
                close = difflib.get_close_matches(name, names, 1, 0.6)
                yield Occurrence(
                    f"{setting.name} is {name!r}, which kombu does not know",
                    setting.where,
                    did_you_mean(close),
                )
