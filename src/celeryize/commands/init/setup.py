"""What every step of init works with: the project, the answers, and the draft of the plan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from celeryize.commands.init.answers import Answers, Existing
from celeryize.detect.project import Project
from celeryize.draft import Draft
from celeryize.errors import CannotPatch
from celeryize.probe.proof import WrittenValue
from celeryize.render import Rendered


@dataclass(frozen=True, slots=True)
class Setup:
    """One plan of init in the making; with `partial`, a refused step becomes a manual one.

    `updates`: the templates of today count, though the answers are the same.
    """

    project: Project
    draft: Draft
    answers: Answers
    rendered: Rendered
    module_name: str
    existing: Existing
    partial: bool
    # what an older celeryize wrote becomes what this one writes
    updates: bool = False
    # Django's own tasks are sent to Celery, too
    django_tasks: bool = False

    @property
    def start_spec(self) -> str:
        """What `celery -A` is given for a new app: it finds one in a module called celery by the
        package alone."""
        package = self.project.package.name
        if self.module_name == "celery":
            return package
        return f"{package}.{self.module_name}"

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """A step without which the result would not work: its refusal ends the plan, unless
        `partial`.
        """
        try:
            yield
        except CannotPatch as refusal:
            if not self.partial:
                raise
            self.draft.add_manual(refusal)


@dataclass(frozen=True, slots=True)
class Wiring:
    """The Celery app as it will be: what a proof has to find, and what `celery -A` is given.

    `wrote` are the settings written. `environment` holds the variables without which the settings
    would not import. `read_by_path`: the project reads what was written by its path, so that only a
    proof after writing can see it. `values` are those of the settings written, `recorded` their
    source texts for the answers file; `replaced` are those that had another value before.
    """

    module: str
    variable: str
    spec: str
    wrote: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    read_by_path: bool = False
    values: tuple[WrittenValue, ...] = ()
    recorded: tuple[tuple[str, str], ...] = ()
    replaced: frozenset[str] = frozenset()
