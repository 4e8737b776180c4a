"""Which broker a process gets, as far as files say it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from celeryize.checks.facts import Facts
from celeryize.checks.facts.literals import default_of, text_of
from celeryize.checks.facts.processes.given import (
    Given,
    given_to,
    image_gives,
    is_named_elsewhere,
)
from celeryize.checks.facts.processes.hosts import service_at
from celeryize.detect.processes.process import Process
from celeryize.model import Where
from celeryize.patch.nodes import walk

VARIABLE = re.compile(r"[A-Z][A-Z0-9_]+")
# Celery itself reads this one, and it beats the settings.
OWN = "CELERY_BROKER_URL"
SETTINGS = "DJANGO_SETTINGS_MODULE"
HOST = re.compile(r"^[a-z+]+://(?:[^@/]*@)?(\[[^\]]*\]|[^:/?]*)")
LOCAL = frozenset({"localhost", "127.0.0.1", "[::1]", "0.0.0.0"})


@dataclass(frozen=True, slots=True)
class BrokerUrl:
    """The URL, the line that gives it, and the environment variable that would change it."""

    url: str
    where: Where
    variable: str

    @property
    def host(self) -> str:
        """The host, empty where there is none."""
        match = HOST.match(self.url)
        return match[1] if match else ""


def broker_of(facts: Facts, process: Process) -> BrokerUrl | None:
    """The broker's URL that a process gets; None where it cannot be told."""
    command = process.celery
    # what the command line says beats all else
    option = command.option("-b", "--broker") if command else None
    if option:
        return _known(option, process.where, "--broker")
    for name in (OWN, *variables_of(facts, OWN, "BROKER_URL")):
        inline = process.variable(name)
        if inline and name not in process.environment:
            return _known(inline, process.where, name)
    has = given_to(facts, process)
    given = _given_url(facts, has)
    # `amqp://shop:${PASSWORD}@rabbit` is a URL that is not known, and no missing one
    named = any(name in has.variables for name in (OWN, *variables_of(facts, OWN, "BROKER_URL")))
    if given or named or not has.complete:
        return given
    # what the settings say where no variable is given
    places = list(facts.settings.named(OWN, "BROKER_URL"))
    urls = {text_of(default_of(place.value)) for place in places}
    url = next(iter(urls), None)
    if len(urls) != 1 or not url or places[0].conditional or _has_other_settings(facts, has):
        return None
    names = variables_of(facts, OWN, "BROKER_URL")
    return BrokerUrl(url, places[0].where, next(iter(names), OWN))


def _has_other_settings(facts: Facts, has: Given) -> bool:
    """Whether a process, or its image, chooses settings that are not those that were read."""
    item = has.variables.get(SETTINGS) or image_gives(facts, SETTINGS)
    if item is None:
        # a script may choose them
        return is_named_elsewhere(facts, SETTINGS)
    path = facts.modules.find(item.text)
    return path is None or path not in facts.settings.files


def _known(text: str, where: Where, name: str) -> BrokerUrl | None:
    if "://" not in text or "$" in text:
        return None
    return BrokerUrl(text, where, name)


def _given_url(facts: Facts, has: Given) -> BrokerUrl | None:
    for name in (OWN, *variables_of(facts, OWN, "BROKER_URL")):
        item = has.variables.get(name)
        if item:
            return _known(item.text, item.where, name)
    return None


def variables_of(facts: Facts, *settings: str) -> tuple[str, ...]:
    """The environment variables that a setting, under any of its names, reads."""
    found: dict[str, None] = {}
    for setting in facts.settings.named(*settings):
        if isinstance(setting.value, ast.Call | ast.Subscript | ast.BoolOp):
            for node in walk(setting.value):
                text = text_of(node)
                if text and VARIABLE.fullmatch(text):
                    found[text] = None
    return tuple(found)


def with_service(facts: Facts, process: Process, url: BrokerUrl) -> BrokerUrl:
    """A URL whose host is the service itself, and no other name of it."""
    if process.kind != "compose" or not url.host:
        return url
    service = service_at(facts, process, url.host)
    head, sign, rest = url.url.rpartition("@")
    if not sign:
        head, sign, rest = url.url.partition("://")
    return replace(url, url=f"{head}{sign}{rest.replace(url.host, service, 1)}")


def is_local(url: BrokerUrl) -> bool:
    """Whether the host is the machine, or the container, itself."""
    return url.host in LOCAL


def is_same(one: BrokerUrl, other: BrokerUrl) -> bool:
    """Whether two URLs are one broker, and one database or virtual host of it."""
    # `amqp://one//;amqp://other//` are several, of which one is taken
    places = [{_place_of(part) for part in url.url.split(";")} for url in (one, other)]
    return places[0] == places[1]


def _place_of(url: str) -> tuple[object, ...]:
    """Scheme, host, port and path of a URL, with what is taken where they are not written."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return (url,)
    scheme = parts.scheme.replace("pyamqp", "amqp")
    path = unquote(parts.path.removeprefix("/"))
    if scheme.startswith(("redis", "valkey")):
        return scheme, parts.hostname, port or 6379, path or "0"
    if scheme.startswith("amqp"):
        return scheme, parts.hostname, port or 5672, path or "/"
    return (url,)
