"""What tasks are called with: arguments that do not fit, or that JSON cannot hold, and options."""

from __future__ import annotations

import ast
import difflib
import inspect
import re
from collections.abc import Iterator, Sequence

from celeryize.celery_facts import words
from celeryize.checks.calls import (
    SENDS,
    handed_callables,
    has_no_backend,
    is_model,
    is_receiver,
    is_sent,
    task_calls,
)
from celeryize.checks.check import Fix, Occurrence, Unsure, check
from celeryize.checks.commits import commit_has_arguments
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import followed, full_name
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, number_of, text_of
from celeryize.checks.facts.tasks import Task
from celeryize.checks.fixes import did_you_mean, make_tuple, only_near, rename_argument
from celeryize.checks.instance_hints import pass_the_key
from celeryize.checks.times import as_number, times_given, wrong_time
from celeryize.patch.nodes import dotted, walk
from celeryize.patch.replace import with_parentheses

# The methods whose `args` and `kwargs` hold what the task is given.
PACKED = {"apply_async", "apply_async_on_commit"}
# Options of apply_async that people pass to delay.
SEND_ONLY = {
    "countdown",
    "eta",
    "expires",
    "queue",
    "priority",
    "routing_key",
    "link",
    "link_error",
    "task_id",
}
# Methods of managers and querysets that give model instances.
FETCHES = {
    "get",
    "create",
    "first",
    "last",
    "latest",
    "earliest",
    "get_or_404",
    "get_object_or_404",
    "get_or_create",
    "update_or_create",
    "all",
    "filter",
    "exclude",
}
# What a form has sent as a file: Django's UploadedFile.
UPLOADS = ("request.FILES", "self.request.FILES")
# A field in the body of a model: its name, and its class.
FIELD = re.compile(
    r"^[ \t]+(\w+)[ \t]*(?::[^=\n]+)?=[ \t]*(?:\w+\.)*(\w*(?:Field|ForeignKey))\(", re.MULTILINE
)
# What gives an instance, too.
SAVES = {"get_object_or_404", "form.save", "serializer.save", "self.get_object"}
# What holds the data of a request, by the end of its class's name.
FORMS = ("Form", "FormSet", "Serializer")
# The methods of a queryset that a loop goes over.
ROWS = {"all", "filter", "exclude", "order_by", "iterator", "select_related", "prefetch_related"}
# What of a request JSON cannot hold.
REQUEST_PARTS = {
    f"{owner}.{part}"
    for owner in ("request", "self.request")
    for part in ("META", "session", "headers", "FILES")
}
# Of these, those that certainly return an instance or a queryset.
INSTANCES = FETCHES - {"get_or_404", "get_object_or_404"}
# What the builtins return that JSON cannot hold.
UNJSON = {
    "set": "a set",
    "frozenset": "a set",
    "range": "a range",
    "map": "an iterator",
    "filter": "an iterator",
    "zip": "an iterator",
    "reversed": "an iterator",
    "enumerate": "an iterator",
    "open": "an open file",
}
# Of the builtins, those that nobody means as a value.
BUILTINS = frozenset({"len", "print", "str", "int", "float", "bool", "list", "dict", "set", "sum"})
# What gives an answer of HTTP.
RESPONSES = frozenset(
    {f"{home}.{verb}" for home in ("requests", "httpx") for verb in ["get", "post", "put", "patch"]}
    | {"django.http.HttpResponse", "django.http.JsonResponse", "django.shortcuts.render"}
    | {"rest_framework.response.Response"}
)
UNJSON_CALLS = {
    "datetime.timedelta": "a timedelta",
    "pathlib.Path": "a Path",
    "functools.partial": "a function",
}
# What apply_async reads. Source: celery/app/task.py of 5.7.
KNOWN = words(
    """
    args kwargs task_id producer link link_error shadow countdown eta expires retry retry_policy
    queue exchange routing_key priority serializer compression add_to_parent publisher headers
    connection ignore_result time_limit soft_time_limit root_id parent_id group_id group_index chord
    reply_to delivery_mode
    """
)


