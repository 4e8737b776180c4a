"""The options of the broker's transport, and how results are kept."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import full_name
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, Pair, default_of, number_of, pairs_of, text_of
from celeryize.checks.facts.processes.given import given_to, substituted
from celeryize.checks.facts.processes.reads import read_at
from celeryize.checks.facts.processes.start_up import dotenv_of
from celeryize.checks.facts.processes.where_it_runs import starts_web
from celeryize.checks.facts.settings import Setting
from celeryize.checks.locks import is_lock, locking_functions
from celeryize.checks.settings import (
    IGNORED,
    is_read,
    literal_urls,
    transport_option_of,
)
from celeryize.checks.written import resolved, settings_of
from celeryize.detect.environment_readers import readers_in
from celeryize.detect.processes.process import Item, Process
from celeryize.model import Where
from celeryize.patch.nodes import dotted
from celeryize.reading import is_file

# How the URLs of result backends in Redis start.
REDIS_BACKENDS = ("redis://", "rediss://", "sentinel://", "redis+socket://")
# Celery itself reads this variable, and it beats the settings.
RESULTS = "CELERY_RESULT_BACKEND"
# Of names that lead to other names.
DEPTH = 4
# The caches of Django in which another process finds nothing.
LOST_CACHES = {
    "django.core.cache.backends.dummy.DummyCache": "keeps nothing",
    "django.core.cache.backends.locmem.LocMemCache": "is in the memory of one process",
}

# What gives a settings module names that none of its lines assigns.
HIDDEN_MEANS = (
    "globals(",
    "locals(",
    "vars(",
    "setattr(",
    "exec(",
    "execfile(",
    "import_module(",
    "__import__(",
    "sys.modules",
    "__dict__",
    "include(",
    "dynaconf",
    "configurations",
    "prettyconf",
    "goodconf",
    "pydantic",
    "django_heroku",
    "django_on_heroku",
    "cache_url",
)


def _transport_options(facts: Facts) -> Iterator[tuple[Setting, list[Pair]]]:
    for setting, value in settings_of(facts, "broker_transport_options"):
        pairs = pairs_of(value)
        if pairs is not None:
            yield setting, pairs


@check("celery.W671", unless=IGNORED)
def transport_option_at_top(facts: Facts) -> Iterator[Occurrence]:
    """An option of the broker's transport is a setting of its own.

    What happens: Nothing: the option has no effect, and no message says so.
    How it looks: (nothing: with Redis, long tasks run twice after an hour)
    Why: Celery has no such setting; the transport reads CELERY_BROKER_TRANSPORT_OPTIONS.
    Fix: CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 7200}
    Source: kombu/transport/redis.py; celery/app/defaults.py
    """
    seen: set[str] = set()
    for setting in facts.settings:
        option = transport_option_of(setting.name)
        if option and setting.name not in seen and not is_read(facts, setting):
            seen.add(setting.name)
            yield Occurrence(
                f"{setting.name} has no effect: {option} is an option of the transport",
                setting.where,
                f'Write it into CELERY_BROKER_TRANSPORT_OPTIONS as "{option}".',
            )


@check("celery.E680", unless=IGNORED)
def priority_steps_not_a_list(facts: Facts) -> Iterator[Occurrence]:
    """The transport option priority_steps is a number.

    What happens: Every `.delay()` raises, and the worker cannot read its queues.
    How it looks: TypeError: object of type 'int' has no len()
    Why: It lists the steps: Redis has one list per step.
    Fix: {"priority_steps": list(range(10))}
    Source: kombu/transport/redis.py
    """
    for setting, pairs in _transport_options(facts):
        for pair in pairs:
            if text_of(pair.key) == "priority_steps" and number_of(pair.value) is not None:
                yield Occurrence(
                    f"priority_steps is {ast.unparse(pair.value)}, not a list of steps",
                    setting.code.where(pair.key),
                    f"Write list(range({ast.unparse(pair.value)})).",
                )


@check("celery.E681", unless=IGNORED)
def sentinel_without_master(facts: Facts) -> Iterator[Occurrence]:
    """A sentinel:// broker, or result backend, has no master_name.

    What happens: The worker does not start, and `.delay()` raises.
    How it looks: ValueError: 'master_name' transport option must be specified. Of the backend:
        MasterNotFoundError: No master found for None
    Why: A sentinel watches several servers by name. Broker and backend have options of their own.
    Fix: CELERY_BROKER_TRANSPORT_OPTIONS = {"master_name": "mymaster"}, and the same in
        CELERY_RESULT_BACKEND_TRANSPORT_OPTIONS
    Source: kombu/transport/redis.py, SentinelChannel
    """
    for what, key, options in (
        ("broker", "broker_url", "broker_transport_options"),
        ("result backend", "result_backend", "result_backend_transport_options"),
    ):
        if _names_master(facts, options):
            continue
        for setting, value in settings_of(facts, key):
            url = text_of(default_of(value)) or ""
            if url.startswith("sentinel://"):
                yield Occurrence(
                    f"a sentinel:// {what} needs the name of its master",
                    setting.where,
                    f'Add "master_name" to CELERY_{options.upper()}.',
                )


def _names_master(facts: Facts, key: str) -> bool:
    """Whether the options of a transport hold master_name, or may do so."""
    options = [pairs for _, value in settings_of(facts, key) if (pairs := pairs_of(value))]
    if facts.worker and facts.worker.app:
        configured = facts.worker.configuration.get(key)
        if configured is not None and "master_name" in str(configured.value):
            return True
    elif _is_computed(facts, key, len(options)):
        return True
    names = {text_of(pair.key) for pairs in options for pair in pairs}
    # `**COMMON` may hold anything
    return bool(names & {"master_name", None})


def _is_computed(facts: Facts, key: str, read: int) -> bool:
    """Whether a setting has values that the code does not show: of all, `read` can be read."""
    written = len(list(settings_of(facts, key)))
    return written != read or (not written and facts.settings.is_set(key))


@check("celery.W682", unless=IGNORED)
def results_never_expire(facts: Facts) -> Iterator[Occurrence]:
    """Results in Redis never expire.

    What happens: Every result stays in Redis, until its memory is full.
    How it looks: (nothing, for months)
    Why: CELERY_RESULT_EXPIRES is None (or 0), which means for ever; the default is a day.
    Fix: Leave it out, or set the seconds that results are needed for.
    Source: https://docs.celeryq.dev/en/stable/userguide/configuration.html#result-expires
    """
    urls = [text_of(default_of(value)) or "" for _, value in settings_of(facts, "result_backend")]
    in_redis = any(url.startswith(REDIS_BACKENDS) for url in urls)
    if facts.worker and facts.worker.backend:
        in_redis = in_redis or "Redis" in facts.worker.backend
    for setting, value in settings_of(facts, "result_expires") if in_redis else ():
        never = isinstance(value, ast.Constant) and value.value is None
        if never or number_of(value) == 0:
            yield Occurrence(
                "results never expire, and fill Redis",
                setting.where,
                "Leave it out, or set the seconds that results are needed for.",
            )


@check("celery.W683", unless=IGNORED)
def results_in_lost_cache(facts: Facts) -> Iterator[Occurrence]:
    """Results go to a cache that other processes cannot read.

    What happens: Waiting for a result never ends; its state stays PENDING.
    How it looks: celery.exceptions.TimeoutError, or a request that never ends.
    Why: The backend django-cache stores results in Django's cache, which keeps nothing
        (DummyCache), or only for its own process (LocMemCache, Django's default).
    Fix: A cache that processes share, or another result backend.
    Source: https://docs.djangoproject.com/en/stable/topics/cache/
    """
    for setting, value in settings_of(facts, "result_backend"):
        if (text_of(value) or "") not in {"django-cache", "django-cache://"}:
            continue
        aliases = [text_of(v) for _, v in settings_of(facts, "cache_backend")] or ["default"]
        for caches in facts.settings.named("CACHES"):
            if caches.conditional or not aliases[0]:
                continue
            backend = _cache_class(caches, aliases[0])
            if backend in LOST_CACHES:
                yield Occurrence(
                    f"results go to the cache {aliases[0]!r}, which {LOST_CACHES[backend]} "
                    f"({caches.where})",
                    setting.where,
                    "Use a cache that processes share, or another result backend.",
                )


@check("celery.W694")
def lock_in_lost_cache(facts: Facts) -> Iterator[Occurrence]:
    """A task takes a lock in a cache that other processes cannot see.

    What happens: Every process gets the lock: the task runs several times at once.
    How it looks: (nothing)
    Why: LocMemCache, which is also Django's default, is another one in each process.
    Fix: django.core.cache.backends.redis.RedisCache, or another cache that processes share.
    Source: https://docs.djangoproject.com/en/stable/topics/cache/#local-memory-caching
    """
    locks = list(_locks_in_cache(facts))
    # whether any file may set CACHES takes a look into all of them
    lost = _default_cache_lost(facts) if locks and not _is_one_process(facts) else ""
    for code, node, call in locks if lost else ():
        yield Occurrence(
            f"the lock of {node.name} is in a cache that {lost}",
            code.where(call),
            'Set CACHES = {"default": {"BACKEND": '
            '"django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://..."}}, '
            "or another cache that processes share.",
        )


def _locks_in_cache(facts: Facts) -> Iterator[tuple[Code, Function, ast.Call]]:
    """The locks that tasks take in Django's cache "default"; caches["other"] is another one."""
    called = {
        dotted(node.func).rpartition(".")[2]
        for task in facts.tasks
        for node in task.nodes
        if isinstance(node, ast.Call)
    }
    tasks = {task.node for task in facts.tasks}
    for code, node in locking_functions(facts):
        # a context manager that no task enters is not of a task
        if node not in tasks and node.name not in called | {"run"}:
            continue
        for call in code.within(node):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            if call.func.attr not in {"add", "lock"} or not is_lock(code, node, call):
                continue
            if full_name(facts, code, call.func.value) == "django.core.cache.cache":
                yield code, node, call


def _is_one_process(facts: Facts) -> bool:
    """Whether all tasks run in one process: a single worker whose pool is threads, or one at a
    time."""
    workers = list(facts.deployment.workers)
    if len(workers) > 1:
        return False
    values = [text_of(one.value) for one in facts.settings.named("CELERY_WORKER_POOL")]
    counts = [number_of(one.value) for one in facts.settings.named("CELERY_WORKER_CONCURRENCY")]
    for command in workers:
        values.append(command.option("-P", "--pool"))
        given = command.option("-c", "--concurrency") or ""
        counts.append(float(given) if given.isdigit() else None)
    return bool({"threads", "solo", "gevent", "eventlet"} & {*values}) or 1 in counts


def _default_cache_lost(facts: Facts) -> str:
    """Why another process finds nothing in Django's cache "default"; empty where it may."""
    given = list(facts.settings.named("CACHES"))
    if not given:
        if _may_have_caches(facts):
            return ""
        return "is in the memory of one process: CACHES is not set, and Django's default is that"
    found = [caches for caches in given if not caches.conditional]
    if len(found) != 1 or facts.project.settings.split:
        return ""
    backend = _cache_class(found[0], "default")
    if backend not in LOST_CACHES:
        return ""
    return f"{LOST_CACHES[backend]} ({found[0].where})"


def _may_have_caches(facts: Facts) -> bool:
    """Whether anything may give the settings a CACHES that no line of them assigns."""
    settings = facts.project.settings
    if settings.split or settings.class_based or settings.unknown or not facts.settings.files:
        return True
    for path in facts.settings.files:
        code = facts.code.parsed(path)
        if code is None or "CACHES" in code.source.text:
            return True
        # what gives names that the file does not show
        if code.has(*HIDDEN_MEANS):
            return True
        if any(_is_foreign_star(facts, node, path) for node in code.imports):
            return True
    # also settings of production that nothing in the project names
    return any("CACHES" in facts.code.text(path) for path in facts.code.files) or any(
        ".configure(" in code.source.text for code in facts.code.relevant
    )


def _is_foreign_star(facts: Facts, node: ast.AST, path: PurePosixPath) -> bool:
    """Whether an import brings all names of a module that is not in the project."""
    if not isinstance(node, ast.ImportFrom) or node.names[0].name != "*":
        return False
    return facts.modules.find(facts.modules.absolute(node, path)) is None


@check("celery.W911")
def cache_in_the_brokers_database(facts: Facts) -> Iterator[Occurrence]:
    """Django's cache and the broker are in one database of Redis.

    What happens: cache.clear() deletes the queues, with every task that waits.
    How it looks: (nothing)
    Why: RedisCache.clear() empties the whole database (FLUSHDB).
    Fix: Another number at the end of one of the URLs.
    Source: django/core/cache/backends/redis.py; https://redis.io/docs/latest/commands/flushdb/
    """
    values = [default_of(value) for _, value in settings_of(facts, "broker_url")]
    brokers = [url for url in map(text_of, values) if url]
    for caches in facts.settings.named("CACHES"):
        for pair in pairs_of(caches.value) or ():
            given = {
                text_of(inner.key): inner.value
                for inner in pairs_of(resolved(caches.code, pair.value)) or ()
            }
            location = given.get("LOCATION")
            url = ""
            if location is not None:
                url = text_of(default_of(location)) or ""
            backend = text_of(given.get("BACKEND")) or ""
            if "redis" in backend.lower() and any(_is_one_database(url, b) for b in brokers):
                yield Occurrence(
                    f"the cache {text_of(pair.key)!r} is in the broker's database: clearing it "
                    "deletes all waiting tasks",
                    caches.code.where(given["LOCATION"]),
                    "Give one of them another number.",
                )


def _is_one_database(one: str, other: str) -> bool:
    """Whether two URLs of Redis name one host, port and database."""
    places = []
    for url in (one, other):
        parts = urlsplit(url)
        if parts.scheme not in {"redis", "rediss"}:
            return False
        places.append((parts.hostname, parts.port or 6379, parts.path.strip("/") or "0"))
    return places[0] == places[1]


def _cache_class(caches: Setting, alias: str) -> str:
    """The class of one of Django's caches, where the code shows it."""
    for pair in pairs_of(caches.value) or ():
        if text_of(pair.key) == alias:
            for inner in pairs_of(resolved(caches.code, pair.value)) or ():
                if text_of(inner.key) == "BACKEND":
                    return text_of(inner.value) or ""
    return ""


@check("celery.E542", unless=IGNORED)
def tls_backend_without_policy(facts: Facts) -> Iterator[Occurrence]:
    """A rediss:// result backend does not say how certificates are checked.

    What happens: The backend raises when it is first used.
    How it looks: ValueError: A rediss:// URL must have parameter ssl_cert_reqs and this must be set
        to CERT_REQUIRED, CERT_OPTIONAL, or CERT_NONE
    Why: The backend requires it. A broker of the same URL connects without, and checks no
        certificate.
    Fix: rediss://...?ssl_cert_reqs=required
    Source: celery/backends/redis.py; reproduced with Celery 5.7
    """
    if facts.settings.is_set("redis_backend_use_ssl"):
        return
    for setting, value, url in literal_urls(facts, "result_backend"):
        if _lacks_policy(url):
            yield Occurrence(
                "a rediss:// result backend needs ssl_cert_reqs",
                setting.code.where(value),
                f"Add {_policy_for(url)}.",
            )
    # settings that add it to what they are given
    words = ("ssl_cert_reqs", "backend_use_ssl", "BACKEND_USE_SSL")
    if any(word in code.source.text for code in facts.code.relevant for word in words):
        return
    names = (RESULTS, *_variables_of_results(facts))
    reported: set[Where] = set()
    for process, name, item in _given(facts, names):
        text = substituted(facts, process, item.text) if process else item.text
        if item.where not in reported and _lacks_policy(text):
            reported.add(item.where)
            yield Occurrence(
                f"{name} is a rediss:// result backend, which needs ssl_cert_reqs",
                item.where,
                f"Add {_policy_for(text)}.",
            )


def _policy_for(url: str) -> str:
    sign = "&" if "?" in url else "?"
    return f"{sign}ssl_cert_reqs=required"


def _variables_of_results(facts: Facts) -> Iterator[str]:
    """The variables of the environment that alone are the result backend."""
    for setting, value in settings_of(facts, "result_backend"):
        readers = readers_in(facts.modules, setting.code.path)
        # `CELERY_RESULT_BACKEND = REDIS_URL`, which is read above
        for _ in range(DEPTH):
            value = resolved(setting.code, value)
        found = read_at(value, readers, setting.code)
        if found is not None:
            yield found[0]


def _given(facts: Facts, names: Iterable[str]) -> Iterator[tuple[Process | None, str, Item]]:
    """The first of some variables that each process of the project is given, or the .env has."""
    names = tuple(names)
    processes: list[Process | None] = [None]
    for one in facts.deployment.processes:
        if one.subcommand in {"worker", "beat"} or starts_web(facts, one):
            processes.append(one)
    # to know who reads a .env takes reading the modules beside the settings
    folders = (facts.deployment.root, facts.project.root / facts.project.base)
    has_dotenv = any(is_file(folder / ".env") for folder in folders)
    for process in processes:
        found: dict[str, Item] = {}
        if has_dotenv:
            found |= dotenv_of(facts, process) or {}
        if process is not None:
            found |= given_to(facts, process).variables
        for name in names:
            if name in found:
                yield process, name, found[name]
                break


def _lacks_policy(url: str) -> bool:
    if not url.startswith("rediss://") or "ssl_cert_reqs" in url:
        return False
    # `rediss://cache:6379/0$(OPTIONS)`
    return re.search(r"[$%{]", url.rpartition("@")[2]) is None
