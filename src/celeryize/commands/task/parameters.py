"""The parameters of a task, `name:type=default`, of types that JSON carries."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from itertools import pairwise

from celeryize.commands.task.kinds import Kind
from celeryize.commands.task.words import snake_case
from celeryize.detect.models import Model
from celeryize.errors import UsageError
from celeryize.patch.source import is_identifier, python_literal
from celeryize.spelling import did_you_mean

# What comes back from JSON as it was sent, with the import it needs (CELERY_FACTS 36).
TYPES = {
    "str": "",
    "int": "",
    "float": "",
    "bool": "",
    "list": "",
    "dict": "",
    "None": "",
    "Any": "from typing import Any",
    "Optional": "from typing import Optional",
    "UUID": "from uuid import UUID",
    "Decimal": "from decimal import Decimal",
    "date": "from datetime import date",
    "datetime": "from datetime import datetime",
    "time": "from datetime import time",
    "bytes": "",
}
# What to pass in place of a type that JSON does not carry.
REPLACEMENTS = {
    "set": "a list",
    "frozenset": "a list",
    "tuple": "a list: JSON has no tuples, so it would arrive as one",
    "timedelta": "seconds, as an int",
    "Path": "a str",
    "complex": "two floats",
    "QuerySet": "a list of primary keys",
    "Literal": "a str",
    "Enum": "its value",
    "HttpRequest": "what the task needs of the request",
}
# The nodes of an annotation beside its names: list[int], int | None.
ANNOTATION_NODES = (
    ast.Subscript,
    ast.Tuple,
    ast.BinOp,
    ast.BitOr,
    ast.Constant,
    ast.Load,
)
# What the default of such an annotation has to be.
DEFAULT_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
}
TYPE_HINT = "For example str, int, list[int], UUID."
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of the task: name, annotation, default (Python, or None), the imports of its
    type.
    """

    name: str
    annotation: str
    default: str | None
    imports: tuple[str, ...]

    def __str__(self) -> str:
        text = f"{self.name}: {self.annotation}"
        if self.default is None:
            return text
        return f"{text} = {self.default}"


def parse_parameters(
    texts: tuple[str, ...], kind: Kind, model: Model | None
) -> tuple[Parameter, ...]:
    """The parameters that were given, else those that the kind has by itself. Raises UsageError."""
    found = [parse_parameter(text) for text in texts]
    if not found and model and kind.takes_key:
        found = [Parameter(f"{snake_case(model.name)}_id", model.key_type, None, ())]
    elif not found and kind.parameter:
        found = [parse_parameter(kind.parameter)]
    names = [p.name for p in found]
    if len(set(names)) < len(names) or "self" in names:
        raise UsageError("two parameters have one name", hint="`self` comes from --bind.")
    for one, later in pairwise(found):
        if one.default is not None and later.default is None:
            raise UsageError(
                f"{later.name} has no default but follows one that has",
                hint="Move it to the front.",
            )
    return tuple(found)


def check_address(
    kind: Kind,
    model: Model | None,
    parameters: tuple[Parameter, ...],
    *,
    at_prompt: bool = False,
) -> None:
    """Raise UsageError for a mail to nobody: parameters were given, and none can be an address.

    `at_prompt`: no option can be typed there.
    """
    if not kind.needs_email_field or model is not None or not parameters:
        return
    if all(parameter.annotation != "str" for parameter in parameters):
        hint = "Add recipient:str, or name the model that has it: --model APP.MODEL."
        if at_prompt:
            hint = "Add recipient:str."
        raise UsageError(
            f"no parameter holds an address, so {parameters[0].name} would not be used", hint=hint
        )


def parse_parameter(text: str) -> Parameter:
    """`name:type=default` as a Parameter. Raises UsageError with what to write instead."""
    name, colon, rest = text.partition(":")
    annotation, equals, default = rest.partition("=")
    check_identifier(name, "a parameter")
    if not colon or not annotation.strip():
        raise UsageError(f"{text} has no type", hint=f"Write {name}:str, for example.")
    try:
        node = ast.parse(annotation.strip(), mode="eval").body
    except UNREADABLE:
        raise UsageError(f"{annotation} is not a type", hint=TYPE_HINT) from None
    if isinstance(node, ast.Tuple):
        raise UsageError(
            f"{annotation} is not a type", hint="Parameters have a space between them."
        )
    imports = _imports_of(node, annotation, name)
    value = None
    if equals:
        value = _parse_default(name, node, default)
    return Parameter(name, ast.unparse(node), value, imports)


def split_parameters(text: str) -> tuple[str, ...]:
    """The parameters of one line, as they are typed at a question: with spaces or commas between
    them, as in the code (`user_id: int, note: str = hello`), and quotes around a default."""
    # a quoted part stays as it is
    tight = re.sub(
        r"""("[^"]*"|'[^']*')|\s*([:=|])\s*""", lambda found: found[1] or found[2], text.strip()
    )
    return tuple(re.findall(r"""(?:"[^"]*"|'[^']*'|\[[^\]]*\]|[^\s,])+""", tight))


def check_identifier(name: str, what: str) -> None:
    """Raise UsageError for a text that cannot be a name in Python."""
    if not is_identifier(name):
        raise UsageError(
            f"{name or 'nothing'} cannot be {what}", hint="Use letters, digits and underscores."
        )


def _imports_of(node: ast.expr, annotation: str, name: str) -> tuple[str, ...]:
    """The imports of an annotation. Raises UsageError for a type that does not survive JSON."""
    imports: list[str] = []
    for part in ast.walk(node):
        if isinstance(part, ast.Name):
            if part.id not in TYPES:
                near = did_you_mean(part.id, TYPES)
                if near and part.id not in REPLACEMENTS and part.id[:1].islower():
                    raise UsageError(f"{part.id} is not a type", hint=f"{near}{TYPE_HINT}")
                raise _unfit_type(part.id, name)
            imports.append(TYPES[part.id])
            continue
        # None is the one constant of an annotation; another one is a text or a number
        other_constant = isinstance(part, ast.Constant) and part.value is not None
        if not isinstance(part, ANNOTATION_NODES) or other_constant:
            raise UsageError(f"{annotation} is not a type that JSON carries", hint=TYPE_HINT)
    return tuple(dict.fromkeys(filter(None, imports)))


def _unfit_type(kind: str, name: str) -> UsageError:
    """The error for a parameter of a type that JSON does not carry."""
    if kind in REPLACEMENTS:
        hint = f"Pass {REPLACEMENTS[kind]}."
    else:
        key = name if name.endswith("_id") else f"{name}_id"
        hint = f"Pass its primary key, {key}:int: an instance is stale when it arrives."
    return UsageError(f"{name} cannot be of the type {kind}: JSON does not carry one", hint=hint)


def _parse_default(name: str, annotation: ast.expr, text: str) -> str:
    """The default as Python: a literal, or, for a str, the text itself."""
    kind = ""
    if isinstance(annotation, ast.Name):
        kind = annotation.id
    try:
        value = ast.literal_eval(text.strip())
    except UNREADABLE:
        value = text
    # 5 is a str where the type is str, for nobody types quotes in a shell
    if kind == "str" and not isinstance(value, str):
        value = text
    if isinstance(value, list | dict | set):
        raise UsageError(
            f"{name} would share one {type(value).__name__} between all calls", hint="Use =None."
        )
    wanted = DEFAULT_TYPES.get(kind)
    if wanted and not isinstance(value, wanted):
        raise UsageError(
            f"{text} is not a valid {kind}", hint=f"Give {name} a default of its type."
        )
    if isinstance(value, str):
        return python_literal(value)
    return repr(value)
