"""URLs of the broker and the result backend whose password ends too early."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from celeryize.checks.check import Occurrence, check
from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.literals import default_of, text_of
from celeryize.checks.facts.processes.brokers import variables_of
from celeryize.checks.settings import PREFIX
from celeryize.checks.written import resolved, settings_of
from celeryize.model import Where
from celeryize.reading import readable_text

# What ends the password for kombu, which reads `@`, `:`, `%` and blanks in it as they are. One
# bracket is an error; with both of them that depends on the version of Python.
ENDS = re.compile(r"[/#?]|^[^\]]*(\[)[^\]]*$|^[^\[]*(\])[^\[]*$")
# The transports whose URLs kombu takes apart itself.
SPLIT = re.compile(r"(?:amqps?|pyamqp|rediss?|sentinel|sqs)://")
# What may be behind the @ of a password.
HOST = re.compile(r"[\w.-]+(:\d+)?(?:[/?].*)?$")
FIELD = re.compile(r"\{(\w*)[^{}]*\}")


@dataclass(frozen=True, slots=True)
class Part:
    """A text of a URL, or the value that is put into it."""

    text: str
    value: ast.expr | None = None


@check("celery.E167", unless=("celery.E160", "celery.E161"))
def password_not_encoded(facts: Facts) -> Iterator[Occurrence]:
    """A password with a sign of its own is in a URL as it is.

    What happens: A part of the password is taken for the host, the port or the database: worker and
        web process go to another server, or fail.
    How it looks: ValueError: Port could not be cast to integer value as 'pa'; or: ValueError:
        Invalid IPv6 URL
    Why: `/`, `#` and `?` end the host in a URL, and a bracket is one of an IPv6 address.
    Fix: urllib.parse.quote(password, safe="") where the URL is put together; %2F for `/`, %23 for
        `#` and %3F for `?` in one that is written out.
    Source: https://docs.celeryq.dev/en/stable/userguide/configuration.html#broker-url
    """
    reported = set()
    for key in ("broker_url", "result_backend"):
        own = f"{PREFIX}{key.upper()}"
        names = (own, *variables_of(facts, own, key.upper()))
        # a file that gives the variable is read only where the settings, or Celery itself, read it
        for name, where, url in _given_in_files(facts, names):
            sign = sign_that_ends(url)
            if sign:
                reported.add(key)
                yield _ends_early(name, sign, where)
        for setting, value in settings_of(facts, key):
            sign = sign_that_ends(text_of(default_of(value)) or "")
            if sign:
                reported.add(key)
                yield _ends_early(setting.name, sign, setting.where)
        if key not in reported:
            yield from _imported_url(facts, key)
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


def _ends_early(name: str, sign: str, where: Where | None) -> Occurrence:
    return Occurrence(
        f"the password in {name} has a {sign!r}, which ends it there: another host is read than "
        "the one behind the @",
        where,
        f"Write {quote(sign, safe='')} for {sign} in the password.",
    )


def sign_that_ends(url: str) -> str:
    """The sign in the password of a URL that ends it for kombu; empty where none does for certain.

    A URL may have an @ behind its host, too: `amqp://host:5672/a@b`, `redis://host/0?user=a@b`.
    """
    for one in url.split(";"):
        start = SPLIT.match(one)
        # what is filled in later is not known
        if start is None or re.search(r"[\s${}<>]", one):
            continue
        user, at, behind = one[start.end() :].rpartition("@")
        found = re.search(r"[/#?]", user)
        if not at or found is None or (behind and not HOST.match(behind)):
            continue
        before = user[: found.start()]
        first = before.rpartition("@")[2]
        # `host:5672/a@b` is a host, and `shop:12#4@h` is none
        is_host = re.fullmatch(r"[\w.-]+(:\d+)?", first) is not None
        if found.group() == "#" or not is_host:
            return found.group()
        # `p@ss/word@rabbit:5672/prod` has a second place with a port or a virtual host
        if ":" in before and found.group() == "/" and not re.search(r":\d+$", first):
            if re.match(r"[\w.-]+(:\d|/)", behind):
                return found.group()
    return ""


def _given_in_files(facts: Facts, names: tuple[str, ...]) -> Iterator[tuple[str, Where, str]]:
    """The URLs that a .env, a compose file or its like gives to variables."""
    given = re.compile(
        rf"""^[^#]*?\b({"|".join(map(re.escape, names))})["']?\s*[=:]\s*["']?([^\s"']+)"""
    )
    deployment = facts.deployment
    for path in deployment.exporting_files:
        for number, line in enumerate(readable_text(deployment.root / path).split("\n"), 1):
            # a line of a lock file may be long
            found = given.match(line) if any(name in line for name in names) else None
            if found:
                yield found[1], Where(path, number), found[2]


def _imported_url(facts: Facts, key: str) -> Iterator[Occurrence]:
    """The URL in effect, which a variable of this environment may give."""
    configured = facts.worker.configuration.get(key) if facts.worker else None
    if configured is None or not isinstance(configured.value, str):
        return
    sign = sign_that_ends(configured.value)
    if sign:
        setting = facts.settings.first(configured.source)
        name = f"{key}, as this environment gives it,"
        yield _ends_early(name, sign, setting.where if setting else None)


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
