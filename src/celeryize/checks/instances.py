"""Tasks that are sent for an instance or a file: before it is there, after it is gone, for ever."""

from __future__ import annotations

import ast
import itertools
import re
from collections.abc import Iterator

from celeryize.checks.calls import is_model, is_receiver, place_of, task_calls
from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import full_name
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, is_false
from celeryize.checks.facts.tasks import Task
from celeryize.patch.nodes import dotted

KEYS = ("pk", "id")
# What asks an instance for its model.
ASKS = frozenset({"isinstance", "issubclass", "hasattr", "getattr", "type"})
# What gives one instance.
FETCHES = frozenset({"get", "first", "last", "latest", "earliest", "create"})
# What makes another spelling of a path, but no copy of its file.
PASSES = frozenset(
    {"str", "Path", "PurePath", "join", "fspath", "abspath", "format", "dict", "list"}
)
# The usual names of modules with receivers, which Django does not import.
UNIMPORTED = frozenset({"signals.py", "receivers.py", "handlers.py"})
# Of the module tempfile, what is deleted at the end of its `with`.
DELETED = frozenset(
    {
        "tempfile.NamedTemporaryFile",
        "tempfile.TemporaryDirectory",
        "django.core.files.temp.NamedTemporaryFile",
    }
)


@check("celery.W616")
def saves_what_sends_it(facts: Facts) -> Iterator[Occurrence]:
    """Saving an instance sends a task that saves the instance.

    What happens: Each run of the task sends the next one, for ever, for every instance.
    How it looks: (nothing: a queue that never empties, and a database that is always busy)
    Why: save() in the task sends post_save, as it does everywhere; the receiver does not ask
        whether the instance is new.
    Fix: `if created:` in the receiver; or Model.objects.filter(pk=pk).update(...) in the task,
        which sends no signal.
    Source: https://docs.djangoproject.com/en/stable/ref/signals/#post-save
    """
    for code, call, _, task in task_calls(facts):
        sender = _sender_of(code, call)
        if sender and _saves(task, sender):
            yield Occurrence(
                f"{task.node.name} saves the {sender} for which it is sent, which sends it again",
                code.where(call),
                f"Send it only if the {sender} is new, or use update() in the task.",
            )


def _sender_of(code: Code, call: ast.Call) -> str:
    """The model whose every save makes a call; empty where a condition is around, or unknown."""
    for outer in code.around(call):
        # a loop may have nothing to do, and a `with` may hold signals back
        if isinstance(outer, ast.If | ast.IfExp | ast.BoolOp | ast.For | ast.With | ast.Match):
            return ""
        if not isinstance(outer, Function):
            continue
        # an early `return` decides, too
        if any(isinstance(inner, ast.If | ast.IfExp) for inner in code.within(outer)):
            return ""
        # a decorator of the project may decide as well
        if not all(is_receiver(decorator) for decorator in outer.decorator_list):
            return ""
        for decorator in outer.decorator_list:
            if is_receiver(decorator) and "post_save" in ast.unparse(decorator):
                return _sender_named(decorator)
        holder = code.parents.get(outer)
        if isinstance(holder, ast.ClassDef) and outer.name == "save" and is_model(holder):
            return holder.name
    return ""


def _sender_named(decorator: ast.expr) -> str:
    if not isinstance(decorator, ast.Call):
        return ""
    for keyword in decorator.keywords:
        if keyword.arg == "sender":
            return dotted(keyword.value).rpartition(".")[2]
    return ""


def _saves(task: Task, model: str) -> bool:
    """Whether a task fetches one instance of a model, and saves it whatever it holds."""
    # signals that are switched off for the time of the save
    if "disconnect" in ast.unparse(task.node):
        return False
    fetched = set()
    for name, values in task.code.assigned_in(task.node).items():
        for value in values or ():
            if isinstance(value, ast.Call) and _fetches(value, model):
                fetched.add(name)
    for node in task.code.within(task.node):
        if not isinstance(node, ast.Call) or not dotted(node.func).endswith(".save"):
            continue
        conditional = any(isinstance(o, ast.If | ast.With) for o in task.code.around(node))
        if dotted(node.func).partition(".save")[0] in fetched and not conditional:
            return True
    return False


