"""Whether the settings say what their author means: names, types, URLs, values that contradict each other."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from celeryize.checks.celery_names import FOREIGN, NAMES, today
from celeryize.checks.check import Spot, check
from celeryize.checks.facts import Facts, Setting

TRANSPORTS = frozenset(
    [
        "amqp",
        "amqps",
        "pyamqp",
        "redis",
        "rediss",
        "sentinel",
        "sqs",
        "memory",
        "filesystem",
        "sqla",
        "sqlalchemy",
        "mongodb",
        "zookeeper",
        "consul",
        "etcd",
        "azurestoragequeues",
        "azureservicebus",
        "gcpubsub",
        "pgmq",
        "confluentkafka",
        "kafka",
        "slmq",
        "qpid",
        "pyro",
        "SLMQ",
    ]
)
BACKENDS = frozenset(
    [
        "redis",
        "rediss",
        "sentinel",
        "rpc",
        "file",
        "db",
        "cache",
        "django-db",
        "django-cache",
        "mongodb",
        "s3",
        "gs",
        "couchbase",
    ]
) | {
    "cassandra",
    "elasticsearch",
    "dynamodb",
    "consul",
    "cosmosdbsql",
    "arangodb",
    "azureblockblob",
    "memory",
    "disabled",
    "couchdb",
    "firestore",
    "cache+memory",
    "cache+memcached",
    "sqlalchemy",
    "database",
}
NUMBERS = re.compile(
    r"CELERY_(TASK|WORKER|BROKER|RESULT|REDIS)_.*(LIMIT|TIMEOUT|EXPIRES|CONCURRENCY|MULTIPLIER|RETRIES|PER_CHILD)$"
)
SWITCHES = re.compile(
    r"CELERY_.*(ALWAYS_EAGER|ACKS_LATE|IGNORE_RESULT|EAGER_PROPAGATES|TRACK_STARTED|ENABLE_UTC|EXTENDED)$"
)


def _celery(facts: Facts) -> Iterator[Setting]:
    """The settings that are Celery's by their name, if the app reads them."""
    if facts.app is None or not facts.app.reads_django_settings:
        return
    for setting in facts.settings:
        if setting.name.startswith("CELERY_"):
            yield setting


def _private(name: str) -> bool:
    return name.lower().startswith(FOREIGN)


@check("celery.W006")
def misspelled(facts: Facts) -> Iterator[Spot]:
    """A CELERY_ name that Celery does not have, but that looks like one of its own.

    How it looks: nothing at all: the setting has no effect.

    Why: Celery looks up the names it knows and ignores all others.

    Fix: Write the name that was meant.

    Source: celery#6661; mozilla/sumo#198; measured: a close match was the right one in every try.
    """
    for setting in _celery(facts):
        key = setting.name.removeprefix("CELERY_").lower()
        if key in NAMES or today(setting.name) or _private(key):
            continue
        near = difflib.get_close_matches(key, NAMES, 1, 0.8)
        if near:
            meant = f"CELERY_{near[0].upper()}"
            yield Spot(f"{setting.name} has no effect", setting.where, f"Did you mean {meant}?")


@check("celery.I006")
def unknown(facts: Facts) -> Iterator[Spot]:
    """A CELERY_ name that Celery does not know and that looks like none of its own.

    How it looks: nothing; it is readable as a Django setting.

    Why: projects keep settings of their own under this prefix, which is fine.

    Fix: Nothing, if it is the project's own.

    Source: read in many projects.
    """
    for setting in _celery(facts):
        key = setting.name.removeprefix("CELERY_").lower()
        known = key in NAMES or today(setting.name) or _private(key)
        if not known and not difflib.get_close_matches(key, NAMES, 1, 0.8):
            yield Spot(f"{setting.name} is no setting of Celery", setting.where)


@check("celery.W007")
def old_name(facts: Facts) -> Iterator[Spot]:
    """A Celery 3 name in a project whose app has a namespace.

    How it looks: the setting is ignored by Celery 4.4 to 5.6 and honoured by 5.7, without a word.

    Why: the look-up of old names under a namespace differs between versions; 6.0 drops them.

    Fix: Use today's name.

    Source: celery/app/defaults.py; Celery's configuration documentation, "New lowercase settings".
    """
    if facts.app is None or not facts.app.reads_django_settings:
        return
    for setting in facts.settings:
        new = today(setting.name)
        if new:
            yield Spot(f"{setting.name} is Celery 3's name", setting.where, f"Write CELERY_{new.upper()}.")


