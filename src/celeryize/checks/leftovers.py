"""What a task leaves in its process for the tasks after it, and what is left in a task by
mistake."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping

from celeryize.checks.check import Occurrence, check
from celeryize.checks.definitions import task_functions
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import full_name
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, is_false
from celeryize.model import Where
from celeryize.patch.nodes import dotted

# What changes a process until something changes it back, and what to write instead.
SWITCHES: Mapping[str, str] = {
    "django.utils.translation.activate": "Write `with translation.override(language):`.",
    "django.utils.timezone.activate": "Write `with timezone.override(zone):`.",
    "os.chdir": "Pass cwd= to what needs the folder, or write `with contextlib.chdir(folder):`.",
    "locale.setlocale": "Format with the language of the call: babel, or django.utils.formats.",
}
# What changes it back: the same function again, or one of these.
BACK = frozenset({"deactivate", "deactivate_all", "fchdir"})
# What a worker's hooks may reset before each task.
HOOKS = ("task_prerun", "task_postrun")
GROWING = frozenset({"append", "add", "extend", "appendleft", "insert"})
SHRINKING = frozenset({"clear", "pop", "popleft", "popitem", "remove", "discard"})
CONTAINERS = frozenset({"list", "dict", "set", "defaultdict", "OrderedDict", "deque", "Counter"})
DEBUGGERS = frozenset(
    {
        "pdb.set_trace",
        "ipdb.set_trace",
        "pudb.set_trace",
        "pudb.pu.db",
        "IPython.embed",
        "celery.contrib.rdb.set_trace",
    }
)
CLOCKS = frozenset(
    {
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "datetime.datetime.today",
        "datetime.date.today",
        "django.utils.timezone.now",
        "django.utils.timezone.localtime",
        "django.utils.timezone.localdate",
        "time.time",
    }
)
# What of a time does not change, and names that say which time it is.
ZONES = frozenset({"tzinfo", "tzname", "utcoffset"})
STARTS = re.compile(r"start|boot|uptime|import|loaded|launch|deploy")
# What opens a socket that two processes must not share.
CONNECTS = frozenset(
    {
        "psycopg2.connect",
        "psycopg.connect",
        "psycopg.Connection.connect",
        "MySQLdb.connect",
        "pymysql.connect",
        "pyodbc.connect",
        "pymongo.MongoClient",
        "pika.BlockingConnection",
        "smtplib.SMTP",
        "smtplib.SMTP_SSL",
        "ftplib.FTP",
        "grpc.insecure_channel",
        "grpc.secure_channel",
    }
)
# What sends the query of a queryset at once.
EVALUATES = frozenset({"get", "first", "last", "latest", "earliest", "get_or_create"})
# The context managers that certainly open no transaction.
PLAIN_CONTEXTS = frozenset(
    {"NamedTemporaryFile", "TemporaryDirectory", "closing", "open", "override", "suppress"}
)
# What opens one without a `with`, and the decorators that certainly open none.
OPENS = frozenset({"enter_context", "set_autocommit", "__enter__"})
MAKES_TASK = frozenset({"shared_task", "task", "periodic_task"})
# The databases of which Django knows that they lock rows.
LOCKING = ("postgres", "postgis", "mysql", "oracle")


@check("celery.W669")
def process_left_changed(facts: Facts) -> Iterator[Occurrence]:
    """A task changes its process, and does not change it back.

    What happens: The tasks that run after it in the same process have its language, time zone or
        folder: a mail in the language of somebody else.
    How it looks: (nothing)
    Why: Django resets these after each request. A worker resets nothing between two tasks.
    Fix: with translation.override(language): ..., which ends with the block.
    Source: reproduced with Celery 5.7 and Django 5.2: of two tasks in one process, the second
        formatted its numbers and texts in the language of the first
    """
    if any(code.has(*HOOKS) for code in facts.code.relevant):
        return
    for code, node in task_functions(facts):
        calls = [inner for inner in code.within(node) if isinstance(inner, ast.Call)]
        if any(dotted(call.func).rpartition(".")[2] in BACK for call in calls):
            continue
        if _may_be_wrapped(node) or facts.tasks.have_own_class:
            continue
        changed: dict[str, ast.Call] = {}
        restored: set[str] = set()
        for call in calls:
            name = full_name(facts, code, call.func)
            # the second call of the same function puts back what was there
            if name in changed:
                restored.add(name)
            if name in SWITCHES and not (_is_harmless(name, call) or _is_undone(code, call)):
                changed.setdefault(name, call)
        for name, call in changed.items():
            if name not in restored:
                yield Occurrence(
                    f"{dotted(call.func)}() stays in effect for the next tasks of this process",
                    code.where(call),
                    SWITCHES[name],
                )


def _is_undone(code: Code, call: ast.Call) -> bool:
    """Whether something around a call may put back what was there: `with override(...)`."""
    for outer in code.around(call):
        if isinstance(outer, Function):
            # `try` below the call
            tries = (inner for inner in code.within(outer) if isinstance(inner, ast.Try))
            return any(one.finalbody for one in tries)
        if isinstance(outer, ast.With | ast.AsyncWith):
            names = [ast.unparse(item.context_expr).partition("(")[0] for item in outer.items]
            if any(name.rpartition(".")[2] not in PLAIN_CONTEXTS - {"override"} for name in names):
                return True
    return False


def _is_harmless(name: str, call: ast.Call) -> bool:
    """Whether a call only asks, or sets what every process begins with."""
    if name == "locale.setlocale":
        return len(call.args) < 2
    return any(dotted(value).endswith(("LANGUAGE_CODE", "TIME_ZONE")) for value in call.args)


@check("celery.W645")
def grows_without_end(facts: Facts) -> Iterator[Occurrence]:
    """A task adds to a list or a dict of its module, and nothing takes away.

    What happens: The worker needs more memory with every run, until it is killed; and each of its
        processes has a list of its own, which is empty again after a restart.
    How it looks: (nothing; at last WorkerLostError: Worker exited prematurely: signal 9 (SIGKILL))
    Why: A module lives as long as its process, and processes do not share their memory.
    Fix: A list inside the task; the database or the cache for what must stay.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#state
    """
    for code, node in task_functions(facts):
        module = _module_containers(code)
        if not module:
            continue
        local = {
            inner.id
            for inner in code.within(node)
            if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
        }
        shown: set[str] = set()
        for inner in code.within(node):
            name = _grown(inner, node)
            if name not in module or name in local | shown or _is_looked_up(code, node, name):
                continue
            if not _shrinks(code, name):
                shown.add(name)
                yield Occurrence(
                    f"{name} grows with each run of {node.name}, and each process has its own",
                    code.where(inner),
                    "Make it in the task; keep what must stay in the database or in the cache.",
                )


def _is_looked_up(code: Code, function: Function, name: str) -> bool:
    """Whether a function asks a container what it holds, as it does of a memo that has an end."""
    for node in code.within(function):
        match node:
            case ast.Compare(ops=[ast.In() | ast.NotIn()], comparators=[ast.Name(id=asked)]):
                if asked == name:
                    return True
            case ast.Call(func=ast.Attribute(value=ast.Name(id=asked), attr="get")):
                if asked == name:
                    return True
            case ast.Call(func=ast.Name(id="len"), args=[ast.Name(id=asked)]):
                # a length that is only returned or logged limits nothing
                if asked == name and isinstance(code.parents.get(node), ast.Compare | ast.While):
                    return True
            case ast.ExceptHandler(type=ast.expr() as caught):
                if "KeyError" in ast.unparse(caught):
                    return True
    return False


def _module_containers(code: Code) -> set[str]:
    """The names of a module that are assigned an empty list, dict or set."""
    found: set[str] = set()
    for assign in code.assigns:
        if isinstance(assign, ast.AugAssign) or not isinstance(code.parents[assign], ast.Module):
            continue
        targets = assign.targets if isinstance(assign, ast.Assign) else [assign.target]
        if _is_container(assign.value):
            found.update(target.id for target in targets if isinstance(target, ast.Name))
    return found


def _is_container(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Call):
        bounded = any(keyword.arg == "maxlen" for keyword in value.keywords)
        return dotted(value.func).rpartition(".")[2] in CONTAINERS and not bounded
    return (isinstance(value, ast.List) and not value.elts) or (
        isinstance(value, ast.Dict) and not value.keys
    )


def _grown(node: ast.AST, function: Function) -> str:
    """The name of what a node adds to: `seen.append(x)`, or `seen[key] = x` of a parameter."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=method)):
            return name if method in GROWING else ""
        case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=name), slice=key)]):
            given = {argument.arg for argument in function.args.args}
            used = {inner.id for inner in ast.walk(key) if isinstance(inner, ast.Name)}
            return name if used & given else ""
    return ""


