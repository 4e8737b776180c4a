"""The test of a generated task: where the project keeps its tests, in the way it writes them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath

from celeryize.commands.task.generate import EXAMPLE_ADDRESS, RECIPIENT, Subject
from celeryize.commands.task.related import Instance, make_instance
from celeryize.commands.task.trigger import Trigger
from celeryize.commands.task.words import camel_case, split_imports
from celeryize.detect.apps import App
from celeryize.detect.models import Model
from celeryize.detect.project import Project
from celeryize.patch.definitions import add_definitions
from celeryize.patch.source import Source
from celeryize.reading import read_file
from celeryize.render import has_template, snippet

URLOPEN = "urllib.request.OpenerDirector.open"
CONFIGURATIONS = ("pytest.ini", "pyproject.toml", "setup.cfg", "tox.ini")
# Where else the libraries of the tests are declared.
DEVELOPMENT = ("requirements*.txt", "requirements*/*.txt", "requirements*/*.in", "Pipfile")
USES_PYTEST = re.compile(
    rb"^(?!\s*#).*(DJANGO_SETTINGS_MODULE|\bpytest[-_]django\b)", re.MULTILINE | re.IGNORECASE
)
# The option and its value, which may go on in indented lines, or in a list.
PYTHON_FILES = re.compile(rb"^python_files\s*=(.*(?:\n[ \t]+.*|\n\].*)*)", re.MULTILINE)
# What modules with tests are called; `tests.py` is made by startapp, with no test in it.
TEST_MODULES = ("test_*.py", "*_test.py", "*_tests.py")
# What the tests themselves use.
_NAMES_OF_TESTS = frozenset(
    {"TestCase", "mail", "mock", "opened", "patched", "pytest", "row", "sent", "timezone"}
)
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
class TaskTest:
    """The test as code, with its imports, and the file it belongs into."""

    path: PurePosixPath
    code: str
    imports: tuple[str, ...]


def has_tests(project: Project, app: App) -> bool:
    """Whether the app has tests, or the project has those of its apps in a folder beside them."""
    return _has_own_tests(project, app) or _shared_folder(project, app) is not None


def _has_own_tests(project: Project, app: App) -> bool:
    """Whether there is a test in the app: in tests.py, in tests/, or in a module beside models.py
    that is called as pytest and Django want it."""
    folder = project.root / app.folder
    if any(_named_as_test(path) for path in (folder / "tests").rglob("*.py")):
        return True
    if any(_named_as_test(path) for path in folder.glob("*.py") if path.name != "tests.py"):
        return True
    tree = project.modules.tree(app.folder / "tests.py")
    return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in tree.body)


def _named_as_test(path: Path) -> bool:
    return any(fnmatch(path.name, pattern) for pattern in TEST_MODULES)


def render_test(
    project: Project, app: App, subject: Subject, trigger: Trigger | None = None
) -> TaskTest:
    """The test of a task: it calls the function directly, with an instance of its model where one
    can be made.
    """
    path = _test_path(project, app, subject.function)
    # relative imports, where the test and the task are both modules of the app itself
    near = path.parent == app.folder and subject.path.parent == app.folder
    called = _name_in_test(project.modules.tree(path), subject.function, subject.kind)
    lines, imports = _call_lines(project, app, subject, called, near=near)
    on_commit: tuple[str, ...] = ()
    pytest = uses_pytest(project)
    if trigger:
        created = make_instance(project, trigger.model, _NAMES_OF_TESTS | {called})
        if created:
            capture = "self.captureOnCommitCallbacks"
            if pytest:
                capture = "django_capture_on_commit_callbacks"
            on_commit = _on_commit(called, trigger, created, capture)
            imports += ["from unittest import mock", *_imports_of(created, app, near=near)]
    if pytest:
        typed = project.style.typed
        if on_commit and typed:
            imports.append("from typing import Any")
        return _pytest_module(path, subject.function, lines, on_commit, imports, typed=typed)
    return _unittest_module(path, subject.function, lines, on_commit, imports)


def command_of(project: Project, test: TaskTest) -> tuple[str, ...]:
    """The arguments of the project's Python that run the module of a test, from the folder of
    manage.py.
    """
    if uses_pytest(project):
        return ("-m", "pytest", "-q", str(project.root / test.path))
    return ("manage.py", "test", project.modules.name_of(test.path) or "")


def add_test(source: Source, test: TaskTest) -> Source:
    """The test module with the test, unless a test of that name is there."""
    definitions = ast.FunctionDef | ast.ClassDef
    body = ast.parse(test.code).body
    name = next(n.name for n in body if isinstance(n, definitions))
    if any(isinstance(n, definitions) and n.name == name for n in source.tree.body):
        return source
    return add_definitions(source, test.code, list(dict.fromkeys(test.imports)))


def uses_pytest(project: Project) -> bool:
    """Whether pytest-django runs the tests: declared, or configured with the settings to use."""
    if "pytest-django" in project.dependencies.declared:
        return True
    folders = (project.root / project.base, project.root)
    places = [folder / name for folder in folders for name in CONFIGURATIONS]
    # a group of the development alone is not among what the running project declares
    places += [
        place for folder in folders for pattern in DEVELOPMENT for place in folder.glob(pattern)
    ]
    return any(USES_PYTEST.search(_bytes_of(place)) for place in places)


def _bytes_of(file: Path) -> bytes:
    """The bytes of a file; none for one that is missing or cannot be read."""
    try:
        return read_file(file)
    except OSError:
        return b""


def _name_in_test(tree: ast.Module, function: str, kind: str) -> str:
    """What the test calls the task: its name, unless the module of the test has another meaning for
    that, or pytest would take it for a test."""
    # a task may be called `mail` where no test of this module reads the outbox
    taken = {*_NAMES_OF_TESTS} - (set() if kind == "email" else {"mail"})
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            taken.add(node.name)
        elif isinstance(node, ast.Import):
            taken |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    if function.startswith("test"):
        return f"task_{function}"
    return f"{function}_task" if function in taken else function


def _call_lines(
    project: Project, app: App, subject: Subject, name: str, *, near: bool
) -> tuple[list[str], list[str]]:
    """The lines of the test that calls the task, from the template of its kind, and the imports
    they need.
    """
    taken = _NAMES_OF_TESTS | {name, f"{subject.function}_chunk"}
    made: Instance | None = None
    if subject.model:
        made = make_instance(project, subject.model, taken, subject.related)
    arguments, imports = _call_arguments(subject, has_row=made is not None)
    module = project.modules.name_of(subject.path) or subject.path.stem
    if near:
        module = f".{subject.path.stem}"
    rows: list[str] = []
    if made:
        rows = [*made.lines, f"row = {made.expression}"]
        imports += _imports_of(made, app, near=near)
    elif subject.model:
        rows = [
            f"# {subject.model.name} has fields that only you can fill: make a row here, and pass",
            "# its key, so that the work is tested, too.",
        ]
    key = "row.pk"
    if subject.model and subject.model.key_type == "str":
        key = "str(row.pk)"
    # Not by the tasks' module: in a tasks package, a re-exported function hides the module of its
    # name.
    opener = URLOPEN
    if "requests.get(" in subject.code:
        opener = "requests.get"
    called = name
    if subject.is_django:
        # the object that @task makes is no function; call() runs it here and now
        called = f"{name}.call"
    imported = subject.function
    if name != subject.function:
        imported = f"{subject.function} as {name}"
    template = f"test/{subject.kind}.py.jinja"
    if not has_template(template):
        template = "test/plain.py.jinja"
    text = snippet(
        template,
        call=f"{called}({arguments})",
        function=subject.function,
        imported=imported,
        key=key,
        model=subject.model is not None,
        module=module,
        opener=opener,
        row=made is not None,
    )
    body, template_imports = split_imports(text)
    return [*rows, *body.strip("\n").split("\n")], [*imports, *template_imports]


def _pytest_module(
    path: PurePosixPath,
    function: str,
    lines: list[str],
    on_commit: tuple[str, ...],
    imports: list[str],
    *,
    typed: bool,
) -> TaskTest:
    """Tests as functions, the way pytest-django has them."""
    code = f"@pytest.mark.django_db\ndef test_{function}_runs() -> None:\n{_indent_lines(lines, 4)}"
    if on_commit:
        code += f"\n\n@pytest.mark.django_db\ndef test_{function}_is_sent_on_commit("
        annotation = ": Any" if typed else ""
        code += f"\n    django_capture_on_commit_callbacks{annotation},\n) -> None:\n"
        code += _indent_lines(on_commit, 4)
    return TaskTest(path, code, (*imports, "import pytest"))


def _unittest_module(
    path: PurePosixPath,
    function: str,
    lines: list[str],
    on_commit: tuple[str, ...],
    imports: list[str],
) -> TaskTest:
    """Tests as methods of a TestCase, the way Django has them."""
    body = _indent_lines([_unittest_line(line) for line in lines], 8)
    code = (
        f"class {camel_case(function)}Tests(TestCase):\n    def test_it_runs(self) -> None:\n{body}"
    )
    if on_commit:
        code += f"\n    def test_it_is_sent_on_commit(self) -> None:\n{_indent_lines(on_commit, 8)}"
    return TaskTest(path, code, (*imports, "from django.test import TestCase"))


def _indent_lines(lines: Iterable[str], width: int) -> str:
    return "".join(f"{' ' * width}{line}\n" for line in lines)


def _model_import(model: Model, app: App, *, near: bool) -> str:
    """The import of a model for a test of `app`; `near` asks for a relative one."""
    module = model.module
    if near and module.startswith(f"{app.name}."):
        module = module.removeprefix(app.name)
    return f"from {module} import {model.name}"


def _imports_of(made: Instance, app: App, *, near: bool) -> list[str]:
    """The imports of the lines that make a row."""
    return [*(_model_import(model, app, near=near) for model in made.models), *made.imports]


def _on_commit(function: str, trigger: Trigger, created: Instance, capture: str) -> tuple[str, ...]:
    """The lines of a test that the trigger sends the task.

    `capture` runs the callbacks of a commit.
    """
    removed = ""
    if trigger.signal == "post_delete":
        removed = ".delete()"
    return (
        # before, so that no trigger of theirs counts
        *created.lines,
        f'patched = mock.patch.object({function}, "apply_async")',
        f"with patched as sent, {capture}(execute=True):",
        f"    {created.expression}{removed}",
        "sent.assert_called_once()",
    )


def _test_path(project: Project, app: App, function: str) -> PurePosixPath:
    folder = app.folder / "tests"
    if (project.root / folder).is_dir():
        common = folder / "test_tasks.py"
        if (project.root / common).is_file():
            return common
        return folder / f"test_{function}.py"
    shared = _shared_folder(project, app)
    if shared is not None:
        return shared / f"test_{function}.py"
    beside = (project.root / app.folder).glob("*.py")
    if any(_named_as_test(path) for path in beside if path.name != "tests.py"):
        return app.folder / "test_tasks.py"
    # pytest collects test_*.py and *_test.py, unless it is configured otherwise
    if uses_pytest(project) and not _collects_tests_py(project):
        return app.folder / "test_tasks.py"
    return app.folder / "tests.py"


def _shared_folder(project: Project, app: App) -> PurePosixPath | None:
    """The folder beside the apps in which the project has the tests of this one; None where the app
    has tests of its own, or there is no such folder."""
    if _has_own_tests(project, app):
        return None
    for base in dict.fromkeys((project.base, PurePosixPath("."))):
        folder = base / "tests"
        for place in (folder / app.label, folder):
            if any(_named_as_test(path) for path in (project.root / place).glob("*.py")):
                return place
    return None


def _collects_tests_py(project: Project) -> bool:
    """Whether pytest's `python_files` has a pattern for tests.py."""
    for folder in (project.root / project.base, project.root):
        for name in CONFIGURATIONS:
            match = PYTHON_FILES.search(_bytes_of(folder / name))
            if match:
                patterns = re.findall(r"[\w*?.\[\]-]*\*|[\w*?.-]+\.py", match[1].decode("latin-1"))
                return any(fnmatch("tests.py", pattern) for pattern in patterns)
    return False