def _fetches(call: ast.Call, model: str) -> bool:
    spelled = ast.unparse(call.func)
    if spelled.rpartition(".")[2] == "get_object_or_404" and call.args:
        return dotted(call.args[0]).rpartition(".")[2] == model
    return f"{model}.objects." in spelled and spelled.endswith((".get", ".first"))


@check("celery.W617")
def key_of_the_deleted(facts: Facts) -> Iterator[Occurrence]:
    """A task is given the primary key of an instance that was deleted.

    What happens: It is given None.
    How it looks: Order.DoesNotExist, or nothing
    Why: delete() sets the primary key of the instance to None.
    Fix: order_id = order.pk above order.delete()
    Source: https://docs.djangoproject.com/en/stable/ref/models/instances/#deleting-objects;
        reproduced with Django 5.2
    """
    # a model with a delete() of its own may keep the instance
    if any(other.has("def delete(self") for other in facts.code.relevant):
        return
    for code, call, _, _ in task_calls(facts):
        for name, node in _keys_given(call):
            deleted = _called_before(code, call, f"{name}.delete")
            if not _is_plain_instance(facts, code, call, name):
                continue
            if deleted is not None and not _assigned_between(code, name, deleted, call):
                yield Occurrence(
                    f"{ast.unparse(node)} is None here: {name} was deleted in line "
                    f"{deleted.lineno}",
                    code.where(node),
                    f"Keep {ast.unparse(node)} in a variable before delete().",
                )


def _is_plain_instance(facts: Facts, code: Code, node: ast.AST, name: str) -> bool:
    """Whether a name is an instance of a model whose delete() is Django's own, for certain."""
    function = code.function_of(node)
    made = (code.assigned_in(function).get(name) if function else None) or []
    if len(made) != 1 or not isinstance(made[0], ast.Call):
        return False
    called = made[0].func
    if dotted(called).rpartition(".")[2] == "get_object_or_404" and made[0].args:
        called = made[0].args[0]
    elif isinstance(called, ast.Attribute) and called.attr in FETCHES:
        while isinstance(called, ast.Call | ast.Attribute):
            if isinstance(called, ast.Attribute) and called.attr == "objects":
                called = called.value
                break
            called = called.func if isinstance(called, ast.Call) else called.value
    model = _model_named(facts, code, called)
    # a base class of another library may keep the row, and mark it as deleted
    return model is not None and all(dotted(b).rpartition(".")[2] == "Model" for b in model.bases)


@check("celery.W618")
def key_of_the_unsaved(facts: Facts) -> Iterator[Occurrence]:
    """A task is given the primary key of an instance that is not saved yet.

    What happens: It is given None, or a key that is not in the database yet.
    How it looks: Order.DoesNotExist: Order matching query does not exist.
    Why: The database gives the key in save().
    Fix: order.save() first, and the task after the commit.
    Source: https://docs.djangoproject.com/en/stable/ref/models/instances/#auto-incrementing-primary-keys
    """
    for code, call, _, _ in task_calls(facts):
        function = code.function_of(call)
        if function is None:
            continue
        # a lambda reads the key when it runs, after the commit
        if any(isinstance(outer, ast.Lambda) for outer in _up_to(code, call, function)):
            continue
        for name, node in _keys_given(call):
            made = code.assigned_in(function).get(name) or []
            if len(made) != 1 or not _builds_model(facts, code, made[0]):
                continue
            saves = [
                inner.lineno
                for inner in code.within(function)
                if isinstance(inner, ast.Call) and dotted(inner.func) == f"{name}.save"
            ]
            # what never saves it here may be saved elsewhere
            if saves and min(saves) > call.lineno:
                yield Occurrence(
                    f"{name} is not in the database yet: it is saved in line {min(saves)}",
                    code.where(node),
                    "Save it first, and use delay_on_commit().",
                )