def misfit(task: Task, positional: int, named: Sequence[str]) -> str | None:
    """Why arguments do not fit a task, in Python's words; None if they do, or if that is not
    known."""
    signature = task.signature
    if signature is None:
        return None
    try:
        # Python itself decides, with its own words: the values do not matter, only their number
        signature.bind(*[None] * positional, **dict.fromkeys(named))
    except TypeError as error:
        return str(error)
    return None


def fitting_call(task: Task, named: Sequence[str]) -> str:
    """What to do about arguments that do not fit: the name that was meant, or what the task
    takes."""
    signature = task.signature
    if signature is None:
        return ""
    parameters = signature.parameters
    for name in named:
        if name not in parameters:
            close = difflib.get_close_matches(name, parameters, 1, 0.6)
            if close and close[0] not in named:
                return did_you_mean(close)
    takes = str(signature.replace(parameters=[_shown(one) for one in parameters.values()]))
    if takes == "()":
        return f"{task.node.name} takes no argument: leave them out."
    return f"Give it what it takes: {task.node.name}{takes.replace('=None', '=...')}."


def _shown(parameter: inspect.Parameter) -> inspect.Parameter:
    return parameter.replace(annotation=inspect.Parameter.empty)


def _all_calls(facts: Facts) -> tuple[tuple[Code, ast.Call, str, Task], ...]:
    """What _find_calls() finds: several checks go through it."""
    return facts.code.once("calls and signatures", lambda: tuple(_find_calls(facts)))


def _find_calls(facts: Facts) -> Iterator[tuple[Code, ast.Call, str, Task]]:
    """Every call of a task's sending methods, signatures, and what on_commit() calls.

    `on_commit(task.delay)` and `on_commit(partial(task.delay, 1))` are given as the call that they
    will be.
    """
    yield from task_calls(facts)
    for code in facts.code.relevant:
        for call in code.calls:
            if isinstance(call.func, ast.Attribute) and call.func.attr in {"s", "si"}:
                task = facts.tasks.named_by(code, call.func.value)
                if task is not None:
                    yield code, call, call.func.attr, task
        for commit, given in handed_callables(code):
            # the arguments that are given to on_commit() itself are E607
            if commit_has_arguments(commit):
                continue
            method, args, keywords = given, list[ast.expr](), list[ast.keyword]()
            if isinstance(given, ast.Call) and given.args:
                if full_name(facts, code, given.func) != "functools.partial":
                    continue
                method, args, keywords = given.args[0], given.args[1:], given.keywords
            if not isinstance(method, ast.Attribute) or method.attr not in SENDS:
                continue
            task = facts.tasks.named_by(code, method.value)
            if task is not None:
                call = ast.Call(func=method, args=args, keywords=keywords)
                yield code, ast.copy_location(call, given), method.attr, task


def packed_arguments(call: ast.Call, first: int = 0) -> tuple[int, list[str]] | None:
    """How many arguments `args` and `kwargs` of a call hold, and which names; None if that is
    not known.

    `first` is the position of `args` among the call's own arguments.
    """
    options = {k.arg: k.value for k in call.keywords if k.arg}
    if len(options) != len(call.keywords) or any(isinstance(a, ast.Starred) for a in call.args):
        return None
    given = list(call.args[first:])
    args = options.get("args", given[0] if given else None)
    kwargs = options.get("kwargs", given[1] if len(given) > 1 else None)
    count, named = 0, []
    match args:
        case None | ast.Constant(value=None):
            pass
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            count = len(elements)
            if any(isinstance(element, ast.Starred) for element in elements):
                return None
        case _:
            return None
    match kwargs:
        case None | ast.Constant(value=None):
            pass
        case ast.Dict(keys=keys) if all(text_of(key) for key in keys):
            named = [str(text_of(key)) for key in keys]
        case _:
            return None
    return count, named


