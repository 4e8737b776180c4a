"""The one family of errors: each says what is wrong, what to do next, and has its exit code."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path

from celeryize.model import Where


class Exit(IntEnum):
    """The exit codes of every command (documented in docs/reference.md by a table that a test
    compares)."""

    DONE = 0
    FINDINGS = 1
    USAGE = 2
    REFUSED = 3
    UNPROVED = 4
    BUG = 70
    INTERRUPTED = 130


class CeleryizeError(Exception):
    """Something the user can act on. `hint` is the next step, `where` the place it is about."""

    exit_code = Exit.REFUSED
    # the command that gives the answers of this run once more, without a question
    same_answers = ""

    def __init__(self, message: str, *, hint: str = "", where: Where | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.where = where


class Declined(CeleryizeError):
    """The user said no to the question; nothing was written. It is no mistake of anybody."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C after questions: `same_answers` is the command that gives the same answers again."""

    def __init__(self, same_answers: str) -> None:
        super().__init__()
        self.same_answers = same_answers


class UsageError(CeleryizeError):
    """The command line contradicts itself or contains an invalid value."""

    exit_code = Exit.USAGE


class NoProject(CeleryizeError):
    """There is no Django project here, or more than one: the folders of those are in `choices`."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        where: Where | None = None,
        choices: tuple[Path, ...] = (),
    ) -> None:
        super().__init__(message, hint=hint, where=where)
        self.choices = choices


class NoCelery(CeleryizeError):
    """The project has no Celery app yet: one answer of all commands that need one."""

    def __init__(self) -> None:
        super().__init__(
            "this project has no Celery app yet", hint="Set Celery up first: celeryize init"
        )


class CannotPatch(CeleryizeError):
    """A file cannot be edited safely; `snippet` holds the exact lines to paste instead.

    They belong at the end of the file or, `in_place`, in place of the line at `where`.
    """

    def __init__(
        self,
        message: str,
        *,
        snippet: str = "",
        hint: str = "",
        where: Where | None = None,
        in_place: bool = False,
    ) -> None:
        super().__init__(message, hint=hint, where=where)
        self.snippet = snippet
        self.in_place = in_place


class Conflict(CeleryizeError):
    """A file on the disk is not what the plan, or the undo, started from; `diff` shows the
    difference, `snippet` a patch to make by hand."""

    def __init__(
        self,
        message: str,
        *,
        diff: str = "",
        hint: str = "",
        snippet: str = "",
        where: Where | None = None,
    ) -> None:
        super().__init__(message, hint=hint, where=where)
        self.diff = diff
        self.snippet = snippet


class WriteFailed(CeleryizeError):
    """The disk refused a write; everything is as it was."""


class Unproved(CeleryizeError):
    """The project as it would be does not work; nothing was changed."""

    exit_code = Exit.UNPROVED

    # what a screen says that has just shown all that the proof found; empty: the message
    brief = ""