def _up_to(code: Code, node: ast.AST, function: Function) -> Iterator[ast.AST]:
    return itertools.takewhile(lambda outer: outer is not function, code.around(node))


def _keys_given(call: ast.Call) -> Iterator[tuple[str, ast.Attribute]]:
    """The `order.pk` among the arguments of a call, and the names of their instances."""
    for given in [*call.args, *(keyword.value for keyword in call.keywords)]:
        for node in ast.walk(given):
            if isinstance(node, ast.Attribute) and node.attr in KEYS:
                if isinstance(node.value, ast.Name):
                    yield node.value.id, node


def _called_before(code: Code, node: ast.AST, spelled: str) -> ast.stmt | None:
    """The statement `order.delete()` above a node, in a block that is around it."""
    inner: ast.AST = node
    for outer in code.around(node):
        for block in (getattr(outer, "body", None), getattr(outer, "orelse", None)):
            if not isinstance(block, list) or inner not in block:
                continue
            for statement in reversed(block[: block.index(inner)]):
                if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call):
                    if dotted(statement.value.func) == spelled:
                        return statement
        if isinstance(outer, Function):
            return None
        inner = outer
    return None


def _assigned_between(code: Code, name: str, first: ast.stmt, last: ast.Call) -> bool:
    return any(
        node.id == name
        and isinstance(node.ctx, ast.Store)
        and first.lineno < node.lineno < last.lineno
        for node in code.of(ast.Name)
    )


def _builds_model(facts: Facts, code: Code, value: ast.expr) -> bool:
    """Whether an expression is `Order(...)`, for a model of the project."""
    if not isinstance(value, ast.Call) or not dotted(value.func):
        return False
    # what is given a key, or has a default for it, has one before it is saved
    if any(keyword.arg in {*KEYS, None} for keyword in value.keywords):
        return False
    model = _model_named(facts, code, value.func)
    return model is not None and "primary_key=True" not in ast.unparse(model)


def _model_named(facts: Facts, code: Code, node: ast.expr) -> ast.ClassDef | None:
    """The model of the project that an expression names."""
    module, _, name = full_name(facts, code, node).rpartition(".")
    path = facts.modules.find(module) if module else None
    other = facts.code.parsed(path) if path else None
    classes = other.classes if other else ()
    return next((one for one in classes if one.name == name and is_model(one)), None)


@check("celery.W619")
def file_is_gone(facts: Facts) -> Iterator[Occurrence]:
    """A task is given the name of a file that is deleted when the sender is done.

    What happens: The task does not find it, unless it is faster than the end of the request.
    How it looks: FileNotFoundError: [Errno 2] No such file or directory: '/tmp/tmpx3k9'
    Why: A NamedTemporaryFile is deleted at the end of its `with`, an uploaded file at the end
        of its request. And a worker on another host never has it.
    Fix: default_storage.save(name, file), and the name that it returns; the task deletes it.
    Source: https://docs.python.org/3/library/tempfile.html;
        https://docs.djangoproject.com/en/stable/ref/files/uploads/
    """
    for code, call, _, task in task_calls(facts):
        for given in [*call.args, *(keyword.value for keyword in call.keywords)]:
            what = _temporary(facts, code, call, given)
            if what:
                yield Occurrence(
                    f"{task.node.name} is given {what}, which is deleted before it runs",
                    code.where(call),
                    "Save the file in the storage, and pass the name that it has there.",
                )