@check("celery.W360")
def model_instance_passed(facts: Facts) -> Iterator[Occurrence]:
    """A task is given a model instance or a request.

    What happens: The call raises, unless the project has taught its serializer this type.
    How it looks: kombu.exceptions.EncodeError: Object of type Doctor is not JSON serializable
    Why: Arguments travel as JSON.
    Fix: Pass the primary key and load the object in the task.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#state
    """
    for code, call, how, task in _all_calls(facts):
        if _is_pickled(facts, call, task):
            continue
        given = _arguments_given(call, how)
        for value in given:
            what = (
                _instance_words(code, call, value)
                or _related_words(facts, code, value)
                or _annotated_words(facts, code, value)
            )
            if what:
                yield Occurrence(
                    f"{task.node.name} is given {what}, which JSON cannot hold",
                    code.where(value),
                    _instance_hint(what) or pass_the_key(code, call, value, task, what),
                )


def _arguments_given(call: ast.Call, how: str) -> list[ast.expr]:
    """The arguments of a task that a call gives, as far as they are written there."""
    if how not in PACKED:
        return list(call.args) + [k.value for k in call.keywords if k.arg]
    packed = [*call.args[:1], *(k.value for k in call.keywords if k.arg == "args")]
    # only a literal tuple or list shows what is in it
    given = [e for p in packed if isinstance(p, ast.Tuple | ast.List) for e in p.elts]
    named = [*call.args[1:2], *(k.value for k in call.keywords if k.arg == "kwargs")]
    return given + [v for n in named if isinstance(n, ast.Dict) for v in n.values]


def _instance_hint(what: str) -> str:
    """What to pass instead of an object; empty for an instance of a model."""
    if what == "the request":
        return "Pass what the task needs of it: request.user.pk, say."
    if what.endswith("__dict__, with the state of the instance"):
        return "Pass its primary key, or django.forms.models.model_to_dict()."
    if what in REQUEST_PARTS:
        return "Pass what the task needs of it, as a text."
    if what == "a form or a serializer":
        return "Pass its cleaned_data or data, or the primary key of what it saved."
    if what == "an uploaded file":
        return "Save it, and pass its name or the primary key of its instance."
    if what.rpartition(".")[2] in {"filter()", "all()", "exclude()"}:
        return 'Pass the primary keys: list(queryset.values_list("pk", flat=True)).'
    return ""


def _is_pickled(facts: Facts, call: ast.Call, task: Task) -> bool:
    """Whether the arguments of a call may travel as a pickle, which holds any object."""
    chosen = [task.options.get("serializer")]
    chosen += [keyword.value for keyword in call.keywords if keyword.arg == "serializer"]
    chosen += [s.value for s in facts.settings.named("CELERY_TASK_SERIALIZER")]
    if any("pickle" in ast.unparse(node) for node in chosen if node is not None):
        return True
    # the default of Celery 3
    if facts.is_before_celery(4):
        return True
    return facts.worker is not None and facts.worker.conf.get("task_serializer") == "pickle"


def _instance_words(code: Code, call: ast.Call, value: ast.expr) -> str | None:
    """What object an argument is, in words, where the code shows it."""
    if isinstance(value, ast.Call):
        return _fetch_words(value)
    if dotted(value.value if isinstance(value, ast.Subscript) else value) in UPLOADS:
        return "an uploaded file"
    if isinstance(value, ast.Attribute):
        return _attribute_words(code, call, value)
    # a call that on_commit() will make is not in the file itself
    function = code.function_of(value)
    if not isinstance(value, ast.Name) or function is None:
        return None
    holder = code.parents.get(function)
    if value.id == "self" and isinstance(holder, ast.ClassDef) and is_model(holder):
        return f"the {holder.name} itself"
    parameters = {argument.arg for argument in [*function.args.posonlyargs, *function.args.args]}
    if value.id == "request" and "request" in parameters:
        return "the request"
    received = value.id == "instance" and "instance" in parameters
    if received and (
        any(is_receiver(d) for d in function.decorator_list) or _is_connected(code, function)
    ):
        return "the model instance"
    return _variable_words(code, call, function, value.id)