def _shrinks(code: Code, name: str) -> bool:
    """Whether anything in the file takes from a container, or replaces it."""
    shrinking = (*code.of(ast.Call), *code.of(ast.Assign), *code.of(ast.Delete))
    for node in (*shrinking, *code.of(ast.Global)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id=owner), attr=method)):
                if owner == name and method in SHRINKING:
                    return True
            # seen[:] = []
            case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=owner), slice=ast.Slice())]):
                if owner == name:
                    return True
            case ast.Delete(targets=targets):
                if any(name in ast.unparse(target) for target in targets):
                    return True
            case ast.Global(names=names):
                if name in names:
                    return True
    return False


@check("celery.E646")
def debugger_left(facts: Facts) -> Iterator[Occurrence]:
    """A task stops in a debugger.

    What happens: The task fails, or holds its process until somebody connects to the debugger.
    How it looks: bdb.BdbQuit, or EOFError: EOF when reading a line
    Why: The processes of a worker have no terminal to read commands from.
    Fix: Remove the call.
    Source: reproduced with Celery 5.7: BdbQuit
    """
    for code, node in task_functions(facts):
        for call in code.within(node):
            if not isinstance(call, ast.Call):
                continue
            name = full_name(facts, code, call.func) or dotted(call.func)
            if name not in DEBUGGERS and name != "breakpoint":
                continue
            # `if settings.DEBUG: breakpoint()` is for development
            if any(isinstance(outer, ast.If) for outer in code.around(call)):
                continue
            yield Occurrence(
                f"{node.name} stops in a debugger, and a worker has no terminal",
                code.where(call),
                "Remove this line.",
            )


