"""What the stop proof has found, for each process of the deployment files."""

from __future__ import annotations

from dataclasses import dataclass

from celeryize.live.stop import StopResult
from celeryize.model import Where


@dataclass(frozen=True, slots=True)
class RehearsedStop:
    """A process of a file, how it is stopped, and what that did to its tasks.

    `how` says the signals in words, `change` the one line that would change a bad outcome; it is
    empty where nothing has to change. `grace`, `soft` and `task` are in seconds, unscaled.
    """

    name: str
    role: str
    kind: str
    where: Where
    how: str
    task: float
    soft: float | None
    grace: float
    visibility_timeout: float
    change: str
    results: tuple[StopResult, ...]