def _is_connected(code: Code, function: Function) -> bool:
    """Whether `post_save.connect(function)` stands in the same file."""
    return any(
        is_receiver(call) and call.args and dotted(call.args[0]) == function.name
        for call in code.calls
    )


def _related_words(facts: Facts, code: Code, value: ast.expr) -> str | None:
    """The instance behind a foreign key, in words: `order.customer`."""
    if not isinstance(value, ast.Attribute):
        return None
    if isinstance(value.value, ast.Name) and value.attr in _foreign_keys(facts):
        # what is imported is a module or a class, and no row
        if value.value.id not in facts.code.bindings(code.path):
            return f"{dotted(value)}, the instance behind a foreign key"
    return None


def _annotated_words(facts: Facts, code: Code, value: ast.expr) -> str | None:
    """The instance that a parameter is by its annotation, in words: `order: Order`."""
    function = code.function_of(value)
    if not isinstance(value, ast.Name) or function is None:
        return None
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    annotation = next((one.annotation for one in arguments if one.arg == value.id), None)
    name = text_of(annotation) or dotted(annotation)
    # after `order = order.pk` it is not an instance
    if not name or _last_assignment(function, value.id, value.lineno) is not None:
        return None
    model = _model_called(facts, code, name)
    return f"{value.id}, an instance of {model.name}" if model else None


def _model_called(facts: Facts, code: Code, name: str) -> ast.ClassDef | None:
    """The model of the project that a name means in a file."""
    head, _, rest = name.partition(".")
    module, inner = facts.code.bindings(code.path).get(head, ("", None))
    if module:
        full = ".".join(part for part in (module, inner, rest) if part)
        module, _, name = full.rpartition(".")
        path = facts.modules.find(module)
        there = facts.code.parsed(path) if path and "models" in module.split(".") else None
    else:
        there = code
    # its models have that name, too, and are no rows
    if there is None or any(of.startswith("pydantic") for of, _ in there.imported.values()):
        return None
    return next((one for one in there.classes if one.name == name and is_model(one)), None)


def _foreign_keys(facts: Facts) -> frozenset[str]:
    """The fields that are foreign keys in all models of the project that have one of the name."""
    return facts.code.once("foreign keys", lambda: _find_foreign_keys(facts))


def _find_foreign_keys(facts: Facts) -> frozenset[str]:
    found: dict[str, bool] = {}
    for path in facts.code.files:
        if "models" not in path.parts and not path.name.startswith("models"):
            continue
        # read as text: a project may have hundreds of models, and parsing is what takes time
        for name, kind in FIELD.findall(facts.code.text(path)):
            is_key = kind in {"ForeignKey", "OneToOneField"}
            found[name] = found.get(name, True) and is_key
    return frozenset(name for name, is_key in found.items() if is_key)


def _variable_words(code: Code, call: ast.Call, function: Function, name: str) -> str | None:
    """What a variable holds, in words, by the loop or the assignment above a call."""
    looped = _loop_words(code, call, name)
    if looped:
        return looped
    last = _last_assignment(function, name, call.lineno)
    if last is None:
        return None
    if isinstance(last.value, ast.Subscript) and dotted(last.value.value) in UPLOADS:
        return "an uploaded file"
    if not isinstance(last.value, ast.Call):
        return None
    return _fetch_words(last.value)


def _attribute_words(code: Code, call: ast.Call, value: ast.Attribute) -> str | None:
    """What an attribute holds, in words: `request.META`, `order.__dict__`, `self.object`."""
    spelled = dotted(value)
    if value.attr == "__dict__":
        return f"{spelled}, with the state of the instance"
    if spelled in REQUEST_PARTS:
        return spelled
    function = code.function_of(call)
    if spelled != "self.object" or function is None:
        return None
    # a class-based view keeps its instance there
    for node in code.within(function):
        if isinstance(node, ast.Assign) and dotted(node.targets[0]) == spelled:
            if isinstance(node.value, ast.Call):
                return _fetch_words(node.value)
    return None


