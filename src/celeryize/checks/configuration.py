"""Settings that Celery accepts in silence: values that cannot work, and names that nobody reads."""

from __future__ import annotations

import ast
import difflib
import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.celery_facts import OLD_NAMES, SETTING_NAMES, known
from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import (
    Pair,
    default_of,
    dotted,
    is_true,
    number_of,
    pairs_of,
    text_of,
)
from celeryize.checks.facts.settings import Setting
from celeryize.checks.fixes import did_you_mean
from celeryize.checks.imported import bad_imports
from celeryize.checks.settings import (
    IGNORED,
    PREFIX,
    SERIALIZERS,
    close_name,
    is_read,
    transport_option_of,
)
from celeryize.checks.tasks import OPTIONS, rate_problem
from celeryize.model import Where

# How the URLs of result backends in Redis start.
REDIS_BACKENDS = ("redis://", "rediss://", "sentinel://", "redis+socket://")
# The caches of Django in which another process finds nothing.
LOST_CACHES = {
    "django.core.cache.backends.dummy.DummyCache": "keeps nothing",
    "django.core.cache.backends.locmem.LocMemCache": "is in the memory of one process",
}
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


def settings_of(facts: Facts, key: str) -> Iterator[tuple[Setting, ast.expr]]:
    """Every assignment of a setting of Celery, under its new or its old name, with its value.

    A value that is a name is followed to the one assignment of that name in the file.
    """
    for setting in facts.settings:
        name = setting.name
        old = OLD_NAMES.get(name) == key
        # an old name that the project reads itself is its own setting
        if name == f"{PREFIX}{key.upper()}" or (old and not is_read(facts, setting)):
            yield setting, resolved(setting.code, setting.value)


def resolved(code: Code, node: ast.expr) -> ast.expr:
    """The value itself, or what the variable that it names is assigned, once, in this file."""
    if not isinstance(node, ast.Name):
        return node
    values = [
        assign.value
        for assign in code.assigns
        for target in (assign.targets if isinstance(assign, ast.Assign) else [assign.target])
        if isinstance(target, ast.Name) and target.id == node.id
    ]
    if len(values) == 1 and values[0] is not None:
        return values[0]
    return node


def _elements(node: ast.expr) -> list[ast.expr]:
    """The elements of a list, tuple or set."""
    if isinstance(node, ast.List | ast.Tuple | ast.Set):
        return node.elts
    return []


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


@check("celery.E672", unless=IGNORED)
def default_queue_not_declared(facts: Facts) -> Iterator[Occurrence]:
    """CELERY_TASK_QUEUES lacks the default queue.

    What happens: A task that no route sends elsewhere goes to the default queue, and no worker that
        is started without -Q consumes that.
    How it looks: (nothing: the messages stay in the broker)
    Why: Without -Q, a worker consumes the queues of CELERY_TASK_QUEUES and no others; the default
        queue is called celery unless CELERY_TASK_DEFAULT_QUEUE names another.
    Fix: Add Queue("celery"), or set CELERY_TASK_DEFAULT_QUEUE to one of the queues.
    Source: celery/app/amqp.py; reproduced with Celery 5.7
    """
    workers = facts.deployment.workers
    # which queues a worker with -Q consumes is its own decision
    if workers and all(command.option("-Q", "--queues") for command in workers):
        return
    default = _default_queue(facts)
    if default is None:
        return
    for setting, value in settings_of(facts, "task_queues"):
        names = _queue_names(setting.code, value)
        if not names or default in names or not _has_plain_task(facts, default):
            continue
        yield Occurrence(
            f"{setting.name} has no queue {default!r}, which is where tasks without a route go",
            setting.where,
            f'Add Queue("{default}"), or set CELERY_TASK_DEFAULT_QUEUE to one of them.',
        )


def _default_queue(facts: Facts) -> str | None:
    """The name of the default queue; None where it cannot be read."""
    if facts.worker and "task_default_queue" in facts.worker.configuration:
        return str(facts.worker.configuration["task_default_queue"].value)
    values = [value for _, value in settings_of(facts, "task_default_queue")]
    if not values:
        return None if facts.settings.is_set("task_default_queue") else "celery"
    if len(values) == 1:
        return text_of(values[0])
    return None


def _queue_names(code: Code, node: ast.expr) -> set[str]:
    """The names of the queues of a literal; none where one of them cannot be read."""
    names: set[str] = set()
    if isinstance(node, ast.Dict):
        return {text_of(key) or "" for key in node.keys} - {""}
    for element in _elements(node):
        call = resolved(code, element)
        if not isinstance(call, ast.Call) or not dotted(call.func).endswith("Queue"):
            return set()
        given = [*call.args[:1], *(k.value for k in call.keywords if k.arg == "name")]
        name = text_of(given[0]) if given else None
        if name is None:
            return set()
        names.add(name)
    return names


