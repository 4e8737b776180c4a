"""What a broker, a database or a logger cannot do that the settings and the calls ask of it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from urllib.parse import urlsplit

from celeryize.checks.calls import task_calls
from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import constant_of
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import (
    default_of,
    is_false,
    is_true,
    number_of,
    pairs_of,
    text_of,
)
from celeryize.checks.facts.settings import Setting
from celeryize.checks.patience import delay_of
from celeryize.checks.written import settings_of
from celeryize.patch.nodes import dotted

# Seconds after which RabbitMQ takes a message that is not acknowledged for lost.
CONSUMER_TIMEOUT = 1800
# How many databases Redis has, unless its configuration says another number.
DATABASES = 16
# The handlers that write to the terminal: a worker writes there itself.
TERMINAL = ("StreamHandler", "NullHandler", "RichHandler")
RAW = frozenset(
    {"os.environ.get", "os.getenv", "environ.get", "getenv", "config", "env", "env.str"}
)
# The classes of django-environ that are called for a value.
ENVS = frozenset({"Env", "FileAwareEnv"})


def _broker_text(facts: Facts) -> str:
    """The literal URL of the broker, also as a default; empty where it is not known."""
    setting = facts.settings.first("CELERY_BROKER_URL")
    if setting is None:
        return ""
    return text_of(default_of(setting.value)) or ""


@check("celery.W471")
def delay_beyond_rabbit(facts: Facts) -> Iterator[Occurrence]:
    """RabbitMQ gives up a message before it is due.

    What happens: RabbitMQ closes the channel of the worker, and delivers all of its messages again.
    How it looks: PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout
        value used: 1800000 ms
    Why: A task with a countdown or an eta waits in the worker, unacknowledged. RabbitMQ allows
        thirty minutes (consumer_timeout).
    Fix: An entry of the Beat schedule that looks for what is due; quorum queues, which delay in the
        broker; or a higher consumer_timeout
    Source: https://www.rabbitmq.com/docs/consumers#acknowledgement-timeout;
        https://docs.celeryq.dev/en/stable/userguide/calling.html#eta-and-countdown
    """
    if not _broker_text(facts).startswith(("amqp", "pyamqp")):
        return
    # quorum queues have a delay of their own since Celery 5.5
    settings = "\n".join(ast.unparse(setting.value) for setting in facts.settings)
    if "quorum" in settings:
        return
    for code in facts.code.relevant:
        for call in code.calls:
            delay = delay_of(code, call)
            if delay is not None and delay > CONSUMER_TIMEOUT:
                yield Occurrence(
                    f"RabbitMQ gives a message up after {CONSUMER_TIMEOUT} s, and this one is due "
                    f"after {delay:g} s",
                    code.where(call),
                    "Let an entry of the Beat schedule send it, or raise consumer_timeout.",
                )


@check("celery.W472")
def priority_without_queue(facts: Facts) -> Iterator[Occurrence]:
    """A task is sent with a priority, and the queue knows none.

    What happens: It waits like every other.
    How it looks: (nothing)
    Why: A queue of RabbitMQ only has priorities if it was declared with x-max-priority.
    Fix: CELERY_TASK_QUEUE_MAX_PRIORITY = 10, and a new queue: an old one cannot be changed
    Source: https://docs.celeryq.dev/en/stable/userguide/routing.html#rabbitmq-message-priorities
    """
    if not _broker_text(facts).startswith(("amqp", "pyamqp")):
        return
    if facts.settings.is_set("task_queue_max_priority"):
        return
    if any(code.has("x-max-priority", "max_priority") for code in facts.code.relevant):
        return
    for code, call, _, task in task_calls(facts):
        for keyword in call.keywords:
            value = number_of(constant_of(code, keyword.value))
            if keyword.arg == "priority" and value:
                yield Occurrence(
                    f"the priority of {task.node.name} has no effect: no queue has x-max-priority",
                    code.where(call),
                    "Set CELERY_TASK_QUEUE_MAX_PRIORITY, and declare the queue anew.",
                )


@check("celery.W162")
def database_of_redis_too_high(facts: Facts) -> Iterator[Occurrence]:
    """A URL names a database that Redis does not have.

    What happens: Nothing can be sent, or no result be kept.
    How it looks: redis.exceptions.ResponseError: DB index is out of range
    Why: Redis has the databases 0 to 15, unless its configuration sets `databases`.
    Fix: One of 0 to 15
    Source: https://redis.io/docs/latest/commands/select/; reproduced with Redis
    """
    # redis-server --databases 32
    if any("databases" in facts.code.text(path) for path in facts.deployment.files):
        return
    for setting in facts.settings.named("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"):
        url = text_of(default_of(setting.value)) or ""
        path = ""
        if url.startswith(("redis://", "rediss://")):
            path = urlsplit(url).path.strip("/")
        if path.isdigit() and int(path) >= DATABASES:
            yield Occurrence(
                f"Redis has no database {path}, unless its configuration says so",
                setting.where,
                f"Use one of 0 to {DATABASES - 1}.",
            )


@check("celery.W163")
def ssl_without_options(facts: Facts) -> Iterator[Occurrence]:
    """CELERY_BROKER_USE_SSL is True, and the broker is Redis.

    What happens: The connection is not encrypted.
    How it looks: (nothing)
    Why: For Redis, kombu takes the value for a dict of options, and ignores any other.
    Fix: A URL with rediss://, or {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    Source: kombu/transport/redis.py, _connparams; reproduced: a message was sent in the clear
    """
    setting = facts.settings.first("CELERY_BROKER_USE_SSL")
    if setting is None or not is_true(setting.value):
        return
    if _broker_text(facts).startswith("redis://"):
        yield Occurrence(
            "True has no effect for Redis: the connection is not encrypted",
            setting.where,
            "Write rediss:// in the URL, and {'ssl_cert_reqs': ssl.CERT_REQUIRED} here.",
        )


def _as_number(value: ast.expr) -> str:
    """How to make a number of a text: without its quotes, or with int() around it."""
    text = text_of(value)
    if text is not None and text.isdigit():
        return f"Write {text} without quotes."
    return f"Write int({ast.unparse(value)})."


@check("celery.E690")
def visibility_is_text(facts: Facts) -> Iterator[Occurrence]:
    """visibility_timeout is a text.

    What happens: The worker ends a moment after its start.
    How it looks: TypeError: unsupported operand type(s) for -: 'float' and 'str'
    Why: The options of the transport are used as they are.
    Fix: int(os.environ.get("VISIBILITY_TIMEOUT", "3600"))
    Source: reproduced with Celery 5.7; kombu/transport/redis.py, restore_visible
    """
    for setting in facts.settings.named("CELERY_BROKER_TRANSPORT_OPTIONS"):
        for pair in pairs_of(setting.value) or ():
            if text_of(pair.key) != "visibility_timeout":
                continue
            if text_of(pair.value) is not None or _is_read_as_text(setting.code, pair.value):
                yield Occurrence(
                    "visibility_timeout is a text, not a number",
                    setting.code.where(pair.value),
                    _as_number(pair.value),
                )


def _is_read_as_text(code: Code, value: ast.expr) -> bool:
    """Whether a value comes from the environment, and stays the text that it is there."""
    if not isinstance(value, ast.Call) or dotted(value.func) not in RAW:
        return False
    given = {keyword.arg: keyword.value for keyword in value.keywords}
    function = dotted(value.func)
    # config(name, default, cast) of decouple, env(name, cast, default) of django-environ
    if "cast" in given or None in given or (function == "config" and len(value.args) > 2):
        return False
    if function != "env":
        return True
    if len(value.args) > 1:
        return False
    # django-environ casts to the type of the default, and to the one that Env() has for the name
    default = given.get("default")
    if default is not None and text_of(default) is None:
        return False
    return _has_plain_env(code, text_of(value.args[0]) if value.args else None)


def _has_plain_env(code: Code, name: str | None) -> bool:
    """Whether `env` is made in the same file, by an Env() that has no type for a name."""
    made = [call for call in code.calls if dotted(call.func).rpartition(".")[2] in ENVS]
    keywords = {keyword.arg for call in made for keyword in call.keywords}
    return bool(made) and name is not None and not {name, None} & keywords


@check("celery.W696")
def rejected_without_late(facts: Facts) -> Iterator[Occurrence]:
    """A task is to be put back if its process dies, and is acknowledged before it starts.

    What happens: Nothing: a task whose process is killed is lost.
    How it looks: WorkerLostError, and the task does not run again
    Why: task_reject_on_worker_lost puts back what is not acknowledged, and that is only what is
        acknowledged late.
    Fix: acks_late=True beside it, for tasks that may run twice
    Source: celery/worker/request.py, on_failure
    """
    setting = facts.settings.first("CELERY_TASK_REJECT_ON_WORKER_LOST")
    # annotations may set it for all tasks, or for some
    late = facts.settings.is_set("task_acks_late") or facts.settings.is_set("task_annotations")
    if setting is not None and is_true(setting.value) and not late:
        if not any("acks_late" in task.options or task.hidden for task in facts.tasks):
            yield Occurrence(
                "this has no effect without CELERY_TASK_ACKS_LATE",
                setting.where,
                "Set CELERY_TASK_ACKS_LATE = True for tasks that may run twice.",
            )
    for task in facts.tasks:
        own = task.options.get("reject_on_worker_lost")
        if own is None or not is_true(own) or task.hidden or late:
            continue
        acknowledges = task.options.get("acks_late")
        # a base class may set it
        if acknowledges is None and "base" in task.options:
            continue
        if acknowledges is None or is_false(acknowledges):
            yield Occurrence(
                f"this has no effect: {task.node.name} is acknowledged before it starts",
                task.code.where(own),
                "Write acks_late=True beside it, if the task may run twice.",
            )


@check("celery.W699")
def root_logger_replaced(facts: Facts) -> Iterator[Occurrence]:
    """A worker removes the handlers of the root logger.

    What happens: What the tasks log goes to the terminal of the worker alone, and not to the file
        or the service that LOGGING names.
    How it looks: (nothing: the file has the lines of the web process only)
    Why: By default, a worker takes over the root logger.
    Fix: CELERY_WORKER_HIJACK_ROOT_LOGGER = False; or a receiver of setup_logging that calls
        dictConfig(settings.LOGGING)
    Source: https://docs.celeryq.dev/en/stable/userguide/configuration.html#worker-hijack-root-logger;
        reproduced with Celery 5.7: the file stayed empty, and had the line with the setting
    """
    if facts.settings.is_set("worker_hijack_root_logger"):
        return
    if any(code.names("setup_logging") for code in facts.code.relevant):
        return
    setting = facts.settings.first("LOGGING")
    if setting is None:
        return
    names = ", ".join(_root_handlers(setting))
    if names:
        yield Occurrence(
            f"a worker removes {names} from the root logger: no line of a task gets there",
            setting.where,
            "Set CELERY_WORKER_HIJACK_ROOT_LOGGER = False.",
        )


def _root_handlers(setting: Setting) -> Iterator[str]:
    """The handlers of the root logger in LOGGING that write elsewhere than to the terminal."""
    parts = {text_of(pair.key): pair.value for pair in pairs_of(setting.value) or ()}
    handlers = {text_of(pair.key): pair.value for pair in pairs_of(parts.get("handlers")) or ()}
    loggers = {text_of(pair.key): pair.value for pair in pairs_of(parts.get("loggers")) or ()}
    for root in (parts.get("root"), loggers.get("")):
        named = {text_of(pair.key): pair.value for pair in pairs_of(root) or ()}.get("handlers")
        for element in getattr(named, "elts", ()):
            name = text_of(element)
            fields = {text_of(p.key): p.value for p in pairs_of(handlers.get(name)) or ()}
            kind = text_of(fields.get("class")) or text_of(fields.get("()"))
            if name and kind and not kind.endswith(TERMINAL):
                yield name


@check("celery.E679")
def cache_of_results_unknown(facts: Facts) -> Iterator[Occurrence]:
    """CELERY_CACHE_BACKEND names a cache that CACHES does not have.

    What happens: Each result raises where it is stored, and where it is asked for.
    How it looks: InvalidCacheBackendError: The connection 'celery' doesn't exist.
    Why: The backend django-cache looks the name up in CACHES.
    Fix: The key of a cache in CACHES, "default" for one
    Source: https://django-celery-results.readthedocs.io/en/latest/getting_started.html
    """
    setting = facts.settings.first("CELERY_CACHE_BACKEND")
    caches = facts.settings.first("CACHES")
    backend = facts.settings.first("CELERY_RESULT_BACKEND")
    if setting is None or backend is None or text_of(backend.value) != "django-cache":
        return
    known = {"default"}
    if caches is not None:
        pairs = pairs_of(caches.value)
        # a dict that is computed, or extended elsewhere, may have any key
        if pairs is None or caches.code.has("CACHES["):
            return
        known = {text_of(pair.key) or "" for pair in pairs}
    name = text_of(setting.value)
    if name and "" not in known and name not in known:
        yield Occurrence(
            f"CACHES has no {name!r}",
            setting.where,
            f"Use one of {', '.join(sorted(known))}.",
        )


@check("celery.W164")
def broker_in_memory(facts: Facts) -> Iterator[Occurrence]:
    """The broker is the memory of one process.

    What happens: What a web process sends stays in it: no worker ever gets a task.
    How it looks: (nothing: .delay() returns, and the worker waits)
    Why: memory:// is for tests, in which one process does both.
    Fix: redis://localhost:6379/0, or amqp://localhost
    Source: kombu/transport/memory.py
    """
    for setting in facts.settings.named("CELERY_BROKER_URL"):
        eager = any(
            other.code is setting.code and is_true(other.value)
            for other in facts.settings.named("CELERY_TASK_ALWAYS_EAGER")
        )
        if (text_of(setting.value) or "").startswith("memory:") and not eager:
            yield Occurrence(
                "a broker in memory is another one in each process: no worker gets a task",
                setting.where,
                "Write the URL of a server, and keep this for the settings of the tests.",
            )


@check("celery.W442")
def rate_limits_are_off(facts: Facts) -> Iterator[Occurrence]:
    """A task has a rate limit, and rate limits are switched off.

    What happens: The task runs as often as it is sent.
    How it looks: (nothing)
    Why: With CELERY_WORKER_DISABLE_RATE_LIMITS the worker looks at no rate_limit.
    Fix: Remove the setting, or the rate limit.
    Source: https://docs.celeryq.dev/en/stable/userguide/configuration.html#worker-disable-rate-limits
    """
    given = settings_of(facts, "worker_disable_rate_limits")
    off = [setting for setting, value in given if is_true(value)]
    if not off:
        return
    for task in facts.tasks:
        limit = task.options.get("rate_limit")
        if limit is not None and not (isinstance(limit, ast.Constant) and limit.value is None):
            yield Occurrence(
                f"the rate limit of {task.node.name} has no effect: {off[0].where} switches all "
                "of them off",
                task.code.where(limit),
                "Remove one of the two.",
            )


@check("celery.W957")
def pool_cannot_terminate(facts: Facts) -> Iterator[Occurrence]:
    """A running task is to be ended, and the pool of the workers cannot.

    What happens: The task runs on to its end.
    How it looks: NotImplementedError: <class 'celery.concurrency.thread.TaskPool'> does not
        implement kill_job
    Why: A thread cannot be killed. Only prefork, gevent and eventlet can end a task.
    Fix: The pool prefork; or a sign that the task looks at itself: AbortableTask, a row, a cache
    Source: celery/concurrency/base.py, terminate_job; reproduced with Celery 5.7
    """
    pools = {command.option("-P", "--pool") or "prefork" for command in facts.deployment.workers}
    for _, value in settings_of(facts, "worker_pool"):
        pools = {text_of(value) or "" if pool == "prefork" else pool for pool in pools}
    if not pools or not pools <= {"threads", "solo"}:
        return
    for code in facts.code.relevant:
        for call in code.calls:
            if not dotted(call.func).endswith((".revoke", ".terminate")):
                continue
            if any(k.arg == "terminate" and is_true(k.value) for k in call.keywords):
                yield Occurrence(
                    f"this does not end a running task: the pool {', '.join(sorted(pools))} of "
                    f"the workers cannot ({facts.deployment.workers[0].where})",
                    code.where(call),
                    "Use the pool prefork, or a sign that the task looks at itself.",
                )
