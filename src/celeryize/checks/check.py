"""What a check is: a small function over the facts, with an id and a docstring that explains it.

A new check goes into the module of its family, under `@check("celery.E999")`. It yields an
Occurrence per mistake. Its docstring is the page of `celeryize verify --explain`: a title and the
five SECTIONS. Its test is a Mistake in tests/unit/checks/test_<family>.py: a broken project and a
healthy twin.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from celeryize.checks.facts import Facts
from celeryize.model import Severity, Where
from celeryize.patch.source import Splice

OUTPUT = "How it looks"
SECTIONS = ("What happens", OUTPUT, "Why", "Fix", "Source")
# Of the docstring of a check, and of the lines of this code.
INDENT, SOURCE_WIDTH = 4, 100
SEVERITIES = {"E": Severity.ERROR, "W": Severity.WARNING, "I": Severity.INFO}


@dataclass(frozen=True, slots=True)
class Fix:
    """What `verify --fix` does about a finding: one edit of the file at `path`, empty where there
    is none.

    `entries` are the entries of the Beat schedule that it means to change.
    """

    path: PurePosixPath
    what: str
    splices: tuple[Splice, ...] = field(compare=False)
    entries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unsure:
    """Why `verify --fix` leaves a finding to the user."""

    why: str


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One place where a check has found its mistake. `excerpt` is the line at `where` unless given.

    `fix` is the answer of a small function below the check: an edit, or why it is not certain.
    """

    message: str
    where: Where | None = None
    hint: str = ""
    excerpt: str | None = None
    fix: Fix | Unsure | None = field(default=None, compare=False)


Run = Callable[[Facts], Iterable[Occurrence]]


@dataclass(frozen=True, slots=True)
class Check:
    """A check. `imports`: it needs the import reports; `unless`: ids whose findings explain this
    one's; `unless_there`: ids whose findings explain those of this one at the same place.

    `stops`: it needs the stop proof. `fixable`: `verify --fix` can fix what it finds, where that is
    certain. `grouped`: what it finds in one file is one fact, so it is one finding with a count.
    `brief`: what it finds, and what to do, is all that a screen shows.
    """

    id: str
    run: Run
    imports: bool
    unless: tuple[str, ...]
    fixable: bool
    grouped: bool
    stops: bool
    unless_there: tuple[str, ...]
    brief: bool
    title: str
    sections: tuple[tuple[str, str], ...]

    @property
    def severity(self) -> Severity:
        """The severity that the letter of the id means."""
        return SEVERITIES[self.id.rpartition(".")[2][0]]


CHECKS: dict[str, Check] = {}


def check(
    identifier: str,
    *,
    imports: bool = False,
    unless: tuple[str, ...] = (),
    fixable: bool = False,
    grouped: bool = False,
    stops: bool = False,
    unless_there: tuple[str, ...] = (),
    brief: bool = False,
) -> Callable[[Run], Run]:
    """Register a check. The first two digits of the id are the number of its family of mistakes."""

    # the id is the key everywhere: in --only, in silence, in `# celeryize: ignore[...]`
    def register(run: Run) -> Run:
        if identifier in CHECKS:
            raise ValueError(f"two checks are called {identifier}")
        title, _, text = inspect.cleandoc(run.__doc__ or "").partition("\n")
        sections = _split_sections(text)
        CHECKS[identifier] = Check(
            identifier,
            run,
            imports,
            unless,
            fixable,
            grouped,
            stops,
            unless_there,
            brief,
            title.rstrip("."),
            sections,
        )
        return run

    return register


def _split_sections(text: str) -> tuple[tuple[str, str], ...]:
    """The parts of a docstring that start with one of the fixed headings."""
    # the split keeps the headings: title, heading, body, heading, body, ...
    parts = re.split(rf"(?m)^({'|'.join(SECTIONS)}): *", text)
    return tuple(
        (head, _unwrapped(head, body)) for head, body in zip(parts[1::2], parts[2::2], strict=True)
    )


def _unwrapped(head: str, body: str) -> str:
    """A section without the line breaks of its source; of output, each line stays one."""
    first, *others = body.strip().splitlines()
    if head != OUTPUT:
        return " ".join([first, *(line.strip() for line in others)])
    lines = [first.strip()]
    length = len(f"{head}: {first}")
    for line in others:
        word, *_ = line.split()
        if INDENT + length + 1 + len(word) > SOURCE_WIDTH:
            # it went on where the source had no room
            lines[-1] += f" {line.strip()}"
        else:
            lines.append(line.strip())
        length = len(line)
    return "\n".join(lines)
