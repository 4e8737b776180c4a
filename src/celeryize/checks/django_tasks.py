"""Django's own tasks beside Celery: where they run, on which queue, and by which method they are
sent."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import text_of
from celeryize.checks.fixes import add_queue
from celeryize.checks.imported import failures, place
from celeryize.detect.django_tasks import (
    DEFAULT_QUEUE,
    DjangoTask,
    TaskBackend,
    django_tasks_in,
    read_backends,
)
from celeryize.detect.settings import strings_of, untold
from celeryize.model import Where
from celeryize.patch.nodes import dotted

IMMEDIATE = "django.tasks.backends.immediate.ImmediateBackend"
# What a task of Celery has, and one of Django does not.
OF_CELERY = frozenset(
    {
        "apply",
        "apply_async",
        "apply_async_on_commit",
        "delay",
        "delay_on_commit",
        "s",
        "si",
        "signature",
    }
)
# And the other way round.
OF_DJANGO = frozenset({"enqueue", "aenqueue", "using"})
# How many modules a task may be handed through: `from .mail import send` in an `__init__.py`.
REEXPORTS = 4
Place = tuple[PurePosixPath, str]


def django_tasks(facts: Facts) -> Mapping[Place, DjangoTask]:
    """The Django tasks of the code, by file and function."""

    def read() -> Mapping[Place, DjangoTask]:
        found = {}
        for code in facts.code.relevant:
            bindings = facts.code.bindings(code.path)
            for task in django_tasks_in(code.source.tree, code.path, code.module, bindings):
                found[code.path, task.function] = task
        return found

    return facts.code.once("django tasks", read)


def _named_by(facts: Facts, code: Code, node: ast.expr) -> DjangoTask | None:
    """The Django task that an expression names, `.using(...)` behind it or not."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr != "using":
            return None
        node = node.func.value
    spelled = dotted(node)
    if not spelled:
        return None
    head, _, rest = spelled.partition(".")
    if not rest and (code.path, head) in django_tasks(facts):
        # `def send(greet):` has a greet of its own, which is not the task
        if code.binder_of(node, head) is None:
            return django_tasks(facts)[code.path, head]
    module, name = facts.code.imported_as(code, node, head) or ("", None)
    if not module:
        return None
    full = ".".join(part for part in (module, name, rest) if part)
    return _task_at(facts, full, REEXPORTS)


def _task_at(facts: Facts, full: str, levels: int) -> DjangoTask | None:
    """The Django task at a dotted path, followed through the modules that re-export it."""
    module, _, name = full.rpartition(".")
    path = facts.modules.find(module) if module else None
    if path is None or not levels:
        return None
    if (path, name) in django_tasks(facts):
        return django_tasks(facts)[path, name]
    base, inner = facts.code.bindings(path).get(name, ("", None))
    if inner:
        return _task_at(facts, f"{base}.{inner}", levels - 1)
    return None


def _backend_of(facts: Facts, task: DjangoTask) -> tuple[TaskBackend, Where | None] | None:
    """The backend of a task, and where TASKS says so; None where that is not certain."""
    if facts.worker is not None:
        for seen in facts.worker.django_tasks:
            if seen.name == task.name:
                setting = facts.settings.first("TASKS")
                return TaskBackend(seen.backend), setting.where if setting else None
    assignments = list(facts.settings.named("TASKS"))
    if not assignments:
        # without TASKS it is Django's default, unless code sets it in a way that is not seen
        if untold(facts.modules, facts.project.settings) is not None:
            return None
        return TaskBackend(IMMEDIATE), None
    found: list[tuple[TaskBackend, Where]] = []
    for setting in assignments:
        backend = (read_backends(setting.value) or {}).get(task.backend)
        if backend is None or not backend.path:
            return None
        found.append((backend, setting.where))
    # one environment of several may well be local: that of the tests, or of a developer
    return next((pair for pair in found if not pair[0].is_local), found[0])


@check("celery.W750", grouped=True)
def django_task_stays_in_process(facts: Facts) -> Iterator[Occurrence]:
    """Django's tasks do not reach Celery, though Celery is set up.

    What happens: With ImmediateBackend, .enqueue() runs the task at once, inside the request; with
        DummyBackend it never runs.
    How it looks: (nothing: the request takes as long as the task)
    Why: Django 6.0 has tasks and no worker for them. Where TASKS is not set it is ImmediateBackend,
        which is for development and tests.
    Fix: `celeryize init --django-tasks`, which sets TASKS to a backend that sends to Celery.
    Source: https://docs.djangoproject.com/en/6.0/topics/tasks/
    """
    if not facts.project.celery:
        return
    reported: set[Where] = set()
    for task in django_tasks(facts).values():
        backend, where = _backend_of(facts, task) or (TaskBackend(""), None)
        if not backend.is_local:
            continue
        named = backend.path.rpartition(".")[2]
        does = ".enqueue() runs it inside the request"
        if named == "DummyBackend":
            does = "it never runs"
        hint = "Send Django's tasks to Celery: celeryize init --django-tasks"
        if task.backport:
            hint = "Set TASKS to a backend that sends to Celery: django-tasks-fennel, for example."
        if where is None:
            message = f"TASKS is not set, so the Django task {task.function} has {named}: {does}"
            yield Occurrence(message, task.where, hint)
        elif where not in reported:
            reported.add(where)
            message = f"TASKS is {named}, so of the Django task {task.function} {does}"
            if named != "DummyBackend":
                message = f"TASKS is {named}: .enqueue() of {task.function} runs inside the request"
            yield Occurrence(message, where, hint)