def _temporary(facts: Facts, code: Code, call: ast.Call, given: ast.expr) -> str:
    """The expression in an argument that names a file which is about to be deleted."""
    # `load.delay(f.name).get()` waits for it
    if isinstance(code.parents.get(call), ast.Attribute):
        return ""
    for node in _passed_on(given):
        match node:
            case ast.Call(func=ast.Attribute(attr="temporary_file_path")):
                return ast.unparse(node)
    for outer in code.around(call):
        if isinstance(outer, Function):
            return ""
        if not isinstance(outer, ast.With):
            continue
        for item in outer.items:
            name = dotted(item.optional_vars)
            if not name or not _is_deleted(facts, code, item.context_expr):
                continue
            for node in _passed_on(given):
                # what is read from it is not its name
                if dotted(node) in {name, f"{name}.name"} and not _is_read(code, node, name):
                    return ast.unparse(node)
    return ""


def _passed_on(given: ast.expr) -> Iterator[ast.AST]:
    """The nodes of an argument, less what a function gets: `storage.save(f.name, f)`."""
    todo: list[ast.AST] = [given]
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, ast.Call) and _last_name(node.func) not in PASSES:
            continue
        todo += ast.iter_child_nodes(node)


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return dotted(node)


def _is_deleted(facts: Facts, code: Code, made: ast.expr) -> bool:
    if not isinstance(made, ast.Call) or full_name(facts, code, made.func) not in DELETED:
        return False
    kept = {"delete", "delete_on_close"}
    return not any(k.arg in kept and is_false(k.value) for k in made.keywords)


def _is_read(code: Code, node: ast.AST, name: str) -> bool:
    """Whether a name is only the beginning of `handle.read()`, or of `handle.name`."""
    return dotted(node) == name and isinstance(code.parents.get(node), ast.Attribute)


@check("celery.W489")
def receiver_of_every_model(facts: Facts) -> Iterator[Occurrence]:
    """A receiver of post_save sends a task for the instances of every model.

    What happens: Each save of any model sends the task: sessions, log entries of the admin, the
        results of the tasks themselves.
    How it looks: DoesNotExist for keys of other models; a queue that is never empty
    Why: Without sender= a receiver is called for all models.
    Fix: @receiver(post_save, sender=Order)
    Source: https://docs.djangoproject.com/en/stable/topics/signals/#connecting-to-signals-sent-by-specific-senders
    """
    seen: set[ast.AST] = set()
    for code, call, _, task in task_calls(facts):
        function = code.function_of(call)
        if function is None or function in seen:
            continue
        for decorator in function.decorator_list:
            if not isinstance(decorator, ast.Call) or not is_receiver(decorator):
                continue
            if any(keyword.arg in {"sender", None} for keyword in decorator.keywords):
                continue
            # what asks for the model, or hands it on, knows that there are several
            if not _asks_for_model(code, function):
                seen.add(function)
                yield Occurrence(
                    f"{function.name}() is called for every model, and sends {task.node.name} for "
                    "each of their instances",
                    code.where(decorator),
                    "Name the model: sender=...",
                )


def _asks_for_model(code: Code, function: Function) -> bool:
    """Whether a receiver looks at anything but the keys of its instance, or at none of it."""
    # any change of anything may be what is meant
    if not any("instance" in ast.unparse(statement) for statement in function.body):
        return True
    for node in code.within(function):
        if isinstance(node, ast.ExceptHandler):
            return True
        if isinstance(node, ast.Call) and dotted(node.func) in ASKS:
            return True
        if isinstance(node, ast.If | ast.IfExp | ast.Match):
            # `if created:` is asked of any model
            test = node.subject if isinstance(node, ast.Match) else node.test
            if ast.unparse(test) not in {"created", "not created", "raw", "not raw"}:
                return True
        if isinstance(node, ast.Name) and node.id == "sender":
            return True
        if isinstance(node, ast.Attribute) and node.attr in {"_meta", "__class__"}:
            return True
    return False