def _has_plain_task(facts: Facts, default: str) -> bool:
    """Whether some task of the project goes to the default queue."""
    if facts.worker and facts.worker.tasks:
        return any(task.queue == default for task in facts.worker.tasks)
    if facts.settings.is_set("task_routes") or facts.settings.first("CELERY_ROUTES"):
        return False
    return any("queue" not in task.options and not task.hidden for task in facts.tasks)


@check("celery.E691", unless=IGNORED)
def queue_is_text(facts: Facts) -> Iterator[Occurrence]:
    """CELERY_TASK_QUEUES holds names instead of queues.

    What happens: The worker does not start, and `.delay()` raises.
    How it looks: AttributeError: 'str' object has no attribute 'name'
    Why: Celery takes the elements for kombu.Queue objects.
    Fix: (Queue("mail"), Queue("celery")) with `from kombu import Queue`
    Source: celery/app/amqp.py; reproduced with Celery 5.7
    """
    for setting, value in settings_of(facts, "task_queues"):
        for element in _elements(value):
            if text_of(element) is not None:
                yield Occurrence(
                    f"{setting.name} holds the text {ast.unparse(element)}, not a Queue",
                    setting.code.where(element),
                    f"Write Queue({ast.unparse(element)}).",
                )
                break


@dataclass(frozen=True, slots=True)
class Route:
    """A route of CELERY_TASK_ROUTES: the pattern, its place, where it leads."""

    pattern: str
    key: ast.expr
    target: str


def _routes(setting: Setting, value: ast.expr) -> Iterator[list[Route]]:
    """The routes of each router of the setting, in their order."""
    routers = [value]
    if isinstance(value, ast.List | ast.Tuple):
        routers = value.elts
    for router in routers:
        found: list[Route] = []
        for pair in pairs_of(router) or _listed_pairs(router):
            pattern = text_of(pair.key)
            if pattern is not None:
                target = ast.dump(resolved(setting.code, pair.value))
                found.append(Route(pattern, pair.key, target))
        yield found


def _listed_pairs(node: ast.expr) -> list[Pair]:
    """The pairs of `[("shop.*", {...}), ...]`."""
    found: list[Pair] = []
    for element in _elements(node):
        if isinstance(element, ast.Tuple | ast.List) and len(element.elts) == 2:
            found.append(Pair(element.elts[0], element.elts[1]))
    return found


@check("celery.W673", unless=IGNORED)
def route_behind_wider_one(facts: Facts) -> Iterator[Occurrence]:
    """A route is behind a wider one, which takes all of its tasks.

    What happens: The later route has no effect: its tasks go where the first one sends them.
    How it looks: (nothing)
    Why: Of several patterns, the first that matches wins. Only full names come before patterns.
    Fix: Put the narrower pattern first.
    Source: celery/app/routes.py, MapRoute
    """
    for setting, value in settings_of(facts, "task_routes"):
        before: list[Route] = []
        for router in _routes(setting, value):
            # within one router, full names are looked up first
            inside: list[Route] = []
            for route in router:
                wider = [*before, *(inside if "*" in route.pattern else [])]
                first = next((w for w in wider if _covers(w.pattern, route.pattern)), None)
                if first is not None and first.target != route.target:
                    yield Occurrence(
                        f"the route {route.pattern!r} has no effect: {first.pattern!r} above it "
                        "takes its tasks",
                        setting.code.where(route.key),
                        "Put the narrower pattern first.",
                    )
                inside.append(route)
            before += inside


def _covers(wide: str, narrow: str) -> bool:
    """Whether a pattern of routes matches every name that another one does."""
    if "*" not in wide or set("?[") & set(wide + narrow) or wide == narrow:
        return False
    return fnmatch.fnmatchcase(narrow, wide)


@check("celery.E674", unless=IGNORED)
def routes_are_bare_pairs(facts: Facts) -> Iterator[Occurrence]:
    """CELERY_TASK_ROUTES is a list of pairs.

    What happens: Every `.delay()` raises.
    How it looks: ValueError: too many values to unpack (expected 2)
    Why: Each element of the list is a router of its own: a dict, a list of pairs, or a function.
    Fix: Put the pairs into one more list: ([("shop.*", {"queue": "shop"}), ...],)
    Source: celery/app/routes.py, prepare; reproduced with Celery 5.7
    """
    for setting, value in settings_of(facts, "task_routes"):
        for element in _elements(value):
            pair = _elements(element)
            # two routers in a list of their own are no pair
            if len(pair) == 2 and text_of(pair[0]) and pairs_of(pair[1]) is not None:
                yield Occurrence(
                    f"{setting.name} is a list of pairs: each is taken for a router of its own",
                    setting.code.where(element),
                    "Use a dict, or put the pairs into one more list.",
                )
                break