def _loop_words(code: Code, call: ast.Call, name: str) -> str | None:
    """What the variable of a loop over a queryset is, in words."""
    for outer in code.around(call):
        loops: Sequence[ast.For | ast.comprehension] = ()
        if isinstance(outer, ast.For):
            loops = [outer]
        elif isinstance(outer, ast.ListComp | ast.SetComp | ast.GeneratorExp):
            loops = outer.generators
        for loop in loops:
            if dotted(loop.target) == name:
                return _row_words(followed(code, loop.iter))
    return None


def _row_words(node: ast.expr) -> str | None:
    """What a queryset is made of, unless it gives plain values."""
    spelled = ast.unparse(node)
    if ".objects." not in spelled or ".values" in spelled or not isinstance(node, ast.Call):
        return None
    if isinstance(node.func, ast.Attribute) and node.func.attr in ROWS:
        return f"an instance of {spelled.partition('.objects.')[0]}"
    return None


def _fetch_words(call: ast.Call) -> str | None:
    """What a call gives, in words, if that is an instance, a queryset or a file."""
    spelled = dotted(call.func)
    if spelled in {f"{upload}.get" for upload in UPLOADS}:
        return "an uploaded file"
    from_manager = ".objects." in spelled and spelled.rpartition(".")[2] in FETCHES
    if spelled.endswith(FORMS) and call.args:
        return "a form or a serializer"
    if from_manager or spelled in SAVES or spelled.endswith(".get_object_or_404"):
        return f"the result of {spelled}()"
    return None


def _last_assignment(function: Function, name: str, line: int) -> ast.Assign | None:
    """The last assignment of a name in a function above a line."""
    found: ast.Assign | None = None
    for node in walk(function):
        if not isinstance(node, ast.Assign) or node.lineno >= line:
            continue
        if any(_binds(target, name, node.value) for target in node.targets):
            if found is None or node.lineno > found.lineno:
                found = node
    return found


def _binds(target: ast.expr, name: str, value: ast.expr) -> bool:
    """Whether an assignment gives a name its value: `order`, or the first of `order, created`."""
    if isinstance(target, ast.Tuple) and target.elts and isinstance(value, ast.Call):
        if not ast.unparse(value.func).endswith(("get_or_create", "update_or_create")):
            return False
        target = target.elts[0]
    return isinstance(target, ast.Name) and target.id == name


@check("celery.E370")
def call_does_not_fit(facts: Facts) -> Iterator[Occurrence]:
    """The arguments of a call do not fit the task.

    What happens: The call raises.
    How it looks: TypeError: add() got an unexpected keyword argument 'expires'
    Why: .delay() passes everything to the task; options such as expires or countdown belong to
        apply_async().
    Fix: The arguments that the function has; task.apply_async(args=(1, 2), expires=3)
    Source: reproduced with Celery 5.7
    """
    for code, call, how, task in _all_calls(facts):
        if facts.tasks.have_own_class:
            continue
        if how in PACKED:
            given = packed_arguments(call)
            problem = misfit(task, *given) if given else None
            # a misspelt `args` is W371
            if problem and not any(_misspelt(keyword) for keyword in call.keywords):
                hint = fitting_call(task, given[1] if given else ())
                hint = hint.replace("Give it what", "args=(...) and kwargs={...} hold what")
                yield Occurrence(f"{task.node.name}.{how}(): {problem}", code.where(call), hint)
            continue
        # a signature may be given more; `*args` and `**kwargs` may hold anything
        if how in {"s", "si"}:
            continue
        if any(isinstance(a, ast.Starred) for a in call.args) or any(
            k.arg is None for k in call.keywords
        ):
            continue
        named = [k.arg for k in call.keywords if k.arg]
        problem = misfit(task, len(call.args), named)
        if problem:
            option = next((n for n in named if n in SEND_ONLY), None)
            hint = fitting_call(task, named)
            if option:
                hint = f"{option} is an option of apply_async()."
            yield Occurrence(f"{task.node.name}.{how}(): {problem}", code.where(call), hint)