@check("celery.W647")
def time_of_import(facts: Facts) -> Iterator[Occurrence]:
    """A task reads a time that was computed when its module was imported.

    What happens: It works with the time at which the worker was started, for as long as that runs.
    How it looks: (nothing: it is right on the first day)
    Why: The top of a module runs once per process.
    Fix: Call timezone.now() in the task.
    Source: https://docs.python.org/3/reference/import.html#the-module-cache
    """
    for code, node in task_functions(facts):
        computed = _computed_at_import(facts, code)
        for inner in code.within(node) if computed else ():
            if not isinstance(inner, ast.Name) or not isinstance(inner.ctx, ast.Load):
                continue
            # a name of the function is another one
            if inner.id in computed and inner.id not in code.assigned_in(node):
                yield Occurrence(
                    f"{inner.id} is the time at which the worker was started "
                    f"(line {computed[inner.id]})",
                    code.where(inner),
                    "Compute it in the task.",
                )
                break


def _computed_at_import(facts: Facts, code: Code) -> dict[str, int]:
    """The names at the top of a module that hold a time, and their lines."""
    found: dict[str, int] = {}
    for assign in code.assigns:
        if not isinstance(assign, ast.Assign) or not isinstance(code.parents[assign], ast.Module):
            continue
        calls = (node for node in ast.walk(assign.value) if isinstance(node, ast.Call))
        # inside a lambda it is computed later
        if any(isinstance(node, ast.Lambda) for node in ast.walk(assign.value)):
            continue
        # the time zone of now() stays the same
        if any(getattr(node, "attr", "") in ZONES for node in ast.walk(assign.value)):
            continue
        if any(full_name(facts, code, call.func) in CLOCKS for call in calls):
            for target in assign.targets:
                # STARTED_AT is the time of the start because it is to be
                if isinstance(target, ast.Name) and not STARTS.search(target.id.lower()):
                    found[target.id] = assign.lineno
    return found


