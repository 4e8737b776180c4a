"""The test of a generated task: where the project keeps its tests, in the way it writes them."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from celeryize.commands.task_trigger import Trigger
from celeryize.detect.apps import App
from celeryize.detect.models import Model
from celeryize.detect.project import Project
from celeryize.patch.source import Source
from celeryize.patch.tasks import add_task

URLOPEN = "urllib.request.OpenerDirector.open"
CONFIGURATIONS = ("pytest.ini", "pyproject.toml", "setup.cfg", "tox.ini")
# Arguments for a direct call, by annotation, and the import of each.
SAMPLES = {
    "int": ("0", ""),
    "float": ("0.0", ""),
    "bool": ("True", ""),
    "list": ("[]", ""),
    "dict": ("{}", ""),
    "bytes": ('b""', ""),
    "UUID": ("UUID(int=0)", "from uuid import UUID"),
    "Decimal": ("Decimal(0)", "from decimal import Decimal"),
    "date": ("date(2030, 1, 1)", "from datetime import date"),
    "datetime": ("datetime(2030, 1, 1)", "from datetime import datetime"),
    "time": ("time(0, 0)", "from datetime import time"),
    "None": ("None", ""),
    "Any": ("None", ""),
    "Optional": ("None", ""),
}


@dataclass(frozen=True, slots=True)
class Subject:
    """What is tested: the function, the module that holds it, its code and kind, the model it works on.

    `key` is the parameter that takes the model's primary key.
    """

    function: str
    path: PurePosixPath
    code: str
    imports: tuple[str, ...]
    kind: str
    model: Model | None
    key: str


@dataclass(frozen=True, slots=True)
class TaskTest:
    """The test as code, with its imports, and the file it belongs into."""

    path: PurePosixPath
    code: str
    imports: tuple[str, ...]


def has_tests(project: Project, app: App) -> bool:
    """Whether the app has tests already: a test in tests.py, or files in tests/."""
    if any(True for _ in (project.root / app.folder / "tests").glob("test*.py")):
        return True
    tree = project.modules.tree(app.folder / "tests.py")
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree.body)


def test_of(project: Project, app: App, subject: Subject, trigger: Trigger | None = None) -> TaskTest:
    """The test of a task: it calls the function directly, with a row of its model where one can be made."""
    path = _place(project, app, subject.function)
    arguments, imports = _arguments(subject)
    module = project.modules.name_of(subject.path) or subject.path.stem
    near = path.parent == app.folder and subject.path.parent == app.folder
    imports.append(f"from {'.' + subject.path.stem if near else module} import {subject.function}")
    lines: list[str] = []
    row = _created(subject.model) if subject.model else None
    if subject.model and row:
        lines.append(f"row = {row}")
        imports.append(f"from {'.models' if near else subject.model.module} import {subject.model.name}")
    call = f"{subject.function}({arguments})"
    match subject.kind:
        case "http":
            imports.append("from unittest import mock")
            # Not by the tasks' module: in a tasks package, a re-exported function hides the module of its name.
            opener = "requests.get" if "import requests" in subject.imports else URLOPEN
            lines += [f'with mock.patch("{opener}") as opened:', f"    {call}", "opened.assert_called_once()"]
        case "email":
            imports.append("from django.core import mail")
            sent = 0 if subject.model and subject.model.instance is None else 1
            lines += [call, f"assert len(mail.outbox) == {sent}"]
        case "batch" if lines:
            # Without rows, nothing is sent: a test has no broker. The chunk gets the row directly.
            chunk = f"{subject.function}_chunk"
            imports[-2] = imports[-2].replace(subject.function, f"{subject.function}, {chunk}")
            key = "str(row.pk)" if subject.model and subject.model.key_type == "str" else "row.pk"
            lines = [call, *lines, f"{chunk}([{key}])"]
        case _:
            lines.append(call)
    pytest = _uses_pytest(project)
    on_commit: tuple[str, ...] = ()
    created = _created(trigger.model) if trigger else None
    if trigger and created:
        capture = "django_capture_on_commit_callbacks" if pytest else "self.captureOnCommitCallbacks"
        on_commit = _on_commit(subject.function, trigger, created, capture)
        imports += ["from unittest import mock"]
        imports.append(f"from {'.models' if near else trigger.model.module} import {trigger.model.name}")
    if pytest:
        body = "\n".join(f"    {line}" for line in lines)
        code = f"@pytest.mark.django_db\ndef test_{subject.function}_runs():\n{body}\n"
        if on_commit:
            body = "\n".join(f"    {line}" for line in on_commit)
            code += f"\n\n@pytest.mark.django_db\ndef test_{subject.function}_is_sent_on_commit("
            code += f"django_capture_on_commit_callbacks):\n{body}\n"
        return TaskTest(path, code, (*imports, "import pytest"))
    name = "".join(part.capitalize() for part in subject.function.split("_"))
    body = "\n".join(f"        {_unittest(line)}" for line in lines)
    code = f"class {name}Tests(TestCase):\n    def test_it_runs(self):\n{body}\n"
    if on_commit:
        body = "\n".join(f"        {line}" for line in on_commit)
        code += f"\n    def test_it_is_sent_on_commit(self):\n{body}\n"
    return TaskTest(path, code, (*imports, "from django.test import TestCase"))


def command_of(project: Project, test: TaskTest) -> tuple[str, ...]:
    """The arguments of the project's Python that run the module of a test, from the folder of manage.py."""
    if _uses_pytest(project):
        return ("-m", "pytest", "-q", str(project.root / test.path))
    return ("manage.py", "test", project.modules.name_of(test.path) or "")


