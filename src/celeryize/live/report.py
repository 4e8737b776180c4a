"""What a live proof found: a result per step."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class StepOutcome(StrEnum):
    """How a step ended. Skipped: it could not be tried, and says why."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class StepResult:
    """One step; `log` holds the lines of the process that explain why it failed."""

    step: str
    outcome: StepOutcome
    what: str
    seconds: float = 0.0
    log: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveReport:
    """Every step in order, on which broker ("filesystem" or "configured"), and the seconds of the
    whole. `url` is that of the configured broker, without its password; empty where it is not
    known."""

    steps: tuple[StepResult, ...]
    broker: str
    seconds: float
    url: str = ""

    @property
    def passed(self) -> bool:
        """Whether no step failed, and the worker was ready."""
        return all(s.outcome is not StepOutcome.FAILED for s in self.steps)

    def step(self, name: str) -> StepResult:
        """The result of a step, e.g. "round-trip"."""
        return next(s for s in self.steps if s.step == name)