@check("celery.W008")
def overridden(facts: Facts) -> Iterator[Spot]:
    """The app file sets what the settings set too, and wins.

    How it looks: a change of the setting has no effect.

    Why: app.conf and the arguments of Celery() come before the Django settings.

    Fix: Keep one of the two.

    Source: celery#4284.
    """
    if facts.app is None:
        return
    names = {"broker": "BROKER_URL", "backend": "RESULT_BACKEND"}
    writes = [(names.get(k, k.upper()), facts.app.where) for k in facts.app.constructor]
    writes += [(key.upper(), where) for key, where in facts.app.conf_writes]
    for key, where in writes:
        setting = facts.setting(f"CELERY_{key}")
        if setting:
            yield Spot(f"this wins over {setting.name} in {setting.where}", where)


@check("celery.E016")
def url(facts: Facts) -> Iterator[Spot]:
    """A broker or backend URL that Celery reads as something else.

    How it looks: KeyError: 'No such transport: redi.', a connection to an amqp host called localhost:6379, or
    ValueError: Port could not be cast to integer value.

    Why: what has no scheme is taken for an amqp host; a password with / or @ ends the host early.

    Fix: Write scheme://user:password@host:port/0, with the password percent-encoded.

    Source: reproduced with Celery 5.7 and kombu 5.7.
    """
    for names, known, what in (
        (("CELERY_BROKER_URL", "BROKER_URL"), TRANSPORTS, "transport"),
        (("CELERY_RESULT_BACKEND",), BACKENDS, "result backend"),
    ):
        value, setting = facts.literal(*names), facts.setting(*names)
        if not isinstance(value, str) or setting is None or not value:
            continue
        if value != value.strip():
            yield Spot(f"{setting.name} has a space at its end", setting.where)
            continue
        scheme = value.split("://")[0] if "://" in value else value.rstrip(":/")
        if "://" not in value and what == "transport":
            yield Spot(f"{setting.name} has no scheme, so it is taken for an amqp host", setting.where)
        elif scheme not in known and scheme.split("+")[0] not in known and not (":" in scheme or "." in scheme):
            near = difflib.get_close_matches(scheme, known, 1, 0.6)
            hint = f"Did you mean {near[0]}?" if near else ""
            yield Spot(f"there is no {what} {scheme}", setting.where, hint)
        else:
            try:
                _ = urlsplit(value.split(";")[0]).port
            except ValueError:
                yield Spot(f"{setting.name} does not parse: percent-encode the password", setting.where)


@check("celery.W029")
def two_schedulers(facts: Facts) -> Iterator[Spot]:
    """Beat reads the database, and there is a schedule in the settings too.

    How it looks: what is changed in the admin is back at the next start; entries taken out of the settings go on.

    Why: DatabaseScheduler writes the entries of the settings into the database each time it starts.

    Fix: Keep the schedule in one place, with a data migration.

    Source: django-celery-beat#153, #654.
    """
    scheduler, schedule = facts.literal("CELERY_BEAT_SCHEDULER"), facts.setting("CELERY_BEAT_SCHEDULE")
    filled = schedule and not (isinstance(schedule.value, ast.Dict) and not schedule.value.keys)
    if isinstance(scheduler, str) and "DatabaseScheduler" in scheduler and schedule and filled:
        yield Spot("a schedule in the settings beside the DatabaseScheduler", schedule.where)


@check("celery.W030")
def time_zone(facts: Facts) -> Iterator[Spot]:
    """Celery's time zone is not Django's.

    How it looks: a task at 8:00 that runs at another hour.

    Why: crontabs are read in CELERY_TIMEZONE, which follows TIME_ZONE only if it is not set.

    Fix: CELERY_TIMEZONE = TIME_ZONE, or leave it out.

    Source: Celery's periodic tasks documentation; celery#6438.
    """
    own, django = facts.literal("CELERY_TIMEZONE"), facts.literal("TIME_ZONE")
    setting = facts.setting("CELERY_TIMEZONE")
    entries = facts.setting("CELERY_BEAT_SCHEDULE")
    if isinstance(own, str) and isinstance(django, str) and own != django and setting and entries:
        yield Spot(f"CELERY_TIMEZONE is {own}, TIME_ZONE is {django}", setting.where)


@check("celery.W035")
def eager(facts: Facts) -> Iterator[Spot]:
    """Tasks run in the caller, in every environment.

    How it looks: .delay() takes as long as the task; the worker has nothing to do.

    Why: CELERY_TASK_ALWAYS_EAGER is meant for tests.

    Fix: Set it in the settings of the tests alone.

    Source: Celery's testing documentation.
    """
    setting = facts.setting("CELERY_TASK_ALWAYS_EAGER", "CELERY_ALWAYS_EAGER")
    if setting and setting.where.path == facts.project.settings.file:
        if facts.literal(setting.name) is True:
            yield Spot(f"{setting.name} is True in the settings that all environments share", setting.where)


