"""What `celeryize add-worker` is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass

from celeryize.errors import UsageError
from celeryize.spelling import did_you_mean

KINDS = ("compose", "procfile", "systemd", "kubernetes", "supervisor")
QUEUE = re.compile(r"[\w.:-]+")


@dataclass(frozen=True, slots=True)
class Request:
    """The options of add-worker. None: what the project itself says.

    `to` is a kind of file, `service` the web service whose image and environment are taken.
    """

    to: str | None = None
    queues: tuple[str, ...] = ()
    concurrency: int | None = None
    beat: bool | None = None
    health: bool | None = None
    service: str | None = None


def check_request(request: Request) -> None:
    """Raise UsageError for a kind or a queue that there cannot be."""
    if request.to is not None and request.to not in KINDS:
        raise UsageError(
            f"unknown kind of deployment file {request.to!r}",
            hint=f"{did_you_mean(request.to, KINDS)}Use one of {', '.join(KINDS)}.",
        )
    for queue in request.queues:
        if not QUEUE.fullmatch(queue):
            raise UsageError(
                f"invalid queue name {queue!r}", hint="Letters, digits and . _ - : are allowed."
            )
