"""When a task is to run, or to be given up: values that Celery cannot count with."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from celeryize.checks.check import Fix, Unsure
from celeryize.checks.facts import Facts
from celeryize.checks.facts.canvas import constant_of, full_name, is_of_celery, signature_of
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import number_of, text_of
from celeryize.patch.nodes import dotted
from celeryize.patch.replace import replaced

NUMBER, TEXT, DATETIME = "a number", "a text", "a datetime"
UNCALLED = "a function that is not called"
SECONDS = frozenset({"countdown", "default_retry_delay"})
TIMES = ("countdown", "eta", "expires")
# What a text begins with that Celery can read as a date: 2030-01-31, 20300131T10.
DATE = re.compile(r"\d{4}-?(\d\d|W\d)")
TIMEDELTAS = frozenset({"datetime.timedelta", "django.utils.timezone.timedelta"})
WHOLE = re.compile(r"\d+")
DISPLAYS = (ast.List, ast.Tuple, ast.Dict, ast.Set)
# What gives a text whenever it gives anything.
TEXTS = frozenset({"os.environ.get", "os.getenv", "os.environ.setdefault"})
# What a request brings.
REQUESTS = re.compile(r"(?:self\.)?request\.(?:GET|POST)(?:\.get)?")
NOWS = frozenset({"django.utils.timezone.now", "datetime.datetime.now", "datetime.datetime.utcnow"})


def wrong_time(facts: Facts, code: Code, name: str, written: ast.expr) -> tuple[str, str] | None:
    """What is wrong with a countdown, an eta or an expires, and what to write; None where nothing
    is for certain.

    Source: celery/app/amqp.py, as_task_v2; each value tried with Celery 5.7
    """
    value = constant_of(code, written)
    kind = _kind_of(facts, code, value)
    fine = DATETIME if name in {"eta", "expires"} else NUMBER
    if kind in {"", fine} or (kind == NUMBER and name == "expires"):
        return None
    shown = f"{name} is {ast.unparse(written)}, {kind}"
    if kind == UNCALLED and name == "eta":
        return shown, f"Write {ast.unparse(value)}(), and add what is to pass."
    if kind == DATETIME and name == "countdown":
        return f"{shown}, not a number of seconds", "Write eta= for a datetime."
    if name in SECONDS:
        return f"{shown}, not a number of seconds", "Write the seconds."
    text = text_of(value)
    # which text a variable holds is not known, and the text of a date is one for a worker
    if kind == TEXT and (text is None or DATE.match(text)):
        return None
    if name == "eta":
        return f"{shown}, not a datetime", "Write countdown= for seconds."
    return f"{shown}, neither a number of seconds nor a datetime", "Write the seconds."


def times_given(facts: Facts, code: Code) -> Iterator[tuple[str, ast.expr]]:
    """Each countdown, eta and expires of a file that is given where a task is sent."""
    for call in code.calls_of("apply_async", "apply_async_on_commit", "send_task", "set"):
        if not isinstance(call.func, ast.Attribute) or not is_of_celery(facts, call):
            continue
        given = [(k.arg, k.value) for k in call.keywords if k.arg in TIMES]
        # a method of this name is anybody's
        if given and call.func.attr == "set":
            if signature_of(facts, code, call.func.value) is None:
                continue
        yield from ((name or "", value) for name, value in given)


def as_number(code: Code, value: ast.expr) -> Fix | Unsure:
    """The number that is written as a text."""
    text = text_of(value)
    if text is None or not WHOLE.fullmatch(text):
        return Unsure("it is not certain which number is meant")
    number = str(int(text))
    splice = replaced(code.source, value, number)
    return Fix(code.path, f"{ast.unparse(value)} becomes {number}", (splice,))


def _is_timedelta(code: Code, func: ast.expr, called: str) -> bool:
    """Whether a call makes a timedelta; a function of the project may have its name, too."""
    if any(one.name == "timedelta" for one in (*code.functions, *code.classes)):
        return False
    if called in TIMEDELTAS:
        return True
    # by `from ... import *`
    return dotted(func) == "timedelta" and "timedelta" not in code.imported


def _kind_of(facts: Facts, code: Code, value: ast.expr) -> str:
    """What a value is, as far as the code shows; empty where it does not."""
    if number_of(value) is not None and not isinstance(value, ast.Call):
        return NUMBER
    if isinstance(value, DISPLAYS):
        return "several values"
    if isinstance(value, ast.JoinedStr) or text_of(value):
        return TEXT
    match value:
        case ast.Subscript(value=owner):
            is_text = full_name(facts, code, owner) == "os.environ"
            return TEXT if is_text or REQUESTS.fullmatch(dotted(owner)) else ""
        case ast.Attribute():
            return UNCALLED if full_name(facts, code, value) in NOWS else ""
        # two datetimes have a timedelta between them, and no sum
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            kinds = {_kind_of(facts, code, left), _kind_of(facts, code, right)}
            return DATETIME if DATETIME in kinds else ""
        case ast.Call():
            return _kind_given(facts, code, value)
    return ""


def _kind_given(facts: Facts, code: Code, call: ast.Call) -> str:
    """What a call gives."""
    called = full_name(facts, code, call.func)
    if _is_timedelta(code, call.func, called):
        return "a timedelta"
    if called in NOWS:
        return DATETIME
    # os.getenv("DELAY", 60) may be a number
    reads_text = called in TEXTS or REQUESTS.fullmatch(dotted(call.func))
    if reads_text and (len(call.args) < 2 or text_of(call.args[1]) is not None):
        return TEXT
    return ""
