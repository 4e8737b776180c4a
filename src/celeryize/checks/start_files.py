"""What only manage.py or wsgi.py does: a worker starts without either of them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.model import Where

# What reads a file of environment variables.
LOADS = re.compile(
    rb"^(?!\s*def\b)[^#\n]*\b(load_dotenv|read_dotenv|Env\.read_env|env\.read_env|"
    rb"dotenv_values)\s*\(",
    re.M,
)
REPORTS = re.compile(
    rb"^[^#\n]*\b(sentry_sdk\.init|rollbar\.init|bugsnag\.configure|"
    rb"newrelic\.agent\.initialize|honeybadger\.configure)\s*\(",
    re.M,
)
# The imports that give these another name.
LOADS_RENAMED = re.compile(
    rb"^\s*(?:from|import)\b[^#\n]*\b(dotenv|environ|load_dotenv|read_dotenv|dotenv_values)\s+as\b"
    rb"|^\s*import\s+dotenv\b|\bread_env\s*\(",
    re.M,
)
REPORTS_RENAMED = re.compile(
    rb"^\s*from\s+(?:sentry_sdk|rollbar|bugsnag|newrelic\.agent|honeybadger)\s+import\s[^#\n]*"
    rb"\b(?:init|configure|initialize)\b"
    rb"|^\s*import\s+(?:sentry_sdk|rollbar|bugsnag|newrelic\.agent|honeybadger)\s+as\b",
    re.M,
)
START_FILES = re.compile(r"(^|/)(manage|wsgi|asgi)\.py$")


@check("celery.W042", unless=("celery.E001",))
def environment_read_by_manage(facts: Facts) -> Iterator[Occurrence]:
    """The file with the environment is read by manage.py or wsgi.py alone.

    What happens: The worker has none of its variables: another broker, another database, or it does
        not start.
    How it looks: Connection refused, KeyError, or django.core.exceptions.ImproperlyConfigured
    Why: `celery -A <project> worker` imports the app and the settings, and neither of these files.
    Fix: Read it at the top of the settings, which every process imports.
    Source: https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html
    """
    found = _only_in_start_files(facts, LOADS, LOADS_RENAMED)
    if found is None or not facts.project.celery or not _reads_environment(facts):
        return
    # what starts the worker may give it the variables
    for process in facts.deployment.processes:
        if process.subcommand == "worker" and (process.environment or not process.sealed):
            return
    where, name = found
    yield Occurrence(
        f"{name}() runs here, and not in a worker: it starts without this file",
        where,
        "Call it at the top of the settings.",
    )


def _reads_environment(facts: Facts) -> bool:
    """Whether the settings take anything about Celery, or the database, from the environment."""
    named = re.compile(rb"(environ|getenv|\benv)\b")
    return any(named.search(facts.code.raw(path)) for path in facts.settings.files)


@check("celery.W044")
def errors_reported_by_web(facts: Facts) -> Iterator[Occurrence]:
    """Errors are reported by the web process alone.

    What happens: The exceptions of tasks reach nobody: they are in the worker's log only.
    How it looks: (nothing)
    Why: `celery -A <project> worker` imports the app and the settings, and not wsgi.py.
    Fix: Call it in the settings, or in the app file, which every process imports.
    Source: https://docs.sentry.io/platforms/python/integrations/celery/
    """
    found = _only_in_start_files(facts, REPORTS, REPORTS_RENAMED)
    if found is not None and facts.project.celery:
        where, name = found
        yield Occurrence(
            f"{name}() runs here, and not in a worker: errors of tasks are not reported",
            where,
            "Call it in the settings, which every process imports.",
        )


def _only_in_start_files(
    facts: Facts, pattern: re.Pattern[bytes], renamed: re.Pattern[bytes]
) -> tuple[Where, str] | None:
    """The call of a pattern in manage.py, wsgi.py or asgi.py, if no other file has one, nor an
    import that may call it by another name."""
    found: tuple[Where, str] | None = None
    root = facts.project.root
    manage = PurePosixPath("manage.py")
    paths = [*facts.code.files, *facts.settings.files]
    if manage not in paths and (root / manage).is_file():
        paths.append(manage)
    # nearly no project has it there: then the others are not read
    starts = [path for path in paths if START_FILES.search(path.as_posix())]
    if not any(pattern.search(facts.code.raw(path)) for path in starts):
        return None
    for path in dict.fromkeys(paths):
        text = facts.code.raw(path)
        match = pattern.search(text)
        if not START_FILES.search(path.as_posix()) and renamed.search(text):
            return None
        if match is None:
            continue
        if not START_FILES.search(path.as_posix()):
            return None
        line = text.count(b"\n", 0, match.start(1)) + 1
        found = found or (Where(path, line), match[1].decode())
    return found
