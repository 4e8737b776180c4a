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
    row = re.sub(r"_?(id|pk)$", "", parameter) or "instance"
    taken = f"{row}_id"
    model = _model_of(code, value, what)
    if not model:
        return (
            f"Pass {key}, and take it as {taken} in {name} ({task.where}), which then loads its "
            f"{row} by this key."
        )
    return (
        f"Pass {key}; let {name} ({task.where}) take {taken}, and begin with {row} = "
        f"{model}.objects.get(pk={taken})."
    )


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