def _default_queue(facts: Facts) -> str | None:
    """The name of Celery's default queue; None where code computes it."""
    setting = facts.settings.first("CELERY_TASK_DEFAULT_QUEUE", "CELERY_DEFAULT_QUEUE")
    if setting is None:
        return "celery"
    return text_of(setting.value)


def _consumed_queues(facts: Facts, usual: str) -> frozenset[str] | None:
    """The queues that the workers of the deployment consume; without one, those of a plain worker.

    None where that cannot be read.
    """
    declared = set(strings_of(facts.modules, facts.project.settings, "CELERY_TASK_QUEUES"))
    if not declared and facts.settings.is_set("task_queues"):
        return None
    workers = facts.deployment.workers
    if any("$" in worker.text or "{" in worker.text for worker in workers):
        return None
    plain = declared or {usual}
    found: set[str] = set() if workers else set(plain)
    for worker in workers:
        given = worker.option("-Q", "--queues")
        found |= set(given.split(",")) if given else plain
        # the app that django-tasks-fennel brings has this one for its default queue
        if "django_tasks_fennel" in worker.text:
            found.add(DEFAULT_QUEUE)
    return frozenset(found)


def _queue_sent_to(backend: TaskBackend, queue: str, usual: str) -> str:
    """The queue of Celery for a queue of Django.

    Source: enqueue() of both backends: django-tasks-celery leaves "default" to Celery's own
    routing, django-tasks-fennel sends to a queue of that name.
    """
    if queue == DEFAULT_QUEUE and not backend.path.startswith("django_tasks_fennel"):
        return usual
    return queue


def _named_queues(facts: Facts) -> Iterator[tuple[DjangoTask, str, Where]]:
    """Each queue that a Django task has, or gets by `.using(queue_name=...)`, and where."""
    for task in django_tasks(facts).values():
        if task.queue:
            yield task, task.queue, task.where
    for code in facts.code.relevant:
        for call in code.calls:
            if not (isinstance(call.func, ast.Attribute) and call.func.attr == "using"):
                continue
            queue = next((text_of(k.value) for k in call.keywords if k.arg == "queue_name"), None)
            task_used = _named_by(facts, code, call.func.value) if queue else None
            if queue and task_used is not None:
                yield task_used, queue, code.where(call)


@check("celery.W751")
def django_queue_not_consumed(facts: Facts) -> Iterator[Occurrence]:
    """A Django task is sent to a queue that no worker consumes.

    What happens: It never runs, and nothing says so.
    How it looks: (nothing: the result stays READY)
    Why: The backend sends to the queue that queue_name says. For django-tasks-celery "default" is
        Celery's default queue; for django-tasks-fennel it is a queue called default, which a worker
        without -Q does not consume.
    Fix: -Q celery,default on a worker, or a queue_name that a worker consumes.
    Source: enqueue() of django-tasks-celery 0.1.1 and django-tasks-fennel 0.1
    """
    usual = _default_queue(facts)
    if not facts.project.celery or usual is None:
        return
    consumed = _consumed_queues(facts, usual)
    if consumed is None:
        return
    reported: set[str] = set()
    for task, queue, where in _named_queues(facts):
        backend, _ = _backend_of(facts, task) or (TaskBackend(""), None)
        if not backend.sends_to_celery:
            continue
        sent_to = _queue_sent_to(backend, queue, usual)
        if sent_to in consumed or sent_to in reported:
            continue
        # without a deployment file it is only certain for the queue that nobody has chosen
        if not facts.deployment.workers and queue != DEFAULT_QUEUE:
            continue
        reported.add(sent_to)
        names = ", ".join(sorted(consumed))
        by, added = "a worker without -Q", f"-Q {','.join([*sorted(consumed), sent_to])}"
        if facts.deployment.workers:
            by = str(facts.deployment.workers[0].where)
            added = add_queue(facts.deployment.workers[0], consumed, sent_to)
        yield Occurrence(
            f"no worker consumes the queue {sent_to!r}, to which {task.function} is sent "
            f"({by}: {names})",
            where,
            f"Add it: {added}",
        )