@check("celery.W675", unless=IGNORED)
def annotation_unknown(facts: Facts) -> Iterator[Occurrence]:
    """CELERY_TASK_ANNOTATIONS sets an option that tasks do not have.

    What happens: Nothing: it becomes an unused attribute of the task's class.
    How it looks: (nothing)
    Why: Celery sets whatever the annotation names.
    Fix: Rename it to the option that was meant.
    Source: celery/app/task.py, annotate
    """
    for setting, _, options in _annotations(facts):
        for pair in pairs_of(options) or ():
            name = text_of(pair.key)
            if name is None or name in OPTIONS or name.startswith("@"):
                continue
            close = difflib.get_close_matches(name, OPTIONS, 1, 0.7)
            if close:
                yield Occurrence(
                    f"the option {name!r} has no effect",
                    setting.code.where(pair.key),
                    did_you_mean(close),
                )


def _annotations(facts: Facts) -> Iterator[tuple[Setting, ast.expr, ast.expr]]:
    """The key and the options of each annotation."""
    for setting, value in settings_of(facts, "task_annotations"):
        for holder in _elements(value) or [value]:
            for pair in pairs_of(holder) or ():
                yield setting, pair.key, resolved(setting.code, pair.value)


@check("celery.W676", unless=IGNORED)
def annotation_is_pattern(facts: Facts) -> Iterator[Occurrence]:
    """CELERY_TASK_ANNOTATIONS has a pattern as a key.

    What happens: Nothing: no task has that name.
    How it looks: (nothing)
    Why: Unlike routes, annotations know full names and "*" alone.
    Fix: Name each task; or use "*", or a class with a method `annotate`.
    Source: celery/app/annotations.py; reproduced with Celery 5.7
    """
    for setting, key, _ in _annotations(facts):
        name = text_of(key) or ""
        if "*" in name and name != "*":
            yield Occurrence(
                f"the annotation {name!r} matches no task: only full names and '*' do",
                setting.code.where(key),
                "Name each task.",
            )


@check("celery.E677", unless=IGNORED)
def rate_limit_in_settings(facts: Facts) -> Iterator[Occurrence]:
    """A rate limit in the settings is invalid.

    What happens: The worker fails at start-up.
    How it looks: KeyError: 'min', or ValueError: could not convert string to float
    Why: A rate is a number, or a number per s, m or h: "10/m".
    Fix: "10/s", "10/m" or "10/h".
    Source: celery/utils/time.py, rate
    """
    found = [(s, default_of(v)) for s, v in settings_of(facts, "task_default_rate_limit")]
    for setting, _, options in _annotations(facts):
        found += [
            (setting, pair.value)
            for pair in pairs_of(options) or ()
            if text_of(pair.key) == "rate_limit"
        ]
    for setting, value in found:
        text = text_of(value)
        if text and rate_problem(text):
            yield Occurrence(
                f"invalid rate limit {text!r}",
                setting.code.where(value),
                'Write a number per s, m or h: "10/m".',
            )


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


def _transport_options(facts: Facts) -> Iterator[tuple[Setting, list[Pair]]]:
    for setting, value in settings_of(facts, "broker_transport_options"):
        pairs = pairs_of(value)
        if pairs is not None:
            yield setting, pairs


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
    """A sentinel:// broker has no master_name.

    What happens: The worker does not start, and `.delay()` raises.
    How it looks: ValueError: 'master_name' transport option must be specified.
    Why: A sentinel watches several servers by name.
    Fix: CELERY_BROKER_TRANSPORT_OPTIONS = {"master_name": "mymaster"}
    Source: kombu/transport/redis.py, SentinelChannel
    """
    options = [pairs for _, pairs in _transport_options(facts)]
    if facts.worker and facts.worker.app:
        configured = facts.worker.configuration.get("broker_transport_options")
        if configured is not None and "master_name" in str(configured.value):
            return
    elif _is_computed(facts, "broker_transport_options", len(options)):
        return
    names = {text_of(pair.key) for pairs in options for pair in pairs}
    # `**COMMON` may hold anything
    if names & {"master_name", None}:
        return
    for setting, value in settings_of(facts, "broker_url"):
        url = text_of(default_of(value)) or ""
        if url.startswith("sentinel://"):
            yield Occurrence(
                "a sentinel:// broker needs the name of its master",
                setting.where,
                'Add "master_name" to CELERY_BROKER_TRANSPORT_OPTIONS.',
            )


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


