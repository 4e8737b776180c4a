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
    `default` is the mode of the project's tasks, where they say nothing else: "early" or "late".
    `longer` is what became of a task that outlasts all of these times, where it was tried.
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
    default: str = "early"
    longer: tuple[StopResult, ...] = ()

    @property
    def patience(self) -> float:
        """The seconds that a task may take at a stop."""
        return min(self.soft or self.grace, self.grace)

    def acknowledged(self, result: StopResult) -> str:
        """When the task of a result is acknowledged, and whether that is what the settings say."""
        if result.mode == self.default:
            return f"{result.acknowledged}, as in your settings"
        return result.acknowledged
