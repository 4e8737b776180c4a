"""The project's own tests, as far as they have to do with tasks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath

from celeryize.checks.facts.code import Code, CodeFacts
from celeryize.checks.facts.literals import Function, is_true
from celeryize.patch.nodes import dotted
from celeryize.reading import readable_text

# A file of tests without any of these has nothing to do with tasks. To look for a text is much
# faster than for a pattern, and large projects have thousands of tests.
HINTS = (
    *(b"delay", b"apply_async", b"on_commit", b"OnCommit"),
    *(b"eager", b"EAGER", b"elery", b"ELERY", b"outbox"),
)
CONFIGURATION = ("pytest.ini", "setup.cfg", "tox.ini", "pyproject.toml")
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
    def _texts(self) -> Mapping[PurePosixPath, bytes]:
        """The bytes of the files that may have to do with tasks, each read once.

        Any conftest.py does: it may bring a broker for all tests.
        """
        found: dict[PurePosixPath, bytes] = {}
        for path in self.code.test_files:
            data = self.code.raw(path)
            if path.name == "conftest.py" or any(hint in data for hint in HINTS):
                found[path] = data
        return found

    def files_with(self, *texts: bytes) -> tuple[Code, ...]:
        """The test files, conftest.py and settings of tests that hold one of these, parsed."""
        codes = (
            self.code.parsed(path)
            for path, data in self._texts.items()
            if any(text in data for text in texts)
        )
        return tuple(code for code in codes if code is not None)

    def mention(self, *texts: bytes) -> bool:
        """Whether a test file that has to do with tasks, or what configures the tests, holds one of
        these."""
        configured = (
            readable_text(self.code.project.root / name).encode("utf-8", "replace")
            for name in CONFIGURATION
        )
        if any(text in data for data in configured for text in texts):
            return True
        words = [text.decode() for text in texts]
        return any(self.code.has(path, *words) for path in self._texts)

    def match(self, pattern: re.Pattern[bytes], text: bytes) -> bool:
        """Whether a pattern matches in such a test file; each match holds `text`."""
        return any(text in data and pattern.search(data) for data in self._texts.values())


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