@check("celery.W371", fixable=True)
def send_option_misspelt(facts: Facts) -> Iterator[Occurrence]:
    """apply_async is given an unknown option.

    What happens: Nothing: the option has no effect.
    How it looks: (nothing)
    Why: apply_async takes any keyword.
    Fix: Rename it.
    Source: celery/app/task.py
    """
    for code, call, how, _ in _all_calls(facts):
        for keyword in call.keywords if how in PACKED else ():
            meant = _misspelt(keyword)
            if keyword.arg and meant:
                yield Occurrence(
                    f"the option {keyword.arg} has no effect",
                    code.where(keyword.value),
                    f"Did you mean {meant}?",
                    fix=rename_argument(code, call, keyword, only_near(keyword.arg, KNOWN, 0.7)),
                )


def _misspelt(keyword: ast.keyword) -> str | None:
    """The option of apply_async that an unknown one resembles.

    One that resembles none may be read by a task class of the project.
    """
    if not keyword.arg or keyword.arg in KNOWN:
        return None
    return next(iter(difflib.get_close_matches(keyword.arg, KNOWN, 1, 0.7)), None)


@check("celery.E372", fixable=True)
def send_values_wrong(facts: Facts) -> Iterator[Occurrence]:
    """apply_async is given args that are not a tuple, or a time that is none.

    What happens: The call raises.
    How it looks: TypeError: ... argument after * must be an iterable, not int
        TypeError: '<' not supported between instances of 'datetime.timedelta' and 'int'
    Why: args is a tuple or a list, countdown a number of seconds, eta a datetime, and expires one
        of the two. What comes from the environment is a text.
    Fix: args=(5,) with the comma; countdown=60; countdown=int(os.environ["DELAY"])
    Source: reproduced with Celery 5.7
    """
    for code, call, how, task in _all_calls(facts):
        if how not in PACKED:
            continue
        given = {k.arg: k.value for k in call.keywords if k.arg}
        args = given.get("args", call.args[0] if call.args else None)
        if _is_one_value(args):
            assert args is not None
            yield Occurrence(
                f"args is {ast.unparse(args)}, not a tuple",
                code.where(args),
                as_arguments(task, args),
                fix=one_in_a_tuple(task, code, args),
            )
    for code in facts.code.relevant:
        for name, value in times_given(facts, code):
            problem = wrong_time(facts, code, name, value)
            if problem is not None:
                message, hint = problem
                yield Occurrence(message, code.where(value), hint, fix=as_number(code, value))


def _is_one_value(node: ast.expr | None) -> bool:
    """Whether what should be a tuple is certainly something else: a constant, or a primary key."""
    match node:
        case ast.Constant(value=value):
            return value is not None
        case ast.JoinedStr():
            return True
        case ast.Attribute(attr="pk" | "id"):
            return True
        case ast.Name(id=name):
            # a name for one key; `pks` and `ids` are lists
            return re.fullmatch(r"(\w+_)?(pk|id)", name) is not None
        case ast.Call(func=ast.Name(id="str" | "int")):
            return True
    return False


def as_arguments(task: Task | None, value: ast.expr) -> str:
    """What to write for the one argument that stands where a tuple belongs."""
    text = ast.unparse(value)
    if task is not None and _takes_list(task):
        text = f"[{text}]"
    return f"Write ({text},)."


def _takes_list(task: Task) -> bool:
    """Whether the first argument of a task is annotated as a list, a set or the like."""
    positional = [*task.node.args.posonlyargs, *task.node.args.args][int(task.bound) :]
    annotation = positional[0].annotation if positional else None
    if annotation is None:
        return False
    spelled = text_of(annotation) or ast.unparse(annotation)
    return (
        re.match(r"(\w+\.)*(list|tuple|set|frozenset|Sequence|Iterable)\b", spelled, re.I)
        is not None
    )


