"""URLs of the broker and the result backend that are put together of parts."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import default_of, text_of
from celeryize.checks.written import resolved, settings_of

# What ends the password for kombu, which reads `@`, `:`, `%` and blanks in it as they are. One
# bracket is an error; with both of them that depends on the version of Python.
ENDS = re.compile(r"[/#?]|^[^\]]*(\[)[^\]]*$|^[^\[]*(\])[^\[]*$")
# The transports whose URLs kombu takes apart itself.
SPLIT = re.compile(r"(?:amqps?|pyamqp|rediss?|sentinel|sqs)://")
FIELD = re.compile(r"\{(\w*)[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Part:
    """A text of a URL, or the value that is put into it."""

    text: str
    value: ast.expr | None = None


@check("celery.E167", unless=("celery.E160", "celery.E161"))
def password_not_encoded(facts: Facts) -> Iterator[Occurrence]:
    """A password with a sign of its own is put into a URL as it is.

    What happens: A part of the password is taken for the host, the port or the database.
    How it looks: ValueError: Port could not be cast to integer value as 'pa'; or: ValueError:
        Invalid IPv6 URL
    Why: `/`, `#` and `?` end the host in a URL, and a bracket is one of an IPv6 address.
    Fix: urllib.parse.quote(password, safe="") where the URL is put together
    Source: https://docs.celeryq.dev/en/stable/userguide/configuration.html#broker-url
    """
    for key in ("broker_url", "result_backend"):
        for setting, value in settings_of(facts, key):
            parts = _parts_of(setting.code, default_of(value))
            if not parts or not SPLIT.match(parts[0].text):
                continue
            for part in _between(parts):
                found = ENDS.search(_value_of(setting.code, part) or "")
                if found and part.value is not None:
                    sign = found[1] or found[2] or found[0]
                    yield Occurrence(
                        f"the password of {setting.name} has a {sign!r}, which ends it there",
                        setting.where,
                        'Write urllib.parse.quote(password, safe="") in the URL.',
                    )


def _parts_of(code: Code, node: ast.expr) -> list[Part]:
    """The parts of an f-string, a sum, a `format()` or a `%`; none where it is anything else."""
    match node:
        case ast.Constant(value=str(text)):
            return [Part(text)]
        case ast.JoinedStr(values=values):
            return [part for value in values for part in _parts_of(code, value)]
        case ast.FormattedValue(value=value):
            return [Part("", value)]
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [*_parts_of(code, left), *_parts_of(code, right)]
        case ast.BinOp(left=ast.Constant(value=str(text)), op=ast.Mod(), right=right):
            given = list(getattr(right, "elts", [right]))
            return _filled(re.split(r"%[sd]", text), given)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str(text)), attr="format")):
            return _formatted(node, text)
        case ast.Name() | ast.Call() | ast.Subscript() | ast.Attribute():
            return [Part("", node)]
    return []


def _formatted(call: ast.Call, text: str) -> list[Part]:
    named = {keyword.arg: keyword.value for keyword in call.keywords}
    given: list[ast.expr] = []
    for index, name in enumerate(FIELD.findall(text)):
        position = int(name) if name.isdigit() else index
        value = named.get(name) if name and not name.isdigit() else None
        if value is None and position < len(call.args):
            value = call.args[position]
        if value is None:
            return []
        given.append(value)
    texts = [piece for index, piece in enumerate(FIELD.split(text)) if index % 2 == 0]
    return _filled(texts, given)


def _filled(texts: list[str], given: list[ast.expr]) -> list[Part]:
    """The texts of a template, with a value between each two of them."""
    if len(texts) != len(given) + 1:
        return []
    found = [Part(texts[0])]
    for value, text in zip(given, texts[1:], strict=True):
        found += [Part("", value), Part(text)]
    return found


def _between(parts: list[Part]) -> Iterator[Part]:
    """The values that are the password: between `user:` and `@`."""
    for before, part, behind in zip(parts, parts[1:], parts[2:], strict=False):
        if part.value is None or not behind.text.startswith("@"):
            continue
        # `redis://:`, `amqp://shop:`, or the `:` behind a name that is a value, too
        if before.text.endswith(":") and "@" not in before.text:
            yield part


def _value_of(code: Code, part: Part) -> str | None:
    """The text of a value, also as the default of what the environment may set."""
    if part.value is None:
        return None
    value = default_of(part.value)
    if isinstance(value, ast.Name):
        value = default_of(resolved(code, value))
    return text_of(value)