@check("celery.E046")
def limits(facts: Facts) -> Iterator[Spot]:
    """The soft time limit is longer than the hard one.

    How it looks: ValueError: soft_time_limit must be less than or equal to time_limit, from .delay().

    Why: Celery 5.7 checks the two where a task is sent.

    Fix: Make the soft limit the shorter one.

    Source: reproduced with Celery 5.7.
    """
    soft, hard = facts.literal("CELERY_TASK_SOFT_TIME_LIMIT"), facts.literal("CELERY_TASK_TIME_LIMIT")
    setting = facts.setting("CELERY_TASK_SOFT_TIME_LIMIT")
    if isinstance(soft, int | float) and isinstance(hard, int | float) and soft > hard and setting:
        yield Spot(f"the soft limit is {soft}, the hard one {hard}", setting.where)


@check("celery.W047")
def visibility_timeout(facts: Facts) -> Iterator[Spot]:
    """Redis delivers a task again while it still runs.

    How it looks: a long task that runs twice, or four times with a countdown.

    Why: what is not acknowledged within visibility_timeout is taken for lost.

    Fix: Make it longer than the longest task, countdown and retry delay.

    Source: Celery's Redis documentation, "Caveats"; kombu#337.
    """
    options, limit = facts.literal("CELERY_BROKER_TRANSPORT_OPTIONS"), facts.literal("CELERY_TASK_TIME_LIMIT")
    setting = facts.setting("CELERY_BROKER_TRANSPORT_OPTIONS")
    seconds = options.get("visibility_timeout") if isinstance(options, dict) else None
    if isinstance(seconds, int | float) and isinstance(limit, int | float) and seconds <= limit and setting:
        yield Spot(f"visibility_timeout is {seconds}, a task may take {limit}", setting.where)


@check("celery.E054")
def tls_without_check(facts: Facts) -> Iterator[Spot]:
    """A rediss:// result backend that does not say how certificates are checked.

    How it looks: ValueError: A rediss:// URL must have parameter ssl_cert_reqs.

    Why: the backend refuses to guess; the broker only warns.

    Fix: Add ?ssl_cert_reqs=required to the URL.

    Source: reproduced with Celery 5.7.
    """
    value, setting = facts.literal("CELERY_RESULT_BACKEND"), facts.setting("CELERY_RESULT_BACKEND")
    told = facts.setting("CELERY_REDIS_BACKEND_USE_SSL")
    if (
        isinstance(value, str)
        and value.startswith("rediss:")
        and "ssl_cert_reqs" not in value
        and setting
        and not told
    ):
        yield Spot("ssl_cert_reqs is missing", setting.where)


@check("celery.W056")
def unsafe(facts: Facts) -> Iterator[Spot]:
    """The worker accepts pickle: whoever can write to the broker can run code in it.

    How it looks: nothing, until it is used.

    Why: unpickling runs what the sender wrote.

    Fix: Use json.

    Source: Celery's security documentation.
    """
    for name in ("CELERY_ACCEPT_CONTENT", "CELERY_TASK_SERIALIZER", "CELERY_RESULT_SERIALIZER"):
        value, setting = facts.literal(name), facts.setting(name)
        if setting and value is not None and "pickle" in str(value):
            yield Spot(f"{name} has pickle", setting.where)


@check("celery.W057")
def password_in_code(facts: Facts) -> Iterator[Spot]:
    """A password stands in the settings.

    How it looks: nothing; it is in the repository for good.

    Why: who reads the code reads it.

    Fix: Read the URL from the environment.

    Source: Celery's security documentation.
    """
    for name in ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND", "BROKER_URL"):
        value, setting = facts.literal(name), facts.setting(name)
        if isinstance(value, str) and setting and re.search(r"://[^/@]*:(?!guest@)[^/@]+@", value):
            yield Spot(f"{name} holds a password", setting.where)


@check("celery.E061")
def quoted(facts: Facts) -> Iterator[Spot]:
    """A number or a switch is written as text.

    How it looks: CELERY_TASK_ALWAYS_EAGER = "False" switches it on; a time limit of "1" kills the
    worker's process.

    Why: Celery does not convert what it reads from Django settings, and a text that is not empty is true.

    Fix: Take the quotes away; cast what comes from the environment.

    Source: reproduced with Celery 5.7.
    """
    for setting in _celery(facts):
        value = facts.literal(setting.name)
        if isinstance(value, str) and (
            SWITCHES.match(setting.name) or (NUMBERS.match(setting.name) and value != "auto")
        ):
            yield Spot(f"{setting.name} is the text {value!r}", setting.where)