def with_test(source: Source, test: TaskTest) -> Source:
    """The test module with the test, unless a test of that name is there."""
    name = next(n.name for n in ast.parse(test.code).body if isinstance(n, ast.FunctionDef | ast.ClassDef))
    if any(isinstance(n, ast.FunctionDef | ast.ClassDef) and n.name == name for n in source.tree.body):
        return source
    return add_task(source, test.code, list(dict.fromkeys(test.imports)))


def _created(model: Model) -> str | None:
    """The expression that makes a row; None where that cannot be told."""
    if model.instance is None:
        return None
    return f"{model.name}.objects.create({', '.join(f'{name}={value}' for name, value in model.instance)})"


def _on_commit(function: str, trigger: Trigger, created: str, capture: str) -> tuple[str, ...]:
    """The lines of a test that the trigger sends the task; `capture` runs the callbacks of a commit."""
    removed = ".delete()" if trigger.signal == "post_delete" else ""
    return (
        f'with mock.patch.object({function}, "apply_async") as sent:',
        f"    with {capture}(execute=True):",
        f"        {created}{removed}",
        "sent.assert_called_once()",
    )


def _place(project: Project, app: App, function: str) -> PurePosixPath:
    folder = app.folder / "tests"
    if (project.root / folder).is_dir():
        common = folder / "test_tasks.py"
        return common if (project.root / common).is_file() else folder / f"test_{function}.py"
    return app.folder / "tests.py"


def _uses_pytest(project: Project) -> bool:
    """Whether pytest-django runs the tests: declared, or told which settings to use."""
    if "pytest-django" in project.dependencies.declared:
        return True
    places = (
        project.root / folder / name for folder in (project.base, PurePosixPath()) for name in CONFIGURATIONS
    )
    return any(b"DJANGO_SETTINGS_MODULE" in place.read_bytes() for place in places if place.is_file())


def _unittest(line: str) -> str:
    return re.sub(r"^assert (.+) == (.+)$", r"self.assertEqual(\1, \2)", line)


def _arguments(subject: Subject) -> tuple[str, list[str]]:
    """The arguments of the call: the key of the row, or one that no row has; else by annotation."""
    function = next(
        n for n in ast.parse(subject.code).body if isinstance(n, ast.FunctionDef) and n.name == subject.function
    )
    required = function.args.args[: len(function.args.args) - len(function.args.defaults)]
    values: list[str] = []
    imports: list[str] = []
    for argument in required:
        if argument.annotation is None:
            continue
        spelled = ast.unparse(argument.annotation).split("[")[0].split(" ")[0]
        value, line = SAMPLES.get(spelled, ('"someone@example.org"', ""))
        if subject.model and argument.arg == subject.key:
            value, line = _key(subject.model, spelled)
        values.append(value)
        imports += [line] if line else []
    return ", ".join(values), imports


def _key(model: Model, annotation: str) -> tuple[str, str]:
    if model.instance is not None:
        return ("str(row.pk)" if annotation == "str" else "row.pk"), ""
    if model.key_type == "str":
        return ("str(UUID(int=0))" if annotation == "str" else "UUID(int=0)"), "from uuid import UUID"
    return ('"0"' if annotation == "str" else "0"), ""
