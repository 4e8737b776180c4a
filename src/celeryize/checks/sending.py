"""What is sent, when, and where to: names, queues, times, and processes that only start."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from celeryize.checks.arguments import fitting_call, misfit, packed_arguments
from celeryize.checks.calls import task_calls
from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import constant_of, followed, full_name, is_of_celery
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, number_of, text_of
from celeryize.checks.fixes import add_queue, remedy_for_name
from celeryize.checks.imported import place
from celeryize.model import Where
from celeryize.patch.nodes import dotted, walk

# The methods that take a time.
TIMED = {"apply_async", "apply_async_on_commit", "retry", "set", "send_task"}
LOCAL_NOW = {"datetime.datetime.now", "datetime.datetime.today"}
UTC_ZONES = {"UTC", "Etc/UTC", "GMT", "Etc/GMT", "Africa/Abidjan", "Atlantic/Reykjavik"}
# What is in a migration that sends a task; nearly none has it.
SENDS_IN_TEXT = re.compile(rb"\.(?:delay|apply_async|send_task)\(")
# What Django or Celery imports of an app by itself.
IMPORTED_FILES = {"__init__.py", "apps.py", "models.py", "admin.py", "tasks.py"}


@check("celery.W562")
def naive_eta(facts: Facts) -> Iterator[Occurrence]:
    """A task is due at a time without a zone.

    What happens: It runs hours too early or too late.
    How it looks: (nothing: the worker's log has an eta that is off by the offset of the zone)
    Why: The worker takes a time without a zone for UTC; datetime.now() is the local one.
    Fix: django.utils.timezone.now() + timedelta(...), or countdown=.
    Source: https://docs.celeryq.dev/en/stable/userguide/calling.html#eta-and-countdown
    """
    if _is_utc(facts):
        return
    for code in facts.code.relevant:
        for call in code.calls:
            if not isinstance(call.func, ast.Attribute) or call.func.attr not in TIMED:
                continue
            for keyword in call.keywords:
                if keyword.arg in {"eta", "expires"} and _is_local_now(facts, code, keyword.value):
                    yield Occurrence(
                        f"this {keyword.arg} has no zone, and is taken for UTC",
                        code.where(keyword.value),
                        "Use django.utils.timezone.now().",
                    )


def _is_utc(facts: Facts) -> bool:
    """Whether local time is UTC in the project, or may be."""
    zones = [*facts.settings.named("TIME_ZONE")]
    texts = [text_of(setting.value) for setting in zones]
    if facts.worker and facts.worker.settings_values.get("TIME_ZONE"):
        texts = [str(facts.worker.settings_values["TIME_ZONE"])]
    # an unset one is Django's America/Chicago, but may come from where nobody looked
    if not texts:
        return True
    return any(text is None or text in UTC_ZONES for text in texts)


def _is_local_now(facts: Facts, code: Code, node: ast.expr) -> bool:
    """Whether a time is `datetime.now()`, or that and some time more."""
    node = followed(code, node)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        parts = (node.left, node.right)
        return any(_is_local_now(facts, code, part) for part in parts)
    if not isinstance(node, ast.Call) or node.args or node.keywords:
        return False
    return full_name(facts, code, node.func) in LOCAL_NOW


@check("celery.W563")
def due_twice(facts: Facts) -> Iterator[Occurrence]:
    """A task is sent with a countdown and an eta.

    What happens: The eta has no effect.
    How it looks: (nothing)
    Why: A countdown is turned into an eta, which replaces the other.
    Fix: One of the two.
    Source: celery/app/amqp.py, as_task_v2
    """
    for code, options in _send_options(facts):
        delay = number_of(options.get("countdown"))
        if delay and "eta" in options and not _is_none(options["eta"]):
            yield Occurrence(
                "this eta has no effect beside a countdown",
                code.where(options["eta"]),
                "Remove one of the two.",
            )


@check("celery.E564")
def expires_before_it_is_due(facts: Facts) -> Iterator[Occurrence]:
    """A task expires before it is due.

    What happens: It never runs.
    How it looks: Discarding revoked task: ... (its state is REVOKED: TaskRevokedError: expired)
    Why: Both are counted from when it is sent.
    Fix: expires above countdown.
    Source: https://docs.celeryq.dev/en/stable/userguide/calling.html#expiration
    """
    for code, options in _send_options(facts):
        delay, expires = (number_of(options.get(name)) for name in ("countdown", "expires"))
        if expires is not None and expires <= 0:
            yield Occurrence(
                f"this expires {expires:g} s after it is sent: it never runs",
                code.where(options["expires"]),
                "Set expires to the seconds that the task may wait.",
            )
        elif delay is not None and expires is not None and expires < delay:
            yield Occurrence(
                f"this expires after {expires:g} s, but is due after {delay:g} s: it never runs",
                code.where(options["expires"]),
                "Set expires above the countdown.",
            )


def _send_options(facts: Facts) -> Iterator[tuple[Code, dict[str, ast.expr]]]:
    """The options of every send of a task, by keyword, as one dict."""
    for code, call, how, _ in task_calls(facts):
        if how.startswith("apply_async"):
            yield code, {k.arg: k.value for k in call.keywords if k.arg}


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


@check("celery.E590")
def name_of_no_task(facts: Facts) -> Iterator[Occurrence]:
    """A task is sent, or made into a signature, by a name that no task has.

    What happens: Each worker discards it.
    How it looks: Received unregistered task of type 'shop.tasks.nothing'.
    Why: send_task() and signature() do not look at the registry; app.tasks[...] does, and raises
        NotRegistered.
    Fix: The name as `celeryize tasks` shows it; or import the task and call .delay().
    Source: https://docs.celeryq.dev/en/stable/reference/celery.html#celery.Celery.send_task
    """
    for code in facts.code.relevant:
        for call in code.calls:
            name = _sent_name(facts, code, call)
            if not name or not _is_unknown(facts, name):
                continue
            yield Occurrence(f"no task is called {name}", code.where(call), _near(facts, name))
        for node, name in _looked_up(facts, code):
            if _is_unknown(facts, name):
                yield Occurrence(f"no task is called {name}", code.where(node), _near(facts, name))


def _near(facts: Facts, name: str) -> str:
    """The function, or the task, that a name means."""
    return remedy_for_name(facts, name) or "`celeryize tasks` shows the names."


def _looked_up(facts: Facts, code: Code) -> Iterator[tuple[ast.Subscript, str]]:
    """The names in `app.tasks["shop.tasks.add"]`."""
    apps = {app.variable for app in facts.project.celery} | {"app", "celery_app", "current_app"}
    if ".tasks[" not in code.source.text:
        return
    for node in code.of(ast.Subscript):
        if dotted(node.value).endswith(".tasks"):
            name = text_of(node.slice)
            if name and dotted(node.value).rpartition(".tasks")[0].rpartition(".")[2] in apps:
                yield node, name


def _sent_name(facts: Facts, code: Code, call: ast.Call) -> str | None:
    """The name that `app.send_task(name)` or `signature(name)` gives."""
    if isinstance(call.func, ast.Attribute) and call.func.attr == "send_task":
        given = [*call.args[:1], *(k.value for k in call.keywords if k.arg == "name")]
    elif full_name(facts, code, call.func) in {"celery.signature", "celery.canvas.signature"}:
        given = call.args[:1]
    else:
        return None
    for value in given:
        return text_of(constant_of(code, value))
    return None


@check("celery.E592")
def sent_arguments_do_not_fit(facts: Facts) -> Iterator[Occurrence]:
    """A task that is sent by its name is given arguments that do not fit.

    What happens: The call succeeds; the task fails in the worker.
    How it looks: TypeError: greet() takes 1 positional argument but 3 were given
    Why: send_task() does not know the task, and cannot compare.
    Fix: The arguments that the task takes; or import the task and call .delay().
    Source: https://docs.celeryq.dev/en/stable/reference/celery.html#celery.Celery.send_task
    """
    for code in facts.code.relevant:
        for call in code.calls:
            if not isinstance(call.func, ast.Attribute) or call.func.attr != "send_task":
                continue
            name = _sent_name(facts, code, call)
            tasks = [task for task in facts.tasks if task.name == name]
            given = packed_arguments(call, 1)
            if len(tasks) != 1 or given is None or facts.tasks.have_own_class:
                continue
            problem = misfit(tasks[0], *given)
            if problem:
                yield Occurrence(
                    f"{name}: {problem}",
                    code.where(call),
                    fitting_call(tasks[0], given[1]),
                )


def _is_unknown(facts: Facts, name: str) -> bool:
    """Whether a name belongs to this project, and no task of it has that name.

    What another service registers is its own affair: only a module of the project counts, or, where
    the registry was imported, a name that resembles one in it.
    """
    if name in facts.task_names or any(not task.name for task in facts.tasks):
        return False
    module, _, function = name.rpartition(".")
    if not module:
        return False
    if facts.worker is not None and facts.worker.failures:
        return False
    path = facts.modules.find(module)
    if path is not None:
        # a class, or an assignment, may be registered under that name
        return facts.worker is not None or function not in facts.code.text(path)
    return name.split(".")[0] in facts.code.own_packages and bool(
        difflib.get_close_matches(name, facts.task_names, 1, 0.8)
    )


@check("celery.W591")
def sent_while_importing(facts: Facts) -> Iterator[Occurrence]:
    """A task is sent while the project is imported or started.

    What happens: Every process sends it: each manage.py command, each worker, each web process.
    How it looks: (nothing; or a command that hangs, where the broker cannot be reached)
    Why: AppConfig.ready() and the top of a module run in every process of Django.
    Fix: Send it where something happens; an entry in CELERY_BEAT_SCHEDULE for what is periodic.
    Source: https://docs.djangoproject.com/en/stable/ref/applications/#django.apps.AppConfig.ready
    """
    shown: set[tuple[str, int]] = set()
    # an attempt that was seen is at a line of the call, which may have several
    attempts = dict.fromkeys(_attempts(facts))
    for code, call, how, task in task_calls(facts):
        lines = {(str(code.path), n) for n in range(call.lineno, (call.end_lineno or 0) + 1)}
        seen = {place for what, place in attempts if what == "broker"} & lines
        if seen or (not _imported_in_full(facts) and _runs_at_import(facts, code, call)):
            shown |= lines
            yield Occurrence(
                f"{task.node.name}.{how}() is called in every process that starts Django",
                code.where(call),
                "Send it where something happens, or from Beat.",
            )
    for what, (path, line) in attempts:
        if (path, line) not in shown:
            shown.add((path, line))
            yield Occurrence(
                f"the {what} is used while the project is imported, in every process",
                Where(PurePosixPath(path), line),
                "Do it where something happens, or from Beat.",
            )


@check("celery.W593", grouped=True)
def sent_by_migration(facts: Facts) -> Iterator[Occurrence]:
    """A migration sends a task.

    What happens: The worker starts it before the migration is committed; `migrate` needs the
        broker; and the task is sent wherever the migration runs, from the tests, too.
    How it looks: kombu.exceptions.OperationalError in migrate; or a task that does not find its
        rows, or fails for a column that is not there yet
    Why: RunPython runs in the transaction of its migration. Migrations run for each database anew,
        for years, with the tasks of that day.
    Fix: Do it in the migration itself, or in a management command that is run after the deploy.
    Source: https://docs.djangoproject.com/en/stable/ref/migration-operations/#runpython
    """
    for app in facts.project.apps if facts.project.celery else ():
        # one pattern, and no path for the hundreds of files without it
        for path in facts.modules.files_with(app.folder / "migrations", 0, b"RunPython"):
            if not SENDS_IN_TEXT.search(facts.code.raw(path)):
                continue
            code = facts.code.parsed(path)
            for call in code.calls_of("delay", "apply_async", "send_task") if code else ():
                name = _sent_task(facts, code, call) if code else ""
                if code and name:
                    early = "before it is committed, and "
                    if code.has("atomic = False"):
                        early = ""
                    yield Occurrence(
                        f"a migration sends {name}, {early}wherever it runs",
                        code.where(call),
                        "Send it from a management command, after `migrate`.",
                    )


CANVASES = frozenset({"group", "chain", "chord"})


def _sent_task(facts: Facts, code: Code, call: ast.Call) -> str:
    """The task that a call in a migration sends; empty for a call of something else."""
    if not isinstance(call.func, ast.Attribute):
        return ""
    # on_commit(lambda: ...), or a receiver of post_migrate, at least waits for the commit
    around = [o for o in code.around(call) if isinstance(o, Function | ast.Lambda)]
    if len(around) != 1 or not _runs_in_migration(code, around[0]):
        return ""
    if call.func.attr == "send_task":
        name = (text_of(call.args[0]) if call.args else None) or "a task"
        return name if is_of_celery(facts, call) else ""
    return _task_in(facts, code, call.func.value)


def _task_in(facts: Facts, code: Code, node: ast.expr) -> str:
    """The task that is sent by `task`, `task.s(...)`, or the first of `group(task.s(...), ...)`."""
    task = facts.tasks.named_by(code, node)
    if task is not None:
        return task.node.name
    match node:
        case ast.Call(func=ast.Attribute(value=owner, attr="s" | "si" | "signature" | "set")):
            return _task_in(facts, code, owner)
        case ast.Call(func=func, args=args) if dotted(func).rpartition(".")[2] in CANVASES:
            inner = [one for argument in args for one in walk(argument)]
            names = (_task_in(facts, code, one) for one in inner if isinstance(one, ast.Call))
            return next((name for name in names if name), "")
    return ""


def _runs_in_migration(code: Code, function: Function | ast.Lambda) -> bool:
    """Whether RunPython is given a function, or another function calls it."""
    if isinstance(function, ast.Lambda):
        return False
    given = [
        argument
        for call in code.calls_of("RunPython")
        for argument in (*call.args, *(keyword.value for keyword in call.keywords))
    ]
    used = [*given, *(call.func for call in code.calls)]
    return any(dotted(one) == function.name for one in used)


def _attempts(facts: Facts) -> Iterator[tuple[str, tuple[str, int]]]:
    """What the project tried to reach in the two imports, and the line of the project."""
    for report in (facts.worker, facts.web):
        for attempt in report.attempts if report else ():
            where = place(facts, *attempt.where)
            if where is not None:
                yield attempt.what, (str(where.path), where.line or 0)


def _imported_in_full(facts: Facts) -> bool:
    """Whether both imports came to their end, and a send in them would have been seen."""
    reports = (facts.worker, facts.web)
    if any(report is None or report.failures for report in reports):
        return False
    return facts.worker is not None and not facts.worker.conf.get("task_always_eager")


def _runs_at_import(facts: Facts, code: Code, call: ast.Call) -> bool:
    """Whether a call runs when its module is imported, or in ready() of an AppConfig."""
    around = list(code.around(call))
    # what an `if` decides is not known
    if any(isinstance(outer, ast.Lambda | ast.If | ast.IfExp) for outer in around):
        return False
    function = code.function_of(call)
    if function is None:
        # a script that nothing imports is run on purpose
        if code.path.name in IMPORTED_FILES:
            return True
        return facts.code.is_imported_by(code.module, facts.code.files)
    holder = code.parents.get(function)
    return (
        function.name == "ready"
        and isinstance(holder, ast.ClassDef)
        and any(dotted(base).rpartition(".")[2].endswith("Config") for base in holder.bases)
    )


@check("celery.E601", unless=("celery.E942",))
def queue_without_worker(facts: Facts) -> Iterator[Occurrence]:
    """A task is sent to a queue that no worker consumes.

    What happens: It waits for ever.
    How it looks: (nothing)
    Why: No worker of the deployment files consumes that queue: one with -Q consumes the queues that
        it names, one without it the default queue (CELERY_TASK_DEFAULT_QUEUE) alone.
    Fix: Add the queue to a worker's -Q, or send the task to one of those.
    Source: https://docs.celeryq.dev/en/stable/userguide/routing.html#manual-routing
    """
    consumed = _consumed_queues(facts)
    if consumed is None:
        return
    for code, call, _, task in task_calls(facts):
        for keyword in call.keywords:
            queue = text_of(constant_of(code, keyword.value))
            if keyword.arg == "queue" and queue and queue not in consumed:
                close = difflib.get_close_matches(queue, consumed, 1, 0.6)
                worker = facts.deployment.workers[0]
                hint = f"Add it ({worker.where}): {add_queue(worker, consumed, queue)}"
                if close:
                    hint = f"Did you mean {close[0]}?"
                yield Occurrence(
                    f"{task.node.name} is sent to the queue {queue}, which no worker consumes",
                    code.where(keyword.value),
                    hint,
                )


def _consumed_queues(facts: Facts) -> set[str] | None:
    """The queues of all workers; None where one consumes what cannot be read here."""
    found: set[str] = set()
    if not facts.deployment.workers:
        return None
    for worker in facts.deployment.workers:
        queues = worker.option("-Q", "--queues") or _default_queue(facts)
        if not queues or any(sign in worker.text for sign in "${"):
            return None
        found |= {queue for queue in queues.split(",") if queue.strip()}
    return found


def _default_queue(facts: Facts) -> str | None:
    """What a worker without -Q consumes; None where that is not the default queue alone."""
    if facts.settings.is_set("task_queues") or facts.settings.first("CELERY_QUEUES"):
        return None
    default = facts.settings.first("CELERY_TASK_DEFAULT_QUEUE", "CELERY_DEFAULT_QUEUE")
    if default:
        return text_of(default.value)
    if facts.settings.is_set("task_default_queue"):
        return None
    return "celery"
