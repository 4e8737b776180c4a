"""The kinds of tasks: one entry each, beside its template templates/task/<name>.py.jinja.

A kind whose test is more than a call has a template of its test, too:
templates/test/<name>.py.jinja.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of task needs, beside its template.

    `uses_model`: its code imports the model that is given. `takes_key`: its parameter is then the
    primary key. `parameter` is the one that it has where none is given, as the command line spells
    it, and `example` what a person is shown who is asked for parameters. `imports` are those of its
    body, and `retry_on` what it retries on unless the command line says otherwise, less `fail_on`;
    where the project declares `library`, those of the library take their place.
    """

    name: str
    # for the person who chooses
    meaning: str = ""
    uses_model: bool = True
    needs_model: bool = False
    takes_key: bool = False
    needs_email_field: bool = False
    parameter: str = ""
    example: str = "user_id:int note:str=hello"
    imports: tuple[str, ...] = ()
    retry_on: tuple[str, ...] = ()
    fail_on: tuple[str, ...] = ()
    library: str = ""
    library_imports: tuple[str, ...] = ()
    library_retry_on: tuple[str, ...] = ()

    def imports_for(self, declared: Collection[str]) -> tuple[str, ...]:
        """The imports of its body in a project that declares these dependencies."""
        if self.library in declared:
            return self.library_imports
        return self.imports

    def retries_for(self, declared: Collection[str]) -> tuple[str, ...]:
        """The exceptions that it retries on by itself in a project that declares these
        dependencies.
        """
        if self.library in declared:
            return self.library_retry_on
        return self.retry_on

    def failures_for(self, declared: Collection[str]) -> tuple[str, ...]:
        """The exceptions among these that it does not retry on, as its body spells them."""
        if self.library in declared:
            return ()
        return self.fail_on


KINDS = (
    Kind("plain", "a function of your own", uses_model=False),
    Kind("model", "loads one row of a model by its key", needs_model=True, takes_key=True),
    Kind(
        "email",
        "sends a mail; tries again where the mail server is away",
        takes_key=True,
        needs_email_field=True,
        parameter="recipient:str",
        example="recipient:str note:str=hello",
        imports=("from django.core.mail import send_mail", "import logging", "import smtplib"),
        # what passes by itself; of the refusals of the server, the body tells those that pass
        retry_on=(
            "smtplib.SMTPServerDisconnected",
            "smtplib.SMTPConnectError",
            "ConnectionError",
            "TimeoutError",
            # the name of the server is not found for a moment
            "socket.gaierror",
        ),
    ),
    Kind(
        "http",
        "calls a URL; with a time-out, and tries again",
        uses_model=False,
        parameter="url:str",
        imports=(
            "import http.client",
            "import urllib.error",
            "from urllib.request import urlopen",
        ),
        # no connection, silence, half an answer; of the statuses, the body tells those that pass
        retry_on=("OSError", "http.client.IncompleteRead"),
        fail_on=("urllib.error.HTTPError",),
        library="requests",
        library_imports=("import requests",),
        library_retry_on=("requests.ConnectionError", "requests.Timeout"),
    ),
    Kind(
        "batch",
        "works through the rows of a model in chunks",
        needs_model=True,
        parameter="chunk_size:int=500",
    ),
)


# Kinds whose body does all of its work, so that nothing in it shows where more is to be written.
WHOLE_BODIES = frozenset({"email", "http"})


def kind_names() -> tuple[str, ...]:
    """The names of the built-in kinds."""
    return tuple(kind.name for kind in KINDS)


def kind_words() -> str:
    """The names of the kinds for a help text."""
    *names, last = kind_names()
    return f"{', '.join(names)} or {last}"


def find_kind(name: str) -> Kind:
    """The kind of a name. A template of the project's own may have a name that we do not know."""
    for kind in KINDS:
        if kind.name == name:
            return kind
    return Kind(name)
