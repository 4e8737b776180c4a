"""An entry of Beat's schedule: what is asked for, and the entry as Python."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import isfinite
from typing import NoReturn

from celeryize.commands.task.request import check_name, check_priority
from celeryize.errors import UsageError
from celeryize.patch.source import python_literal
from celeryize.when import When, duration

# The JSON type of each flag, in words, and an example.
JSON_FLAGS: dict[str, tuple[type, str, str]] = {
    "--args": (list, "a list", '[1, "daily"]'),
    "--kwargs": (dict, "an object", '{"full": false}'),
}


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for."""

    name: str
    task: str
    when: When
    args: str | None = None
    kwargs: str | None = None
    queue: str | None = None
    expires: str | None = None
    priority: int | None = None
    replace: bool = False
    app: str | None = None
    create: bool = False
    # the options that said when, as they were typed
    timed: tuple[str, ...] = ()


def entry_code(request: Request) -> str:
    """The entry as Python: every text a literal, whatever was typed. Raises UsageError."""
    if not request.name.strip():
        raise UsageError("the entry needs a name", hint="For example daily-reminders.")
    lines = [
        f'    "task": {python_literal(request.task)},',
        f'    "schedule": {request.when.code},',
    ]
    args = parse_json(request.args, "--args")
    kwargs = parse_json(request.kwargs, "--kwargs")
    if args:
        lines.append(f'    "args": {_as_python(args)},')
    if kwargs:
        lines.append(f'    "kwargs": {_as_python(kwargs)},')
    check_name(request.queue, "queue")
    check_priority(request.priority)
    # what apply_async is given; args and kwargs have keys of their own in the entry
    options: dict[str, object] = {}
    if request.queue:
        options["queue"] = request.queue
    if request.expires:
        options["expires"] = duration(request.expires, "--expires")
    if request.priority is not None:
        options["priority"] = request.priority
    if options:
        lines.append(f'    "options": {_as_python(options)},')
    return "\n".join([f"{python_literal(request.name)}: {{", *lines, "}"])


def parse_json(text: str | None, flag: str, *, at_prompt: bool = False) -> object:
    """The value of a flag that takes JSON; None where it is not given. Raises UsageError.

    `at_prompt`: no shell takes quotes away, so the examples have none.
    """
    if text is None:
        return None
    kind, words, example = JSON_FLAGS[flag]
    typed = f"{flag} '{example}'"
    if at_prompt:
        typed = example
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_finite_number)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"{flag} is not valid JSON: {error}", hint=f"For example {typed}."
        ) from error
    if not isinstance(value, kind):
        raise UsageError(f"{flag} is {words} in JSON", hint=f"Write {words}, for example {typed}.")
    return value


def _refuse_constant(word: str) -> NoReturn:
    """NaN and Infinity, which json.loads takes though JSON has no such words (RFC 8259, 6)."""
    raise ValueError(f"{word} is not a number in JSON")


def _finite_number(text: str) -> float:
    """A float; 1e999 is JSON, but no float holds it."""
    value = float(text)
    if not isfinite(value):
        raise ValueError(f"{text} is too large for a float")
    return value


def indent_lines(text: str) -> str:
    """The lines of an entry as they are inside of a dict."""
    return "\n".join(f"    {line}" for line in text.split("\n"))


def _as_python(value: object) -> str:
    """A JSON value as Python, with double quotes."""
    if isinstance(value, dict):
        pairs = [f"{python_literal(str(k))}: {_as_python(v)}" for k, v in value.items()]
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_as_python, value)) + "]"
    if isinstance(value, str):
        return python_literal(value)
    return repr(value)
