"""The project's own tests, as far as they have to do with tasks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from celeryize.checks.facts.code import Code, CodeFacts
from celeryize.checks.facts.literals import Function, dotted, is_true

# A file of tests without any of these words cannot hold a mistake that a check knows.
MENTIONS = re.compile(
    rb"\.delay\b|\.apply_async\b|_on_commit\b|_?ALWAYS_EAGER|always_eager|EAGER_PROPAGATES"
    rb"|celery_worker|celery_session_worker|start_worker|mail\.outbox"
)
# The classes of Django whose tests are inside a transaction that is never committed.
WRAPPED = frozenset({"TestCase", "APITestCase"})
FIXTURES = frozenset({"transactional_db", "live_server", "django_db_reset_sequences"})


@dataclass(frozen=True, eq=False)
class TestFacts:
    """The files of the tests that mention tasks, parsed when a check asks for them."""

    # pytest would take the class for one with tests in it
    __test__ = False

    code: CodeFacts

    @cached_property
    def files(self) -> tuple[Code, ...]:
        """The test files, conftest.py and settings of tests that mention tasks."""
        codes = (
            self.code.parsed(path)
            for path in self.code.test_files
            if MENTIONS.search(self.code.raw(path))
        )
        return tuple(code for code in codes if code is not None)

    def mention(self, pattern: re.Pattern[bytes]) -> bool:
        """Whether any test file, or what configures the tests, holds a pattern."""
        root = self.code.project.root
        names = ("pytest.ini", "setup.cfg", "tox.ini", "pyproject.toml")
        for name in names:
            path = root / name
            if path.is_file() and pattern.search(path.read_bytes()):
                return True
        return any(pattern.search(self.code.raw(path)) for path in self.code.test_files)


def is_test(code: Code, node: ast.AST) -> bool:
    """Whether a node runs as part of a test: in a `test_...` function or a `setUp`."""
    for outer in code.around(node):
        if isinstance(outer, Function) and outer.name.startswith(("test", "setUp")):
            return True
    return False


def is_in_transaction(code: Code, node: ast.AST) -> bool:
    """Whether the test around a node runs in a transaction that is rolled back at its end."""
    function = code.function_of(node)
    while function is not None and code.function_of(function) is not None:
        function = code.function_of(function)
    if function is None:
        return False
    holder = code.parents.get(function)
    if isinstance(holder, ast.ClassDef) and _bases_of(holder) & WRAPPED:
        # a TestCase of unittest has no transaction
        return _is_from_django(code)
    names = {argument.arg for argument in function.args.args}
    if names & FIXTURES:
        return False
    marks = [*function.decorator_list, *_marks_of(code)]
    if isinstance(holder, ast.ClassDef):
        marks += holder.decorator_list
    found = [mark for mark in marks if _ends_in(mark, "django_db")]
    if not found:
        return "db" in names
    return not any(_is_transactional(mark) for mark in found)


def _bases_of(node: ast.ClassDef) -> set[str]:
    return {dotted(base).rpartition(".")[2] for base in node.bases}


def _is_from_django(code: Code) -> bool:
    """Whether the TestCase of a file is the one of Django, or of REST framework."""
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module in {"django.test", "django.test.testcases", "rest_framework.test"}
        for node in code.imports
    )


def _marks_of(code: Code) -> Iterator[ast.expr]:
    """What `pytestmark = ...` of a file holds."""
    for node in code.assigns:
        if isinstance(node, ast.Assign) and dotted(node.targets[0]) == "pytestmark":
            yield from getattr(node.value, "elts", [node.value])


def _ends_in(node: ast.expr, name: str) -> bool:
    called = node
    if isinstance(node, ast.Call):
        called = node.func
    return dotted(called).rpartition(".")[2] == name


def _is_transactional(mark: ast.expr) -> bool:
    if not isinstance(mark, ast.Call):
        return False
    if any(not isinstance(keyword.value, ast.Constant) for keyword in mark.keywords) or mark.args:
        return True
    named = {keyword.arg: keyword.value for keyword in mark.keywords}
    return is_true(named.get("transaction"))
