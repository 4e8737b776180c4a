"""The values that travel: Edit, Plan, Finding. Frozen, small, never touching a disk."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath


class Severity(StrEnum):
    """How bad a finding is. An error means: this will not run, or not as intended."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Where:
    """A place in the project: a path relative to its root (or absolute, outside of it) and a line
    from 1."""

    path: PurePosixPath
    line: int | None = None

    def __str__(self) -> str:
        if self.line is None:
            return str(self.path)
        return f"{self.path}:{self.line}"


@dataclass(frozen=True, slots=True)
class Edit:
    """One file as it was and as it will be. `before=None`: the file is new; `after=None`: it is
    deleted."""

    path: PurePosixPath
    before: bytes | None
    after: bytes | None


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """A change that can be undone: its command, its files, and what became of them since."""

    number: int
    command: str
    files: tuple[PurePosixPath, ...]
    state: str


class Status(StrEnum):
    """What a plan does with a file; the words of Thor's generators."""

    CREATE = "create"
    UPDATE = "update"
    IDENTICAL = "identical"
    DELETE = "delete"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Step:
    """One line of a plan: what happens to a file and why."""

    path: PurePosixPath
    status: Status
    what: str


@dataclass(frozen=True, slots=True)
class Todo:
    """A step that stays with the user: what, why, and the exact lines to paste into `path`.

    `needed`: without it the change leaves something broken, so it decides the question.
    """

    what: str
    why: str
    snippet: str = ""
    path: PurePosixPath | None = None
    needed: bool = False


@dataclass(frozen=True, slots=True)
class NextStep:
    """What a user does next, and the lines to paste for it, which work as they are."""

    what: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Every change of one command: nothing is written that is not in here."""

    edits: tuple[Edit, ...] = ()
    steps: tuple[Step, ...] = ()
    todos: tuple[Todo, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def edits_to_read(self) -> tuple[Edit, ...]:
        """The edits in the order of the steps: what the command is about comes first."""
        order = {step.path: number for number, step in enumerate(self.steps)}
        return tuple(sorted(self.edits, key=lambda edit: order.get(edit.path, len(order))))


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, in the shape of Django's system-check messages.

    `fixable`: `celeryize verify --fix` fixes it.
    """

    id: str
    severity: Severity
    message: str
    hint: str = ""
    where: Where | None = None
    excerpt: str = ""
    fixable: bool = False
