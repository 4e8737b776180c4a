"""What to pass instead of an instance of a model, in the words of the call and of its task."""

from __future__ import annotations

import ast
import re

from celeryize.checks.facts.canvas import followed
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import Function, text_of
from celeryize.checks.facts.tasks import Task
from celeryize.patch.nodes import dotted

# The model in what a check says of a value; `self.model` and a variable are none.
MODEL = re.compile(r"(?:an instance of|the result of|^the) ((?:[a-z_]\w*\.)*[A-Z]\w*)\b")

# A parameter that is a key by its name.
KEY = re.compile(r"(^|_)(id|pk)$")


def pass_the_key(code: Code, call: ast.Call, value: ast.expr, task: Task, what: str) -> str:
    """Both sides of a call that is given an instance: what to pass, and what the task does with
    it."""
    name = task.node.name
    key = "its primary key"
    if isinstance(value, ast.Name | ast.Attribute):
        key = f"{ast.unparse(value)}.pk"
    parameter = _parameter_of(task, call, value)
    if not parameter:
        return f"Pass {key}, and load the instance in {name} by this key."
    model = _model_of(code, value, what)
    loaded = _model_loaded(task, parameter)
    if loaded is not None:
        # then the call alone is wrong
        if model and loaded and loaded != model:
            return f"Pass the primary key of a {loaded}: {name} ({task.where}) loads one by it."
        return f"Pass {key}."
    row = re.sub(r"_?(id|pk)$", "", parameter) or "instance"
    taken = f"{row}_id"
    takes, takes_as = f" take {taken}, and begin", f", and take it as {taken}"
    if KEY.search(parameter):
        taken, takes, takes_as = parameter, " begin", f" as {parameter}"
    if not model:
        return (
            f"Pass {key}{takes_as} in {name} ({task.where}), which then loads its {row} by this "
            "key."
        )
    return (
        f"Pass {key}; let {name} ({task.where}){takes} with {row} = "
        f"{model}.objects.get(pk={taken})."
    )


def _model_loaded(task: Task, parameter: str) -> str | None:
    """The model of the row that a task loads by one of its parameters; empty where that is not
    known, None where it loads none."""
    for call in ast.walk(task.node):
        if not isinstance(call, ast.Call):
            continue
        keys = [ast.unparse(word.value) for word in call.keywords if word.arg in {"pk", "id"}]
        if parameter not in keys:
            continue
        owner = dotted(call.func)
        if owner.endswith("get_object_or_404") and call.args:
            owner = dotted(call.args[0])
        loaded = owner.partition(".objects")[0].rpartition(".")[2]
        return loaded if loaded[:1].isupper() else ""
    return None


def _parameter_of(task: Task, call: ast.Call, value: ast.expr) -> str:
    """The name of the parameter that a value goes to; empty where that is not known."""
    if task.signature is None:
        return ""
    parameters = list(task.signature.parameters)
    positional, named = _arguments_of(call)
    for keyword in named:
        if keyword.value is value:
            return keyword.arg or ""
    # the result of the step before may come first
    signature = isinstance(call.func, ast.Attribute) and call.func.attr == "s"
    if signature or value not in positional or positional.index(value) >= len(parameters):
        return ""
    if any(isinstance(one, ast.Starred) for one in positional):
        return ""
    return parameters[positional.index(value)]


def _arguments_of(call: ast.Call) -> tuple[list[ast.expr], list[ast.keyword]]:
    """The arguments of the task, also those that apply_async() is given in `args` and `kwargs`."""
    if not isinstance(call.func, ast.Attribute) or not call.func.attr.startswith("apply_async"):
        return list(call.args), list(call.keywords)
    packed = {keyword.arg: keyword.value for keyword in call.keywords}
    args = packed.get("args", call.args[0] if call.args else None)
    kwargs = packed.get("kwargs", call.args[1] if len(call.args) > 1 else None)
    positional: list[ast.expr] = []
    if isinstance(args, ast.Tuple | ast.List):
        positional = args.elts
    named: list[ast.keyword] = []
    if isinstance(kwargs, ast.Dict):
        named = [
            ast.keyword(arg=text_of(key), value=inner)
            for key, inner in zip(kwargs.keys, kwargs.values, strict=True)
            if text_of(key)
        ]
    return positional, named


def _model_of(code: Code, value: ast.expr, what: str) -> str:
    """The name of a value's model, where the code shows it."""
    found = MODEL.search(what)
    if found:
        return found[1].rpartition(".")[2]
    function = code.function_of(value)
    if what == "the model instance" and function is not None:
        return _sender_of(function)
    made = followed(code, value)
    if isinstance(made, ast.Call) and made.args and "get_object_or_404" in dotted(made.func):
        model = dotted(made.args[0]).partition(".objects")[0].rpartition(".")[2]
        if model[:1].isupper():
            return model
    return ""


def _sender_of(function: Function) -> str:
    """The model in `@receiver(post_save, sender=Order)`."""
    for decorator in function.decorator_list:
        for keyword in decorator.keywords if isinstance(decorator, ast.Call) else ():
            if keyword.arg == "sender":
                return dotted(keyword.value).rpartition(".")[2]
    return ""