@check("celery.W488")
def bulk_sends_no_signal(facts: Facts) -> Iterator[Occurrence]:
    """Rows are made in bulk, and the task that is sent for each new row is not sent.

    What happens: No task is sent for these rows.
    How it looks: (nothing)
    Why: bulk_create() calls no save() and sends no post_save.
    Fix: Send the task for each of them after bulk_create(); or save them one by one.
    Source: https://docs.djangoproject.com/en/stable/ref/models/querysets/#bulk-create
    """
    sent: dict[str, Task] = {}
    for code, call, _, task in task_calls(facts):
        function = code.function_of(call)
        for decorator in function.decorator_list if function else ():
            if is_receiver(decorator) and "post_save" in ast.unparse(decorator):
                sent.setdefault(_sender_named(decorator), task)
    sent.pop("", None)
    if not sent:
        return
    spelled = "|".join(re.escape(name) for name in sent)
    mention = re.compile(rf"\b({spelled})\.(_default_manager|objects)\.bulk_create\b".encode())
    for path in facts.code.files:
        # migrations and the like are no code that runs beside the tasks
        if "migrations" in path.parts or not mention.search(facts.code.raw(path)):
            continue
        other = facts.code.parsed(path)
        for call in other.calls if other else ():
            owner, _, method = ast.unparse(call.func).rpartition(".")
            name = owner.partition(".")[0]
            if method != "bulk_create" or name not in sent or other is None:
                continue
            # the same function sends the task itself
            function = other.function_of(call)
            if function is not None and _sends_itself(facts, other, function, sent[name]):
                continue
            yield Occurrence(
                f"bulk_create() sends no post_save: {sent[name].node.name} is not sent for these "
                "rows",
                other.where(call),
                f"Send {sent[name].node.name} for each of them afterwards.",
            )


def _sends_itself(facts: Facts, code: Code, function: Function, task: Task) -> bool:
    """Whether a function, or one that it calls, names a task."""
    name = task.node.name
    if name in ast.unparse(function):
        return True
    for call in code.within(function):
        if not isinstance(call, ast.Call):
            continue
        called = dotted(call.func).rpartition(".")[2]
        near = [one for one in code.functions if one.name == called]
        if isinstance(call.func, ast.Name):
            path, original = place_of(facts, code, call.func)
            there = facts.code.parsed(path)
            near += [one for one in there.functions if one.name == original] if there else []
        if any(name in ast.unparse(one) for one in near):
            return True
    return False


@check("celery.W466")
def receiver_never_connected(facts: Facts) -> Iterator[Occurrence]:
    """A receiver that sends a task is in a module that nothing imports.

    What happens: It is never called, and the task never sent.
    How it looks: (nothing)
    Why: A receiver is connected when its module is imported. Django imports an app's models.py and
        apps.py by itself, and no signals.py.
    Fix: def ready(self): from . import signals, in the AppConfig
    Source: https://docs.djangoproject.com/en/stable/topics/signals/#connecting-receiver-functions
    """
    calls = task_calls(facts)
    sending = {code.path: code for code, _, _, _ in calls if code.path.name in UNIMPORTED}
    for code in sending.values():
        receivers = [f for f in code.functions if any(is_receiver(d) for d in f.decorator_list)]
        if not receivers or not code.module or facts.code.imports_module(code.module):
            continue
        # `import_module(f"{app}.signals")`, and what an installed library imports
        loaded = f"'{code.path.stem}'", f'"{code.path.stem}"', f'.{code.path.stem}"'
        if any(other.has(*loaded) for other in facts.code.relevant):
            continue
        if facts.worker is None and _may_be_loaded(facts, code):
            continue
        yield Occurrence(
            f"nothing imports {code.module}, so {receivers[0].name} is never called",
            code.where(receivers[0]),
            f"Import it in ready() of the AppConfig: from . import {code.path.stem}",
        )


def _may_be_loaded(facts: Facts, code: Code) -> bool:
    """Whether the apps.py beside a module imports modules by computed names."""
    beside = code.path.parent / "apps.py"
    return facts.code.has(beside, "import_module", "autodiscover_modules", "__import__")
