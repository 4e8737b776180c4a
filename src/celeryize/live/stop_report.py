"""What the stop proof has found, for each process of the deployment files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from celeryize.live.stop import StopResult
from celeryize.model import Where

LOSES = frozenset({"lost", "stuck"})
UNKNOWN = frozenset({"not proved"})


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


def verdict_of(stops: Sequence[RehearsedStop]) -> str:
    """The sentence that says it for all processes, without a full stop."""
    if losing := names_of(stops, LOSES):
        return f"A stop loses a running task, or leaves it stuck: {losing}"
    if unknown := names_of(stops, UNKNOWN):
        return f"Not proved: {unknown}"
    return f"No stop loses a running task of {stops[0].task:g} s"


def names_of(stops: Sequence[RehearsedStop], outcomes: frozenset[str]) -> str:
    """The names of the processes that have one of some outcomes."""
    named = (s.name for s in stops if outcomes & {str(result.outcome) for result in s.results})
    return ", ".join(dict.fromkeys(named))
