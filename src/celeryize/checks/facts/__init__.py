"""What the checks read: the project's code, its settings, its tasks, its schedule, how it is
started."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from celeryize.checks.facts.code import Code, CodeFacts
from celeryize.checks.facts.deployment import DeploymentFacts
from celeryize.checks.facts.schedule import ScheduleFacts
from celeryize.checks.facts.settings import SettingsFacts, settings_files
from celeryize.checks.facts.tasks import TaskFacts
from celeryize.checks.facts.tests import TestFacts
from celeryize.detect.celery import celery_classes
from celeryize.detect.modules import Modules
from celeryize.detect.project import Project
from celeryize.patch.nodes import dotted

if TYPE_CHECKING:
    from celeryize.probe.report import ImportReport

# The types alone: the stop proof starts processes.
if TYPE_CHECKING:
    from celeryize.live.stop_report import RehearsedStop

# What bounds a version from above: `==4.4.7`, `<5`, `~=4.2`, Poetry's `^4.3` and its bare "4.4.7".
VERSION = re.compile(r"""(===?|<=?|~=?|\^|(?<=["']))\s*(\d+(?:\.\d+)*)""")

# What bounds a requirement from above: `==5.3.6`, `<5.4`, `<=5.3.*`, `~=5.3.0`.
BOUND = re.compile(r"(===?|<=?|~=(?=\s*\d+\.\d+\.\d))\s*(\d+)\.(\d+)")

__all__ = ["Facts", "read_facts"]


@dataclass(frozen=True, eq=False)
class Facts:
    """Everything that a check may look at, in one value that never changes.

    The parts are read off the files, each file at most once. `worker` and `web` are the reports of
    the two imports, or None where nothing was imported (`verify --static`); `stops` is what the
    stop proof has found, or None without it.
    """

    project: Project
    code: CodeFacts
    settings: SettingsFacts
    tasks: TaskFacts
    schedule: ScheduleFacts
    deployment: DeploymentFacts
    tests: TestFacts
    worker: ImportReport | None = None
    web: ImportReport | None = None
    stops: tuple[RehearsedStop, ...] | None = None

    def with_imports(self, worker: ImportReport, web: ImportReport) -> Facts:
        """The same facts beside the reports of the two imports."""
        return replace(self, worker=worker, web=web)

    def with_stops(self, stops: tuple[RehearsedStop, ...]) -> Facts:
        """The same facts beside the stop proof."""
        return replace(self, stops=stops)

    @property
    def modules(self) -> Modules:
        """The modules of the project, by name."""
        return self.project.modules

    @property
    def app_code(self) -> Code | None:
        """The file that builds the Celery app."""
        if not self.project.celery:
            return None
        return self.code.parsed(self.project.celery[0].where.path)

    @cached_property
    def app_call(self) -> ast.Call | None:
        """The call of Celery() that builds the app."""
        if self.app_code is None:
            return None
        line = self.project.celery[0].where.line
        classes = celery_classes(self.app_code.source.tree)
        for call in self.app_code.calls:
            if call.lineno == line and dotted(call.func) in classes:
                return call
        return None

    @cached_property
    def celery_major(self) -> int | None:
        """The newest major version of Celery that this project can run, where that is known.

        What was imported counts, then what the dependencies allow; None where they allow any.
        """
        imported = ""
        if self.worker:
            imported = self.worker.versions.get("celery", "")
        if imported[:1].isdigit():
            return int(imported.split(".")[0])
        return highest_major(self.project.dependencies.declared.get("celery", ""))

    def is_before_celery(self, major: int) -> bool:
        """Whether the project runs an older major version of Celery for certain."""
        return self.celery_major is not None and self.celery_major < major

    def celery_below(self, first: tuple[int, int]) -> str:
        """The version of Celery, or its requirement, if it is certainly older than `first`; empty
        otherwise.

        What is declared counts before what is installed here.
        """
        written = self.project.dependencies.declared.get("celery", "")
        match = BOUND.search(written)
        if match is None:
            # what a deploy would install is not known; what is installed here is
            version = ""
            if self.worker:
                version = self.worker.versions.get("celery", "")
            numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
            if numbers and numbers < first:
                return f"celery {version}"
            return ""
        highest = (int(match[2]), int(match[3]))
        # below 5.4 is at most 5.3
        if highest < first or (match[1] == "<" and highest <= first):
            return written
        return ""

    @property
    def installed_apps(self) -> tuple[str, ...]:
        """INSTALLED_APPS: as the project has it when it runs, else as it can be read."""
        if self.worker and self.worker.installed_apps:
            return self.worker.installed_apps
        return self.project.settings.installed_apps

    def installs(self, app: str) -> bool:
        """Whether an app is installed, or may be: the settings mention it, or cannot be read."""
        if self.worker and self.worker.installed_apps:
            return app in self.worker.installed_apps
        return not self.installed_apps or self.settings.mentions_app(app)

    @cached_property
    def task_names(self) -> frozenset[str]:
        """The names of the tasks in the code and, after an import, of all registered tasks."""
        names = {task.name for task in self.tasks}
        for report in (self.worker, self.web):
            if report is not None:
                names |= {task.name for task in report.tasks}
        return frozenset(names)


def highest_major(requirement: str) -> int | None:
    """The highest major version that a requirement allows; None where it has no upper end."""
    highest: list[int] = []
    for sign, version in VERSION.findall(requirement):
        major, _, rest = version.partition(".")
        bound = int(major)
        # below 5, or below 5.0: the last is of 4
        if sign == "<" and not rest.replace(".", "").strip("0"):
            bound -= 1
        highest.append(bound)
    if highest:
        return min(highest)
    return None


def read_facts(project: Project) -> Facts:
    """Read the code of a project. Nothing is imported; the reports are added `with_imports`."""
    code = CodeFacts(project, settings_files(project))
    settings = SettingsFacts(project, code)
    return Facts(
        project=project,
        code=code,
        settings=settings,
        tasks=TaskFacts(project, code),
        schedule=ScheduleFacts(code, settings),
        deployment=DeploymentFacts(project.root, project.base),
        tests=TestFacts(code),
    )
