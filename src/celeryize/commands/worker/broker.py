"""The servers that the project's broker and result backend need, and the variables that name
them."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace

from celeryize.brokers import find_broker
from celeryize.checks.facts import Facts
from celeryize.checks.facts.literals import default_of, text_of

VARIABLE = re.compile(r"[A-Z][A-Z0-9_]+")
# The last @ ends the password, which may have one of its own.
HOST = re.compile(r"^([a-z+]+://)((?:[^/?]*@)?)(\[[^\]]*\]|[^:/?]*)(:\d+)?(.*)$")
# What a variable is called that has a host alone.
IS_HOST = re.compile(r"(?:^|_)(?:HOST|HOSTNAME|SERVER|ADDR|ADDRESS|IP)$")
LOCAL = frozenset({"", "localhost", "127.0.0.1", "[::1]", "0.0.0.0"})
BROKER = ("CELERY_BROKER_URL", "BROKER_URL")
BACKEND = ("CELERY_RESULT_BACKEND",)
# Of names that lead to other names.
DEPTH = 4
# The images of servers that speak the protocol.
IMAGES = {
    "redis": re.compile(r"(?:^|/)(?:redis|valkey|redis-stack|keydb|dragonfly)(?:[-:@]|$)"),
    "rabbitmq": re.compile(r"(?:^|/)rabbitmq(?:[-:@]|$)"),
}
PORTS = {"redis": ":6379", "rabbitmq": ":5672"}
PATHS = {"redis": "/0", "rabbitmq": "//"}


@dataclass(frozen=True, slots=True)
class Server:
    """A server that the settings name: its kind (empty: none is needed), the URL without any
    variable, and the variables that would change it, the nearest first.

    `own` is what Celery itself reads, and it beats the settings. `computed`: code puts the URL
    together; `host_variable` is then its host, where one variable has that, and `host_default` what
    it is without.
    """

    kind: str
    url: str
    variables: tuple[str, ...]
    own: str
    computed: bool = False
    host_variable: str = ""
    host_default: str = ""

    @property
    def variable(self) -> str:
        """The variable to set."""
        return next(iter(self.variables), self.own)

    @property
    def is_local(self) -> bool:
        """Whether it is on the machine, or in the container, itself."""
        match = HOST.match(self.url)
        return match is None or match[3] in LOCAL

    @property
    def host(self) -> str:
        """The host of the URL, empty where there is none."""
        match = HOST.match(self.url)
        return match[3] if match else ""

    def url_at(self, host: str, userinfo: str = "") -> str:
        """The same URL at another host."""
        match = HOST.match(self.url)
        if match is None:
            scheme = "redis://" if self.kind == "redis" else "amqp://"
            return f"{scheme}{userinfo}{host}{PORTS[self.kind]}{PATHS[self.kind]}"
        port = match[4] or PORTS[self.kind]
        return f"{match[1]}{userinfo or match[2]}{host}{port}{match[5] or PATHS[self.kind]}"


def find_broker_server(facts: Facts) -> Server:
    """The broker of the project."""
    found = _read_setting(facts, BROKER, "CELERY_BROKER_URL")
    if not (found.url or found.kind or found.variables or found.computed):
        found = _read_app(facts)
    if found.url or found.kind:
        return found
    return replace(found, kind=_kind_of_dependencies(facts))


def find_backend_server(facts: Facts) -> Server | None:
    """The result backend, where it is a server like a broker."""
    found = _read_setting(facts, BACKEND, "CELERY_RESULT_BACKEND")
    return found if found.kind else None


def kind_of(url: str) -> str:
    """redis or rabbitmq; empty for what needs no server, or another one."""
    broker = find_broker(url) if "://" in url else None
    if broker is not None and broker.name in PORTS:
        return broker.name
    return ""


@dataclass(slots=True)
class _Reading:
    """What expressions show on the way: variables with their defaults, and texts of URLs.

    `composed` are the texts of URLs that are put together of parts.
    """

    variables: dict[str, str]
    urls: list[str]
    composed: list[str]


def _read_setting(facts: Facts, names: tuple[str, ...], own: str) -> Server:
    reading = _Reading({}, [], [])
    settings = list(facts.settings.named(*names))
    for setting in settings:
        _follow(facts, setting.value, reading, DEPTH)
    return _made_of(reading, own, is_set=bool(settings))


def _made_of(reading: _Reading, own: str, *, is_set: bool) -> Server:
    """The server that a reading shows."""
    url = next((url for url in reading.urls if kind_of(url)), next(iter(reading.urls), ""))
    if not url and reading.composed:
        hosts = [name for name in reading.variables if IS_HOST.search(name)]
        host = hosts[0] if len(hosts) == 1 else ""
        kind = kind_of(reading.composed[0])
        default = reading.variables.get(host, "")
        return Server(kind, "", (), own, True, host, default)
    computed = is_set and not url and len(reading.variables) != 1
    return Server(kind_of(url), url, tuple(reading.variables), own, computed=computed)


def _follow(facts: Facts, value: ast.expr, reading: _Reading, depth: int) -> None:
    """Collect the variables that an expression reads and the URLs that it may be."""
    if depth == 0:
        return
    nodes = list(ast.walk(value))
    # what is a part of a URL is no URL itself
    parts = {id(inner) for node in nodes if _is_put_together(node) for inner in ast.walk(node)}
    for node in nodes:
        _collect(node, reading, in_part=id(node) in parts)
        if isinstance(node, ast.Name) and node.id.isupper():
            for setting in facts.settings.named(node.id):
                if setting.value is not value:
                    _follow(facts, setting.value, reading, depth - 1)


def _collect(node: ast.AST, reading: _Reading, *, in_part: bool) -> None:
    """What one node shows: a variable, its default, or a URL."""
    text = text_of(node)
    if text and VARIABLE.fullmatch(text):
        reading.variables.setdefault(text, "")
    elif text and "://" in text:
        (reading.composed if in_part else reading.urls).append(text)
    if isinstance(node, ast.Call) and node.args:
        name, default = text_of(node.args[0]), text_of(default_of(node))
        if name and VARIABLE.fullmatch(name) and default and default != name:
            reading.variables[name] = default


def _is_put_together(node: ast.AST) -> bool:
    """An f-string with more than text in it, `+`, `%`, `.format()`, `.join()`."""
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in node.values)
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add | ast.Mod)
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"format", "join"}
        and not isinstance(node.func.value, ast.Name)
    )


def _read_app(facts: Facts) -> Server:
    """The broker that the app's constructor, or its configuration, is given."""
    reading = _Reading({}, [], [])
    tree = facts.app_code.source.tree if facts.app_code else ast.Module([], [])
    for node in ast.walk(tree):
        named = isinstance(node, ast.keyword) and node.arg in {"broker", "broker_url"}
        if isinstance(node, ast.Assign):
            named = ast.unparse(node.targets[0]).endswith("broker_url")
        if named and isinstance(node, ast.keyword | ast.Assign):
            _follow(facts, node.value, reading, DEPTH)
    is_set = bool(reading.urls or reading.composed or reading.variables)
    return _made_of(reading, "CELERY_BROKER_URL", is_set=is_set)


def _kind_of_dependencies(facts: Facts) -> str:
    """What the requirements point at; without any, Celery's own default, which is RabbitMQ."""
    declared = facts.project.dependencies.declared
    if "redis" in declared or "redis" in declared.get("celery", ""):
        return "redis"
    return "rabbitmq"
