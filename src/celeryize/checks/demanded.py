"""The environment variables that settings cannot do without, and that nothing has set here."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from celeryize.checks.facts import Facts
from celeryize.checks.facts.code import Code
from celeryize.checks.facts.processes.reads import CHOOSES, read_at, star_imports
from celeryize.detect.environment_readers import ReaderKind, readers_in

# What runs under a condition, or when it is called, may not be read at all.
UNCERTAIN = (
    *(ast.If, ast.Try, ast.While, ast.For, ast.With, ast.BoolOp),
    *(ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
)
IN_DOTENV = re.compile(r"^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=", re.M)


def demanded_variables(facts: Facts, starts: Iterable[PurePosixPath]) -> list[str]:
    """The variables that settings modules, and what they import with a star, always read without a
    default, less those that the environment, or a file .env, has."""
    paths = dict.fromkeys(path for start in starts for path in star_imports(facts, start))
    found: dict[str, None] = {}
    # what is imported with a star is read first
    for path in reversed(paths):
        code = facts.code.parsed(path)
        if code is not None:
            readers = readers_in(facts.modules, path)
            for statement in code.source.tree.body:
                found.update(dict.fromkeys(_demanded_in(statement, readers, code)))
    there = set(os.environ) | _in_dotenv(facts)
    return [name for name in found if name not in there]


def _demanded_in(node: ast.AST, readers: Mapping[str, ReaderKind], code: Code) -> Iterator[str]:
    if isinstance(node, (*UNCERTAIN, CHOOSES)):
        return
    found = read_at(node, readers, code)
    if found is not None:
        name, _, demanded = found
        if demanded and not _is_set(node):
            yield name
        return
    for inner in ast.iter_child_nodes(node):
        yield from _demanded_in(inner, readers, code)


def _is_set(node: ast.AST) -> bool:
    """Whether `os.environ["NAME"]` is what gets a value, and is not read."""
    return isinstance(node, ast.Subscript) and not isinstance(node.ctx, ast.Load)


def _in_dotenv(facts: Facts) -> set[str]:
    """The names in the files that readers of settings load by themselves."""
    found: set[str] = set()
    for folder in {facts.project.root, facts.project.root / facts.project.base}:
        for name in (".env", "settings.ini"):
            try:
                text = (folder / name).read_text("utf-8", "replace")
            except OSError:
                continue
            found.update(IN_DOTENV.findall(text))
    return found