def one_in_a_tuple(task: Task | None, code: Code, args: ast.expr, entry: str = "") -> Fix | Unsure:
    """The comma that `args=(5)` lacks, where the task takes one argument.

    A text without parentheses may be meant as it is: each of its letters is an argument.
    """
    start, _ = with_parentheses(code.source, args)
    if text_of(args) is not None and start == code.source.start(args):
        return Unsure("a text may be meant as a sequence of letters")
    if task is None or task.signature is None or misfit(task, 1, ()):
        return Unsure("the task does not take exactly one argument")
    if _takes_list(task):
        return Unsure("the task takes a list")
    return make_tuple(code, args, entry)


@check("celery.W580")
def argument_not_json(facts: Facts) -> Iterator[Occurrence]:
    """A task is given something that JSON cannot hold, or does not give back as it was.

    What happens: The call raises; a dict with numbers as keys arrives with texts as keys.
    How it looks: kombu.exceptions.EncodeError: Object of type set is not JSON serializable
    Why: Arguments travel as JSON: texts, numbers, lists, and dicts with texts as keys.
    Fix: list(...) of it, str(...) of it, or its primary key.
    Source: https://docs.celeryq.dev/en/stable/userguide/calling.html#serializers
    """
    for code, call, how, task in _all_calls(facts):
        if _is_pickled(facts, call, task):
            continue
        for value in _given_values(call, how):
            problem = _json_problem(facts, code, value)
            if problem:
                yield Occurrence(
                    f"{task.node.name} is given {problem}{_why_not(problem)}",
                    code.where(value),
                    "Pass a list, a text, or the primary key.",
                )


def _why_not(problem: str) -> str:
    """The rest of the sentence, unless it says itself what is wrong."""
    if ":" in problem:
        return ""
    return ", which JSON cannot hold"


def _given_values(call: ast.Call, how: str) -> list[ast.expr]:
    """The arguments of the task in a call: its own, or those in args and kwargs."""
    if how not in PACKED:
        return [*call.args, *(k.value for k in call.keywords if k.arg)]
    options = {k.arg: k.value for k in call.keywords if k.arg}
    found: list[ast.expr] = []
    for packed in (*call.args[:2], options.get("args"), options.get("kwargs")):
        # only a literal shows what is in it
        if isinstance(packed, ast.Tuple | ast.List):
            found += packed.elts
        elif isinstance(packed, ast.Dict):
            found += packed.values
    return found


def _json_problem(facts: Facts, code: Code, value: ast.expr) -> str | None:
    """What an argument is, in words, where JSON certainly cannot hold it."""
    if isinstance(value, ast.Name) and any(
        isinstance(outer, ast.ExceptHandler) and outer.name == value.id
        for outer in code.around(value)
    ):
        return "an exception"
    spelled = dotted(followed(code, value))
    if spelled.removeprefix("self.") in {"request.POST", "request.GET"}:
        return f"{spelled}: only the last value of each name arrives, and getlist() is gone"
    if spelled.endswith("request.user") and spelled in {"request.user", "self.request.user"}:
        return "the user itself"
    if isinstance(value, ast.Name | ast.Attribute):
        named = _named_thing(facts, code, value)
        if named is not None:
            return named
    return _unjson_value(facts, code, followed(code, value))


def _named_thing(facts: Facts, code: Code, value: ast.expr) -> str | None:
    """A class, a function or a task that an argument names, in words."""
    task = facts.tasks.named_by(code, value)
    if task is not None:
        return f"the task {task.node.name} itself"
    if not isinstance(value, ast.Name) or code.binder_of(value, value.id) is not None:
        return None
    other: Code | None = code
    name: str | None = value.id
    if value.id in facts.code.bindings(code.path):
        module, name = facts.code.bindings(code.path)[value.id]
        path = facts.modules.find(module)
        # only what looks like a class is worth parsing another file
        other = None
        if path is not None and value.id[:1].isupper() and not value.id.isupper():
            other = facts.code.parsed(path)
    for node in other.source.tree.body if other else ():
        if isinstance(node, ast.ClassDef) and node.name == name:
            return f"the class {value.id}"
        if other is not code:
            continue
        if isinstance(node, Function) and node.name == value.id and not node.decorator_list:
            return f"the function {value.id}"
    if value.id in BUILTINS and not _is_bound(facts, code, value.id):
        return f"the function {value.id}"
    return None