@check("celery.E752")
def celery_method_of_a_django_task(facts: Facts) -> Iterator[Occurrence]:
    """A Django task is sent with a method of Celery's tasks.

    What happens: The line raises when it runs.
    How it looks: AttributeError: 'Task' object has no attribute 'delay'
    Why: @task of django.tasks makes an object of Django's, which has enqueue() and no delay().
    Fix: task.enqueue(...); for a countdown, task.using(run_after=...).enqueue(...). Or make it a
        task of Celery, with @shared_task.
    Source: https://docs.djangoproject.com/en/6.0/ref/tasks/; reproduced with Django 6.0
    """
    for code, node, task in _attributes(facts, OF_CELERY):
        yield Occurrence(
            f"{task.function} is a task of Django, which has no {node.attr}() ({task.where})",
            code.where(node),
            "Use enqueue(), or define it with @shared_task of Celery.",
        )


def _attributes(
    facts: Facts, names: frozenset[str]
) -> Iterator[tuple[Code, ast.Attribute, DjangoTask]]:
    """Each call, or use as an argument, of one of these attributes of a Django task."""
    if not django_tasks(facts):
        return
    for code in facts.code.relevant:
        for node in code.within(code.source.tree):
            if not isinstance(node, ast.Attribute) or node.attr not in names:
                continue
            # `task.s = 3` asks for nothing
            if isinstance(node.ctx, ast.Load):
                task = _named_by(facts, code, node.value)
                if task is not None:
                    yield code, node, task


@check("celery.E753")
def django_method_of_a_celery_task(facts: Facts) -> Iterator[Occurrence]:
    """A task of Celery is sent with a method of Django's tasks.

    What happens: The line raises when it runs.
    How it looks: AttributeError: 'greet' object has no attribute 'enqueue'
    Why: @shared_task makes a task of Celery, which has delay() and apply_async() and no enqueue().
    Fix: task.delay(...), or define it with @task of django.tasks.
    Source: celery/app/task.py; reproduced with Celery 5.7
    """
    # a task class of the project's own may bring such a method
    if facts.tasks.have_own_class:
        return
    for code in facts.code.relevant:
        for call in code.calls:
            func = call.func
            if not (isinstance(func, ast.Attribute) and func.attr in OF_DJANGO):
                continue
            task = facts.tasks.named_by(code, func.value)
            if task is None or "base" in task.options or task.hidden or task.above:
                continue
            yield Occurrence(
                f"{task.node.name} is a task of Celery, which has no {func.attr}() ({task.where})",
                code.where(call),
                "Use delay() or apply_async(), or define it with @task of django.tasks.",
            )


@check("celery.E754", imports=True)
def django_task_not_registered(facts: Facts) -> Iterator[Occurrence]:
    """A worker does not know a Django task that is sent to it.

    What happens: The worker discards the message.
    How it looks: Received unregistered task of type 'shop.jobs.send_invoice'.
    Why: The backend registers a task when its module is imported. A worker imports the modules that
        autodiscover_tasks() finds: tasks.py of each installed app.
    Fix: Define it in tasks.py, or import it there.
    Source: reproduced with django-tasks-celery 0.1.1 and Celery 5.7
    """
    worker, web = facts.worker, facts.web
    if worker is None or web is None or worker.failures:
        return
    known = {task.name for task in worker.django_tasks if task.registered}
    for task in web.django_tasks:
        if not TaskBackend(task.backend).sends_to_celery or task.name in known:
            continue
        yield Occurrence(
            f"the Django task {task.name} is not registered in a worker",
            place(facts, task.file, task.line),
            "Define it in tasks.py of its app, or import it there.",
        )
    # what neither import has loaded: a module that only a view imports
    loaded = {task.name for report in (worker, web) for task in report.django_tasks}
    for found in django_tasks(facts).values():
        backend, _ = _backend_of(facts, found) or (TaskBackend(""), None)
        if found.name not in loaded and backend.sends_to_celery:
            yield Occurrence(
                f"the Django task {found.name} is not registered in a worker",
                found.where,
                "Define it in tasks.py of its app, or import it there.",
            )


@check(
    "celery.E755", imports=True, unless=("celery.E001", "celery.E003", "celery.E030", "celery.E120")
)
def task_backend_not_loaded(facts: Facts) -> Iterator[Occurrence]:
    """A backend that TASKS names cannot be loaded.

    What happens: Django's checks fail, so the web server and manage.py do not start; the first task
        cannot even be defined.
    How it looks: InvalidTaskBackend: Could not find backend 'django_tasks_celery.CeleryBackend': No
        module named 'django_tasks_celery'
    Why: The package of the backend is not installed, or its name is misspelt.
    Fix: Install what the dependency file declares; django-tasks-celery needs Django 6 and Python
        3.12.
    Source: django/tasks/__init__.py of Django 6.0
    """
    setting = facts.settings.first("TASKS")
    for failure in failures(facts, "TASKS backends"):
        yield Occurrence(
            f"TASKS cannot be used: {failure.type}: {failure.message}",
            setting.where if setting else None,
            f"Install the package of the backend for {facts.project.interpreter.path}.",
        )
