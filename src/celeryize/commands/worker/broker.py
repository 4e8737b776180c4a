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
HOST = re.compile(r"^([a-z+]+://)((?:[^@/]*@)?)(\[[^\]]*\]|[^:/?]*)(:\d+)?(.*)$")
LOCAL = frozenset({"", "localhost", "127.0.0.1", "[::1]", "0.0.0.0"})
BROKER = ("CELERY_BROKER_URL", "BROKER_URL")
BACKEND = ("CELERY_RESULT_BACKEND",)
# Of names that lead to other names.
DEPTH = 4
PORTS = {"redis": ":6379", "rabbitmq": ":5672"}
PATHS = {"redis": "/0", "rabbitmq": "//"}


@dataclass(frozen=True, slots=True)
class Server:
    """A server that the settings name: its kind (empty: none is needed), the URL without any
    variable, and the variables that would change it, the nearest first.
    """

    kind: str
    url: str
    variables: tuple[str, ...]
    # Celery itself reads this one, and it beats the settings
    own: str
    # code puts it together: what it would be without the variables is not known
    computed: bool = False

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
    if found.url or found.kind:
        return found
    if found.computed or found.variables:
        return replace(found, kind=_kind_of_dependencies(facts))
    url = _constructor_url(facts)
    kind = kind_of(url)
    if not url:
        kind = _kind_of_dependencies(facts)
    return Server(kind, url, found.variables, found.own)


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


def _read_setting(facts: Facts, names: tuple[str, ...], own: str) -> Server:
    variables: dict[str, None] = {}
    urls: list[str] = []
    for setting in facts.settings.named(*names):
        _follow(facts, setting.value, variables, urls, DEPTH)
    url = next((url for url in urls if kind_of(url)), next(iter(urls), ""))
    is_set = facts.settings.first(*names) is not None
    computed = is_set and not url and len(variables) != 1
    return Server(kind_of(url), url, tuple(variables), own, computed=computed)


def _follow(
    facts: Facts, value: ast.expr, variables: dict[str, None], urls: list[str], depth: int
) -> None:
    """Collect the variables that an expression reads and the URLs that it may be."""
    if depth == 0:
        return
    default = default_of(value)
    for node in ast.walk(value):
        text = text_of(node)
        if text and VARIABLE.fullmatch(text):
            variables[text] = None
        elif text and "://" in text:
            urls.append(text)
    for node in ast.walk(default):
        if isinstance(node, ast.Name) and node.id.isupper():
            for setting in facts.settings.named(node.id):
                if setting.value is not value:
                    _follow(facts, setting.value, variables, urls, depth - 1)


def _constructor_url(facts: Facts) -> str:
    """The URL that the app's constructor, or its configuration, is given."""
    if facts.app_code is None:
        return ""
    for node in ast.walk(facts.app_code.source.tree):
        text = text_of(node)
        if text and kind_of(text):
            return text
    return ""


def _kind_of_dependencies(facts: Facts) -> str:
    """What the requirements point at; without any, Celery's own default, which is RabbitMQ."""
    declared = facts.project.dependencies.declared
    if "redis" in declared or "redis" in declared.get("celery", ""):
        return "redis"
    return "rabbitmq"
