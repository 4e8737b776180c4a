"""The user, the password and the virtual host that a URL has, for the broker that is made for it.

amqp://shop:${PASSWORD}@rabbitmq:5672/prices  ->  RABBITMQ_DEFAULT_USER: shop
                                                  RABBITMQ_DEFAULT_PASS: ${PASSWORD}
                                                  RABBITMQ_DEFAULT_VHOST: prices
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from celeryize.commands.worker.compose_values import Given, references_in

URL = re.compile(
    r"[a-z+]+://(?:(?P<user>[^@/:]*)(?::(?P<password>[^/?]*))?@)?[^/?]*(?:/(?P<path>[^?]*))?"
)
# The first of the characters that stand for references while a URL is taken apart: of no URL.
HELD = 0xE000
# The names that Redis knows by itself, and what RabbitMQ does.
KNOWN = frozenset({"", "default"})
GUEST = ("guest", "guest")


@dataclass(frozen=True, slots=True)
class Login:
    """What a server has to know, as it is written: `${PASSWORD}` stays a reference."""

    user: str = ""
    password: str = ""
    vhost: str = ""

    @property
    def is_of_acl(self) -> bool:
        """Whether a Redis knows the user by an ACL alone."""
        return self.user not in KNOWN

    def rabbitmq_variables(self) -> Iterator[tuple[str, str]]:
        """What the image of RabbitMQ makes the user and the virtual host of."""
        if self.user and (self.user, self.password) != GUEST:
            yield "RABBITMQ_DEFAULT_USER", self.user
            yield "RABBITMQ_DEFAULT_PASS", self.password
        if self.vhost not in {"", "/"}:
            yield "RABBITMQ_DEFAULT_VHOST", self.vhost


def login_in(value: str, given: Given) -> Login | None:
    """What the URL of a compose file says, without the values of its variables.

    None where it is no URL here: a variable that is set elsewhere is the whole of it.
    """
    references = list(references_in(value))
    if len(references) == 1 and references[0].whole == value:
        only = references[0]
        if "-" in only.sign and not given(only.name):
            return login_in(only.rest, given)
        return None
    held, position = "", 0
    for number, reference in enumerate(references):
        held += value[position : reference.start] + chr(HELD + number)
        position = reference.end
    match = URL.match(held + value[position:])
    if match is None:
        return None
    wholes = {HELD + number: reference.whole for number, reference in enumerate(references)}
    parts = (match[name] or "" for name in ("user", "password", "path"))
    return Login(*(unquote(part).translate(wholes) for part in parts))