def _cache_class(caches: Setting, alias: str) -> str:
    """The class of one of Django's caches, where the code shows it."""
    for pair in pairs_of(caches.value) or ():
        if text_of(pair.key) == alias:
            for inner in pairs_of(resolved(caches.code, pair.value)) or ():
                if text_of(inner.key) == "BACKEND":
                    return text_of(inner.value) or ""
    return ""


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
    for task in facts.tasks:
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
    Source: reproduced with Django 5.2
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
    if facts.code.imports_module("kombu.serialization"):
        return
    for key in ("accept_content", "result_accept_content"):
        for setting, value in settings_of(facts, key):
            text = text_of(value)
            if text is not None:
                yield Occurrence(
                    f"{setting.name} is the text {text!r}, not a list",
                    setting.where,
                    f"Write [{text!r}].",
                )
            for element in _elements(value):
                name = text_of(element)
                if name is not None and "/" not in name and name not in SERIALIZERS:
                    close = difflib.get_close_matches(name, SERIALIZERS, 1, 0.6)
                    yield Occurrence(
                        f"kombu knows no serializer {name!r}",
                        setting.code.where(element),
                        did_you_mean(close),
                    )


@check("celery.E689", unless=(*IGNORED, "celery.E688"))
def own_messages_refused(facts: Facts) -> Iterator[Occurrence]:
    """The worker does not accept the messages that the project sends.

    What happens: The worker discards every message.
    How it looks: ContentDisallowed: Refusing to deserialize untrusted content of type json
        (application/json)
    Why: CELERY_ACCEPT_CONTENT lacks the serializer of CELERY_TASK_SERIALIZER (json by default).
    Fix: Add it to CELERY_ACCEPT_CONTENT.
    Source: kombu/serialization.py, loads; reproduced with Celery 5.7
    """
    # the default serializer of Celery 3 was pickle
    if facts.is_before_celery(4):
        return
    accepted = list(settings_of(facts, "accept_content"))
    sent = [text_of(default_of(value)) for _, value in settings_of(facts, "task_serializer")]
    if len(accepted) != 1 or len(sent) > 1 or (not sent and _may_set_serializer(facts)):
        return
    setting, value = accepted[0]
    names = {(text_of(element) or "").rpartition("/")[2] for element in _elements(value)}
    serializer = sent[0] if sent else "json"
    # what is registered by the project itself has a content type of its own
    if not names or "" in names or serializer not in SERIALIZERS:
        return
    aliases = {"pickle": "x-python-serialize", "yaml": "x-yaml", "msgpack": "x-msgpack"}
    if not names & {serializer, aliases.get(serializer, serializer)}:
        yield Occurrence(
            f"{setting.name} lacks {serializer!r}, so the worker discards every message",
            setting.where,
            f"Add {serializer!r}.",
        )


def _may_set_serializer(facts: Facts) -> bool:
    return facts.settings.is_set("task_serializer")


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
        text = text_of(default_of(value)) or ""
        package = re.split(r"[.:]", text)[0]
        if package in SCHEDULERS and text.replace(":", ".") not in KNOWN_SCHEDULERS:
            yield Occurrence(
                f"{package} has no scheduler {text!r}",
                setting.where,
                f"Write {SCHEDULERS[package]!r}.",
            )


@check(
    "celery.E693",
    imports=True,
    unless=("celery.E001", "celery.E003", "celery.E030", "celery.E674", "celery.E691"),
)
def routing_raises(facts: Facts) -> Iterator[Occurrence]:
    """Choosing the queue of a task raises.

    What happens: Every `.delay()` of the task raises.
    How it looks: ModuleNotFoundError: No module named 'shop.routers', or
        QueueNotFound: Queue 'mail' missing from task_queues
    Why: CELERY_TASK_ROUTES names a router that cannot be imported or that fails, or a queue that
        CELERY_TASK_QUEUES lacks while CELERY_TASK_CREATE_MISSING_QUEUES is off.
    Fix: See the exception.
    Source: celery/app/routes.py; the worker's own router
    """
    tasks = facts.worker.tasks if facts.worker else ()
    problems: dict[str, list[str]] = {}
    for task in tasks:
        if task.route_problem:
            problems.setdefault(task.route_problem, []).append(task.name)
    for problem, names in problems.items():
        where = next((setting.where for setting, _ in settings_of(facts, "task_routes")), None)
        if where is None:
            where = next((setting.where for setting, _ in settings_of(facts, "task_queues")), None)
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield Occurrence(f"{names[0]}{more} cannot be sent: {problem}", where)
