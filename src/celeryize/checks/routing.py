"""Queues, routes and annotations of the settings."""

from __future__ import annotations

import ast
import difflib
import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass

from celeryize.checks.arguments import KNOWN as SENDING
from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import is_of_celery
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Pair, default_of, is_false, pairs_of, text_of
from celeryize.checks.facts.settings import Setting
from celeryize.checks.fixes import did_you_mean
from celeryize.checks.settings import (
    IGNORED,
)
from celeryize.checks.task_options import OPTIONS
from celeryize.checks.tasks import rate_problem
from celeryize.checks.written import elements_of, resolved, settings_of
from celeryize.patch.nodes import dotted

# What decides where a message goes.
ADDS_QUEUES = re.compile(r"QUEUES\s*\+=|QUEUES\.(append|extend|insert)\(|queues\.add\(")
ROUTING = ("queue", "routing_key", "exchange", "exchange_type", "priority", "delivery_mode")
# kombu.Connection.ensure()
POLICY = (
    "max_retries",
    "interval_start",
    "interval_step",
    "interval_max",
    "retry_errors",
    "errback",
    "on_revive",
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
    for element in elements_of(node):
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
        for element in elements_of(value):
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
    for element in elements_of(node):
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


@check("celery.E183", unless=IGNORED)
def route_option_unknown(facts: Facts) -> Iterator[Occurrence]:
    """A route has an option that is none of sending, or is a list.

    What happens: The route leads nowhere: its tasks go to the default queue. With a list they
        cannot be sent.
    How it looks: (nothing); or TypeError: unhashable type: 'list'
    Why: What a route says is handed on like the options of apply_async(), and the transports pass
        over names that they do not know.
    Fix: {"queue": "mail"}
    Source: https://docs.celeryq.dev/en/stable/userguide/routing.html#manual-routing;
        reproduced with Celery 5.7
    """
    for setting, value in settings_of(facts, "task_routes"):
        for target in _targets(setting, value):
            if _is_list_of_names(target):
                yield Occurrence(
                    "a list of names is no route: each `.delay()` of its tasks raises",
                    setting.code.where(target),
                    f'Write {{"queue": "{text_of(elements_of(target)[0])}"}}.',
                )
            for pair, close in _unknown_options(target):
                named = any(text_of(other.key) == "queue" for other in pairs_of(target) or ())
                then = "it has no effect" if named else "its tasks go to the default queue"
                yield Occurrence(
                    f"{text_of(pair.key)!r} is no option of a route: {then}",
                    setting.code.where(pair.key),
                    did_you_mean(close),
                )


def _unknown_options(target: ast.expr) -> Iterator[tuple[Pair, list[str]]]:
    """The options of a route that Celery does not know, with what is meant."""
    pairs = pairs_of(target) or ()
    keys = [text_of(pair.key) for pair in pairs]
    leads_nowhere = not any(key is None or key in (*SENDING, *ROUTING) for key in keys)
    # ** may bring the queue
    if isinstance(target, ast.Dict) and None in target.keys:
        leads_nowhere = False
    for pair, key in zip(pairs, keys, strict=True):
        if key is None or key in SENDING or key in ROUTING:
            continue
        close = difflib.get_close_matches(key.lower(), ROUTING, 1, 0.7)
        # without any that is known the route says nothing at all
        if not close and leads_nowhere:
            close = ["queue"]
        if close:
            yield pair, close


def _is_list_of_names(node: ast.expr) -> bool:
    """`["mail"]` or `("mail",)`, where a route is a dict or a text."""
    elements = elements_of(node)
    return bool(elements) and all(text_of(element) for element in elements)


def _targets(setting: Setting, value: ast.expr) -> Iterator[ast.expr]:
    """Where the routes of the setting lead, as the code writes it."""
    routers = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
    for router in routers:
        for pair in pairs_of(router) or _listed_pairs(router):
            yield resolved(setting.code, pair.value)


@check("celery.E184", unless=IGNORED)
def queue_may_not_be_made(facts: Facts) -> Iterator[Occurrence]:
    """A task is routed to a queue that is not declared, and missing ones may not be made.

    What happens: Every `.delay()` of it raises; a worker that is to consume it does not start.
    How it looks: celery.exceptions.QueueNotFound: "Queue 'mail' missing from task_queues"; or
        ImproperlyConfigured: Trying to select queue subset of ['mail'], but queue 'mail' isn't
        defined
    Why: With CELERY_TASK_CREATE_MISSING_QUEUES = False only the queues of CELERY_TASK_QUEUES exist.
    Fix: Queue("mail") in CELERY_TASK_QUEUES
    Source: https://docs.celeryq.dev/en/stable/userguide/configuration.html#task-create-missing-queues
    """
    if not any(is_false(value) for _, value in settings_of(facts, "task_create_missing_queues")):
        return
    names = _made_queues(facts)
    if names is None:
        return
    for code, node in _queues_asked_for(facts):
        name = text_of(node)
        if name and name not in names:
            yield Occurrence(
                f"the queue {name!r} is not in CELERY_TASK_QUEUES, and is not made by itself",
                code.where(node),
                f'Add Queue("{name}") to CELERY_TASK_QUEUES.',
            )
    for command in facts.deployment.workers:
        asked = command.option("-Q", "--queues") or ""
        lost = [name for name in asked.split(",") if name and name not in names]
        if lost and not re.search(r"[$%{]", asked):
            yield Occurrence(
                f"this worker does not start: the queue {lost[0]!r} is not in CELERY_TASK_QUEUES",
                command.where,
                f'Add Queue("{lost[0]}") to CELERY_TASK_QUEUES.',
            )


def _queues_asked_for(facts: Facts) -> Iterator[tuple[Code, ast.expr]]:
    """The queues that routes, decorators, calls and entries of the schedule name."""
    for setting, value in settings_of(facts, "task_routes"):
        for target in _targets(setting, value):
            if text_of(target):
                yield setting.code, target
            for pair in pairs_of(target) or ():
                if text_of(pair.key) == "queue":
                    yield setting.code, pair.value
    for task in facts.tasks:
        if "queue" in task.options:
            yield task.code, task.options["queue"]
    for entry in facts.schedule.entries:
        for pair in pairs_of(entry.fields.get("options")) or ():
            if text_of(pair.key) == "queue":
                yield entry.code, pair.value
    for code in facts.code.relevant:
        for call in code.calls_of("apply_async", "send_task"):
            named = next((k.value for k in call.keywords if k.arg == "queue"), None)
            if named is not None and is_of_celery(facts, call):
                yield code, named


def _made_queues(facts: Facts) -> set[str] | None:
    """The queues that are declared, or else the default one; None where a list is computed, or is
    added to by code."""
    if any(code.finds(ADDS_QUEUES) for code in facts.code.relevant):
        return None
    declared = list(settings_of(facts, "task_queues"))
    if any(not _queue_names(setting.code, value) for setting, value in declared):
        return None
    names = {name for setting, value in declared for name in _queue_names(setting.code, value)}
    if not declared:
        defaults = [value for _, value in settings_of(facts, "task_default_queue")]
        names |= {text_of(default_of(value)) or "" for value in defaults}
        names |= {_default_queue(facts) or ""}
    return names


@check("celery.E185", unless=IGNORED)
def publish_policy_unknown(facts: Facts) -> Iterator[Occurrence]:
    """A retry policy of sending has a name that kombu does not know.

    What happens: Every task that is sent with it raises.
    How it looks: TypeError: Connection.ensure() got an unexpected keyword argument 'max_retry'
    Why: The dict is handed on as keyword arguments. It is about sending, not about the task.
    Fix: max_retries, interval_start, interval_step, interval_max
    Source: https://docs.celeryq.dev/en/stable/userguide/calling.html#message-sending-retry;
        reproduced with Celery 5.7
    """
    # without retries the policy is never looked at
    if any(is_false(value) for _, value in settings_of(facts, "task_publish_retry")):
        return
    policies = [
        (setting.code, value) for setting, value in settings_of(facts, "task_publish_retry_policy")
    ]
    policies += [
        (code, resolved(code, keyword.value))
        for code in facts.code.relevant
        for call in code.calls_of("apply_async", "send_task")
        for keyword in call.keywords
        if keyword.arg == "retry_policy" and is_of_celery(facts, call)
    ]
    for code, value in policies:
        for pair in pairs_of(value) or ():
            key = text_of(pair.key)
            if key and key not in POLICY:
                close = difflib.get_close_matches(key, POLICY, 1, 0.6)
                yield Occurrence(
                    f"{key!r} is no option of a retry policy: sending a task raises TypeError",
                    code.where(pair.key),
                    did_you_mean(close),
                )


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
        for element in elements_of(value):
            pair = elements_of(element)
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
        for holder in elements_of(value) or [value]:
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


@check(
    "celery.E693",
    imports=True,
    unless=(
        "celery.E001",
        "celery.E003",
        "celery.E030",
        "celery.E120",
        "celery.E184",
        "celery.E674",
        "celery.E691",
    ),
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