@check("celery.W465")
def connected_at_import(facts: Facts) -> Iterator[Occurrence]:
    """A task uses a connection that was opened when its module was imported.

    What happens: All processes of the pool talk over one socket: they get each other's answers. And
        every manage.py command opens it, too.
    How it looks: error with status PGRES_TUPLES_OK and no message from the libpq; lost connections
    Why: The worker imports the module, and then forks; its children inherit the socket.
    Fix: Open it in the task, or in a receiver of worker_process_init.
    Source: https://docs.celeryq.dev/en/stable/userguide/signals.html#worker-process-init;
        https://www.psycopg.org/docs/usage.html#thread-and-process-safety
    """
    for code, node in task_functions(facts):
        opened = _opened_at_import(facts, code)
        for inner in code.within(node) if opened else ():
            if not isinstance(inner, ast.Name) or inner.id not in opened:
                continue
            if inner.id not in code.assigned_in(node):
                yield Occurrence(
                    f"{inner.id} is opened when the module is imported: all processes share it",
                    opened[inner.id],
                    f"Open it in {node.name}, or in a receiver of worker_process_init.",
                )
                break


def _opened_at_import(facts: Facts, code: Code) -> dict[str, Where]:
    """The names at the top of a module that hold a connection, and their places."""
    found: dict[str, Where] = {}
    for assign in code.assigns:
        if not isinstance(assign, ast.Assign) or not isinstance(code.parents[assign], ast.Module):
            continue
        if not isinstance(assign.value, ast.Call):
            continue
        # MongoClient(connect=False), and SMTP() without a host, connect later
        later = any(k.arg == "connect" and is_false(k.value) for k in assign.value.keywords)
        if later or not (assign.value.args or assign.value.keywords):
            continue
        if full_name(facts, code, assign.value.func) in CONNECTS:
            for target in assign.targets:
                if isinstance(target, ast.Name):
                    found[target.id] = code.where(assign)
    return found


@check("celery.E648")
def locks_without_transaction(facts: Facts) -> Iterator[Occurrence]:
    """A task locks rows outside of a transaction.

    What happens: The task fails, each time.
    How it looks: TransactionManagementError: select_for_update cannot be used outside of a
        transaction.
    Why: A lock ends with its transaction. ATOMIC_REQUESTS opens one for a view; nothing opens one
        for a task.
    Fix: with transaction.atomic(): ... around the query and what depends on it.
    Source: https://docs.djangoproject.com/en/stable/ref/models/querysets/#select-for-update
    """
    engines = [ast.unparse(setting.value) for setting in facts.settings.named("DATABASES")]
    if not any(name in engine for engine in engines for name in LOCKING):
        return
    # without autocommit every query is in a transaction; a task class may open one
    if any("AUTOCOMMIT" in engine for engine in engines) or facts.tasks.have_own_class:
        return
    for code, node in task_functions(facts):
        if _may_open_transaction(code, node):
            continue
        for call in code.within(node):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            if call.func.attr != "select_for_update" or code.function_of(call) is not node:
                continue
            if _is_evaluated(code, call) and not _is_in_transaction(code, call):
                yield Occurrence(
                    f"select_for_update() in {node.name} is outside of a transaction: it raises",
                    code.where(call),
                    "Write `with transaction.atomic():` around it.",
                )


def _is_evaluated(code: Code, call: ast.Call) -> bool:
    """Whether a queryset is evaluated in the same expression, or by the loop over it."""
    node: ast.AST = call
    while True:
        outer = code.parents[node]
        if isinstance(outer, ast.Attribute):
            called = code.parents[outer]
            if not isinstance(called, ast.Call) or called.func is not outer:
                return False
            if outer.attr in EVALUATES:
                return True
            node = called
            continue
        return isinstance(outer, ast.For) and outer.iter is node