def _unittest_line(line: str) -> str:
    return re.sub(r"^assert (.+) == (.+)$", r"self.assertEqual(\1, \2)", line)


def _call_arguments(subject: Subject, *, has_row: bool) -> tuple[str, list[str]]:
    """The arguments of the call: the key of the instance, or one that no instance has.

    Else by annotation.
    """
    body = ast.parse(subject.code).body
    function = next(
        n for n in body if isinstance(n, ast.FunctionDef) and n.name == subject.function
    )
    # those without a default
    required = function.args.args[: len(function.args.args) - len(function.args.defaults)]
    values: list[str] = []
    imports: list[str] = []
    for argument in required:
        # self, of a bound task
        if argument.annotation is None or argument.arg == "self":
            continue
        annotation = ast.unparse(argument.annotation).split("[")[0].split(" ")[0]
        value, line = SAMPLES.get(annotation, (_sample_text(subject, argument.arg), ""))
        # a batch goes over all instances, and is called before there is one
        if subject.model and subject.kind != "batch" and argument.arg == subject.key:
            value, line = _key_argument(subject.model, annotation, has_row=has_row)
        values.append(value)
        if line:
            imports.append(line)
    return ", ".join(values), imports


def _sample_text(subject: Subject, parameter: str) -> str:
    """A text that the parameter may have: an address for one that is mailed to, a URL for a URL."""
    if subject.kind == "email" or RECIPIENT.search(parameter):
        return f'"{EXAMPLE_ADDRESS}"'
    if parameter == "url" or parameter.endswith("_url"):
        return '"https://example.org/"'
    return '"x"'


def _key_argument(model: Model, annotation: str, *, has_row: bool) -> tuple[str, str]:
    """The key to pass, and its import: that of the instance, or one that none has."""
    key, line = "0", ""
    if has_row:
        key = "row.pk"
    elif model.key_type == "str":
        key, line = "UUID(int=0)", "from uuid import UUID"
    if annotation == "str" and key == "0":
        return '"0"', line
    if annotation == "str":
        return f"str({key})", line
    return key, line