def _unjson_value(facts: Facts, code: Code, value: ast.expr) -> str | None:
    """The same of the expression that makes the value."""
    match value:
        case ast.Set() | ast.SetComp():
            return "a set"
        case ast.GeneratorExp():
            return "a generator"
        case ast.Dict(keys=keys) if any(number_of(key) is not None for key in keys):
            return "a dict whose keys are numbers, and come back as texts"
        case ast.Lambda():
            return "a function"
        case ast.Call(func=ast.Name(id=name)) if name in UNJSON and not _is_bound(
            facts, code, name
        ):
            return UNJSON[name]
        case ast.Call(func=ast.Attribute(attr="values_list" | "values" as attr)):
            if ".objects" in ast.unparse(value):
                return f"the queryset of {attr}()"
        case ast.Call():
            return UNJSON_CALLS.get(full_name(facts, code, value.func))
    return None


def _is_bound(facts: Facts, code: Code, name: str) -> bool:
    """Whether a file has its own meaning for the name of a builtin."""
    if name in facts.code.bindings(code.path):
        return True
    return any(function.name == name for function in code.functions)


@check("celery.W581")
def result_not_json(facts: Facts) -> Iterator[Occurrence]:
    """A task returns something that JSON cannot hold.

    What happens: The task runs, and then fails: its result cannot be stored.
    How it looks: kombu.exceptions.EncodeError: Object of type QuerySet is not JSON serializable
    Why: Results are stored as JSON.
    Fix: Return primary keys or plain values; ignore_result=True where nobody reads them.
    Source: https://docs.celeryq.dev/en/stable/userguide/tasks.html#state
    """
    if has_no_backend(facts) or _results_pickled(facts):
        return
    for task in facts.tasks:
        if {"ignore_result", "base", "serializer"} & set(task.options) or task.hidden or task.below:
            continue
        for node in task.nodes:
            if not isinstance(node, ast.Return) or node.value is None:
                continue
            if task.code.function_of(node) is not task.node:
                continue
            problem = _result_problem(facts, task, node.value)
            if problem:
                yield Occurrence(
                    f"{task.node.name} returns {problem}, which JSON cannot hold",
                    task.code.where(node),
                    "Return plain values, or set ignore_result=True.",
                )


def _results_pickled(facts: Facts) -> bool:
    """Whether results may hold any object, or are not kept at all."""
    names = ("CELERY_RESULT_SERIALIZER", "CELERY_TASK_IGNORE_RESULT", "CELERY_IGNORE_RESULT")
    plain = {"json", False}
    values = [s.value for s in facts.settings.named(*names)]
    if any(not isinstance(v, ast.Constant) or v.value not in plain for v in values):
        return True
    if facts.is_before_celery(4):
        return True
    if facts.worker is None:
        return False
    conf = facts.worker.conf
    return conf.get("result_serializer", "json") != "json" or bool(conf.get("task_ignore_result"))


def _result_problem(facts: Facts, task: Task, value: ast.expr) -> str | None:
    """What a task returns, in words, where JSON certainly cannot hold it."""
    code = task.code
    found = _json_problem(facts, code, value)
    if found is not None:
        return found
    value = followed(code, value)
    # one alone is stored as its id
    if isinstance(value, ast.ListComp) and is_sent(facts, code, value.elt):
        return "a list of what delay() gives, and not of their ids"
    if isinstance(value, ast.Call) and full_name(facts, code, value.func) in RESPONSES:
        return f"what {dotted(value.func)}() gives, a response"
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Attribute):
        return None
    spelled = ast.unparse(value.func)
    # after values() and the like, even get() gives plain values
    if ".objects." in spelled and "value" not in spelled and value.func.attr in INSTANCES:
        return f"the result of {value.func.attr}()"
    return None