def _may_open_transaction(code: Code, function: Function) -> bool:
    """Whether a decorator, a base class or a statement may open a transaction."""
    if _may_be_wrapped(function):
        return True
    calls = (inner for inner in code.within(function) if isinstance(inner, ast.Call))
    return any(dotted(call.func).rpartition(".")[2] in OPENS for call in calls)


def _may_be_wrapped(function: Function) -> bool:
    """Whether a decorator or a base class may do something around a task."""
    for decorator in function.decorator_list:
        name, keywords = decorator, []
        if isinstance(decorator, ast.Call):
            name, keywords = decorator.func, decorator.keywords
        # @transaction.atomic, for one, or a decorator of the project, whatever its name
        if dotted(name).rpartition(".")[2] not in MAKES_TASK:
            return True
        if any(keyword.arg in {"base", None} for keyword in keywords):
            return True
    return False


def _is_in_transaction(code: Code, node: ast.AST) -> bool:
    """Whether a `with` around a node may open a transaction: each that is not known for not."""
    for outer in code.around(node):
        if isinstance(outer, ast.With | ast.AsyncWith):
            for item in outer.items:
                called = item.context_expr
                name = dotted(called.func) if isinstance(called, ast.Call) else ""
                if name.rpartition(".")[2] not in PLAIN_CONTEXTS:
                    return True
    return False


# Who is logged in, kept per request by a middleware.
CURRENT = frozenset(
    {
        "crum.get_current_user",
        "crum.get_current_request",
        "django_currentuser.middleware.get_current_user",
        "django_currentuser.middleware.get_current_authenticated_user",
        "threadlocals.threadlocals.get_current_user",
        "threadlocals.threadlocals.get_current_request",
    }
)


@check("celery.W458")
def asks_for_the_request(facts: Facts) -> Iterator[Occurrence]:
    """A task asks for the user of a request.

    What happens: It gets None.
    How it looks: AttributeError: 'NoneType' object has no attribute 'pk'
    Why: A middleware keeps the user for the time of a request; a worker has no request.
    Fix: Give the task the primary key of the user.
    Source: https://django-crum.readthedocs.io/en/latest/
    """
    for code, node in task_functions(facts):
        for call in code.within(node):
            if isinstance(call, ast.Call) and full_name(facts, code, call.func) in CURRENT:
                yield Occurrence(
                    f"{dotted(call.func)}() gives None in a worker, which has no request",
                    code.where(call),
                    f"Give {node.name} the primary key of the user.",
                )


@check("celery.W459")
def lock_of_two_steps(facts: Facts) -> Iterator[Occurrence]:
    """A task asks for its lock, and takes it afterwards.

    What happens: Two runs that start together both take it.
    How it looks: (nothing: the task runs twice at once, now and then)
    Why: Between get() and set() another process may do the same. add() does both in one step.
    Fix: if not cache.add("lock", True, 3600): return
    Source: https://docs.celeryq.dev/en/stable/tutorials/task-cookbook.html#ensuring-a-task-is-only-executed-one-at-a-time
    """
    for code, node in task_functions(facts):
        keys: dict[str, dict[str, ast.Call]] = {}
        for call in code.within(node):
            if isinstance(call, ast.Call) and call.args:
                owner, _, method = dotted(call.func).rpartition(".")
                if owner.endswith("cache"):
                    keys.setdefault(ast.unparse(call.args[0]), {}).setdefault(method, call)
        for methods in keys.values():
            asked = methods.get("get")
            # what is deleted at the end is a lock; what stays is a cached value
            if asked is None or not {"set", "delete"} <= set(methods) or "add" in methods:
                continue
            around = code.parents.get(asked)
            if isinstance(around, ast.If) and _gives_way(around):
                yield Occurrence(
                    "between this get() and set() another worker may take the lock, too",
                    code.where(asked),
                    "Write `if not cache.add(key, True, seconds): return`.",
                )


def _gives_way(test: ast.If) -> bool:
    return any(isinstance(statement, ast.Return | ast.Raise) for statement in test.body)
